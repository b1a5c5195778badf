"""Timecode in files: written by ffmpeg and read by us, written by us and read by others, right to the frame."""

from __future__ import annotations

import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
from media_clips import make

from dreamvid.config.timecode import ClipTimecode, Timecode
from dreamvid.errors import MediaError
from dreamvid.images.exr_timecode import holds_timecode
from dreamvid.media import open_reader, open_writer, probe
from dreamvid.media.probe import probe_sound

FILM, VIDEO, FAST = Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60_000, 1001)
CODES = [
    (FILM, "01:00:10:23"),
    (Fraction(24), "23:59:59:20"),
    (Fraction(25), "10:00:00:24"),
    (VIDEO, "01:00:59;25"),
    (VIDEO, "01:00:59:25"),
    (FAST, "01:08:59;57"),
    (Fraction(50), "09:59:59:49"),
]
IN_ALL = [
    *(("clip.mov", *code) for code in CODES),
    *(("clip.mp4", *code) for code in (CODES[3], CODES[5])),
    *(("clip.mkv", *code) for code in (CODES[0], CODES[5])),
    *(("clip.mxf", *code) for code in (CODES[2], CODES[3])),
]
Clip = Callable[..., Path]


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    def write(name: str, rate: Fraction, code: str, *options: str) -> Path:
        picture = ["-f", "lavfi", "-i", f"color=gray:size=32x32:rate={rate}"]
        return make(tmp_path / name, *picture, "-frames:v", "12", "-metadata:s:v:0", f"timecode={code}", *options)

    return write


@pytest.mark.parametrize(("name", "rate", "code"), IN_ALL)
def test_a_clips_timecode_is_read(clip: Clip, name: str, rate: Fraction, code: str) -> None:
    codec = "mpeg2video" if name.endswith("mxf") else "mpeg4"
    info = probe(clip(name, rate, code, "-c:v", codec, "-metadata:s:v:0", "reel_name=A001_C002"))
    assert info.timecode is not None
    assert (str(info.timecode), info.timecode.rate, info.timecode.drop) == (code, rate, ";" in code)
    assert info.timecode.reel == ("A001_C002" if name in ("clip.mov", "clip.mkv") else None)


@pytest.mark.parametrize(("name", "rate", "code"), [row for row in IN_ALL if row[0] != "clip.mxf"])
def test_what_is_written_is_read_by_others_and_by_us(tmp_path: Path, name: str, rate: Fraction, code: str) -> None:
    given = ClipTimecode.parse(code, rate, "A001")
    with open_writer(tmp_path / name, width=32, height=32, rate=rate, timecode=given) as writer:
        for _ in range(3):
            writer.write(np.full((32, 32, 3), 0.5, np.float32))
    with av.open(str(tmp_path / name)) as other:
        found = {key.lower(): value for item in other.streams for key, value in item.metadata.items()}
        assert found["timecode"] == code
        assert any(item.type == "data" for item in other.streams) == (name != "clip.mkv")
    assert probe(tmp_path / name).timecode == given


def test_a_track_that_counts_at_half_the_rate_is_read_at_its_own(clip: Clip, tmp_path: Path) -> None:
    """Cameras number 50 frames per second at 25: 12 of these are 24 of those."""
    slow = clip("25.mov", Fraction(25), "01:00:00:12", "-c:v", "mpeg4")
    fast = clip("50.mov", Fraction(50), "02:00:00:30", "-c:v", "mpeg4", "-write_tmcd", "0")
    both = make(tmp_path / "both.mov", "-i", str(fast), "-i", str(slow), "-map", "0:v", "-map", "1:d", "-c", "copy")
    assert str(probe(both).timecode) == "01:00:00:24"


@pytest.mark.parametrize("text", ["", "01:00:00", "01:00:61:00", "01:00:00:99", "a" * 200])
def test_a_tag_that_is_no_timecode_is_none(clip: Clip, text: str) -> None:
    assert probe(clip("clip.mkv", Fraction(24), text)).timecode is None


@pytest.mark.parametrize(("rate", "code"), CODES)
def test_start_and_end_are_the_clips_own(clip: Clip, rate: Fraction, code: str) -> None:
    path = clip("clip.mov", rate, code, "-c:v", "mpeg4")
    own = probe(path).timecode
    assert own is not None
    reader = open_reader(path, start=Timecode(str(own.after(3))), end=Timecode(str(own.after(8))))
    assert (reader.first_index, reader.frame_count) == (3, 5)
    colons = str(own.after(3)).replace(";", ":")
    assert open_reader(path, start=Timecode(colons)).first_index == 3
    with pytest.raises(MediaError, match="lies before the clip's first frame, which has the timecode"):
        open_reader(path, start=Timecode(str(own.after(-1))))


def test_drop_frame_numbers_of_another_clip_are_refused(clip: Clip) -> None:
    path = clip("clip.mov", VIDEO, "01:00:00:00", "-c:v", "mpeg4")
    with pytest.raises(MediaError, match="'01:00:00;05' is a drop-frame timecode, but the clip's"):
        open_reader(path, start=Timecode("01:00:00;05"))


@pytest.mark.parametrize(("rate", "code"), CODES)
def test_exr_files_hold_the_timecode_of_each_frame(tmp_path: Path, rate: Fraction, code: str) -> None:
    given = ClipTimecode.parse(code, rate, "A001")
    with open_writer(tmp_path / "f.%04d.exr", width=8, height=8, rate=rate, timecode=given) as writer:
        for _ in range(6):
            writer.write(np.full((8, 8, 3), 0.5, np.float32))
    header = OpenEXR.File(str(tmp_path / "f.0004.exr"), header_only=True).parts[0].header
    stored, numbers = header["timeCode"], [int(part) for part in str(given.after(3)).replace(";", ":").split(":")]
    pairs = rate > 30
    frame = stored.frame * 2 + stored.fieldPhase if pairs else stored.frame
    assert [stored.hours, stored.minutes, stored.seconds, frame] == numbers
    assert (bool(stored.dropFrame), header["framesPerSecond"], header["reelName"]) == (given.drop, rate, "A001")
    reader = open_reader(tmp_path / "f.%04d.exr", start=Timecode(str(given.after(2))))
    assert (reader.rate, reader.first_index, reader.info.timecode) == (rate, 2, given)


def test_exr_holds_up_to_sixty_numbers_a_second() -> None:
    assert [holds_timecode(rate) for rate in (FILM, FAST, Fraction(60), Fraction(100))] == [True, True, True, False]


def test_pictures_and_films_without_timecode_have_none(tmp_path: Path) -> None:
    for name in ("film.mov", "f.%04d.exr"):
        with open_writer(tmp_path / name, width=8, height=8, rate=Fraction(24)) as writer:
            writer.write(np.full((8, 8, 3), 0.5, np.float32))
    assert probe(tmp_path / "film.mov").timecode is None
    header = OpenEXR.File(str(tmp_path / "f.0001.exr"), header_only=True).parts[0].header
    assert not {"timeCode", "framesPerSecond", "reelName"} & header.keys()
    with av.open(str(tmp_path / "film.mov")) as other:
        assert [item.type for item in other.streams] == ["video"]


def test_a_broadcast_wave_knows_when_it_begins(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "plain.wav"), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(bytes(9_600))
    assert probe_sound(tmp_path / "plain.wav").clock is None
    known = make(
        tmp_path / "known.wav", "-i", str(tmp_path / "plain.wav"), "-write_bext", "1",
        "-metadata", "time_reference=172848000",
    )  # fmt: skip
    assert probe_sound(known).clock == 3601
