"""On what networks run: device, arithmetic and threads, from what is asked for and what the machine has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from dreamvid.errors import SettingsError, shown
from dreamvid.runtime.process_wide import ALONE

_PIXELS_A_THREAD = 10_000
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Machine:
    """A torch device, and the arithmetic inside the network, `fp32` or `bf16`; pictures stay float32.

    `owns_process` says whether the number of threads, which is the whole process's, may be changed for a while.
    """

    device: torch.device
    precision: str
    owns_process: bool = True

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch names it."""
        return _DTYPES[self.precision]

    def threads_for(self, pixels: int) -> AbstractContextManager[None]:
        """Compute with as many threads as a picture of so many pixels is worth, in programs that own their process."""
        return threads_worth_waking(pixels, self.device) if self.owns_process else contextlib.nullcontext()


def choose_machine(device: str = "auto", precision: str = "auto", threads: int | None = None) -> Machine:
    """The machine for what the settings of these names ask, for programs that own their process: it is set up for it.

    Raises `SettingsError` for a device that is unknown or not there.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    machine = find_machine(device, precision)
    if machine.device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # the same few shapes come thousands of times
    return machine


def find_machine(device: str = "auto", precision: str = "auto", *, owns_process: bool = True) -> Machine:
    """The machine for what the settings of these names ask; the process is left as it is.

    Raises `SettingsError` for a device that is unknown or not there.
    """
    chosen = _choose_device(device)
    if precision == "auto":
        precision = "bf16" if _has_fast_bfloat16(chosen) else "fp32"
    return Machine(chosen, precision, owns_process)


@contextlib.contextmanager
def threads_worth_waking(pixels: int, device: torch.device) -> Iterator[None]:
    """Compute with no more threads than the gradient of a picture of so many pixels keeps busy. Concerns the process.

    Two threads that wait for each other after every small operation are slower than one: a step of dreamnet takes
    8.5 ms at 58x33 instead of 18, and 34 at 160x90 instead of 39; from 200x100 on two are faster.
    """
    with _thread_count.borrowed() as most:
        fewer = max(1, pixels // _PIXELS_A_THREAD)
        if device.type == "cpu" and fewer < most:
            torch.set_num_threads(fewer)
        yield


class _ThreadCount:
    """The number of threads that torch computes with, which is the whole process's: threads that start while another
    has made it smaller get the smaller one, so it must not be taken for the right one."""

    def __init__(self) -> None:
        self._borrowers = 0
        self._right = 1

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[int]:
        """The right number, which is set again afterwards."""
        with ALONE:
            if not self._borrowers:
                self._right = torch.get_num_threads()
            self._borrowers += 1
            right = self._right
        try:
            yield right
        finally:
            with ALONE:
                self._borrowers -= 1
                torch.set_num_threads(right)


_thread_count = _ThreadCount()


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"--device: '{shown(name)}' is not a device; use auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        have = torch.cuda.device_count()
        raise SettingsError(f"--device: {shown(name)} is not available here (CUDA devices: {have}); use auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("--device: mps is not available here; use auto or cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise SettingsError(f"--device: dreamvid does not run on '{shown(name)}'; use auto, cpu, cuda, cuda:1 or mps")
    return device


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bf16 is done in hardware. Imitated, as on older processors, it is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Older versions of torch do not tell.
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
