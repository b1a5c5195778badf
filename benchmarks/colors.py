"""What managed colors cost: processor time of a frame on its way to the dream and back.

    uv run python benchmarks/colors.py [--size 1920x1080] [--times 5]

Both happen beside the dream, in the threads that read and write.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import OpenEXR

from dreamvid.color.choice import choose_colors
from dreamvid.color.hdr import HdrPath
from dreamvid.color.primaries import PRIMARIES
from dreamvid.color.transfer import HLG, PQ
from dreamvid.config.settings import make_settings
from dreamvid.images.color import Colors, FloatImage
from dreamvid.media import probe

_VIEW = "sRGB - Display/ACES 2.0 - SDR 100 nits (Rec.709)"
_SPACES = {
    "EXR to EXR, --ocio builtin": ("out.exr", {}),
    "EXR to EXR, --work-space srgb_tx": ("out.exr", {"work_space": "srgb_tx"}),
    "EXR to EXR, --work-space ACEScct": ("out.exr", {"work_space": "ACEScct"}),
    "EXR to a film, --ocio builtin (ACES 2 view)": ("out.mp4", {}),
    f"EXR to EXR, --work-space '{_VIEW}'": ("out.exr", {"work_space": _VIEW}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    random = np.random.default_rng(0)
    light = np.exp2(random.uniform(-10, 6, (height, width, 3))).astype(np.float32)
    print("| way | processor ms to the dream | and back |\n|---|---|---|")
    with TemporaryDirectory() as folder:
        source = Path(folder) / "in.exr"
        header = {"type": OpenEXR.scanlineimage, "chromaticities": PRIMARIES["ap1"]}
        OpenEXR.File(header, {"RGB": light[:8, :8].astype(np.float16)}).write(str(source))
        for name, (target, values) in _SPACES.items():
            way = choose_colors(make_settings({"ocio": "builtin"}, values), probe(source), Path(target))
            if way is not None:
                _print_row(name, way, light, arguments.times)
    codes = random.uniform(0, 1, (height, width, 3)).astype(np.float32)
    primaries = PRIMARIES["bt2020"]
    for transfer in (PQ(), HLG()):
        way = HdrPath(transfer, transfer, primaries, primaries, tags=None, scene=None)
        _print_row(f"--hdr keep, {transfer.name}", way, codes, arguments.times)


def _print_row(name: str, way: Colors, frame: FloatImage, times: int) -> None:
    exposed = way.expose(frame)
    dreamed = exposed.copy()
    dreamed[..., :3] = np.clip(dreamed[..., :3] + 0.05, 0, 1)
    there, back = (_milliseconds(lambda: way.expose(frame), times), _milliseconds(lambda: way.develop(dreamed), times))
    print(f"| {name} | {there:.0f} | {back:.0f} |", flush=True)


def _milliseconds(work: Callable[[], object], times: int) -> float:
    measured = []
    for _ in range(times):
        begun = time.process_time()
        work()
        measured.append(time.process_time() - begun)
    return 1000 * sorted(measured)[len(measured) // 2]


if __name__ == "__main__":
    main()
