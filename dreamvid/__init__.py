"""DeepDream for video: dreams that follow the motion of the picture.

With arrays:

    from dreamvid import Dreamer

    dreamer = Dreamer("googlenet", layer="inception4d")
    dreamed = dreamer.dream(picture)  # (H, W, 3)

With files:

    from dreamvid import Job, Settings, render_job

    for event in render_job(Job(Path("clip.mp4"), settings=Settings(layer="inception4d"))):
        print(event)

Names are loaded lazily, on first use, so `import dreamvid` itself is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamvid.api import Drawing, Dreamer
    from dreamvid.config.settings import Settings, ZoomSettings
    from dreamvid.errors import DreamvidError, MediaError, ModelError, SettingsError
    from dreamvid.explore.job import Axis, Exploration
    from dreamvid.explore.job import explore as render_exploration
    from dreamvid.farm.cluster import FarmError
    from dreamvid.farm.driver import open_pool, render_on_farm
    from dreamvid.farm.settings import FarmSettings
    from dreamvid.render import Downloading, Event, Finished, FrameDone, Job, Notice, ShotStarted, Started, render_job
    from dreamvid.visualize.job import VisualizationJob
    from dreamvid.visualize.job import visualize as render_visualization
    from dreamvid.visualize.settings import VisualizeSettings
    from dreamvid.zoom.job import ZoomJob, render_zoom

    __version__: str

__all__ = [
    "Axis",
    "Downloading",
    "Drawing",
    "Dreamer",
    "DreamvidError",
    "Event",
    "Exploration",
    "FarmError",
    "FarmSettings",
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
    "VisualizationJob",
    "VisualizeSettings",
    "ZoomJob",
    "ZoomSettings",
    "__version__",
    "open_pool",
    "render_exploration",
    "render_job",
    "render_on_farm",
    "render_visualization",
    "render_zoom",
]

_HOMES = {
    "dreamvid.errors": ("DreamvidError", "MediaError", "ModelError", "SettingsError"),
    "dreamvid.config.settings": ("Settings", "ZoomSettings"),
    "dreamvid.api": ("Drawing", "Dreamer"),
    "dreamvid.explore.job": ("Axis", "Exploration"),
    "dreamvid.visualize.job": ("VisualizationJob",),
    "dreamvid.visualize.settings": ("VisualizeSettings",),
    "dreamvid.zoom.job": ("ZoomJob", "render_zoom"),
    "dreamvid.farm.cluster": ("FarmError",),
    "dreamvid.farm.driver": ("open_pool", "render_on_farm"),
    "dreamvid.farm.settings": ("FarmSettings",),
}
# The rooms `explore` and `visualize` have the names that these functions have inside of them.
_OTHER_NAMES = {
    "render_exploration": ("dreamvid.explore.job", "explore"),
    "render_visualization": ("dreamvid.visualize.job", "visualize"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dreamvid' has no attribute '{name}'")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("dreamvid")
    home = next((home for home, names in _HOMES.items() if name in names), "dreamvid.render")
    home, name = _OTHER_NAMES.get(name, (home, name))
    return getattr(importlib.import_module(home), name)
