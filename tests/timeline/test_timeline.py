"""Timelines: what of which media is dreamed, with handles, once; and linked where it belongs."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import opentimelineio as otio
import pytest

from dreamvid.cli.main import run
from dreamvid.config.settings import make_settings
from dreamvid.errors import DreamvidError, MediaError
from dreamvid.media import open_writer, probe
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.shots.otio_files import path_of_url, read_timeline
from dreamvid.shots.shotlist import read_shots
from dreamvid.timeline.plan import TimelinePlan, plan_timeline

VALUES = {"model": "dreamnet", "octaves": "1", "iterations": "1", "flow": "none", "cuts": "none"}
SETTINGS = make_settings(VALUES)
OPTIONS = [word for name, value in VALUES.items() for word in (f"--{name}", value)] + ["--progress", "none"]
SAMPLES = Path(__file__).parents[2] / "samples"
HOUR = 86_400  # frames, at 24


def time(frame: int, rate: float = 24) -> Any:
    return otio.opentime.RationalTime(frame, rate)


def span(first: int, frames: int, rate: float = 24) -> Any:
    return otio.opentime.TimeRange(time(first, rate), time(frames, rate))


def media(path: Path, available: Any = None) -> Any:
    return otio.schema.ExternalReference(target_url=path.as_uri(), available_range=available)


def clip(name: str, reference: Any, first: int, frames: int, rate: float = 24, **more: Any) -> Any:
    return otio.schema.Clip(name=name, media_reference=reference, source_range=span(first, frames, rate), **more)


def dissolve(before: int, after: int) -> Any:
    return otio.schema.Transition(transition_type="SMPTE_Dissolve", in_offset=time(before), out_offset=time(after))


def write(path: Path, *items: Any, sound: tuple[Any, ...] = ()) -> Path:
    made = otio.schema.Timeline(name=path.stem)
    made.tracks.append(otio.schema.Track(name="V1", kind="Video", children=list(items)))
    if sound:
        made.tracks.append(otio.schema.Track(name="A1", kind="Audio", children=list(sound)))
    otio.adapters.write_to_file(made, str(path))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    rows = [
        ("A", "24", "01:00:00:00", 96), ("B", "24", "02:00:00:00", 96), ("C 1", "24", None, 48),
        ("D", "25", "03:00:00:00", 50),
    ]  # fmt: skip
    for name, rate, code, frames in rows:
        tags = [] if code is None else ["-metadata:s:v:0", f"timecode={code}", "-metadata:s:v:0", f"reel_name={name}"]
        picture = ["-f", "lavfi", "-i", f"testsrc2=s=32x32:r={rate}", "-frames:v", str(frames)]
        done, _, stderr = run_ffmpeg([*picture, "-c:v", "mpeg4", *tags, f"file:{folder / name}.mov"])
        assert not done, stderr
    return folder


@pytest.fixture
def plan(clips: Path, tmp_path: Path) -> Callable[..., TimelinePlan]:
    def make(*items: Any, handles: int = 0, **more: Any) -> TimelinePlan:
        path = write(tmp_path / "edit.otio", *items)
        return plan_timeline(path, tmp_path / "out", SETTINGS, handles=handles, **more)

    return make


def parts(plan: TimelinePlan) -> list[tuple[str, int, int]]:
    return [(pull.media.path.stem, pull.first, pull.end) for pull in plan.pulls]


def test_handles_go_as_far_as_the_media(clips: Path, plan: Callable[..., TimelinePlan]) -> None:
    a = media(clips / "A.mov", span(HOUR, 96))
    assert parts(plan(clip("mid", a, HOUR + 40, 20), handles=12)) == [("A", 28, 72)]
    assert parts(plan(clip("edge", a, HOUR + 5, 85), handles=12)) == [("A", 0, 96)]
    short = media(clips / "A.mov", span(HOUR + 30, 40))  # the timeline knows of a part of the file only
    (pull,) = plan(clip("short", short, HOUR + 35, 10), handles=12).pulls
    assert (pull.origin + pull.first, pull.end - pull.first) == (HOUR + 30, 27)


def test_a_dissolve_needs_more_of_both(clips: Path, plan: Callable[..., TimelinePlan]) -> None:
    made = plan(
        clip("a", media(clips / "A.mov"), HOUR + 10, 20), dissolve(6, 8),
        clip("b", media(clips / "B.mov"), 2 * HOUR + 20, 20), handles=2,
    )  # fmt: skip
    assert parts(made) == [("A", 8, 40), ("B", 12, 42)]


def test_the_same_frames_are_dreamed_once(clips: Path, plan: Callable[..., TimelinePlan]) -> None:
    a = media(clips / "A.mov")
    uses = (("1", 0), ("2", 60), ("3", 10), ("4", 0))
    made = plan(*(clip(name, a, HOUR + first, 20) for name, first in uses))
    assert parts(made) == [("A", 0, 30), ("A", 60, 80)]
    assert [len(pull.uses) for pull in made.pulls] == [3, 1]
    assert len({pull.job.target for pull in made.pulls}) == 2


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (otio.schema.LinearTimeWarp(time_scalar=2.0), (10, 50)),
        (otio.schema.LinearTimeWarp(time_scalar=0.5), (10, 20)),
        (otio.schema.LinearTimeWarp(time_scalar=-1.0), (10, 30)),
        (otio.schema.FreezeFrame(), (10, 11)),
    ],
)
def test_speed_changes_what_is_needed(
    clips: Path, plan: Callable[..., TimelinePlan], effect: Any, expected: tuple[int, int]
) -> None:
    made = plan(clip("a", media(clips / "A.mov"), HOUR + 10, 20, effects=[effect]))
    assert parts(made) == [("A", *expected)]


def test_what_cannot_be_dreamed_is_a_line_each(clips: Path, plan: Callable[..., TimelinePlan]) -> None:
    a = media(clips / "A.mov")
    off = clip("off", a, HOUR, 10)
    off.enabled = False
    made = plan(
        clip("gone", media(Path("/nowhere/gone.mov")), 0, 10),
        clip("beyond", a, HOUR + 90, 10),
        otio.schema.Clip(
            name="bars",
            media_reference=otio.schema.GeneratorReference(generator_kind="SMPTEBars"),
            source_range=span(0, 10),
        ),
        off,
        clip("logo", media(SAMPLES / "portrait.jpg"), 0, 10),
        clip("good", a, HOUR, 10),
    )
    assert [line.split(":")[0] for line in made.problems] == ["clip gone", "clip beyond"]
    assert "file:///nowhere/gone.mov is missing" in made.problems[0]
    assert "uses frames 86490 to 86499" in made.problems[1]
    assert parts(made) == [("A", 0, 10)]
    with pytest.raises(MediaError, match="clip gone: its media"):
        plan(clip("gone", media(Path("/nowhere/gone.mov")), 0, 10))


def test_media_are_found_by_name(clips: Path, plan: Callable[..., TimelinePlan]) -> None:
    moved = clip("a", media(Path("/old/place/A.mov")), HOUR, 10)
    unlinked = otio.schema.Clip(name="B", source_range=span(2 * HOUR, 10))
    assert parts(plan(moved, unlinked, media=[clips])) == [("A", 0, 10), ("B", 0, 10)]
    assert path_of_url("sub/a%20b.mov", Path("/edit")) == Path("/edit/sub/a b.mov")
    assert path_of_url("C 1.mov", clips) == path_of_url("C%201.mov", clips) == clips / "C 1.mov"
    assert path_of_url("file://localhost/x/a%20b.mov", Path("/edit")) == Path("/x/a b.mov")
    assert path_of_url("https://example.com/a.mov", Path("/edit")) is None


def test_a_clip_without_ranges_is_all_of_its_media(clips: Path, plan: Callable[..., TimelinePlan]) -> None:
    assert parts(plan(otio.schema.Clip(name="d", media_reference=media(clips / "D.mov")), handles=5)) == [("D", 0, 50)]
    broken = clip("a", media(clips / "A.mov"), HOUR, 10)
    broken.source_range = otio.opentime.TimeRange(time(0, 0), time(10, 0))
    with pytest.raises(MediaError, match=r"a time of 0\.0 at 0\.0 frames per second"):
        plan(broken)


def test_an_edl_is_a_timeline(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "edit.edl").write_text(
        "TITLE: edit\nFCM: NON-DROP FRAME\n\n"
        "001  A        V     C        01:00:00:10 01:00:01:06 01:00:00:00 01:00:00:20\n"
        "002  B        V     C        02:00:01:00 02:00:02:00 01:00:00:20 01:00:01:20\n* FROM CLIP NAME: B.mov\n"
    )
    made = plan_timeline(tmp_path / "edit.edl", tmp_path / "out", SETTINGS, media=[clips], rate=Fraction(24))
    assert parts(made) == [("A", 10, 30), ("B", 24, 48)]


def test_the_rate_of_an_edl_may_be_rounded(tmp_path: Path) -> None:
    event = "001  A        V     C        01:00:59;28 01:01:00;04 01:00:00;00 01:00:00;04\n"
    (tmp_path / "edit.edl").write_text(f"TITLE: edit\n\n{event}")
    (item,) = read_timeline(tmp_path / "edit.edl", Fraction("29.97")).find_clips()
    assert item.source_range.start_time.value == 109_690


def test_numbered_pictures_are_media(tmp_path: Path) -> None:
    with open_writer(tmp_path / "in" / "s.%04d.png", width=16, height=16, rate=None, first_number=1001) as writer:
        for _ in range(12):
            writer.write(np.full((16, 16, 3), 0.5, np.float32))
    reference = otio.schema.ImageSequenceReference(
        target_url_base=(tmp_path / "in").as_uri() + "/", name_prefix="s.", name_suffix=".png", start_frame=1001,
        frame_zero_padding=4, rate=25, available_range=span(1003, 10, 25),
    )  # fmt: skip
    reference.start_frame = 1003  # there are two more before
    path = write(tmp_path / "edit.otio", clip("s", reference, 1004, 4, 25))
    assert parts(plan_timeline(path, tmp_path / "out", SETTINGS, handles=1)) == [("s.%04d", 2, 8)]
    made = ["run", str(path), "-o", str(tmp_path / "out"), "--codec", "png", "--handles", "1", *OPTIONS]
    assert run(made) == 0
    assert run(made) == 0
    (linked,) = otio.adapters.read_from_file(str(tmp_path / "out" / "edit.dream.otio")).find_clips()
    new = linked.media_reference
    assert isinstance(new, otio.schema.ImageSequenceReference)
    assert new.available_range == span(1003, 6, 25)
    pictures = path_of_url(new.target_url_base, tmp_path)
    assert pictures is not None
    first = pictures / f"{new.name_prefix}{new.start_frame:0{new.frame_zero_padding}d}{new.name_suffix}"
    assert first.is_file()
    assert len(list(pictures.iterdir())) == 6


def test_a_timeline_comes_back_with_its_dreams(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five clips, a dissolve, a gap, one of another rate, one without timecode, and sound."""
    a, b = media(clips / "A.mov", span(HOUR, 96)), media(clips / "B.mov", span(2 * HOUR, 96))
    path = write(
        tmp_path / "edit.otio",
        clip("a", a, HOUR + 10, 20), dissolve(6, 8), clip("b", b, 2 * HOUR + 20, 20),
        otio.schema.Gap(source_range=span(0, 12)),
        clip("c", media(clips / "C 1.mov", span(0, 48)), 3, 20),
        clip("d", media(clips / "D.mov"), 3 * 90_000 + 20, 15, 25),
        clip("a again", a, HOUR + 25, 20),
        sound=(clip("sound", a, HOUR, 20),),
    )  # fmt: skip
    before = path.read_bytes()
    command = ["run", str(path), "-o", str(tmp_path / "out"), "--handles", "4", *OPTIONS]
    assert run(command) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "4 of 4 dreams linked in the timeline"
    assert path.read_bytes() == before
    old = otio.adapters.read_from_file(str(path))
    new = otio.adapters.read_from_file(str(tmp_path / "out" / "edit.dream.otio"))
    assert new.duration() == old.duration()
    for track, other in zip(old.tracks, new.tracks, strict=True):
        assert [type(item) for item in track] == [type(item) for item in other]
        for item, dreamed in zip(track, other, strict=True):
            if not isinstance(item, otio.schema.Clip):
                assert item.is_equivalent_to(dreamed)
                continue
            assert dreamed.source_range == item.source_range
            assert dreamed.media_references()["DEFAULT_MEDIA"].is_equivalent_to(item.media_reference)
            if track.kind == "Audio":
                assert dreamed.active_media_reference_key == "DEFAULT_MEDIA"
                continue
            reference = dreamed.media_reference
            film = probe(unquote(urlsplit(reference.target_url).path))
            assert film.timecode is not None
            assert reference.available_range.start_time == time(film.timecode.frame, float(film.timecode.rate))
            assert reference.available_range.duration.value == film.frame_count
            assert reference.available_range.contains(dreamed.visible_range())
    new.tracks[:] = [new.tracks[0]]  # an EDL has one
    otio.adapters.write_to_file(new, str(tmp_path / "back.edl"), rate=24)
    back = otio.adapters.read_from_file(str(tmp_path / "back.edl"), rate=24)
    assert round(back.duration().to_seconds() * 24) == round(old.duration().to_seconds() * 24)
    assert any(isinstance(item, otio.schema.Transition) for item in back.tracks[0])

    made = sorted((tmp_path / "out").iterdir())
    stamps = [path.stat().st_mtime_ns for path in made if path.suffix == ".mp4"]
    made[0].unlink()
    assert run(command) == 0
    assert "1 rendered, 3 already complete, 0 failed" in capsys.readouterr().err
    assert [path.stat().st_mtime_ns for path in made if path.suffix == ".mp4"][1:] == stamps[1:]


def test_missing_media_do_not_keep_the_rest_from_being_dreamed(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "edit.otio",
        clip("gone", media(Path("/nowhere/gone.mov")), 0, 10),
        clip("good", media(clips / "A.mov"), HOUR, 2),
    )
    assert run(["run", str(path), "-o", str(tmp_path / "out"), *OPTIONS]) == 1
    assert "clip gone: its media file:///nowhere/gone.mov is missing" in capsys.readouterr().err
    gone, good = otio.adapters.read_from_file(str(tmp_path / "out" / "edit.dream.otio")).find_clips()
    assert (gone.active_media_reference_key, good.active_media_reference_key) == ("DEFAULT_MEDIA", "dream")


def test_nothing_of_theirs_is_overwritten(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "edit.otio", clip("good", media(clips / "A.mov"), HOUR, 2))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "edit.dream.otio").write_text("mine")
    assert run(["run", str(path), "-o", str(tmp_path / "out"), *OPTIONS]) == 1
    assert "edit.dream.otio: already exists and is not ours" in capsys.readouterr().err
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["edit.dream.otio"]


def test_options_belong_to_timelines_and_lists_have_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "job.yaml").write_text("clips: [a.mp4]\n")
    assert run(["run", str(tmp_path / "job.yaml"), "--strength", "2"]) == 2
    assert "--strength: a list of clips contains its own settings" in capsys.readouterr().err
    assert run(["run", str(tmp_path / "edit.otio")]) == 2
    assert "is a timeline; give a folder" in capsys.readouterr().err
    assert run(["run", str(tmp_path / "edit.fcpxyz"), "-o", str(tmp_path)]) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_damaged_timeline_is_one_line(clips: Path, tmp_path: Path) -> None:
    """Whatever a letter or a number is changed to."""
    speed = otio.schema.LinearTimeWarp(time_scalar=2.0)
    whole = write(
        tmp_path / "whole.otio",
        clip("a", media(clips / "A.mov", span(HOUR, 96)), HOUR + 10, 20, effects=[speed]), dissolve(3, 3),
        clip("b", otio.schema.MissingReference(), 5, 20, metadata={"cmx_3600": {"reel": "B"}}),
    ).read_text()  # fmt: skip
    chance = random.Random(1)
    path = tmp_path / "damaged.otio"
    for _ in range(60):
        place, length = chance.randrange(len(whole)), chance.choice([0, 1, 4, 40])
        text = chance.choice(["", "0", "-1", "1e400", "null", '"', "NaN", "[]", "A"])
        path.write_text(whole[:place] + text + whole[place + length :])
        for read in (lambda: plan_timeline(path, tmp_path, SETTINGS), lambda: read_shots(path, Fraction(24), 100)):
            with contextlib.suppress(DreamvidError):
                read()
