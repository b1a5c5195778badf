"""Dreaming the clips of a timeline, each as much as it needs, and linking them in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from dreamvid.config.settings import Settings
from dreamvid.config.timecode import ClipTimecode, Timecode, counts_frames, drops_numbers
from dreamvid.errors import MediaError
from dreamvid.images.write import publish, temporary_beside
from dreamvid.media import default_output
from dreamvid.media.names import made_name
from dreamvid.media.target import output_pattern
from dreamvid.render.job import Job
from dreamvid.runtime.documents import DocumentError, parse_json
from dreamvid.shots.otio_files import import_otio, media_reference, read_timeline
from dreamvid.timeline.media import Media, MediaFinder, Use, uses_of

_KEY = "dream"
"""Of the dreamed media among a clip's media references; the original stays under its own."""
_MARK = "dreamvid"


@dataclass(frozen=True)
class Pull:
    """A part of some media that is dreamed for one or several clips: frames from `first` to before `end`."""

    job: Job
    media: Media
    origin: int
    first: int
    end: int
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class TimelinePlan:
    """What a timeline needs dreamed.

    Attributes:
        target: of the timeline with the dreamed media.
        problems: of clips that cannot be dreamed, a line each.
    """

    target: Path
    pulls: tuple[Pull, ...]
    problems: tuple[str, ...]
    timeline: Any = field(repr=False)
    overwrite: bool = False

    def link(self, is_done: Callable[[Job], bool]) -> int:
        """Write the timeline with all dreamed media linked that are done, as the active ones; return their number.

        Clips whose dreams are not done keep what they have. Raises `MediaError`.
        """
        otio = import_otio()
        done = [pull for pull in self.pulls if is_done(pull.job)]
        for pull in done:
            for use in pull.uses:
                _link(otio, use.item, pull)
        self.timeline.metadata[_MARK] = {"timeline": self.target.name}
        text = otio.adapters.write_to_string(self.timeline, "otio_json")
        temporary = temporary_beside(self.target)
        try:
            temporary.write_text(text, encoding="utf-8")
            publish(temporary, self.target, overwrite=self.overwrite or _is_ours(self.target))
        except OSError as error:
            raise MediaError(f"{self.target}: cannot be written ({error.strerror}); check the disk") from error
        finally:
            temporary.unlink(missing_ok=True)
        return len(done)


def plan_timeline(
    path: Path,
    folder: Path,
    settings: Settings,
    *,
    handles: int = 0,
    media: Sequence[Path] = (),
    overwrite: bool = False,
    rate: Fraction | None = None,
) -> TimelinePlan:
    """Find out what of which media the clips of a timeline need, and where in `folder` their dreams go.

    Clips that use the same frames share them, and overlapping parts become one. `handles` frames more are dreamed on
    either side where the media have them. `media` are folders in which media are looked for that are not where the
    timeline says. `rate` is that of an EDL. Raises `MediaError` where the timeline cannot be read, has no clips that
    can be dreamed, or something else stands where the new one goes; `SettingsError` where OpenTimelineIO is missing.
    """
    timeline = read_timeline(path, rate)
    target = folder / made_name(path.stem, ".dream.otio")
    if target.exists() and not overwrite and not _is_ours(target):
        raise MediaError(f"{target}: already exists and is not ours; replace it with --overwrite, or move it away")
    if not folder.is_dir():
        try:
            folder.mkdir()
        except OSError as error:
            raise MediaError(f"{folder}: cannot be created ({error.strerror}); create the folder first") from error
    found = list(uses_of(timeline, MediaFinder([path.absolute().parent, *media]), handles))
    problems = tuple(str(one) for one in found if isinstance(one, MediaError))
    uses = [one for one in found if isinstance(one, Use)]
    if not uses:
        raise MediaError(problems[0] if problems else f"{path}: has no clips with media on its video tracks")
    names = _Names(folder, settings.codec)
    pulls = [
        _make_pull(group, names.output(group[0].media, group[0].origin, first, end), settings, overwrite, first, end)
        for group, first, end in _joined(uses)
    ]
    return TimelinePlan(target, tuple(pulls), problems, timeline, overwrite)


def _joined(uses: Sequence[Use]) -> list[tuple[list[Use], int, int]]:
    """The uses in groups whose frames overlap or touch, each with the range that it needs."""
    groups: list[tuple[list[Use], int, int]] = []
    order = {use.media.path: number for number, use in reversed(list(enumerate(uses)))}
    for use in sorted(uses, key=lambda use: (order[use.media.path], use.origin, use.first)):
        if groups:
            members, first, end = groups[-1]
            before = members[0]
            if (before.media.path, before.origin) == (use.media.path, use.origin) and use.first <= end:
                groups[-1] = [*members, use], first, max(end, use.end)
                continue
        groups.append(([use], use.first, use.end))
    return groups


class _Names:
    """Names of outputs, one for each part of each media."""

    def __init__(self, folder: Path, codec: str) -> None:
        self._folder, self._codec = folder, codec
        self._stems: dict[str, tuple[Path, int]] = {}

    def output(self, media: Media, origin: int, first: int, end: int) -> Path:
        """`A001.240-359.dream.mp4`: the frames are counted from 0 in the media."""
        own = media.path.parent.name if media.info.kind == "sequence" else media.path.stem
        stem, number = own, 1
        while self._stems.setdefault(stem, (media.path, origin)) != (media.path, origin):
            number += 1
            stem = f"{own}-{number}"
        return default_output(self._folder / f"{stem}.{first}-{end - 1}.mov", self._codec)


def _make_pull(uses: Sequence[Use], target: Path, settings: Settings, overwrite: bool, first: int, end: int) -> Pull:
    media, origin = uses[0].media, uses[0].origin
    settings = settings.replace(start=first / media.rate, end=None, frames=end - first, shots=None)
    if media.info.kind == "sequence":
        settings = settings.replace(rate=media.rate)
    if media.info.timecode is None and settings.timecode is None and counts_frames(media.rate):
        # So that editing programs find the frames where the timeline has them.
        number = ClipTimecode(origin, media.rate, drops_numbers(media.rate)).after(first)
        settings = settings.replace(timecode=Timecode(str(number)))
    job = Job(media.path, target, settings, overwrite)
    return Pull(job, media, origin, first, end, tuple(uses))


def _link(otio: Any, item: Any, pull: Pull) -> None:
    target = pull.job.target
    if target is None:
        raise ValueError("the dreams of a timeline have names")
    pattern = output_pattern(target)
    number = 1 if pattern is None else min(pattern.existing(), default=1)
    reference = media_reference(otio, target, pull.origin + pull.first, pull.end - pull.first, pull.media.rate, number)
    reference.name = target.name if pattern is None else target.parent.name
    wanted = item.trimmed_range()
    item.set_media_references({**item.media_references(), _KEY: reference}, _KEY)
    item.source_range = wanted


def _is_ours(path: Path) -> bool:
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, DocumentError):
        return False
    return isinstance(content, dict) and _MARK in json.dumps(content.get("metadata"))
