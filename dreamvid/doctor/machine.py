"""The machine: system, processor, memory, and what Python and the environment say. Nothing here needs torch."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from dreamvid.doctor.findings import Fact, Findings
from dreamvid.doctor.privacy import public_path

_GIGA = 1e9
_BUSY = 1.5  # tasks that compute, for each core
_LEAST_FREE_GB = 1.5  # dreamvid with EfficientNet-Lite0 at 480x270 takes a good one
_SWAPPED_SHARE = 0.25

_PLAIN = (
    "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "KMP_BLOCKTIME",
    "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ENABLE_MPS_FALLBACK",
    "HF_HUB_OFFLINE", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUTF8", "LANG", "LC_ALL", "COLUMNS",
    "NO_COLOR",
)  # fmt: skip
_PATHS = ("IMAGEIO_FFMPEG_EXE", "TORCH_HOME", "XDG_CACHE_HOME", "TMPDIR", "TEMP", "OCIO")
_SECRET = ("DREAMVID_PASSWORD", "RAY_ADDRESS", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "PYTHONPATH")
"""Only that they are set is shown: they hold passwords, hosts and folders."""


def examine_system(_: Findings) -> list[Fact]:
    """Which dreamvid, Python and system."""
    from importlib.metadata import version

    from dreamvid.farm.versions import code_version

    python = f"{platform.python_version()} ({platform.python_implementation()})"
    facts = [
        Fact("dreamvid", code_version(), version("dreamvid")),
        Fact("installed", _how_installed()),
        Fact("python", python, platform.python_version()),
        Fact("system", f"{_system()} {platform.machine()}"),
    ]
    if sys.stdout is not None:
        facts.append(Fact("console", getattr(sys.stdout, "encoding", None) or "unknown"))
    return facts


def examine_processor(findings: Findings) -> list[Fact]:
    """Processor, cores, load, memory and swap."""
    cores = usable_cores()
    facts = [Fact("processor", _processor() or "unknown"), Fact("cores", _cores_text(cores), cores)]
    quota = container_cores()
    if quota is not None and quota < cores:
        facts.append(Fact("limit", f"this container may use {quota:g} cores at a time", quota))
        findings.slow.append(
            f"the container may use {quota:g} of {cores} cores, which torch does not know: use --threads "
            f"{max(1, int(quota))}, or give the container more"
        )
    if hasattr(os, "getloadavg"):  # Windows has none
        load = os.getloadavg()[0]
        facts.append(Fact("load", f"{load:.1f} tasks compute at a time", round(load, 2)))
        if load > _BUSY * cores:
            findings.slow.append(f"other programs compute, too: {load:.1f} tasks for {cores} cores; end them or wait")
    return facts + _memory(findings)


def examine_environment(findings: Findings) -> list[Fact]:
    """The environment variables that change what dreamvid does, as far as they are set."""
    facts = [Fact(name, os.environ[name]) for name in _PLAIN if name in os.environ]
    facts += [Fact(name, public_path(os.environ[name])) for name in _PATHS if os.environ.get(name)]
    upper = {name.upper() for name in os.environ}
    facts += [Fact(name, "set (not shown)") for name in _SECRET if name in upper]
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        findings.slow.append("PYTHONDONTWRITEBYTECODE is set: each start may compile all packages anew; unset it")
    return facts or [Fact("variables", "none that matter")]


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def container_cores(groups: Path = Path("/sys/fs/cgroup")) -> float | None:
    """The cores at a time that a Linux container may use, fractions too; None where there is no limit to be found."""
    try:
        limit, period = (groups / "cpu.max").read_text(encoding="ascii").split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):  # not Linux, no second version of control groups
        return None


def _how_installed() -> str:
    """By which kind of tool, as far as files tell."""
    from importlib.metadata import distribution

    found = distribution("dreamvid")
    kind = "virtual environment" if sys.prefix != sys.base_prefix else "Python's own packages"
    if Path(sys.prefix, "conda-meta").is_dir():
        kind = "conda environment"
    elif "pipx" in Path(sys.prefix).parts:
        kind = "pipx"
    origin = found.read_text("direct_url.json") or ""
    checkout = ", from a checkout" if '"editable": true' in re.sub(r"\s*:\s*", ": ", origin) else ""
    installer = (found.read_text("INSTALLER") or "").strip()
    return kind + checkout + (f", by {installer}" if installer else "")


def _system() -> str:
    """The system and its version, without the kernel's build, which people name."""
    if sys.platform == "linux":
        try:
            release = platform.freedesktop_os_release()
            kernel = re.match(r"[\d.]+", platform.release())
            return f"{release.get('PRETTY_NAME', 'Linux')}, Linux {kernel[0] if kernel else ''}".strip()
        except OSError:
            return "Linux"
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.version()}"


def _processor() -> str:
    for line in _linux_file("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores_text(usable: int) -> str:
    there = os.cpu_count() or usable
    return str(usable) if there == usable else f"{usable} of {there}"


def _memory(findings: Findings) -> list[Fact]:
    """What Linux tells of memory; elsewhere torch's own numbers stand in the next section."""
    lines = re.findall(r"^(\w+): +(\d+) kB", _linux_file("/proc/meminfo"), re.MULTILINE)
    found = {name: int(kilobytes) * 1024 for name, kilobytes in lines}
    if "MemTotal" not in found:
        return []
    total, free = found["MemTotal"], found.get("MemAvailable", found.get("MemFree", 0))
    swap = found.get("SwapTotal", 0)
    swapped = swap - found.get("SwapFree", 0)
    facts = [
        Fact("memory", f"{free / _GIGA:.1f} GB free of {total / _GIGA:.1f}", {"free": free, "total": total}),
        Fact("swap", f"{swapped / _GIGA:.1f} GB used of {swap / _GIGA:.1f}", {"used": swapped, "total": swap}),
    ]
    if free < _LEAST_FREE_GB * _GIGA:
        findings.slow.append(
            f"only {free / _GIGA:.1f} GB of memory are free: end other programs, or use a smaller --max-size"
        )
    elif swap and swapped > _SWAPPED_SHARE * swap and free < 2 * _LEAST_FREE_GB * _GIGA:
        findings.slow.append(f"memory is short: {swapped / _GIGA:.1f} GB are swapped out; end other programs")
    return facts


def _linux_file(path: str) -> str:
    """What a file of Linux's `/proc` says; "" on other systems."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
