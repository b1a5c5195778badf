"""Fly into a picture, faster and slower: `python zoom.py photo.jpg zoom.mp4 duration=4 rotate=5`."""

from __future__ import annotations

import sys
from pathlib import Path

from dreamvid import DreamvidError, FrameDone, ZoomJob, ZoomSettings, render_zoom


def fly(source: Path, target: Path, **settings: str) -> None:
    """Render a zoom. A number that changes over time is a text: keyframes, or an expression over the seconds `t`."""
    wanted = {"zoom": "1.25 + 0.15*sin(pi*t)", **settings}
    for event in render_zoom(ZoomJob(source, target, ZoomSettings(**wanted))):
        if isinstance(event, FrameDone):
            print(f"frame {event.frame}")


if __name__ == "__main__":
    try:
        fly(Path(sys.argv[1]), Path(sys.argv[2]), **dict(word.split("=", 1) for word in sys.argv[3:]))
    except DreamvidError as error:
        sys.exit(str(error))
