"""The media that a timeline uses: which files, and which of their frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from dreamvid.errors import DreamvidError, MediaError
from dreamvid.media import AS_CODED, ClipInfo, open_reader
from dreamvid.shots.otio_files import exact_rate, frame_of, import_otio, path_of_url, time_range


@dataclass(frozen=True)
class Media:
    """A file that a timeline uses, or numbered pictures."""

    path: Path
    info: ClipInfo
    rate: Fraction
    frames: int


@dataclass(frozen=True)
class Use:
    """One clip on a timeline, and what it needs of its media.

    Attributes:
        item: the `opentimelineio.schema.Clip`.
        origin: the number that the timeline gives the media's first frame.
        first: the first frame that it needs, in the media; with handles.
        end: the one after the last.
    """

    item: Any
    media: Media
    origin: int
    first: int
    end: int


class MediaFinder:
    """Finds and looks at media, each once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """`folders` are those in which media are looked for by name; media references are relative to the first."""
        self._folders = folders
        self._known: dict[Path, Media | None] = {}

    def find(self, item: Any) -> Media | None:
        """The media of a clip; None: a still picture. Raises `MediaError` where they are missing or cannot be read."""
        reference = item.media_reference
        path = self._path(item, reference)
        if path not in self._known:
            rate = None
            if isinstance(reference, import_otio().schema.ImageSequenceReference) and 0 < reference.rate < math.inf:
                rate = exact_rate(reference.rate)
            reader = open_reader(path, rate=rate, tonemap=AS_CODED)
            film = None if reader.rate is None else Media(path, reader.info, reader.rate, reader.frame_count)
            self._known[path] = film
        return self._known[path]

    def _path(self, item: Any, reference: Any) -> Path:
        schema = import_otio().schema
        if isinstance(reference, schema.ImageSequenceReference):
            digits = f"%0{reference.frame_zero_padding}d" if reference.frame_zero_padding else "%d"
            base = path_of_url(reference.target_url_base, self._folders[0])
            name = f"{reference.name_prefix}{digits}{reference.name_suffix}"
            places = [folder for folder in (base, *self._folders) if folder is not None]
            if reference.frame_step not in (0, 1):
                raise MediaError(f"{item.name}: every {reference.frame_step}th picture is used; renumber them first")
            pattern = next((place / name for place in places if _has_pictures(place, reference)), None)
            if pattern is None:
                raise _missing(item, str((base or Path()) / name))
            return pattern
        if isinstance(reference, schema.ExternalReference):
            path = path_of_url(reference.target_url or "", self._folders[0])
            found = path if path is not None and path.exists() else self._by_name("" if path is None else path.name)
            if found is None:
                raise _missing(item, reference.target_url)
            return found
        of_edl = item.metadata.get("cmx_3600")  # which knows names only
        reel = str(of_edl.get("reel", "")) if hasattr(of_edl, "get") else ""
        names = item.name, getattr(reference, "name", ""), reel
        found = next((path for name in names if (path := self._by_name(name))), None)
        if found is None:
            raise _missing(item, item.name or reel)
        return found

    def _by_name(self, name: str) -> Path | None:
        """A file of that name in one of the folders; or the only one of that name but for its ending."""
        if not name or "/" in name or "\\" in name:
            return None
        for folder in self._folders:
            if (folder / name).is_file():
                return folder / name
        found = [path for folder in self._folders for path in sorted(folder.glob("*.*")) if path.stem == name]
        return found[0] if len(found) == 1 else None


def _has_pictures(folder: Path, reference: Any) -> bool:
    names = folder.glob("*") if folder.is_dir() else ()
    return any(
        path.name.startswith(reference.name_prefix) and path.name.endswith(reference.name_suffix) for path in names
    )


def _missing(item: Any, what: str) -> MediaError:
    return MediaError(
        f"clip {item.name or what}: its media {what} is missing; put it beside the timeline, or name its folder with "
        "--media"
    )


def uses_of(timeline: Any, finder: MediaFinder, handles: int) -> Iterator[Use | MediaError]:
    """Each clip on the video tracks of a timeline that shows media, with `handles` more frames on either side as far as
    they are available; or why it cannot be dreamed. Gaps, titles, stills, sound and disabled clips are passed over."""
    schema = import_otio().schema
    for track in timeline.video_tracks():
        for item in track.find_clips():
            if not item.enabled or not _is_seen(item) or isinstance(item.media_reference, schema.GeneratorReference):
                continue
            try:
                media = finder.find(item)
                if media is not None:
                    yield _use(item, media, handles)
            except DreamvidError as error:
                yield error if isinstance(error, MediaError) else MediaError(str(error))
            except import_otio().exceptions.OTIOError as error:
                yield MediaError(f"clip {item.name}: its length cannot be told ({error}); export the timeline again")


def _is_seen(item: Any) -> bool:
    """Whether a clip is on a video track, and not on a track of sound that is nested in one."""
    schema = import_otio().schema
    above = item.parent()
    while above is not None and not isinstance(above, schema.Track):
        above = above.parent()
    return above is None or above.kind == schema.TrackKind.Video


def _use(item: Any, media: Media, handles: int) -> Use:
    reference = item.media_reference
    available = getattr(reference, "available_range", None)
    own = 0 if media.info.timecode is None else media.info.timecode.frame
    if item.source_range is None and available is None:  # all of it
        item.source_range = time_range(import_otio(), own, media.frames, media.rate)
    shown = _warped(item, *_frames(item.visible_range(), media.rate))  # the parts in dissolves too
    origins = [own, 0]
    if available is not None:
        first_there = getattr(reference, "start_frame", media.info.first_number) - media.info.first_number
        origins.insert(0, _frames(available, media.rate)[0] - first_there)
    fits = (origin for origin in origins if origin <= shown[0] and shown[1] <= origin + media.frames)
    origin = next(fits, None)
    if origin is None:
        raise MediaError(
            f"clip {item.name}: uses frames {shown[0]} to {shown[1] - 1} of {media.path}, whose frames are numbered "
            f"{origins[0]} to {origins[0] + media.frames - 1}; relink it in the editing application"
        )
    low, high = origin, origin + media.frames
    if available is not None and origin == origins[0]:
        begin, end = _frames(available, media.rate)
        low, high = max(low, min(begin, shown[0])), min(high, max(end, shown[1]))
    first, end = max(low, shown[0] - handles), min(high, shown[1] + handles)
    return Use(item, media, origin, first - origin, end - origin)


def _frames(span: Any, rate: Fraction) -> tuple[int, int]:
    first = frame_of(span.start_time, rate)
    return first, first + max(1, frame_of(span.duration, rate))


def _warped(item: Any, first: int, end: int) -> tuple[int, int]:
    """What of the media a clip needs that is shown faster, slower, backward or frozen."""
    schema = import_otio().schema
    frames = end - first
    for effect in item.effects:
        if isinstance(effect, schema.FreezeFrame):
            return first, first + 1
        if isinstance(effect, schema.LinearTimeWarp):
            speed = abs(effect.time_scalar)
            needed = max(1, math.ceil(frames * speed)) if math.isfinite(speed) else frames
            return (first, first + needed) if effect.time_scalar >= 0 else (first, first + max(needed, frames))
    return first, end
