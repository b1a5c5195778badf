"""Estimates of a zoom's time, memory and size, extrapolated from two trial frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from dreamvid.render.estimate import MOST_BETWEEN, Estimate, run_trial
from dreamvid.runtime.events import Event, Tell, ignore
from dreamvid.zoom.job import ZoomJob, render_zoom, zoom_output
from dreamvid.zoom.zoom import first_index, frame_count


def estimate_zoom(job: ZoomJob, tell: Tell = ignore) -> Estimate:
    """Estimate a zoom; see `estimate_job`."""
    settings = job.settings
    count, every = frame_count(settings), min(settings.every, MOST_BETWEEN)
    tried = settings.replace(
        duration=min(count, 1 + every) / settings.fps, settle=Fraction(0), loop=False, report=False, sidecar=False
    )

    def render(trial: Path) -> Iterator[Event]:
        return render_zoom(replace(job, target=trial, settings=tried))

    target = job.target or zoom_output(job.source, settings.codec)
    return run_trial(render, target, every, tell).whole(target, count, unseen=-first_index(settings))
