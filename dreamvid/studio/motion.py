"""A few frames in motion, small and soon: whether the dream holds still."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from dreamvid.errors import SettingsError
from dreamvid.media import open_reader
from dreamvid.render.job import Job, render_job
from dreamvid.settings import make_settings
from dreamvid.studio.command import essential
from dreamvid.studio.preview import DRAFT_SIDE, Previewer
from dreamvid.studio.session import Session

FRAMES = 12


def render_motion(session: Session, previewer: Previewer) -> Path:
    """Render 12 frames around the playhead, as they will be but small; return an animated WebP of them.

    Raises `SettingsError` for a picture, which does not move, and whatever a render raises.
    """
    source = session.source
    if source is None or source.rate is None:
        raise SettingsError("drop in a clip to see it move")
    first = min(max(0, session.frame - FRAMES // 2), max(0, source.frames - FRAMES))
    part = {"start": str(first / source.rate), "frames": str(FRAMES), "max-size": str(DRAFT_SIDE), "codec": "ffv1"}
    unset = {"end", "size", "shots", "rate", "crf", "bit-depth", "report"}
    given = {key: value for key, value in essential(session.given).items() if key not in unset}
    settings = make_settings(given, part, {"sidecar": False, "audio": "none"})
    if settings.model == "auto":  # which of the two it is, is known by now
        settings = settings.model_copy(update={"model": previewer.model(settings)})
    folder = Path(tempfile.mkdtemp(dir=session.made))
    film = folder / "motion.mkv"
    for _ in render_job(Job(source.path, film, settings)):
        pass
    with open_reader(film) as reader:
        pictures = [Image.fromarray(np.round(frame[..., :3] * 255).astype(np.uint8)) for frame in reader]
    moving = folder / "motion.webp"
    duration = round(1000 / float(source.rate))
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=duration, loop=0, quality=85)
    film.unlink()
    return moving
