"""What lies on the disks: weights of networks, room, and how fast it is written."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from dreamvid.doctor.compute import torch_fault
from dreamvid.doctor.findings import Fact, Findings
from dreamvid.doctor.privacy import public_path

_GIGA = 1e9
_LITTLE_GB = 1.0
_TRIAL_BYTES = 16 * 2**20
_SLOW_MB_S = 40.0


def examine_weights(findings: Findings) -> list[Fact]:
    """By network: whether its weights are here, and how large they are."""
    if torch_fault() is not None:
        return [Fact("weights", "not examined: torch is needed", False)]
    from dreamvid.models import MODELS
    from dreamvid.models.network import describe_models
    from dreamvid.models.weights import cache_path, is_at_hand, is_fetched

    sizes: dict[str, dict[str, float]] = {"here": {}, "damaged": {}, "missing": {}}
    for row in describe_models():
        spec = MODELS[row.name]
        state = "missing" if not is_at_hand(spec) else "here" if is_fetched(spec) else "damaged"
        sizes[state][row.name] = row.megabytes
        if state == "damaged":
            path = public_path(cache_path(spec) or "")
            findings.broken.append(
                f"the weights of {row.name} are damaged; delete {path}, and they are downloaded again "
                "when they are needed"
            )
    findings.broken.extend(MODELS.faults())
    how = {"here": "", "damaged": "", "missing": "; downloaded or installed when asked for"}
    facts = [
        Fact(state, ", ".join(f"{name} ({size:.0f} MB)" for name, size in named.items()) + how[state], named)
        for state, named in sizes.items()
        if named
    ]
    best = "googlenet" if "googlenet" in sizes["here"] else "googlenet if it can be downloaded, else efficientnet_lite0"
    return [*facts, Fact("--model auto", best)]


def examine_space(findings: Findings) -> list[Fact]:
    """Free space, and the speed of writing, where films, downloads and temporary files go."""
    facts = []
    for name, folder in _folders().items():
        place = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
        if place is None:
            findings.broken.append(f"the {name} is not there; make it")
            continue
        free = shutil.disk_usage(place).free
        speed, problem = _write_speed(place)
        text = f"{free / _GIGA:.1f} GB free"
        if speed is None:
            text += f", not writable ({problem})"
            findings.broken.append(_not_writable(name, problem))
        else:
            text += f", written at {speed:.0f} MB/s"
            if speed < _SLOW_MB_S:
                findings.slow.append(
                    f"the {name} is written at only {speed:.0f} MB/s: its disk is slow, busy or far away"
                )
        if free < _LITTLE_GB * _GIGA:
            findings.slow.append(f"only {free / _GIGA:.2f} GB are free in the {name}: free up space")
        facts.append(Fact(name, text, {"free": free, "megabytes per second": None if speed is None else round(speed)}))
    return facts


def _folders() -> dict[str, Path]:
    found = {"current folder": Path.cwd(), "temporary folder": Path(tempfile.gettempdir())}
    if torch_fault() is None:
        import torch

        found["cache folder"] = Path(torch.hub.get_dir())
    return found


def _not_writable(name: str, problem: str) -> str:
    remedy = {
        "current folder": "change to a folder of your own, or give another one with -o",
        "temporary folder": "set TMPDIR to another one",
        "cache folder": "set TORCH_HOME to another one",
    }[name]
    return f"the {name} is not writable ({problem}); {remedy}"


def _write_speed(folder: Path) -> tuple[float | None, str]:
    """Megabytes a second of a file that is written through to the disk and gone again; None and why if it cannot be."""
    block = os.urandom(2**20)
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".dreamvid-") as file:
            begun = time.perf_counter()
            for _ in range(_TRIAL_BYTES // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            return _TRIAL_BYTES / 1e6 / (time.perf_counter() - begun), ""
    except OSError as error:
        return None, error.strerror or type(error).__name__
