"""Render a film and follow its events: `python render_film.py clip.mp4 film.mp4 layer=inception4d strength=0.8`."""

from __future__ import annotations

import sys
from pathlib import Path

from dreamvid import DreamvidError, Finished, FrameDone, Job, Notice, Settings, ShotStarted, Started, render_job


def render(source: Path, target: Path, **settings: str) -> None:
    """Dream a film. Iterating over the events does the work; stopping early leaves a journal to continue from."""
    job = Job(source, target, Settings(**settings))
    for event in render_job(job):
        match event:
            case Started():
                size, layers = f"{event.width}x{event.height}", ", ".join(event.layers)
                print(f"{event.frames} frames of {size}, {event.model} on {layers}")
            case ShotStarted():
                print(f"shot {event.shot} begins at frame {event.frame}")
            case FrameDone():
                print(f"frame {event.frame}: {event.fresh:.0%} new, {event.seconds:.2f} s")
            case Notice():
                print(event.text)
            case Finished():
                print(f"{event.target}: {event.frames} frames in {event.seconds:.1f} s")


if __name__ == "__main__":
    try:
        render(Path(sys.argv[1]), Path(sys.argv[2]), **dict(word.split("=", 1) for word in sys.argv[3:]))
    except DreamvidError as error:
        sys.exit(str(error))
