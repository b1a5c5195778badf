"""Sound tracks that go with a finished picture: how each is stored, found out before there is a picture."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dreamvid.media.codecs import SOUND_CODECS
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.probe import probe_sound

_TRIAL_SECONDS = 30  # of the sound are looked through for what is tried
_TRIAL_FRAMES = 8  # of a codec: a tenth of a second and more
_LAYOUTS = "aformat=channel_layouts=7.1|6.1|5.1|5.0|quad|3.0|stereo|mono"


@dataclass(frozen=True)
class SoundTrack:
    """All the sound of a video or sound file, from `start` on.

    `start` is in seconds from the file's first picture, or from its beginning where it has none: so it is the
    time `index / rate` of the frame that becomes the first one.
    """

    path: Path
    start: Fraction = Fraction(0)


@dataclass(frozen=True)
class StoredTrack:
    """One track of a file of sound, by its number among these, and ffmpeg's options for storing it.

    Each option stands with its value, and without the number of the stream that it is for.
    """

    number: int
    options: tuple[tuple[str, str], ...] = (("-c", "copy"),)

    def arguments(self, place: int) -> list[str]:
        """ffmpeg's arguments where it becomes the sound track number `place` of a file."""
        return [part for name, value in self.options for part in (f"{name}:a:{place}", value)]


@dataclass(frozen=True)
class SoundPlan:
    """What goes into a film of a sound track: each of its tracks that can be stored, and how.

    Attributes:
        begin: where the film begins, in seconds on the clock that ffmpeg seeks the sound by.
        notices: what is changed or left out, for people.
    """

    path: Path
    begin: Fraction
    tracks: tuple[StoredTrack, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Way:
    """A way to store a track: its name for people, and ffmpeg's options."""

    name: str
    options: tuple[tuple[str, str], ...]


_COPY = _Way("a copy", (("-c", "copy"),))


def plan_sound(sound: SoundTrack, target: Path) -> SoundPlan | None:
    """Find out how the sound goes into `target`, a video's name, by storing a tenth of a second of it.

    A track that the container takes is copied. Others are encoded anew (AAC, or Opus for WebM; PCM stays PCM where
    the container has it), in a usual layout of channels or in stereo where that fails, and left out where nothing
    works. None: there is no sound. Raises MediaError where the file cannot be read.
    """
    info = probe_sound(sound.path)
    if not info.codecs:
        return None
    begin = sound.start + info.picture_start
    ways = [_ways(codec, target.suffix.lower()) for codec in info.codecs]
    usual = tuple(StoredTrack(number, own[0].options) for number, own in enumerate(ways))
    if _problem(sound.path, begin, usual, target) is None:
        return SoundPlan(sound.path, begin, usual)
    tracks, notices = [], []
    for number, (codec, own) in enumerate(zip(info.codecs, ways, strict=True)):
        track, change = _choose_way(sound.path, begin, number, own, target)
        tracks += [] if track is None else [track]
        if change:
            notices.append(f"{sound.path}: sound track {number + 1} ({codec}) {change}")
    return SoundPlan(sound.path, begin, tuple(tracks), tuple(notices))


def _choose_way(
    path: Path, begin: Fraction, number: int, ways: Sequence[_Way], target: Path
) -> tuple[StoredTrack | None, str]:
    """The first way that works for a track, and what to tell about it."""
    problem = ""
    for way in ways:
        track = StoredTrack(number, way.options)
        found = _problem(path, begin, [track], target)
        if found is None:
            return track, f"cannot be copied into {target.name} and is converted to {way.name}" if problem else ""
        problem = problem or found
    return None, f"is left out of {target.name}: {problem}"


def _ways(codec: str, suffix: str) -> list[_Way]:
    """The ways to store a track of a codec in a container, the best first."""
    accepted = SOUND_CODECS.get(suffix, frozenset())
    name, encoder = ("Opus", "libopus") if suffix == ".webm" else ("AAC", "aac")
    encoded = (("-c", encoder), ("-b", "160k" if suffix == ".webm" else "192k"))
    ways = [_COPY] if accepted is None or codec in accepted else []
    if suffix in (".mov", ".mkv") and codec.startswith("pcm_"):
        ways.append(_Way("16-bit PCM", (("-c", "pcm_s16le"),)))
    return [
        *ways,
        _Way(name, encoded),
        _Way(f"{name} with a standard channel layout", (*encoded, ("-filter", _LAYOUTS))),
        _Way(f"stereo {name}", (*encoded, ("-ac", "2"))),
    ]


def _problem(path: Path, begin: Fraction, tracks: Sequence[StoredTrack], target: Path) -> str | None:
    """Why a little of these tracks cannot be stored; None: it can."""
    with tempfile.TemporaryDirectory(prefix="dreamvid-") as folder:
        trial = Path(folder) / f"trial{target.suffix.lower()}"
        arguments = input_arguments(path, *shifted(begin), "-t", str(_TRIAL_SECONDS))
        for place, track in enumerate(tracks):
            arguments += ["-map", f"0:a:{track.number}", *track.arguments(place)]
            arguments += [f"-frames:a:{place}", str(_TRIAL_FRAMES)]
        code, _, stderr = run_ffmpeg(["-xerror", *arguments, "-y", file_url(trial)])
    return failure_reason(stderr.splitlines()) if code else None


def shifted(begin: Fraction) -> list[str]:
    """ffmpeg's options to read an input from a time on, which may lie before its beginning."""
    if not begin:
        return []
    return ["-ss", f"{float(begin):.6f}"] if begin > 0 else ["-itsoffset", f"{float(-begin):.6f}"]
