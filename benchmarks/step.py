"""One gradient step: ours, beside the step that a textbook writes, and beside the floor.

    uv run python benchmarks/step.py [--size 640x360] [--model googlenet --layer inception4d] [--rounds 15]
    uv run python benchmarks/step.py --beside efficientnet_lite0/block10 --beside dreamnet/inception4d

The floor is the number of operations of the forward and backward pass up to the layer, divided by the rate at which
this machine does convolutions like theirs: each of the network's own convolutions by itself, measured in the same run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from textbook import Textbook
from timing import Timing, describe_machine, median_ratio, time_in_turns
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dreamvid.config.settings import make_settings
from dreamvid.dream import DreamCore, Shared, Target
from dreamvid.models import load_network
from dreamvid.render.targets import make_look
from dreamvid.runtime.device import choose_machine


def our_step(model: str, layer: str, size: tuple[int, int], precision: str, device: str) -> Callable[[], object]:
    """One step of dreamvid's at one octave, all conditioning of the default look included."""
    machine = choose_machine(device, precision)
    network = load_network(model, random_seed=0)
    extractor = network.extractor([layer], device=machine.device, dtype=machine.dtype)
    look = make_look(make_settings({"octaves": 1, "iterations": 1, "step": 1}).without_schedules(), [Target()])
    dreamer = DreamCore(extractor, look, machine.device, Shared(machine.device, threads=machine.threads_for))
    image = torch.rand(1, 3, *size, device=machine.device)
    return lambda: dreamer.dream(image)


def floor(model: str, layer: str, size: tuple[int, int], device: torch.device, rounds: int) -> tuple[float, float]:
    """Seconds and billions of operations that the convolutions up to the layer take, each timed by itself.

    Forward, and backward to the pictures only, channels last, fp32.
    """
    extractor = load_network(model, random_seed=0).extractor([layer], device=device)
    found: list[tuple[nn.Conv2d, Tensor]] = []

    def remember(module: nn.Module, inputs: tuple[Tensor, ...], _: object) -> None:
        assert isinstance(module, nn.Conv2d)
        found.append((module, inputs[0].detach()))

    hooks = [module.register_forward_hook(remember) for module in extractor.modules() if isinstance(module, nn.Conv2d)]
    image = torch.rand(1, 3, *size, device=device, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        extractor(image)[0].square().sum().backward()
    operations = counter.get_total_flops() / 1e9
    for hook in hooks:
        hook.remove()
    total = 0.0
    for module, inputs in found:
        data = inputs.contiguous(memory_format=torch.channels_last).requires_grad_(True)
        shape = module(data).detach()
        upstream = torch.rand_like(shape, memory_format=torch.channels_last)

        def run(module: nn.Conv2d = module, data: Tensor = data, upstream: Tensor = upstream) -> None:
            torch.autograd.grad(module(data), data, upstream)

        total += time_in_turns({"": run}, rounds=max(3, rounds // 3), device=device, warm=1)[""].fastest
    return total, operations


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x360", help="of the picture, WxH")
    parser.add_argument("--model", default="googlenet")
    parser.add_argument("--layer", default="inception4d")
    parser.add_argument("--beside", action="append", default=[], metavar="MODEL/LAYER", help="our step with another")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    size = (height, width)
    machine = choose_machine(options.device)
    textbook = Textbook(load_network(options.model, random_seed=0), options.layer, machine.device)
    image = torch.rand(1, 3, *size, device=machine.device)
    steps: dict[str, Callable[[], object]] = {
        "textbook": lambda: textbook.step(image),
        "dreamvid fp32": our_step(options.model, options.layer, size, "fp32", options.device),
    }
    if machine.precision != "fp32":
        steps[f"dreamvid {machine.precision}"] = our_step(
            options.model, options.layer, size, machine.precision, options.device
        )
    for other in options.beside:
        model, _, layer = other.partition("/")
        for precision in dict.fromkeys(["fp32", machine.precision]):
            steps[f"{other}, {precision}"] = our_step(model, layer, size, precision, options.device)
    print(f"{describe_machine(machine.device)}\n{options.model} {options.layer} at {options.size}\n")
    times = time_in_turns(steps, rounds=options.rounds, device=machine.device)
    least, operations = floor(options.model, options.layer, size, machine.device, options.rounds)
    floor_time = Timing(least, least, least, least)
    print("| step | median (quartiles) | textbook / it | it / floor |\n|---|---|---|---|")
    mine = {name: timing for name, timing in times.items() if "/" not in name}
    for name, timing in mine.items():
        print(f"| {name} | {timing} | {median_ratio(times['textbook'], timing):.2f} | "
              f"{median_ratio(timing, floor_time):.2f} |")  # fmt: skip
    print(f"| floor: convolutions alone, fp32 | {least * 1e3:.1f} ms | {times['textbook'].median / least:.2f} | 1 |")
    for name, timing in times.items():
        if name not in mine:
            ours = times[f"dreamvid {name.rpartition(', ')[2]}"]
            print(f"| {name} | {timing} | its time over {options.model}'s: {median_ratio(timing, ours):.2f} | |")
    print(f"\n{operations:.1f} GFLOP up to the layer and back; {operations / least:.0f} GFLOP/s in convolutions")


if __name__ == "__main__":
    main()
