"""On what a render runs: device, arithmetic and threads, from what the settings ask and the machine has."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dreamvid.errors import SettingsError
from dreamvid.settings import RunSettings


@dataclass(frozen=True)
class Machine:
    """A torch device and the dtype of the arithmetic inside the network; pictures stay float32."""

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The name of the dtype as the settings spell it."""
        return _PRECISIONS[self.dtype]


_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16"}


def choose_machine(settings: RunSettings) -> Machine:
    """The machine for `settings`; sets torch's thread count where they ask for one.

    Raises `SettingsError` for a device that is unknown or not there.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    device = _choose_device(settings.device)
    fast = settings.precision == "bf16" or (settings.precision == "auto" and _has_fast_bfloat16(device))
    return Machine(device, torch.bfloat16 if fast else torch.float32)


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"--device: '{name}' is not a device; use auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        have = torch.cuda.device_count()
        raise SettingsError(f"--device: there is no {name} here (CUDA devices: {have}); use auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("--device: there is no mps here; use auto or cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise SettingsError(f"--device: dreamvid does not run on '{name}'; use auto, cpu, cuda, cuda:1 or mps")
    return device


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bf16 convolutions are done in hardware. Emulated ones, as on older processors, are slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
