"""What bf16 inside the network changes: how much of the layer a dream holds, and how far its pixels are from fp32's.

    uv run python benchmarks/precision.py [--model dreamnet] [--layer inception4d] [--side 320]

Three stills, dreamed from nothing with the model's own look, and one carried frame's steps. Beside it what one more
ulp in the source does to a dream in fp32: forty steps double any difference nearly forty times, so pixels say little,
and the lift says what the eye does. On processors without bf16 it is imitated: slow, and the same numbers.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from timing import describe_machine
from torch import Tensor

from dreamvid.config.settings import Settings, make_settings
from dreamvid.dream import DreamCore
from dreamvid.media import read_image
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.frames import to_tensor

SAMPLES = Path(__file__).parents[1] / "samples"
PICTURES = ("sky.jpg", "landscape.jpg", "portrait.jpg")


def psnr(one: Tensor, other: Tensor) -> float:
    """In dB, of pictures in [0, 1]."""
    return -10 * math.log10(float((one - other).square().mean()))


def lift(dreamer: DreamCore, dream: Tensor, raw: Tensor) -> float:
    """How much more of the layer the dream holds than the picture; looked at in the dreamer's own arithmetic."""
    return dreamer.attainment(dream) / dreamer.attainment(raw)


def dreamer_in(settings: Settings, precision: str, device: str) -> DreamCore:
    """The dreamer of some settings in `fp32` or `bf16`."""
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    return make_dream_core(goals, settings, choose_machine(device, precision))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dreamnet")
    parser.add_argument("--layer", default="inception4d")
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    settings = make_settings({"model": options.model, "layer": options.layer})
    full, half = (dreamer_in(settings, precision, options.device) for precision in ("fp32", "bf16"))
    print(f"{describe_machine(full.device)}\n{options.model} {options.layer}, longer side {options.side}\n")
    print("| picture | lift fp32 | lift bf16 | PSNR bf16 | PSNR of one ulp | carried frame: PSNR bf16 |")
    print("|---|---|---|---|---|---|")
    for name in PICTURES:
        raw = to_tensor(read_image(SAMPLES / name, max_size=options.side), full.device)
        nudged = torch.from_numpy(np.nextafter(raw.cpu().numpy(), np.float32(2))).to(full.device)
        dream, other, control = full.dream(raw), half.dream(raw), full.dream(nudged)
        carried, warm = dream - raw, (2, 2, 1, 1)
        steps = [one.dream(raw, iterations=warm, carried=carried) for one in (full, half)]
        print(
            f"| {name} | {lift(full, dream, raw):.2f} | {lift(full, other, raw):.2f} | {psnr(dream, other):.1f} dB "
            f"| {psnr(dream, control):.1f} dB | {psnr(*steps):.1f} dB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
