"""How much memory there is, how much something takes, and how it shows that there was too little."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_PHRASES = (
    "out of memory",
    "allocate memory",
    "not enough memory",
    "alloc_failed",
    "bad_alloc",
    "bad allocation",
    "could not create a primitive",  # oneDNN, on the CPU
    "could not create a memory",
)
_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_UNKNOWN_SHARE = 0.5  # of the installed memory, where the system does not say how much of it is free


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory could not be had: torch's own, or what allocators and libraries raise."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in _PHRASES)


def available_bytes(device: torch.device) -> int | None:
    """The bytes that this process can still have on `device`; None where the system does not tell."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + idle
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return _available_on_host(_PROC, _CGROUPS)


def used_bytes(device: torch.device) -> int:
    """The bytes that this process has on `device`; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.current_allocated_memory()
    try:
        return int((_PROC / "self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def return_unused() -> None:
    """Hand memory that torch keeps for later back to the device, so that it can be had in other pieces."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _available_on_host(proc: Path, cgroups: Path) -> int | None:
    """What the machine has free, or less where a container or an address space limit allows less."""
    limits = [_free_of_machine(proc), *_free_of_groups(proc, cgroups), _free_of_address_space(proc)]
    known = [limit for limit in limits if limit is not None]
    return max(0, min(known)) if known else None


def _free_of_machine(proc: Path) -> int | None:
    try:
        for line in (proc / "meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):  # no Linux
        pass
    try:
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _UNKNOWN_SHARE)
    except (OSError, ValueError, AttributeError):  # no such name or call on this system
        return None


def _free_of_groups(proc: Path, cgroups: Path) -> list[int]:
    """What each control group that this process is in has left, version 1 or 2, from its own up to the root."""
    try:
        lines = (proc / "self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    free = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current", "inactive_file")
            root = cgroups
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            root = cgroups / "memory"
        else:
            continue
        own = root / group.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                left = _left_in_group(folder, *names)
                free += [] if left is None else [left]
    return free


def _left_in_group(folder: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    try:
        left = int((folder / limit).read_text(encoding="utf-8")) - int((folder / usage).read_text(encoding="utf-8"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
        return left + int(statistics.get(reclaimable, 0))
    except (OSError, ValueError):  # there is no such group here, or its limit is "max"
        return None


def _free_of_address_space(proc: Path) -> int | None:
    """What `ulimit -v` leaves."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return None
        return limit - int((proc / "self/statm").read_text(encoding="utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):  # Windows has no such limits
        return None


def peak_bytes(run: Callable[[], object]) -> int:
    """The most bytes that the tensors made in `run` took at a time; on the meta device nothing is computed for it.

    What operations take for themselves while they run is not counted.
    """
    live = _LiveBytes()
    with live:
        run()
    return int(live.peak)


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storages of all tensors that operations return while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self._known: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor):
                self._follow(tensor.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known[key] = weakref.finalize(storage, self._forget, key, size)
        self.now += size
        self.peak = max(self.peak, self.now)

    def _forget(self, key: int, size: int) -> None:
        del self._known[key]
        self.now -= size
