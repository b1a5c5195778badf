"""Keyframes as text, and a picture of them over the clip's sound, beats and cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dreamvid.audio import SoundAnalysis
from dreamvid.config.fields import bounds_of
from dreamvid.config.settings import Settings, key_of
from dreamvid.errors import SettingsError
from dreamvid.render.plan import Clock
from dreamvid.schedule import has_keys
from dreamvid.schedule.keyframes import Key, Keyframes, KeyTime, parse_keyframes

WIDTH, HEIGHT = 1200, 150  # px
_WAVE_HEIGHT = 54
_PAPER, _WAVE, _BEAT, _CUT, _HEAD, _DIM = "#14161b", "#39404e", "#4d8f5c", "#c7a04a", "#f2f4f8", "#7c8494"
_BAR = "#8fe39a"
_NUMBER_GAP = 44  # px, from the number of a bar to the next
_COLORS = ("#8ab4ff", "#ff9d8a", "#8fe0b0", "#e2b6ff", "#ffd479")
_MOST_POINTS = 400


def set_key(text: str | None, frame: int, value: float) -> str:
    """The schedule `text` with a key at `frame`: one more, or another value where there was one.

    Whatever stood there and was no list of keys gives way. Raises `SettingsError` for keys that cannot be read.
    """
    time = KeyTime("frame", Fraction(frame))
    keys = [key for key in _keys(text) if key.time != time]
    return _write([*keys, Key(time, f"{value:g}")])


def drop_key(text: str | None, frame: int) -> str | None:
    """The schedule `text` without the key at `frame`; None where none is left."""
    keys = [key for key in _keys(text) if key.time != KeyTime("frame", Fraction(frame))]
    return _write(keys) if keys else None


def _keys(text: str | None) -> list[Key[str]]:
    if not text or not has_keys(text):
        return []
    found = parse_keyframes(text, str.strip)
    if len(found.keys) > 1:
        return list(found.keys)
    time, _, _ = text.partition(":")  # of a single key, which holds for ever, the time is dropped
    if not time.strip().isdigit():
        raise SettingsError(f"'{text}': the only key is not at a frame; write the next one as text")
    return [Key(KeyTime("frame", Fraction(int(time))), found.keys[0].value)]


def _write(keys: Sequence[Key[str]]) -> str:
    ordered = sorted(keys, key=lambda key: (key.time.unit != "frame", key.time.number))
    return f"{ordered[0].time}:({ordered[0].value})" if len(ordered) == 1 else str(Keyframes(tuple(ordered)))


@dataclass(frozen=True)
class Track:
    """What is known of a clip: frames, frames per second, its sound and the first frames of its shots."""

    frames: int
    rate: Fraction
    sound: SoundAnalysis | None = None
    cuts: tuple[int, ...] = ()

    def column(self, frame: float) -> float:
        """Where a frame lies on the picture."""
        return frame / max(1, self.frames - 1) * (WIDTH - 1)

    def frame_at(self, column: float) -> int:
        """The frame at a place on the picture."""
        return round(min(1.0, max(0.0, column / (WIDTH - 1))) * max(0, self.frames - 1))


def draw_timeline(track: Track, settings: Settings, playhead: int) -> npt.NDArray[np.uint8]:
    """A picture (150, 1200, 3): waveform with beats, bars and cuts above, what varies below, the playhead over all."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    pen = ImageDraw.Draw(image)
    if track.sound is not None:
        _draw_sound(pen, track, track.sound)
    for cut in track.cuts:
        pen.line([(track.column(cut), 0), (track.column(cut), HEIGHT)], fill=_CUT, width=2)
    try:
        curves = sample_curves(track, settings)
    except SettingsError as error:  # such as a beat where there is no sound: the settings say so in their place
        pen.text((12, HEIGHT - 16), str(error)[:150], fill=_DIM, font=ImageFont.load_default(13), anchor="lm")
        curves = {}
    _draw_curves(pen, track, settings, curves)
    x = track.column(playhead)
    pen.line([(x, 0), (x, HEIGHT)], fill=_HEAD, width=2)
    return np.asarray(image)


def sample_curves(track: Track, settings: Settings) -> Mapping[str, list[tuple[int, float]]]:
    """Frames and values of each number that varies, by its name."""
    if not settings.schedules:
        return {}
    clock = Clock(track.rate, track.frames, track.sound)
    step = max(1, track.frames // _MOST_POINTS)
    frames = sorted({*range(0, track.frames, step), max(0, track.frames - 1)})
    moments = [(frame, settings.at(clock.moment(frame))) for frame in frames]
    return {name: [(frame, float(getattr(one, name))) for frame, one in moments] for name in settings.schedules}


def _draw_sound(pen: ImageDraw.ImageDraw, track: Track, sound: SoundAnalysis) -> None:
    seconds = float(track.frames / track.rate)
    loudest = max(float(sound.waveform.max(initial=0)), 1e-9)
    middle = _WAVE_HEIGHT / 2 + 6
    for x in range(WIDTH):
        first = int(x / WIDTH * seconds * sound.rate)
        last = max(first + 1, int((x + 1) / WIDTH * seconds * sound.rate))
        height = float(sound.waveform[first:last].max(initial=0)) / loudest * _WAVE_HEIGHT / 2
        pen.line([(x, middle - height), (x, middle + height)], fill=_WAVE)
    for beat in sound.beat_times.tolist():
        place = track.column(beat * float(track.rate))
        pen.line([(place, 6), (place, 6 + _WAVE_HEIGHT)], fill=_BEAT)
    font, free = ImageFont.load_default(11), 0.0
    for number, bar in enumerate(sound.grid.bars.tolist()):
        place = track.column(bar * float(track.rate))
        pen.line([(place, 0), (place, 8 + _WAVE_HEIGHT)], fill=_BAR, width=3)
        if place >= free and place < WIDTH:
            pen.text((place + 5, 6), str(number), fill=_BAR, font=font, anchor="lm")
            free = place + _NUMBER_GAP


def _draw_curves(
    pen: ImageDraw.ImageDraw, track: Track, settings: Settings, curves: Mapping[str, list[tuple[int, float]]]
) -> None:
    top, bottom = _WAVE_HEIGHT + 24, HEIGHT - 10
    font = ImageFont.load_default(13)
    left = 12.0
    for color, (name, points) in zip(_COLORS * len(curves), curves.items(), strict=False):
        values = [value for _, value in points]
        low, high = min(0.0, *values, *_floor(settings, name)), max(values)
        span = (high - low) or 1.0
        line = [(track.column(frame), bottom - (value - low) / span * (bottom - top)) for frame, value in points]
        pen.line(line, fill=color, width=2)
        text = settings.schedules[name]
        for key in _keys_or_none(str(text)):
            x = track.column(float(key.time.number))
            y = min(line, key=lambda point: abs(point[0] - x))[1]
            pen.ellipse([(x - 4, y - 4), (x + 4, y + 4)], fill=color)
        label = f"{key_of(name)} {low:g} to {high:g}"
        pen.text((left, _WAVE_HEIGHT + 14), label, fill=color, font=font, anchor="lm")
        left += pen.textlength(label, font=font) + 24


def _floor(settings: Settings, name: str) -> list[float]:
    low, _ = bounds_of(type(settings).model_fields[name])
    return [] if low is None else [low]


def _keys_or_none(text: str) -> list[Key[str]]:
    try:
        return [key for key in _keys(text) if key.time.unit == "frame"]
    except SettingsError:
        return []
