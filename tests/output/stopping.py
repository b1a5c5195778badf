"""Interrupting renders."""

from __future__ import annotations

from typing import Any

from dreamvid.render import FrameDone, Job, render_job


def stop_after(job: Job, frames: int) -> None:
    """Render so many frames, and close the generator as an interruption does."""
    events: Any = render_job(job)
    for event in events:
        if isinstance(event, FrameDone) and event.frame == frames - 1:
            break
    next(events)  # what has been saved is what counts: the frame after is under way
    events.close()
