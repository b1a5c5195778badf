"""A few frames in motion, small and soon: whether the dream holds still."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dreamvid.config.settings import OutputSettings, PartSettings, PassSettings, key_of
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.media import open_reader
from dreamvid.studio.command import as_given, command_words, essential
from dreamvid.studio.preview import DRAFT_SIDE, Previewer
from dreamvid.studio.processes import complaint, keep_last, start_render, stop
from dreamvid.studio.session import Session
from dreamvid.studio.turns import NoLongerWantedError

FRAMES = 12
_LONGEST = 180.0  # seconds
_LOOK_EVERY = 0.2  # seconds
_OF_THE_WHOLE = {
    key_of(name) for group in (PartSettings, OutputSettings, PassSettings) for name in group.model_fields
} | {"shots"}
"""What says how much of the film is rendered, how large, and what is written: here that is settled."""


def render_motion(session: Session, previewer: Previewer, is_wanted: Callable[[], bool] = lambda: True) -> Path:
    """Render 12 frames around the playhead, as they will be but small; return an animated WebP of them.

    They are rendered by a process, which ends where nobody wants them any more (`NoLongerWantedError`) or after three
    minutes. Raises `SettingsError` for a picture, which does not move, and `DreamvidError` with what the render said.
    """
    source = session.source
    if source is None or source.rate is None:
        raise SettingsError("drop in a clip to see it move")
    first = min(max(0, session.frame - FRAMES // 2), max(0, source.frames - FRAMES))
    given = {key: value for key, value in essential(session.given).items() if key not in _OF_THE_WHOLE}
    settings = session.settings
    if settings.model == "auto":  # which of the two it is, is known by now
        given["model"] = previewer.model(settings)
    part = as_given(
        start=str(first / source.rate),
        frames=str(FRAMES),
        max_size=str(DRAFT_SIDE),
        codec="ffv1",
        sidecar=False,
        audio="none",
    )
    words = command_words(str(source.path), given | part)
    folder = Path(tempfile.mkdtemp(dir=session.made))
    try:
        film = folder / "motion.mkv"
        _run(words, film, is_wanted)
        moving = session.made / "motion.webp"
        _animate(film, moving, round(1000 / float(source.rate)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return moving


def _run(words: Sequence[str], film: Path, is_wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONGEST
    process = start_render(words, film)
    said: list[str] = []
    heard: list[str] = []
    threads = [
        threading.Thread(target=keep_last, args=(pipe, lines), daemon=True)
        for pipe, lines in ((process.stdout, heard), (process.stderr, said))
    ]
    for thread in threads:
        thread.start()
    try:
        while True:
            try:
                code = process.wait(_LOOK_EVERY)
                break
            except subprocess.TimeoutExpired:
                if not is_wanted():
                    raise NoLongerWantedError from None
                if time.monotonic() > end:
                    raise DreamvidError(
                        f"{FRAMES} frames take more than {_LONGEST / 60:.0f} minutes; use fewer --iterations for "
                        "previews, or Render"
                    ) from None
    finally:
        stop(process, patience=2.0)
        for thread in threads:
            thread.join()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    if code:
        raise DreamvidError(complaint(said, code))


def _animate(film: Path, moving: Path, duration: int) -> None:
    """Write the frames of a film as an animated picture; `duration` of each in milliseconds."""
    with open_reader(film) as reader:
        pictures = [Image.fromarray(np.round(frame[..., :3] * 255).astype(np.uint8)) for frame in reader]
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=duration, loop=0, quality=85)
