"""Where training runs, and in which precision it is fast there."""

from __future__ import annotations

import torch

from dreamvid.errors import SettingsError


def chosen_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA, MPS or the CPU, the first that is there.

    Raises:
        SettingsError: there is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"device {name!r} is not available here; use auto, cpu, cuda or mps") from error
    return device


def is_bf16_fast(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 rather than imitating it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
