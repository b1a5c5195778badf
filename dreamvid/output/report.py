"""The report on a film: figures of every frame as JSON lines, and drawn."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.graphics.chart import Chart, Panel, draw_chart
from dreamvid.images.write import encode
from dreamvid.output.snapshot import write_durably
from dreamvid.runtime.documents import DocumentError, parse_json
from dreamvid.runtime.events import FrameDone

Line = dict[str, Any]

_FIGURES = ("frame", "shot", "objective", "lift", "energy", "warped_error", "occluded", "seconds")


class Report:
    """Takes frames as they are done; a file in the journal keeps them over an interruption."""

    def __init__(self, lines: Path, chart: Path, *, overwrite: bool) -> None:
        """`lines` and `chart` are where it goes in the end. Raises `MediaError` where that may not be replaced."""
        for path in (lines, chart):
            if path.exists() and not overwrite:
                raise MediaError(f"{path}: already exists; replace it with --overwrite, or move it away")
        self._lines_path, self._chart_path = lines, chart
        self._lines: list[Line] = []
        self._kept: Path | None = None
        self.timecode: ClipTimecode | None = None
        """Of the first frame, where there is one: each line then says that of its own."""

    def keep(self, path: Path, done: int) -> None:
        """Go on from what an interrupted render of `done` frames left in `path`, and keep the figures there."""
        if path.exists():
            for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
                line = _read_line(text)
                if line is None:
                    break  # a power cut in the middle of a line: it is beyond what was saved
                if line["frame"] < done:
                    self._lines.append(line)
        path.write_text("".join(json.dumps(line) + "\n" for line in self._lines), encoding="utf-8")
        self._kept = path

    def add(self, event: FrameDone) -> None:
        """Take down a frame."""
        figures = event.figures
        line: Line = {
            "frame": event.frame,
            "shot": event.shot,
            "objective": None if figures is None else figures.objective,
            "lift": None if figures is None else figures.lift,
            "energy": event.energy,
            "warped_error": None if figures is None else figures.warped_error,
            "occluded": event.fresh,
            "seconds": event.seconds,
        }
        if self.timecode is not None:
            line["timecode"] = str(self.timecode.after(event.frame))
        self._lines.append(line)
        if self._kept is not None:
            try:
                with self._kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            except OSError as error:
                raise MediaError(
                    f"{self._kept}: cannot be written ({error.strerror}); free up space and run the same command again"
                ) from error

    def finish(self) -> None:
        """Put lines and chart in their places."""
        write_durably(self._lines_path, "".join(json.dumps(line) + "\n" for line in self._lines).encode())
        drawn = draw_report(self._lines, self._lines_path.name.removesuffix(".report.jsonl"))
        write_durably(self._chart_path, encode(".png", np.ascontiguousarray(drawn[..., ::-1])))


def _read_line(text: str) -> Line | None:
    """The figures of a frame; None where they are not all there."""
    try:
        line = parse_json(text)
    except DocumentError:
        return None
    if not isinstance(line, dict) or set(line) - {"timecode"} != set(_FIGURES) or line["frame"] is None:
        return None
    figures = (line[name] for name in _FIGURES)
    return line if all(value is None or isinstance(value, (int, float)) for value in figures) else None


def draw_report(lines: list[Line], title: str) -> Chart:
    """Return the figures over the frames as a picture, (height, 1400, 3) uint8 RGB; a line runs down at each cut."""

    def column(name: str, factor: float = 1.0) -> list[float]:
        return [math.nan if line[name] is None else factor * line[name] for line in lines]

    frames = [float(line["frame"]) for line in lines]
    cuts = [line["frame"] for before, line in itertools.pairwise(lines) if line["shot"] != before["shot"]]
    panels = [
        Panel("energy of the dream (RMS, 8-bit levels)", {"energy": column("energy", 255)}),
        Panel("objective", {"objective": column("objective")}),
        Panel("warped error", {"warped error": column("warped_error")}),
        Panel("occluded share", {"occluded": column("occluded")}, high=1.0),
        Panel("seconds per frame", {"seconds": column("seconds")}),
    ]
    shown = [panel for panel in panels if any(map(math.isfinite, next(iter(panel.lines.values()))))]
    return draw_chart(title, "frame", frames, shown, cuts)
