from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_clips import COUNT, gray_frames, index_of, indexed, indices, make

from dreamvid.errors import MediaError
from dreamvid.media import open_reader, probe, write_image
from tests.told import Told

VARIABLE_TRUTH = [*range(9), 8, 9, 9, 10, 10, 11]
CONSTANT = [
    "plain", "ntsc_film", "ntsc_film_mkv", "ntsc_video", "odd", "ten_bit", "full_range", "tagged", "opus", "pcm",
    "aac", "transport", "anamorphic", "rotated", "late_picture",
]  # fmt: skip


@pytest.mark.parametrize("name", CONSTANT)
def test_every_frame_arrives_once_in_order(clips: dict[str, Path], name: str) -> None:
    told = Told()
    with open_reader(clips[name], tell=told) as reader:
        frames = list(reader)
    assert [index_of(frame) for frame in frames] == list(range(COUNT))
    assert reader.frame_count == COUNT
    assert told == []
    for frame in frames:
        assert frame.shape == (reader.height, reader.width, 3)
        assert frame.dtype == np.float32
        assert frame.flags.c_contiguous
        assert frame.min() >= 0
        assert frame.max() <= 1
    assert not np.shares_memory(frames[0], frames[1])


# Each of these differs in how places in it are found: by container, rate, sound or first moment.
SOUGHT = ("plain", "ntsc_film_mkv", "ntsc_video", "aac", "transport", "late_picture", "variable", "cut_copy")


@pytest.mark.parametrize(
    "name", [*SOUGHT, *(pytest.param(name, marks=pytest.mark.slow) for name in CONSTANT if name not in SOUGHT)]
)
def test_a_range_is_the_same_slice_of_the_whole(clips: dict[str, Path], name: str) -> None:
    whole = indices(clips[name])
    rate = probe(clips[name]).rate
    assert rate is not None
    for first in sorted({0, 1, len(whole) // 2, len(whole) - 1}):
        assert indices(clips[name], start=first / rate) == whole[first:]
        assert indices(clips[name], start=first / rate, frames=2) == whole[first : first + 2]
    # Half open: a frame at `end` is out, one a hair before it is in; one at `start` is in, a hair after it is not.
    hair = Fraction(1, 10**9)
    assert indices(clips[name], start=2 / rate, end=4 / rate) == whole[2:4]
    assert indices(clips[name], start=2 / rate + hair, end=4 / rate + hair) == whole[3:5]
    assert indices(clips[name], start=2 / rate, end=1000) == whole[2:]


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("plain", Fraction(24)),
        ("ntsc_film", Fraction(24000, 1001)),
        ("ntsc_film_mkv", Fraction(24000, 1001)),
        ("ntsc_video", Fraction(30000, 1001)),
        ("variable", Fraction(24)),
        ("transport", Fraction(24)),
    ],
)
def test_rates_are_exact(clips: dict[str, Path], name: str, rate: Fraction) -> None:
    info = probe(clips[name])
    assert info.rate == rate
    assert info.duration == info.frame_count / rate
    with open_reader(clips[name]) as reader:
        assert reader.rate == rate


@pytest.mark.parametrize("name", ["variable", "variable_mkv"])
def test_a_variable_rate_becomes_constant_and_keeps_its_duration(clips: dict[str, Path], name: str) -> None:
    info = probe(clips[name])
    assert info.variable_rate
    assert not probe(clips["ntsc_film_mkv"]).variable_rate  # milliseconds only jitter
    found = indices(clips[name])
    assert found[: len(VARIABLE_TRUTH)] == VARIABLE_TRUTH
    assert set(found[len(VARIABLE_TRUTH) :]) <= {11}
    assert info.frame_count == len(found)
    assert abs(info.duration - Fraction(len(found), 24)) <= Fraction(1, 24)


def test_an_edit_list_hides_frames(clips: dict[str, Path]) -> None:
    # 0.3 s is behind frame 7 at 24 per second: the copy holds earlier frames, but shows from there on.
    assert indices(clips["cut_copy"]) == list(range(8, COUNT))
    assert probe(clips["cut_copy"]).frame_count == COUNT - 8


def test_another_rate_on_request_keeps_the_duration(clips: dict[str, Path]) -> None:
    with open_reader(clips["plain"], rate=Fraction(48)) as reader:
        assert [index_of(frame) for frame in reader] == sorted([*range(COUNT)] * 2)
        assert reader.frame_count == 2 * COUNT


def test_rotation_is_applied(tmp_path: Path) -> None:
    upright = np.zeros((48, 64, 3), np.float32)
    upright[:24, :32] = 1  # white in the upper left corner
    write_image(tmp_path / "corner.png", upright)
    stored = make(tmp_path / "stored.mp4", "-i", str(tmp_path / "corner.png"), "-pix_fmt", "yuv420p")
    for turn, degrees in ((90, 270), (-90, 90), (180, 180)):  # ffmpeg's angles are counterclockwise
        clip = make(tmp_path / "turned.mp4", "-display_rotation", str(turn), "-i", str(stored), "-c", "copy")
        info = probe(clip)
        assert info.rotation == degrees
        expected = np.rot90(upright, turn // 90)
        assert (info.height, info.width) == expected.shape[:2]
        with open_reader(clip) as reader:
            assert np.abs(next(reader) - expected).mean() < 0.05


def test_probe_tells_what_it_sees(clips: dict[str, Path]) -> None:
    tagged, ten, full = probe(clips["tagged"]), probe(clips["ten_bit"]), probe(clips["full_range"])
    assert (tagged.color_space, tagged.color_primaries, tagged.color_transfer) == ("bt709",) * 3
    assert tagged.color_range == "tv"
    assert probe(clips["plain"]).color_space is None
    assert (ten.bit_depth, ten.pixel_format) == (10, "yuv420p10le")
    assert full.color_range == "pc"
    assert probe(clips["anamorphic"]).sample_aspect == Fraction(4, 3)
    assert probe(clips["plain"]).audio_codec is None
    assert probe(clips["opus"]).audio_codec == "opus"
    assert probe(clips["pcm"]).audio_codec == "pcm_s16le"
    assert (probe(clips["odd"]).width, probe(clips["odd"]).height) == (63, 47)
    assert (probe(clips["rotated"]).width, probe(clips["rotated"]).height) == (48, 64)


RED = (0.8, 0.1, 0.2)


@pytest.mark.parametrize(
    ("height", "matrix", "tag", "levels"),
    [
        (48, "bt601", None, "tv"),
        (720, "bt709", None, "tv"),
        (48, "bt709", "bt709", "tv"),
        (720, "bt601", "smpte170m", "tv"),
        (48, "bt601", "smpte170m", "pc"),
    ],
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_color_is_read_as_tagged_or_by_its_height(
    tmp_path: Path, height: int, matrix: str, tag: str | None, levels: str, pixel_format: str
) -> None:
    write_image(tmp_path / "red.png", np.full((height, 64, 3), RED, np.float32))
    filters = f"scale=out_color_matrix={matrix}:out_range={levels}:flags=accurate_rnd,format={pixel_format}"
    filters += f",setparams=colorspace={tag or 'unknown'}:range={levels}"
    clip = make(
        tmp_path / "red.mkv", "-i", str(tmp_path / "red.png"), "-vf", filters, "-c:v", "ffv1", "-pix_fmt", pixel_format
    )
    assert probe(clip).color_space == tag
    with open_reader(clip) as reader:
        assert np.abs(next(reader) - RED).max() < 2.5 / 255


def test_ten_bits_are_not_squeezed_into_eight(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0.4, 0.6, 256, dtype=np.float32)[None, :, None], 3, 2).repeat(48, 0)
    write_image(tmp_path / "ramp.png", ramp, bit_depth=16)
    clip = make(tmp_path / "ramp.mkv", "-i", str(tmp_path / "ramp.png"), "-c:v", "ffv1", "-pix_fmt", "yuv444p10le")
    with open_reader(clip) as reader:
        assert len(np.unique(next(reader)[..., 1])) > 150  # 8 bits have 52 levels in that range


def test_sizes(clips: dict[str, Path]) -> None:
    for options, shape in (
        ({"size": (20, 30)}, (30, 20)),
        ({"max_size": 32}, (24, 32)),
        ({"max_size": 1000}, (48, 64)),
    ):
        with open_reader(clips["plain"], **options) as reader:
            frames = list(reader)
        assert (reader.height, reader.width) == shape
        assert {frame.shape for frame in frames} == {(*shape, 3)}
        assert [index_of(frame) for frame in frames] == list(range(COUNT))


@pytest.mark.parametrize(
    "options",
    [
        {"start": Fraction(1, 2)},  # the first moment after the last frame
        {"start": Fraction(1, 4), "end": Fraction(1, 4)},
        {"start": Fraction(1, 4), "end": Fraction(1, 8)},
        {"start": Fraction(-1)},
        {"end": Fraction(0)},
        {"frames": 0},
    ],
)
def test_an_empty_range_names_the_duration(clips: dict[str, Path], options: dict[str, object]) -> None:
    with pytest.raises(MediaError, match=r"there are no frames in this range .* lasts 0\.500 s"):
        open_reader(clips["plain"], **options)  # type: ignore[arg-type]


def test_bad_files_say_what_is_wrong(clips: dict[str, Path], tmp_path: Path) -> None:
    whole = clips["plain"].read_bytes()
    sound = make(tmp_path / "sound.m4a", "-i", str(clips["aac"]), "-vn", "-c", "copy")
    write_image(tmp_path / "cover.png", np.zeros((16, 16, 3), np.float32))
    cover = make(
        tmp_path / "cover.m4a", "-i", str(sound), "-i", str(tmp_path / "cover.png"), "-map", "0", "-map", "1",
        "-c:a", "copy", "-c:v", "png", "-disposition:v", "attached_pic",
    )  # fmt: skip
    files = {
        "empty.mp4": b"",
        "text.mp4": b"this is a shopping list\n" * 50,
        "plain.mp4": whole,
        "list.mp4": b"ffconcat version 1.0\nfile 'plain.mp4'\n",  # would read another file
        "truncated.mp4": whole[: len(whole) // 2],
        "broken.png": b"\x89PNG\r\n\x1a\nnothing",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    expected = {
        tmp_path / "missing.mp4": "no such file",
        tmp_path: "folder",
        tmp_path / "empty.mp4": "empty",
        tmp_path / "text.mp4": "not a video",
        tmp_path / "list.mp4": "not a video",
        tmp_path / "truncated.mp4": "file is truncated",
        tmp_path / "broken.png": "not an image",
        sound: "no video stream",
        cover: "no video stream",
        tmp_path / "sound.m4a" / "x.mp4": "no such file",
    }
    for path, text in expected.items():
        with pytest.raises(MediaError, match=text) as caught:
            probe(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_a_damaged_tail_ends_with_a_warning(tmp_path: Path) -> None:
    clip = indexed(tmp_path / "clip.mp4", "-movflags", "+faststart", size="320x240", filters="noise=alls=40")
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 6 // 10])
    told = Told()
    with open_reader(clip, tell=told) as reader:
        found = sum(1 for _ in reader)
    assert 2 <= found < COUNT
    (line,) = told
    assert "\n" not in line
    assert f"{found} of" in line


def test_nothing_that_decodes_is_an_error(tmp_path: Path) -> None:
    clip = indexed(tmp_path / "clip.avi", "-c:v", "ffv1", size="64x48")
    data = bytearray(clip.read_bytes())
    begin = data.index(b"movi") + 12
    data[begin : data.index(b"idx1")] = b""
    clip.write_bytes(data)
    with pytest.raises(MediaError), open_reader(clip) as reader:
        list(reader)


def test_closing_early_ends_ffmpeg(clips: dict[str, Path]) -> None:
    with open_reader(clips["plain"], size=(2000, 1500)) as reader:
        next(reader)
        process = reader._process  # type: ignore[attr-defined]
        assert Path(f"/proc/{process.pid}").exists()
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert not Path(f"/proc/{process.pid}").exists()
    assert list(reader) == []


def test_another_thread_may_close_a_reader_that_waits(clips: dict[str, Path]) -> None:
    told = Told()
    with open_reader(clips["plain"], size=(1000, 750), tell=told) as reader:
        started = threading.Event()
        seen: list[int] = []

        def consume() -> None:
            for frame in reader:
                seen.append(index_of(frame))
                if not started.is_set():
                    os.kill(reader._process.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
                started.set()

        worker = threading.Thread(target=consume)
        worker.start()
        started.wait(10)
        reader.close()
        worker.join(10)
        assert not worker.is_alive()
    assert told == []
    assert seen == list(range(len(seen)))


def test_a_reader_is_started_before_it_is_read(clips: dict[str, Path]) -> None:
    with pytest.raises(RuntimeError, match="must be started"):
        next(open_reader(clips["plain"]))


@pytest.mark.parametrize(
    "name",
    ["it's \"x\".mp4", "-dash.mp4", "100%05d.mp4", "x\n  Stream #0:0: Video: h264, gray, 8x8.mp4", "a:b.mp4", "ü.mp4"],
)
def test_any_file_name(clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(clips["plain"].read_bytes())
    assert probe(tmp_path / name).width == 64
    assert indices(tmp_path / name) == list(range(COUNT))
    monkeypatch.chdir(tmp_path)
    assert indices(name) == list(range(COUNT))


def _sequence(folder: Path, names: list[str]) -> None:
    folder.mkdir()
    for name, frame in zip(names, gray_frames(len(names)), strict=True):
        write_image(folder / name, frame)


def test_a_sequence_starts_where_the_disk_does(tmp_path: Path) -> None:
    _sequence(tmp_path / "frames", [f"{number:05d}.png" for number in range(98, 103)])
    pattern = tmp_path / "frames" / "%05d.png"
    with open_reader(pattern) as reader:
        assert reader.rate == 24
        assert reader.frame_count == 5
        assert [index_of(frame) for frame in reader] == list(range(5))
    assert indices(pattern, rate=Fraction(10), start=Fraction(1, 10), end=Fraction(3, 10)) == [1, 2]
    (tmp_path / "frames" / "00100.png").unlink()
    with pytest.raises(MediaError, match=r"00100\.png is missing"):
        open_reader(pattern)
    with pytest.raises(MediaError, match="no file matches"):
        open_reader(tmp_path / "frames" / "%03d.jpg")


def test_a_folder_is_read_in_natural_order_and_one_size(tmp_path: Path) -> None:
    _sequence(tmp_path / "frames", ["f1.png", "f2.png", "F3.png", "f10.png"])
    (tmp_path / "frames" / "notes.txt").write_text("not a frame")
    (tmp_path / "frames" / ".hidden.png").write_text("not a frame")
    assert indices(tmp_path / "frames") == [0, 1, 2, 3]
    write_image(tmp_path / "frames" / "f5.png", np.zeros((48, 60, 3), np.float32))
    with pytest.raises(MediaError, match=r"f5\.png: is 60x48, but f1\.png is 64x48"):
        open_reader(tmp_path / "frames")
    (tmp_path / "none").mkdir()
    with pytest.raises(MediaError, match="no images"):
        open_reader(tmp_path / "none")


def test_a_still_gives_one_frame(tmp_path: Path) -> None:
    write_image(tmp_path / "still.png", np.full((10, 20, 3), 0.5, np.float32))
    with open_reader(tmp_path / "still.png", max_size=10) as reader:
        assert reader.rate is None
        assert reader.frame_count == 1
        assert [frame.shape for frame in reader] == [(5, 10, 3)]
    with pytest.raises(MediaError, match="no duration"):
        open_reader(tmp_path / "still.png", start=Fraction(1))


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    """Each frame is its own small array, and none is held by the reader."""
    clip = indexed(tmp_path / "clip.mp4")
    with open_reader(clip) as reader:
        first = weakref.ref(next(reader))
        next(reader)
        assert first() is None


def test_opencv_agrees_on_the_rate(clips: dict[str, Path]) -> None:
    """An independent reader of the same containers."""
    for name in ("plain", "ntsc_film", "ntsc_film_mkv", "ntsc_video"):
        capture = cv2.VideoCapture(str(clips[name]))
        rate = probe(clips[name]).rate
        assert rate is not None
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(float(rate), rel=1e-6)
        capture.release()
