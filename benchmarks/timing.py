"""Timing for the benchmarks: everything that is compared runs in turns, in one process."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Timing:
    """Seconds of one thing: median, quartiles and the fastest."""

    median: float
    low: float
    high: float
    fastest: float

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Sum up a list of times."""
        low, median, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else seconds * 3
        return cls(median, low, high, min(seconds))

    def __str__(self) -> str:
        return f"{self.median * 1e3:.1f} ms ({self.low * 1e3:.1f} to {self.high * 1e3:.1f})"


def time_in_turns(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int, device: torch.device | None = None, warm: int = 2
) -> dict[str, Timing]:
    """Run every candidate once a round, so that whatever else the machine does falls on all of them alike."""
    for candidate in candidates.values():
        for _ in range(warm):
            candidate()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, candidate in candidates.items():
            gc.collect()
            _wait(device)
            begun = time.perf_counter()
            candidate()
            _wait(device)
            seconds[name].append(time.perf_counter() - begun)
    return {name: Timing.of(times) for name, times in seconds.items()}


def median_ratio(slow: Timing, fast: Timing) -> float:
    """How many times as long the one takes as the other."""
    return slow.median / fast.median


def describe_machine(device: torch.device) -> str:
    """The machine in a line."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{cpu}, {os.cpu_count()} cores, {capability}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def _wait(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
