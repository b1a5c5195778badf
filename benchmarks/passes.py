"""What passes cost: processor time and time of a frame, memory and disk, with and without them.

    uv run python benchmarks/passes.py [--size 1920x1080] [--frames 10] [--rounds 3]

The dream is as small as it can be, so that writing shows: dreamnet, one octave, one step. Each render is a process of
its own, and they take turns; a row has the medians. The first frame, with which everything is loaded, is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from timing import describe_machine

from dreamvid.config.settings import make_settings
from dreamvid.render import FrameDone, Job, render_job

CLIP = Path(__file__).parents[1] / "samples" / "journey.mp4"
LOOK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1, "cuts": "none",
    "sidecar": False,
}  # fmt: skip
RENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "`film.mp4`": ("film.mp4", {}),
    "`film.mp4 --passes all`": ("film.mp4", {"passes": "all"}),
    "`%05d.exr`": ("out/%05d.exr", {}),
    "`%05d.exr --passes dream,source`": ("out/%05d.exr", {"passes": "dream,source"}),
    "`%05d.exr --passes all`": ("out/%05d.exr", {"passes": "all"}),
    "`… --passes all --passes-as files`": ("out/%05d.exr", {"passes": "all", "passes_as": "files"}),
    "`… --passes all --exr-depth 32`": ("out/%05d.exr", {"passes": "all", "exr_depth": 32}),
    **{
        f"`… --passes all --exr-compression {name}`": ("out/%05d.exr", {"passes": "all", "exr_compression": name})
        for name in ("none", "zips", "piz", "pxr24", "b44", "dwaa")
    },
}


def measure(name: str, size: str, frames: int) -> dict[str, float]:
    """Render once, in this process."""
    target, values = RENDERS[name]
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(LOOK, values, {"size": size, "frames": frames})
        events = render_job(Job(CLIP, Path(folder, target), settings))
        begun = wall = 0.0
        for event in events:
            if isinstance(event, FrameDone) and event.frame == 0:
                begun, wall = time.process_time(), time.perf_counter()
        taken, passed = time.process_time() - begun, time.perf_counter() - wall
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "processor": taken / (frames - 1), "wall": passed / (frames - 1), "memory": memory,
        "disk": written / frames / 1e6,
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.size, options.frames)))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RENDERS}
    for _ in range(options.rounds):
        for name in RENDERS:
            command = [sys.executable, __file__, "--size", options.size, "--frames", str(options.frames)]
            said = subprocess.run([*command, "--child", name], capture_output=True, text=True, check=True).stdout
            found[name].append(json.loads(said.splitlines()[-1]))
    print(describe_machine(torch.device("cpu")))
    print("\n| output | processor, s a frame | time, s | memory, GiB | disk, MB a frame |\n|---|---|---|---|---|")
    for name, runs in found.items():
        row = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        times, sizes = f"{row['processor']:.2f} | {row['wall']:.2f}", f"{row['memory']:.2f} | {row['disk']:.1f}"
        print(f"| {name} | {times} | {sizes} |")


if __name__ == "__main__":
    main()
