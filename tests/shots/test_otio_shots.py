"""Shots as OpenTimelineIO timelines: written for editing applications, and read as cuts."""

from __future__ import annotations

import builtins
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError, SettingsError
from dreamvid.shots.otio_files import exact_rate, frame_of
from dreamvid.shots.shotlist import read_shots, write_shots
from dreamvid.shots.shots import Shot, shots_between

FILM, VIDEO, FAST, PAL = Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60_000, 1001), Fraction(25)
SHOTS = shots_between([52, 1800], 2000)


def code(text: str, rate: Fraction) -> ClipTimecode:
    return ClipTimecode.parse(text, rate, "A001")


def time(frame: int, rate: float = 24) -> Any:
    return otio.opentime.RationalTime(frame, rate)


def span(first: int, frames: int, rate: float = 24) -> Any:
    return otio.opentime.TimeRange(time(first, rate), time(frames, rate))


def timeline(path: Path, *items: Any) -> Path:
    made = otio.schema.Timeline(name="edit")
    made.tracks.append(otio.schema.Track(name="V1", kind="Video", children=list(items)))
    otio.adapters.write_to_file(made, str(path))
    return path


def clip(name: str, first: int, frames: int, url: str | None = None) -> Any:
    media = otio.schema.MissingReference() if url is None else otio.schema.ExternalReference(target_url=url)
    return otio.schema.Clip(name=name, media_reference=media, source_range=span(first, frames))


@pytest.mark.parametrize("rate", [FILM, VIDEO, FAST, PAL, Fraction(24), Fraction(50)])
@pytest.mark.parametrize("start", [None, "01:00:59:20", "23:59:59:10"])
def test_what_is_written_is_read(tmp_path: Path, rate: Fraction, start: str | None) -> None:
    source, path = tmp_path / "my clip.mov", tmp_path / "shots.otio"
    source.touch()
    own = None if start is None else code(start, rate)
    write_shots(path, SHOTS, rate, clip=source, timecode=own)
    assert read_shots(path, rate, 2000, own, source) == SHOTS
    assert read_shots(path, rate, 2000, own, tmp_path / "another.mov") == SHOTS  # by the timeline's own cuts
    made = otio.adapters.read_from_file(str(path))
    first = next(iter(made.find_clips()))
    assert first.media_reference.target_url == source.as_uri()
    assert frame_of(first.source_range.start_time, rate) == (0 if own is None else own.frame)
    assert exact_rate(first.source_range.duration.rate) == rate
    assert frame_of(made.duration(), rate) == 2000


@pytest.mark.parametrize(("rate", "start"), [(FILM, "01:00:00:00"), (VIDEO, "01:00:00;00"), (PAL, "10:00:00:00")])
def test_the_adapters_read_our_edl_and_write_our_timeline_as_one(tmp_path: Path, rate: Fraction, start: str) -> None:
    own = code(start, rate)
    for name in ("shots.edl", "shots.otio"):
        write_shots(tmp_path / name, SHOTS, rate, clip=tmp_path / "clip.mov", timecode=own)
    ours = otio.adapters.read_from_file(str(tmp_path / "shots.edl"), rate=float(rate))
    starts = [own.frame + shot.first for shot in SHOTS]
    assert [frame_of(item.source_range.start_time, rate) for item in ours.find_clips()] == starts
    made = otio.adapters.read_from_file(str(tmp_path / "shots.otio"))
    otio.adapters.write_to_file(made, str(tmp_path / "theirs.edl"), rate=float(rate))
    assert read_shots(tmp_path / "theirs.edl", rate, 2000, own) == SHOTS


def test_the_parts_of_a_clip_that_a_timeline_uses_are_its_cuts(tmp_path: Path) -> None:
    source = tmp_path / "clip.mov"
    source.touch()
    url = source.as_uri()
    path = timeline(
        tmp_path / "edit.otio",
        clip("late", 60, 20, url), otio.schema.Gap(source_range=span(0, 9)), clip("other", 0, 5, "file:///x/other.mov"),
        clip("early", 10, 20, url),
    )  # fmt: skip
    assert [shot.first for shot in read_shots(path, Fraction(24), 100, None, source)] == [0, 10, 30, 60, 80]


def test_a_dissolve_cuts_where_it_begins(tmp_path: Path) -> None:
    path = timeline(
        tmp_path / "edit.otio",
        clip("a", 0, 30),
        otio.schema.Transition(transition_type="SMPTE_Dissolve", in_offset=time(6), out_offset=time(4)),
        clip("b", 0, 20),
    )
    assert read_shots(path, Fraction(24), 50) == [Shot(1, 0, 24), Shot(2, 24, 50)]


def test_what_is_no_timeline_of_the_clip_is_said(tmp_path: Path) -> None:
    long = timeline(tmp_path / "long.otio", clip("a", 0, 30), clip("b", 0, 30))
    with pytest.raises(MediaError, match="cuts at frame 30, but the clip has only 20 frames"):
        read_shots(long, Fraction(24), 20)
    with pytest.raises(MediaError, match="has no clips on a video track"):
        read_shots(timeline(tmp_path / "empty.otio"), Fraction(24), 20)
    (tmp_path / "broken.otio").write_text("{")
    with pytest.raises(MediaError, match="cannot be read as a timeline"):
        read_shots(tmp_path / "broken.otio", Fraction(24), 20)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("opentimelineio"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"pip install 'dreamvid\[editing\]'"):
        write_shots(tmp_path / "shots.otio", SHOTS, FILM, clip="clip.mov")
    assert not list(tmp_path.iterdir())
