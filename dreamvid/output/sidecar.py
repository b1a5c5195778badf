"""What a render leaves beside its film: a sidecar that says how it was made, and a report on its frames.

    clip.dream.mp4                 frames.dream/00001.png …
    clip.dream.mp4.json            frames.dream.json
    clip.dream.mp4.report.jsonl    frames.dream.report.jsonl
    clip.dream.mp4.report.png      frames.dream.report.png
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from dreamvid.config.settings import DreamSettings
from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media.target import beside
from dreamvid.output.journal_folder import JournalFolder
from dreamvid.output.recipe import write_recipe
from dreamvid.output.report import Report
from dreamvid.output.snapshot import write_durably
from dreamvid.runtime.documents import read_json
from dreamvid.runtime.events import FrameDone
from dreamvid.runtime.frames import Dreams

_PACKAGES = ("torch", "torchvision", "numpy", "opencv-python-headless", "imageio-ffmpeg", "av", "safetensors")
_KEY = "dreamvid"


class Dreaming(Protocol):
    """What is told of the networks that dream, and of how: their names, layers and files."""

    @property
    def settings(self) -> DreamSettings: ...

    @property
    def models(self) -> str: ...

    @property
    def layers(self) -> tuple[str, ...]: ...

    @property
    def weights(self) -> Mapping[str, Path]: ...


class RenderLog:
    """What is noted of one render. What may not be replaced is found before it begins."""

    def __init__(self, target: Path, settings: DreamSettings, *, overwrite: bool) -> None:
        """Raises `MediaError` where a file that is not ours stands in the way."""
        self._target = target
        self._sidecar = beside(target, ".json") if settings.sidecar else None
        self._report: Report | None = None
        self._begun = time.perf_counter()
        self._started = datetime.now(UTC)
        self._frames = 0
        self._facts: dict[str, Any] = {}
        if self._sidecar is not None and not overwrite and self._sidecar.exists() and not _is_ours(self._sidecar):
            raise MediaError(
                f"{self._sidecar}: already exists and was not written by dreamvid; move it away, or render with "
                "--no-sidecar"
            )
        if settings.report:
            self._report = Report(beside(target, ".report.jsonl"), beside(target, ".report.png"), overwrite=overwrite)

    def open(
        self,
        dreaming: Dreaming,
        source: Path,
        identity: Mapping[str, str],
        journal: JournalFolder | None,
        timecode: ClipTimecode | None = None,
    ) -> None:
        """The render begins, perhaps anew: `identity` is all that its frames depend on; `timecode` is that of the
        first."""
        recipe = write_recipe(dreaming.settings)
        self._facts = {
            "source": str(source),
            "model": dreaming.models,
            "layers": list(dreaming.layers),
            "weights": {
                name: {"file": path.name, "sha256": sha256(path)} for name, path in dreaming.weights.items()
            },
            "recipe": recipe,
            "fingerprints": {key: value for key, value in identity.items() if recipe.get(key) != value},
        }
        if timecode is not None:
            self._facts["timecode"] = {
                "first frame": str(timecode),
                "frames per second": str(timecode.rate),
                "drop-frame": timecode.drop,
                **({} if timecode.reel is None else {"reel": timecode.reel}),
            }
        if self._report is not None:
            self._report.timecode = timecode
        if self._report is not None and journal is not None and journal.report_path is not None:
            self._report.keep(journal.report_path, journal.done)

    def watch(self, dreams: Dreams) -> Dreams:
        """Pass `dreams` on and take notes."""
        with contextlib.closing(dreams):
            for frame, event in dreams:
                if isinstance(event, FrameDone):
                    self.note(event)
                yield frame, event

    def note(self, event: FrameDone) -> None:
        """Take a note of a frame; in their order."""
        self._frames += 1
        if self._report is not None:
            self._report.add(event)

    def finish(self, frames: int) -> None:
        """Write all of it: the render is complete and has `frames` frames."""
        try:
            if self._report is not None:
                self._report.finish()
            if self._sidecar is not None:
                write_durably(self._sidecar, json.dumps(self._describe(frames), indent=1).encode() + b"\n")
        except OSError as error:
            raise MediaError(
                f"{error.filename or self._target}: cannot be written ({error.strerror}); the film itself is complete"
            ) from error

    def _describe(self, frames: int) -> dict[str, Any]:
        seconds = time.perf_counter() - self._begun
        return {
            _KEY: version("dreamvid"),
            "output": self._target.name,
            **self._facts,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
            "machine": {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()},
            "timings": {
                "started": self._started.isoformat(timespec="seconds"),
                "seconds": round(seconds, 3),
                "frames": frames,
                "dreamed now": self._frames,  # fewer than all, where an interrupted render was gone on with
                "seconds per frame": round(seconds / self._frames, 4) if self._frames else None,
            },
        }


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_ours(path: Path) -> bool:
    try:
        content = read_json(path, "sidecar")
    except SettingsError:
        return False
    return isinstance(content, dict) and _KEY in content and "recipe" in content


def _processor() -> str:
    """The accelerator where there is one, else what the system says of the processor."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()
