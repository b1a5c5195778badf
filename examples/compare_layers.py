"""Dream a picture with one layer after the other: `python compare_layers.py photo.jpg out/ inception3b inception4d`."""

from __future__ import annotations

import sys
from pathlib import Path

from dreamvid import DreamvidError, Job, Settings, render_job


def compare(source: Path, folder: Path, layers: list[str], **settings: str) -> list[Path]:
    """Write one picture a layer, `inception4d.png`, and return their paths; what fails is reported and skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for layer in layers:
        target = folder / f"{layer}.png"
        try:
            for _ in render_job(Job(source, target, Settings(layer=layer, **settings))):
                pass
        except DreamvidError as error:
            print(f"{layer}: {error}")
            continue
        pictures.append(target)
        print(target)
    return pictures


if __name__ == "__main__":
    words = sys.argv[3:]
    compare(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        [word for word in words if "=" not in word],
        **dict(word.split("=", 1) for word in words if "=" in word),
    )
