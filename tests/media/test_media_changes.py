"""Streams whose size, format or tags change on the way: every frame is there, once, at its time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_clips import COUNT, index_of, indexed, indices, make

from dreamvid.audio.decode import SAMPLE_RATE, decode_sound
from dreamvid.media import open_reader, probe
from tests.told import Told

BT709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
TWICE = [*range(COUNT), *range(COUNT)]
CHANGES: dict[str, dict[str, str]] = {
    "size": {"size": "96x64"},
    "smaller": {"size": "32x16"},
    "format": {"pixel_format": "yuv444p"},
    "depth": {"pixel_format": "yuv420p10le"},
    "tags": {"filters": BT709},
    "aspect": {"filters": "setsar=4/3"},
}


def transport(folder: Path, change: dict[str, str], *options: str) -> Path:
    """Twelve frames of 64x48, then twelve that differ; `options` are the first ones' encoder's."""
    first = indexed(folder / "first.ts", *options)
    second = indexed(folder / "second.ts", "-output_ts_offset", "0.5833333", **change)  # B-frames begin 1/12 s later
    both = folder / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    return both


@pytest.mark.parametrize("change", CHANGES)
def test_every_frame_arrives_whatever_changes(tmp_path: Path, change: str) -> None:
    clip = transport(tmp_path, CHANGES[change])
    info = probe(clip)
    assert (info.width, info.height, info.frame_count, info.rate) == (64, 48, 24, 24)
    for start in (0, 3, 13):
        told = Told()
        with open_reader(clip, start=Fraction(start, 24), tell=told) as reader:
            found = [index_of(frame) for frame in reader]
        assert found == TWICE[start:]
        assert told == []
    assert indices(clip, rate=Fraction(12)) == TWICE[::2]
    assert indices(clip, rate=Fraction(12), start=Fraction(1, 4)) == TWICE[6::2]


@pytest.mark.parametrize("change", ["size", "smaller", "format", "tags"])
def test_fields_of_a_stream_that_changes(tmp_path: Path, change: str) -> None:
    interlaced = ("-flags", "+ildct+ilme", "-x264-params", "tff=1")
    clip = transport(tmp_path, CHANGES[change], "-c:v", "libx264", "-crf", "8", "-bf", "2", "-g", "5", *interlaced)
    assert probe(clip).interlaced
    for start in (0, 14):
        told = Told()
        with open_reader(clip, start=Fraction(start, 24), deinterlace=True, tell=told) as reader:
            found = [index_of(frame) for frame in reader]
        assert found == TWICE[start:]
        assert told == []


@pytest.mark.parametrize("second", ["size", "tags"])
def test_tone_curves_take_a_change(tmp_path: Path, second: str) -> None:
    light = "format=yuv420p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    ten_bits = {"pixel_format": "yuv420p10le", "filters": light}
    first = indexed(tmp_path / "first.ts", **ten_bits)
    change = ten_bits | {"size": "32x16"} if second == "size" else CHANGES["tags"]
    other = indexed(tmp_path / "second.ts", "-output_ts_offset", "0.5833333", **change)
    clip = tmp_path / "both.ts"
    clip.write_bytes(first.read_bytes() + other.read_bytes())
    for start in (0, 7):
        told = Told()
        with open_reader(clip, start=Fraction(start, 24), tonemap="hable", tell=told) as reader:
            frames = list(reader)
        assert len(frames) == 24 - start
        assert told == []
        assert np.diff([frame.mean() for frame in frames[: COUNT - start]]).min() > 0
        assert np.diff([frame.mean() for frame in frames[COUNT - start :]]).min() > 0


def test_a_frame_held_before_a_change_is_held_as_long(tmp_path: Path) -> None:
    pieces = []
    # Frames 0 to 7 at 24 a second, of which the last is held for eight; then 0 to 11 in another size.
    for number, (size, count) in enumerate((("64x48", 8), ("96x64", COUNT))):
        piece = indexed(tmp_path / f"{number}.webm", "-c:v", "libvpx", "-b:v", "1M", size=size, count=count)
        pieces.append(f"file {piece.name}\nduration {15 / 24 if number == 0 else 0.5}\n")
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\n" + "".join(pieces))
    clip = make(tmp_path / "held.webm", "-f", "concat", "-i", str(tmp_path / "list.ffconcat"), "-c", "copy")
    info = probe(clip)
    assert info.variable_rate
    assert (info.width, info.height) == (64, 48)
    expected = [*range(8), *[7] * 7, *range(COUNT)]
    assert indices(clip) == expected
    for start in (9, 20):
        assert indices(clip, start=Fraction(start, 24)) == expected[start:]
    told = Told()
    with open_reader(clip, tell=told) as reader:
        assert len(list(reader)) == reader.frame_count
    assert told == []


def test_a_clock_that_jumps_is_followed(tmp_path: Path) -> None:
    clip = transport(tmp_path, {})
    clip.write_bytes(clip.read_bytes() + (tmp_path / "first.ts").read_bytes())  # back to the first time
    assert indices(clip) == [*TWICE, *range(COUNT)]
    assert indices(clip, start=Fraction(30, 24)) == list(range(6, COUNT))


def test_sound_that_changes_stays_in_time(tmp_path: Path) -> None:
    click = "aevalsrc=exprs=if(between(t\\,0.25\\,0.252)\\,0.9\\,0)|0:s=48000:c=stereo"
    first = indexed(tmp_path / "first.ts", "-c:a", "mp2", sound="anullsrc=r=44100:cl=mono")
    second = indexed(tmp_path / "second.ts", "-c:a", "mp2", "-output_ts_offset", "0.5833333", sound=click)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    samples = decode_sound(both)
    assert np.abs(samples).argmax() / SAMPLE_RATE == pytest.approx(0.75, abs=0.05)
    assert len(samples) / SAMPLE_RATE == pytest.approx(1, abs=0.05)
