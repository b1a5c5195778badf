"""DeepDream for video: dreams that follow the motion of the picture.

    from dreamvid import Job, Settings, render_job

    for event in render_job(Job(Path("clip.mp4"), settings=Settings(layer="inception4d"))):
        print(event)

Names are loaded lazily, on first use, so `import dreamvid` itself is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamvid.config.settings import Settings
    from dreamvid.errors import DreamvidError, MediaError, ModelError, SettingsError
    from dreamvid.render import Downloading, Event, Finished, FrameDone, Job, Notice, ShotStarted, Started, render_job

    __version__: str

__all__ = [
    "Downloading",
    "DreamvidError",
    "Event",
    "Finished",
    "FrameDone",
    "Job",
    "MediaError",
    "ModelError",
    "Notice",
    "Settings",
    "SettingsError",
    "ShotStarted",
    "Started",
    "__version__",
    "render_job",
]

_HOMES = {
    "dreamvid.errors": ("DreamvidError", "MediaError", "ModelError", "SettingsError"),
    "dreamvid.config.settings": ("Settings",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dreamvid' has no attribute '{name}'")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("dreamvid")
    home = next((home for home, names in _HOMES.items() if name in names), "dreamvid.render")
    return getattr(importlib.import_module(home), name)
