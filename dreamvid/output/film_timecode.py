"""The timecode that a film is given: the clip's own, moved with it; or what the settings or the sound say."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

from dreamvid.config.settings import DreamSettings
from dreamvid.config.timecode import ClipTimecode, Timecode, counts_frames, drops_numbers
from dreamvid.errors import SettingsError
from dreamvid.images.exr_timecode import holds_timecode
from dreamvid.media import Reader
from dreamvid.media.probe import probe_sound
from dreamvid.runtime.events import Notice, Tell


def film_timecode(settings: DreamSettings, reader: Reader, target: Path, tell: Tell) -> ClipTimecode | None:
    """The timecode of the first frame of a film that is read by `reader`; None: it has none.

    It is that of the frame in its clip; at another rate hours, minutes and seconds stay those of the clip's first
    frame. A clip without one may get that of the sound that is laid under it (Broadcast Wave). `tell` hears what is
    worth knowing. Raises `SettingsError` where the wanted one does not exist at the film's rate.
    """
    rate, clip = reader.rate, reader.info.timecode
    if rate is None or settings.timecode == "none":
        return None
    if isinstance(settings.timecode, Timecode):
        return given_timecode(settings.timecode, rate, None if clip is None else clip.reel)
    if clip is None:
        return _from_sound(settings, rate, tell)
    if not counts_frames(rate):
        tell(Notice(f"{target}: gets no timecode, which needs a whole number of frames per second, not {rate}"))
        return None
    first = clip.at_rate(rate).after(reader.first_index)
    if rate != clip.rate:
        tell(
            Notice(
                f"{target}: its timecode begins at {first} and counts {float(rate):.5g} frames per second; that of the "
                f"clip begins at {clip} and counts {float(clip.rate):.5g}, so the same moment has another timecode"
            )
        )
    if target.suffix.lower() == ".exr" and not holds_timecode(rate):
        tell(Notice(f"{target}: EXR files hold no timecode at {float(rate):.5g} frames per second, so it is left out"))
    return first


def given_timecode(timecode: Timecode, rate: Fraction, reel: str | None = None) -> ClipTimecode:
    """The timecode that the settings give a film. Raises `SettingsError` where there is none such at its rate."""
    if not counts_frames(rate):
        raise SettingsError(
            f"--timecode: needs a whole number of frames per second, not {rate}; leave it out, or choose another rate"
        )
    try:
        return ClipTimecode.parse(timecode.text, rate, reel)
    except ValueError as error:
        raise SettingsError(f"--timecode: {error}") from None


def first_number(settings: DreamSettings, timecode: ClipTimecode | None, otherwise: int) -> int:
    """The number of a sequence's first picture: the settings', or that of its `timecode` in frames since midnight.

    Raises `SettingsError` where that is asked for and there is none.
    """
    if settings.first_frame is None:
        return otherwise
    if settings.first_frame != "timecode":
        return settings.first_frame
    if timecode is None:
        raise SettingsError(
            "--first-frame timecode: the film has no timecode; give one with --timecode HH:MM:SS:FF, or give a number"
        )
    return timecode.frame


def _from_sound(settings: DreamSettings, rate: Fraction, tell: Tell) -> ClipTimecode | None:
    if settings.audio in ("copy", "none") or not counts_frames(rate):
        return None
    clock = probe_sound(settings.audio).clock
    if clock is None:
        return None
    timecode = ClipTimecode(math.floor(clock * rate + Fraction(1, 2)), rate, drops_numbers(rate)).after(0)
    tell(Notice(f"{settings.audio}: begins at the timecode {timecode}, which the film gets, too"))
    return timecode
