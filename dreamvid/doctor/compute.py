"""torch: whether it loads, what it computes on, and how fast a small step is."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time

from dreamvid.doctor.findings import Fact, Findings
from dreamvid.doctor.machine import container_cores, usable_cores

_GIGA = 1e9
_SLOW_GFLOPS = 10.0  # for each thread; processors since 2013 reach 20 to 100
_CHANNELS, _SIDE, _REPEATS = 64, 96, 5
_PATIENCE_S = 120.0
_BOTH = "pip install --force-reinstall torch torchvision"
_REINSTALL = f"reinstall it: {_BOTH}"
_INDEX = "https://download.pytorch.org/whl/cpu"


@functools.cache
def torch_fault() -> str | None:
    """Why torch cannot be used; None: it can.

    It is loaded in a process of its own first: one that was built for another processor kills the process.
    """
    if "torch" not in sys.modules:
        words = [sys.executable, "-c", "import torch"]
        try:
            done = subprocess.run(words, capture_output=True, timeout=_PATIENCE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"torch does not load ({error}); {_REINSTALL}"
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1] if said else f"it ended Python with code {done.returncode}"
            return f"torch does not load ({reason}); {_REINSTALL}"
    try:
        import torch
    except Exception as error:  # a broken build raises anything
        return f"torch does not load ({type(error).__name__}: {error}); {_REINSTALL}"
    return None if hasattr(torch, "ones") else f"torch is not complete; {_REINSTALL}"


def examine_torch(findings: Findings) -> list[Fact]:
    """Its build, the device that `--device auto` means, threads, and the speed of a small step."""
    fault = torch_fault()
    if fault is not None:
        findings.broken.append(fault)
        return [Fact("torch", "does not load", False)]
    import torch

    from dreamvid.runtime.device import find_machine

    try:
        import torchvision  # noqa: F401 - whether it fits this torch shows when it is loaded
    except Exception as error:
        findings.broken.append(
            f"torchvision does not fit this torch ({type(error).__name__}: {error}): only EfficientNet-Lite and "
            f"dreamnet can dream; install both from one place, such as: {_BOTH} --index-url {_INDEX}"
        )
    machine = find_machine()
    threads = torch.get_num_threads()
    facts = [
        Fact("torch", f"{torch.__version__}, {_build()}", torch.__version__),
        Fact("device", str(machine.device)),
        Fact("precision", machine.precision),
        *_gpus(),
        Fact("threads", str(threads), threads),
        Fact("vector units", torch.backends.cpu.get_cpu_capability()),
    ]
    if machine.device.type == "cpu" and torch.version.cuda:
        advice = f"{_BOTH} --index-url {_INDEX} saves gigabytes"
        facts.append(Fact("cuda", f"installed with torch, but not used here; {advice}", torch.version.cuda))
    step = _time_a_step()
    facts.append(Fact("a small step", f"{step:.0f} GFLOP/s on {machine.device}", round(step, 1)))
    _judge(findings, machine.device.type, machine.precision, threads, step)
    return facts


def _build() -> str:
    import torch

    if torch.version.hip:
        return f"built for ROCm {torch.version.hip}"
    return f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for processors only"


def _gpus() -> list[Fact]:
    import torch

    facts = []
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        free, total = torch.cuda.mem_get_info(number)
        text = f"{about.name}, {free / _GIGA:.1f} GB free of {total / _GIGA:.1f}"
        facts.append(Fact(f"cuda:{number}", text, {"name": about.name, "free": free, "total": total}))
    if torch.backends.mps.is_available():
        facts.append(Fact("mps", "available"))
    return facts or [Fact("gpu", "none that torch can use", False)]


def _time_a_step() -> float:
    """Billions of multiplications and additions a second in a convolution as networks have it; the best of a few."""
    import torch

    from dreamvid.runtime.device import find_machine

    machine = find_machine()
    weights = torch.ones(_CHANNELS, _CHANNELS, 3, 3, device=machine.device, dtype=machine.dtype)
    picture = torch.ones(1, _CHANNELS, _SIDE, _SIDE, device=machine.device, dtype=machine.dtype)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(_REPEATS):
            begun = time.perf_counter()
            result = torch.nn.functional.conv2d(picture, weights, padding=1)
            result[0, 0, 0, 0].item()  # waits for the device
            best = min(best, time.perf_counter() - begun)
    return 2 * 9 * _CHANNELS**2 * _SIDE**2 / best / _GIGA


def _judge(findings: Findings, device: str, precision: str, threads: int, gflops: float) -> None:
    import torch

    if device == "cpu":
        if shutil.which("nvidia-smi") is not None and not torch.version.hip:
            why = "its driver is too old, or hides it" if torch.version.cuda else "this torch is built without CUDA"
            findings.slow.append(
                f"there seems to be an NVIDIA GPU, but torch cannot use it ({why}); install a torch for your driver "
                "(https://pytorch.org/get-started)"
            )
        else:
            findings.slow.append("there is no GPU that torch can use: frames are dreamed on the processor")
        if precision == "fp32":
            findings.slow.append("the processor has no bf16 arithmetic (AVX-512 BF16 or AMX): networks run in fp32")
        cores = int(min(usable_cores(), container_cores() or usable_cores()))
        if threads == 1 and cores > 1:
            cause = "OMP_NUM_THREADS" if "OMP_NUM_THREADS" in os.environ else "the environment"
            findings.slow.append(f"torch computes with one thread of {cores} ({cause} says so); use --threads {cores}")
        if gflops < _SLOW_GFLOPS * threads:
            findings.slow.append(
                f"a small step reaches only {gflops:.0f} GFLOP/s with {threads} threads: the processor is old, busy, "
                "throttled or emulated"
            )
    elif precision == "fp32":
        findings.slow.append(f"{device} has no fast bf16: networks run in fp32")
