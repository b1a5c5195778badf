from __future__ import annotations

import os
import resource
import signal
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_clips import COUNT, gray_frames, indices, loudest_moment, sound_seconds

from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import (
    Codec,
    FloatImage,
    SoundTrack,
    default_output,
    open_reader,
    open_writer,
    probe,
    read_image,
    read_metadata,
    write_image,
)
from dreamvid.media import codecs as codecs_module
from dreamvid.media.codecs import AnimationCodec, codec_at_hand, video_codecs
from dreamvid.runtime.registers import CODECS
from tests.told import Told

FILM = Fraction(24000, 1001)
PATCHES = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5], [0.8, 0.4, 0.2], [0.2, 0.6, 0.9]],
    np.float32,
)


def patches(height: int = 128, width: int = 256) -> FloatImage:
    return np.ascontiguousarray(np.broadcast_to(PATCHES.repeat(width // 8, 0), (height, width, 3)))


def leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.rglob("*") if entry.is_file()]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        (codec.name, suffix)
        for codec in video_codecs()
        if not codec.stand_in and not isinstance(codec, AnimationCodec)
        for suffix in codec.suffixes
    ],
)
def test_a_round_trip_keeps_what_it_was_given(tmp_path: Path, codec: str, suffix: str) -> None:
    target = tmp_path / f"film{suffix}"
    crf = 12 if CODECS[codec].crf else None
    recipe = '{"layer": "a=b;#c", "text": "ü \\" \n two"}'
    with open_writer(
        target, width=256, height=128, rate=FILM, codec=codec, crf=crf,
        metadata={"recipe": recipe}, sample_aspect=Fraction(4, 3),
    ) as writer:  # fmt: skip
        for _ in range(5):
            writer.write(patches())
    assert writer.frame_count == 5
    assert leftovers(tmp_path) == [target.name]
    info = probe(target)
    assert (info.rate, info.frame_count, info.width, info.height) == (FILM, 5, 256, 128)
    assert info.duration == 5 / FILM
    assert not info.variable_rate
    assert info.pixel_format == CODECS[codec].encodings[0].pixel_format
    assert float(info.sample_aspect) == pytest.approx(4 / 3, rel=2e-3)  # WebM stores whole pixels
    assert info.audio_codec is None
    assert read_metadata(target)["recipe"] == recipe
    if codec == "ffv1":
        tolerance = 0.5 / 255 + 1e-6  # the rounding to 8 bits and nothing else
    else:
        assert (info.color_space, info.color_primaries, info.color_transfer, info.color_range) == (
            "bt709", "bt709", "bt709", "tv",
        )  # fmt: skip
        tolerance = 2.5 / 255
    with open_reader(target) as reader:
        for frame in reader:
            assert np.abs(frame[64, 16::32] - PATCHES).max() <= tolerance


@pytest.mark.parametrize("codec", [codec for codec in video_codecs() if codec.stand_in], ids=lambda codec: codec.name)
def test_a_gpus_codec_encodes_there_or_the_processor_stands_in(tmp_path: Path, codec: Codec) -> None:
    usable, line = codec_at_hand(codec)
    films = {}
    for name in (codec.name, codec.stand_in):
        path, told = tmp_path / f"{name}.mp4", Told()
        with open_writer(
            path, width=256, height=128, rate=Fraction(24), codec=name, bit_depth=8, tell=told
        ) as writer:
            for _ in range(3):
                writer.write(patches())
        films[name] = path.read_bytes()
        assert probe(path).video_codec == probe(tmp_path / f"{codec.name}.mp4").video_codec
        if name == codec.name:
            assert writer.encoder == usable.name
            assert told == ([] if line is None else [f"{path}: {line}"])
    with open_reader(tmp_path / f"{codec.name}.mp4") as reader:
        assert all(np.abs(frame - patches()).mean() < 0.02 for frame in reader)
    if usable is codec:
        assert films[codec.name] != films[codec.stand_in]
    else:
        assert films[codec.name] == films[codec.stand_in]
        assert f"using {codec.stand_in} on the CPU" in str(line)


def test_a_gpus_codec_is_told_its_quality_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs_module, "_find_problem", lambda _: None)
    writer = open_writer(tmp_path / "x.mp4", width=256, height=128, rate=Fraction(24), codec="h265-nvenc", crf=30)
    arguments = writer._arguments()
    assert arguments[arguments.index("-cq") + 1] == "30"
    assert "hevc_nvenc" in arguments
    assert "-crf" not in arguments


def test_ffv1_is_exact_for_every_level(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (47, 63, 3)).astype(np.float32)
    levels[0, :, 0], levels[1, :63, 1] = np.arange(63), np.arange(193, 256)
    with open_writer(tmp_path / "x.mkv", width=63, height=47, rate=Fraction(24), codec="ffv1") as writer:
        writer.write(levels / 255)
    with open_reader(tmp_path / "x.mkv") as reader:
        assert (np.rint(next(reader) * 255) == levels).all()


def test_levels_are_rounded_once_and_half_up(tmp_path: Path) -> None:
    values = np.array([-1, 0.49 / 255, 0.5 / 255, 1.49 / 255, 254.5 / 255, 1, 7], np.float32)
    frame = np.repeat(values[None, :, None], 3, 2).repeat(2, 0)
    for name in ("x.mkv", "x.png"):
        with open_writer(tmp_path / name, width=7, height=2, rate=Fraction(1), codec="ffv1") as writer:
            writer.write(frame)
        with open_reader(tmp_path / name) as reader:
            assert (np.rint(next(reader)[0, :, 1] * 255) == [0, 0, 1, 1, 255, 255, 255]).all()


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("prores", ".mov")])
def test_odd_sizes_grow_by_an_edge_and_are_not_rescaled(tmp_path: Path, codec: str, suffix: str) -> None:
    target = tmp_path / f"odd{suffix}"
    frame = np.zeros((47, 63, 3), np.float32)
    frame[:, ::2] = 1  # columns one pixel wide would not survive rescaling
    crf = 4 if codec == "h264" else None
    with open_writer(target, width=63, height=47, rate=Fraction(24), codec=codec, crf=crf) as writer:
        writer.write(frame)
    info = probe(target)
    assert info.width == 64
    assert info.height == (48 if codec == "h264" else 47)
    with open_reader(target) as reader:
        stored = next(reader)
    assert np.abs(stored[:47, :63] - frame).max() < 0.1
    assert np.abs(stored[:47, 63] - frame[:, 62]).max() < 0.1


@pytest.mark.parametrize("rate", ["24", "24000/1001", "30000/1001", "25", "60", "25/2"])
def test_every_frame_and_the_rate_survive(tmp_path: Path, rate: str) -> None:
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"x{suffix}"
        with open_writer(target, width=64, height=48, rate=Fraction(rate)) as writer:
            for frame in gray_frames(COUNT):
                writer.write(frame)
        assert indices(target) == list(range(COUNT))
        assert probe(target).rate == Fraction(rate)


@pytest.mark.parametrize(
    ("source", "suffix", "expected"),
    [
        ("aac", ".mp4", "aac"),
        ("aac", ".mkv", "aac"),
        ("aac", ".webm", "opus"),
        ("opus", ".mp4", "opus"),
        ("opus", ".mov", "aac"),
        ("pcm", ".mp4", "aac"),
        ("pcm", ".mov", "pcm_s16le"),
        ("transport", ".mp4", "aac"),
        ("plain", ".mp4", None),
    ],
)
def test_sound_comes_along(
    clips: dict[str, Path], tmp_path: Path, source: str, suffix: str, expected: str | None
) -> None:
    target = tmp_path / f"x{suffix}"
    codec = "av1" if suffix == ".webm" else "h264"
    frames = 9  # shorter than the sound, which is cut, and no frame with it
    with open_writer(
        target, width=64, height=64, rate=Fraction(24), codec=codec, sound=SoundTrack(clips[source]),
        metadata={"recipe": "kept"},
    ) as writer:  # fmt: skip
        for frame in gray_frames(frames, 64):
            writer.write(frame)
    info = probe(target)
    assert info.audio_codec == expected
    assert info.frame_count == frames
    assert info.rate == 24
    assert indices(target) == list(range(frames))
    assert read_metadata(target)["recipe"] == "kept"
    assert leftovers(tmp_path) == [target.name]
    if expected:
        assert sound_seconds(target) == pytest.approx(frames / 24, abs=0.03)  # one packet of sound


def test_sound_shorter_than_the_picture_drops_no_frame(clips: dict[str, Path], tmp_path: Path) -> None:
    for start in (Fraction(1, 4), Fraction(40, 96), Fraction(3)):
        target = tmp_path / f"{start.numerator}.mp4"
        with open_writer(
            target, width=64, height=48, rate=Fraction(24), sound=SoundTrack(clips["aac"], start)
        ) as writer:
            for frame in gray_frames(COUNT):
                writer.write(frame)
        assert indices(target) == list(range(COUNT))


def test_all_sound_tracks_are_kept(clips: dict[str, Path], tmp_path: Path) -> None:
    from media_clips import make

    two = make(
        tmp_path / "two.mkv", "-i", str(clips["aac"]), "-i", str(clips["pcm"]),
        "-map", "0", "-map", "1:a", "-c", "copy",
    )  # fmt: skip
    assert probe(two).audio_codecs == ("aac", "pcm_s16le")
    with open_writer(tmp_path / "x.mp4", width=64, height=48, rate=Fraction(24), sound=SoundTrack(two)) as writer:
        writer.write(next(iter(gray_frames(1))))
    assert probe(tmp_path / "x.mp4").audio_codecs == ("aac", "aac")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("click", ".mp4"), ("click", ".mkv"), ("click", ".mov"), ("click_transport", ".mp4"), ("click_wav", ".mp4")],
)
@pytest.mark.parametrize("first", [0, 7, 12])
def test_a_click_stays_at_its_frame(
    clips: dict[str, Path], tmp_path: Path, name: str, suffix: str, first: int
) -> None:
    """The click sounds at 0.75 s, at frame 18."""
    start = Fraction(first, 24)
    with open_writer(
        tmp_path / f"x{suffix}", width=64, height=48, rate=Fraction(24), sound=SoundTrack(clips[name], start)
    ) as writer:
        for _ in range(24 - first):
            writer.write(np.zeros((48, 64, 3), np.float32))
    assert loudest_moment(tmp_path / f"x{suffix}") == pytest.approx(0.75 - float(start), abs=0.004)
    assert probe(tmp_path / f"x{suffix}").first_frame_time < Fraction(1, 20)  # no sound ahead of the picture


def test_a_click_stays_where_the_picture_starts_late(clips: dict[str, Path], tmp_path: Path) -> None:
    """The picture starts at 0.25 s of sound, so the click at 0.75 s is half a second into the picture."""
    for start, expected in ((Fraction(0), 0.5), (Fraction(6, 24), 0.25)):
        target = tmp_path / f"{expected}.mkv"
        with open_writer(
            target, width=64, height=48, rate=Fraction(24), sound=SoundTrack(clips["late_picture"], start)
        ) as writer:
            for _ in range(18):
                writer.write(np.zeros((48, 64, 3), np.float32))
        assert loudest_moment(target) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.png"])
def test_an_exception_leaves_nothing(tmp_path: Path, error: type[BaseException], name: str) -> None:
    codec = "ffv1" if name.endswith("mkv") else "h264"
    with pytest.raises(error), open_writer(
        tmp_path / name, width=64, height=48, rate=Fraction(24), codec=codec
    ) as writer:
        writer.write(np.zeros((48, 64, 3), np.float32))
        while name != "x.png" and not leftovers(tmp_path):  # until there is something to remove
            time.sleep(0.01)
            writer.write(np.zeros((48, 64, 3), np.float32))
        raise error
    assert leftovers(tmp_path) == []


def test_an_exception_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("old")
    with pytest.raises(ValueError, match="stop"), open_writer(
        tmp_path / "x.mp4", width=64, height=48, rate=Fraction(24), overwrite=True
    ) as writer:
        writer.write(np.zeros((48, 64, 3), np.float32))
        raise ValueError("stop")
    assert (tmp_path / "x.mp4").read_text() == "old"


def test_no_frames_no_file(tmp_path: Path) -> None:
    for name in ("x.mp4", "x.png"):
        with pytest.raises(MediaError, match="no frame"), open_writer(
            tmp_path / name, width=64, height=48, rate=Fraction(24)
        ):
            pass
    assert leftovers(tmp_path) == []


def test_what_cannot_be_written_is_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    (tmp_path / "taken.mp4").write_text("mine")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "folder.mp4").mkdir()
    cases: list[tuple[str, str, dict[str, object]]] = [
        ("taken.mp4", "already exists", {}),
        ("dangling.mp4", "already exists", {}),
        ("folder.mp4", "this is a folder", {"overwrite": True}),
        ("missing/x.mp4", "does not exist", {}),
        ("missing/deep/%05d.png", "does not exist", {}),
        ("file/x.mp4", "not writable", {}),
        ("x.wmv", "extension", {}),
        ("x", "extension", {}),
        ("%05d.mp4.txt", "extension", {}),
        ("x.webm", "av1", {}),
        ("x.mp4", "prores does not support", {"codec": "prores"}),
        ("x.mp4", "frame rate", {"rate": None}),
        ("x.jpg", "only supports 8 bits", {"bit_depth": 16}),
        ("x.mov", "at least 256x120", {"codec": "dnxhr"}),
        ("x.mp4", "no such file", {"sound": SoundTrack(tmp_path / "none.wav")}),
        ("/proc/x.mp4", "not writable", {}),  # not even root writes here
    ]
    before = sorted(leftovers(tmp_path))
    for name, text, options in cases:
        with pytest.raises(MediaError, match=text) as caught:
            open_writer(tmp_path / name, **{"width": 64, "height": 48, "rate": Fraction(24), **options})  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    for options, text in (({"codec": "h246"}, "did you mean .*h264"), ({"crf": 52}, "out of range")):
        with pytest.raises(SettingsError, match=text):
            open_writer(tmp_path / "x.mp4", width=64, height=48, rate=Fraction(24), **options)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="does not support CRF"):
        open_writer(tmp_path / "x.mkv", width=64, height=48, rate=Fraction(24), codec="ffv1", crf=3)
    assert sorted(leftovers(tmp_path)) == before
    assert not (tmp_path / "missing").exists()


def test_an_input_is_never_overwritten(clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(clips["plain"].read_bytes())
    (tmp_path / "soft.mp4").symlink_to(source)
    (tmp_path / "hard.mp4").hardlink_to(source)
    (tmp_path / "frames").mkdir()
    for number in (1, 2):
        write_image(tmp_path / "frames" / f"{number:05d}.png", np.zeros((8, 8, 3), np.float32))
    monkeypatch.chdir(tmp_path)
    cases: list[tuple[Path | str, Path | str]] = [
        (source, source),
        ("in.mp4", source),
        (tmp_path / "frames" / ".." / "in.mp4", source),
        (tmp_path / "soft.mp4", source),
        (tmp_path / "hard.mp4", source),
        (source, tmp_path / "soft.mp4"),
        (tmp_path / "frames" / "%05d.png", tmp_path / "frames" / "%05d.png"),
        (tmp_path / "frames" / "00002.png", tmp_path / "frames" / "%05d.png"),
        (tmp_path / "frames" / "%05d.png", tmp_path / "frames"),
        (tmp_path / "frames" / "other%05d.png", tmp_path / "frames"),
    ]
    for target, protected in cases:
        with pytest.raises(MediaError, match="input"):
            open_writer(target, width=64, height=48, rate=Fraction(24), overwrite=True, protected=[protected])
    with pytest.raises(MediaError, match="input"):
        open_writer(source, width=64, height=48, rate=Fraction(24), overwrite=True, sound=SoundTrack(source))
    assert source.read_bytes() == clips["plain"].read_bytes()


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    for name in ("x.mp4", "x.png"):
        with pytest.raises(MediaError, match="appeared"), open_writer(
            tmp_path / name, width=64, height=48, rate=Fraction(24)
        ) as writer:
            writer.write(np.zeros((48, 64, 3), np.float32))
            (tmp_path / name).write_text("somebody else's")
        assert (tmp_path / name).read_text() == "somebody else's"
    assert sorted(leftovers(tmp_path)) == ["x.mp4", "x.png"]


def test_overwriting_replaces(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("old")
    with open_writer(tmp_path / "x.mp4", width=64, height=48, rate=Fraction(24), overwrite=True) as writer:
        writer.write(np.zeros((48, 64, 3), np.float32))
    assert probe(tmp_path / "x.mp4").frame_count == 1
    assert (tmp_path / "x.mp4").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_dying_ffmpeg_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="stopped after") as caught, open_writer(
        tmp_path / "x.mp4", width=640, height=480, rate=Fraction(24)
    ) as writer:
        writer.write(np.zeros((480, 640, 3), np.float32))
        os.kill(writer._encoder.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        for _ in range(50):
            writer.write(np.zeros((480, 640, 3), np.float32))
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk that fills up: ffmpeg inherits it."""
    writer = open_writer(tmp_path / "x.mkv", width=256, height=256, rate=Fraction(24), codec="ffv1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).random((256, 256, 3), np.float32)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(MediaError, match=r"stopped after .* free disk space"), writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            for _ in range(30):
                writer.write(noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["it's a \"film\".mp4", "-dash.mp4", "100%.mp4", "two\nlines.mp4", "a:b.mp4"])
def test_any_file_name(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clips["aac"].read_bytes())
    output = default_output(name)
    with open_writer(output, width=64, height=48, rate=Fraction(24), sound=SoundTrack(Path(name))) as writer:
        for frame in gray_frames(3):
            writer.write(frame)
    assert indices(output) == [0, 1, 2]
    assert probe(output).audio_codec == "aac"


def test_default_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "frames").mkdir()
    monkeypatch.chdir(tmp_path / "frames")
    assert default_output("a/clip.mov") == Path("a/clip.dream.mp4")
    assert default_output("clip.v2.MKV") == Path("clip.v2.dream.mp4")
    assert default_output("still.jpg") == Path("still.dream.png")
    expected = tmp_path / "frames.dream" / "%05d.png"
    assert default_output(tmp_path / "frames") == expected
    assert default_output(tmp_path / "frames" / "%04d.jpg") == expected
    assert default_output(".") == expected
    assert default_output("%05d.png") == expected


def test_a_sequence_is_numbered_and_reads_back(tmp_path: Path) -> None:
    target = tmp_path / "out" / "%05d.png"
    with open_writer(target, width=64, height=48, rate=None, metadata={"recipe": "{}"}) as writer:
        for frame in gray_frames(4):
            writer.write(frame)
    assert sorted(leftovers(tmp_path)) == ["00001.png", "00002.png", "00003.png", "00004.png"]
    assert indices(target) == [0, 1, 2, 3]
    assert read_metadata(tmp_path / "out" / "00003.png") == {"recipe": "{}"}
    with pytest.raises(MediaError, match="already exists"):
        open_writer(target, width=64, height=48, rate=None)
    with open_writer(target, width=64, height=48, rate=None, overwrite=True, first_number=2) as writer:
        writer.write(next(iter(gray_frames(1))))
    assert leftovers(tmp_path) == ["00002.png"]  # nothing of the longer, older one is left


def test_an_interrupted_sequence_keeps_whole_frames_only(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_writer(
        tmp_path / "%03d.png", width=64, height=48, rate=None
    ) as writer:
        writer.write(np.zeros((48, 64, 3), np.float32))
        raise KeyboardInterrupt
    assert leftovers(tmp_path) == ["001.png"]
    assert read_image(tmp_path / "001.png").shape == (48, 64, 3)


def test_a_still_holds_one_frame(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.float32)
    with pytest.raises(MediaError, match=r"single frame; use x\.%05d\.png"), open_writer(
        tmp_path / "x.png", width=64, height=48, rate=None
    ) as writer:
        writer.write(frame)
        writer.write(frame)
    with pytest.raises(ValueError, match="shape"), open_writer(
        tmp_path / "x.png", width=64, height=48, rate=None
    ) as writer:
        writer.write(frame[1:])
    assert leftovers(tmp_path) == []
