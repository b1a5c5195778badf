"""Shots of a clip as an OpenTimelineIO timeline, and the cuts of a clip from one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.media.sequence import parse_pattern
from dreamvid.shots.otio_files import (
    frame_of,
    import_otio,
    media_reference,
    name_of_media,
    read_timeline,
    time_range,
)
from dreamvid.shots.shots import Shot


def timeline_text(shots: Iterable[Shot], rate: Fraction, timecode: ClipTimecode | None, clip: Path) -> str:
    """A timeline with one track, in which the shots of a clip follow one another, as `.otio` has it.

    Times are frame numbers: from the clip's `timecode` on, or from 0. Raises `SettingsError` where OpenTimelineIO is
    not installed.
    """
    otio = import_otio()
    shots = list(shots)
    origin = 0 if timecode is None else timecode.frame
    frames = max((shot.end for shot in shots), default=0)
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    for shot in shots:
        track.append(
            otio.schema.Clip(
                name=f"{clip.stem} {shot.number:03}",
                media_reference=media_reference(otio, clip, origin, frames, rate),
                source_range=time_range(otio, origin + shot.first, shot.frames, rate),
                metadata={"dreamvid": {"shot": shot.number}},
            )
        )
    timeline = otio.schema.Timeline(name=clip.stem, global_start_time=time_range(otio, origin, 0, rate).start_time)
    timeline.tracks.append(track)
    return str(otio.adapters.write_to_string(timeline, "otio_json"))


def cuts_of_timeline(
    path: Path, rate: Fraction, frames: int, timecode: ClipTimecode | None, clip: Path | None
) -> list[int]:
    """The frames of a clip at which a timeline cuts, rising.

    If the timeline uses the clip, by its file's name, they are the beginnings and ends of the parts that it uses. If
    not, the clip is taken for the exported film, and they are the timeline's own cuts; a dissolve cuts where it begins.
    Raises `MediaError` for a timeline without cuts in the clip.
    """
    timeline = read_timeline(path, rate)
    tracks = [track for track in timeline.video_tracks() if len(track)]
    origin = 0 if timecode is None else timecode.frame
    try:
        used = [] if clip is None else list(_parts_used(tracks, clip, rate, origin))
        bounds = [frame for part in used for frame in part] if used else list(_own_cuts(tracks[:1], rate))
    except import_otio().exceptions.OTIOError as error:
        raise MediaError(f"{path}: its clips have no length ({error}); export the timeline again") from error
    if not bounds:
        raise MediaError(f"{path}: has no clips on a video track; export the timeline again")
    last = max(bounds)
    if last > frames:
        raise MediaError(
            f"{path}: cuts at frame {last}, but the clip has only {frames} frames; is it the timeline of another clip?"
        )
    return sorted({frame for frame in bounds if 0 <= frame < frames})


def _parts_used(tracks: list[Any], clip: Path, rate: Fraction, origin: int) -> Iterator[tuple[int, int]]:
    pattern = None if clip.exists() else parse_pattern(clip)
    name = clip.name if pattern is None else f"{pattern.prefix}#{pattern.suffix}"
    for track in tracks:
        for item in track.find_clips():
            if name_of_media(item.media_reference) != name:
                continue
            wanted, available = item.trimmed_range(), item.media_reference.available_range
            start = origin if available is None else frame_of(available.start_time, rate)
            first = frame_of(wanted.start_time, rate) - start
            yield first, first + frame_of(wanted.duration, rate)


def _own_cuts(tracks: list[Any], rate: Fraction) -> Iterator[int]:
    otio = import_otio()
    for track in tracks:
        for item in track:
            if isinstance(item, otio.schema.Transition):
                continue
            start = frame_of(track.range_of_child(item).start_time, rate)
            before, _ = track.neighbors_of(item)
            is_in = isinstance(before, otio.schema.Transition)
            yield start - (frame_of(before.in_offset, rate) if is_in else 0)
