"""What a file says that it holds, wherever ffmpeg lists it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from boxes import add_box, box
from media_clips import COUNT, indexed, indices, make

from dreamvid.audio.decode import decode_sound
from dreamvid.errors import MediaError
from dreamvid.media import AS_CODED, SoundTrack, open_reader, open_writer, probe
from dreamvid.media.packets import read_timing
from dreamvid.media.probe import probe_sound
from dreamvid.media.streams import read_contents
from tests.told import Told

SINE = "sine=r=48000:f=440"


def timecode(folder: Path) -> Path:
    """A clip with sound and a timecode track."""
    return indexed(folder / "tmcd.mov", "-c:a", "aac", "-timecode", "01:02:03;04", rate="30000/1001", sound=SINE)


def referred(folder: Path) -> Path:
    """The same, where the sound, too, refers to the timecode track."""
    clip = timecode(folder)
    add_box(clip, [b"moov", b"trak"], box(b"tref", box(b"tmcd", (3).to_bytes(4, "big"))), number=1)
    return clip


def many_tracks(folder: Path) -> Path:
    """Two pictures, three sounds of which one is not known, subtitles, chapters and a timecode."""
    (folder / "words.srt").write_text("1\n00:00:00,100 --> 00:00:00,300\nHello\n")
    (folder / "chapters.txt").write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=4\ntitle=One\n")
    plain = indexed(folder / "plain.mp4")
    clip = make(
        folder / "many.mov", "-i", str(plain), "-f", "lavfi", "-t", "0.5", "-i", SINE, "-i", str(folder / "words.srt"),
        "-i", str(folder / "chapters.txt"), "-map", "0:v", "-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "1:a",
        "-map", "2:s", "-map_metadata", "3", "-c:v", "copy", "-c:a:0", "aac", "-c:a:1", "pcm_s24le", "-ac:a:1", "6",
        "-c:a:2", "pcm_s16le", "-c:s", "mov_text", "-timecode", "10:00:00:00",
    )  # fmt: skip
    data = clip.read_bytes()
    assert data.count(b"sowt") == 1
    clip.write_bytes(data.replace(b"sowt", b"zzzz"))  # a codec that nobody knows
    return clip


def layered_sound(folder: Path) -> Path:
    """Sound in a group of streams (IAMF)."""
    mix = (
        "type=iamf_mix_presentation:id=2:stg=0:annotations=en-us=Mix,submix=parameter_id=100:parameter_rate=48000"
        "|element=stg=0:parameter_id=100:annotations=en-us=Scene"
        "|layout=sound_system=stereo:integrated_loudness=0"
    )
    plain = indexed(folder / "plain.mp4")
    return make(
        folder / "iamf.mp4", "-f", "lavfi", "-t", "0.5", "-i", f"{SINE},aformat=channel_layouts=stereo",
        "-i", str(plain), "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-c:a", "libopus", "-stream_group",
        "type=iamf_audio_element:id=1:st=0:audio_element_type=channel,layer=ch_layout=stereo", "-stream_group", mix,
        "-streamid", "0:0", "-streamid", "1:5",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make_clip", "sounds"),
    [
        (timecode, ("aac",)),
        (referred, ("aac",)),
        (layered_sound, ("opus",)),
        (many_tracks, ("aac", "pcm_s24le", "none")),
    ],
)
def test_streams_in_groups_are_seen(tmp_path: Path, make_clip: Callable[[Path], Path], sounds: tuple[str, ...]) -> None:
    clip = make_clip(tmp_path)
    info = probe(clip)
    assert (info.width, info.height, info.frame_count, info.video_codec) == (64, 48, COUNT, "h264")
    assert info.rate == (Fraction(24) if make_clip in (layered_sound, many_tracks) else Fraction(30000, 1001))
    assert info.audio_codecs == probe_sound(clip).codecs == sounds
    assert indices(clip) == list(range(COUNT))
    assert np.abs(decode_sound(clip)).max() > 0.05
    if "none" in sounds:
        return
    target = tmp_path / "out.mov"
    track = SoundTrack(clip)
    with (
        open_reader(clip) as reader,
        open_writer(target, width=64, height=48, rate=reader.rate, codec="prores", sound=track) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert probe(target).audio_codecs
    assert indices(target) == list(range(COUNT))


def test_every_track_is_told_with_its_layout(tmp_path: Path) -> None:
    sound = probe_sound(many_tracks(tmp_path))
    assert [(track.index, track.codec, track.layout, track.channels) for track in sound.tracks] == [
        (2, "aac", "mono", 1), (3, "pcm_s24le", "5.1", 6), (4, "none", "", 0),
    ]  # fmt: skip
    assert [track.sample_rate for track in sound.tracks[:2]] == [48000, 48000]
    info = probe(tmp_path / "many.mov")
    assert info.subtitle_codecs == ("mov_text",)
    assert info.has_chapters


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["", "-display_hflip", "-display_vflip"])
def test_turned_and_mirrored_as_ffmpeg_shows_it(tmp_path: Path, degrees: int, flip: str) -> None:
    clip = make(tmp_path / "x.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "2", "-pix_fmt", "yuv444p")
    turned = make(
        tmp_path / "turned.mp4", "-display_rotation", str(degrees), *([flip] if flip else []), "-i", str(clip),
        "-c", "copy",
    )  # fmt: skip
    shown = make(tmp_path / "shown.mkv", "-i", str(turned), "-c:v", "ffv1")
    assert probe(turned).sample_aspect == 1
    with open_reader(turned) as reader, open_reader(shown) as expected:
        first, other = next(reader), next(expected)
    assert first.shape == other.shape
    assert np.abs(first - other).max() < 0.03


@pytest.mark.parametrize(
    ("pixel_format", "codec", "depth", "alpha"),
    [
        ("yuv420p", "ffv1", 8, False), ("gray", "ffv1", 8, False), ("yuva420p", "ffv1", 8, True),
        ("gbrap16le", "ffv1", 16, True), ("gray10le", "ffv1", 10, False), ("yuv422p12le", "ffv1", 12, False),
        ("rgba", "png", 8, True), ("ya8", "png", 8, True), ("pal8", "png", 8, True), ("argb", "qtrle", 8, True),
        ("yuva444p10le", "prores_ks", 12, True), ("rgb555le", "rawvideo", 8, False),
    ],
)  # fmt: skip
def test_depth_and_alpha_are_those_of_the_format(
    tmp_path: Path, pixel_format: str, codec: str, depth: int, alpha: bool
) -> None:
    suffix = ".mov" if codec in ("qtrle", "prores_ks") else ".nut"
    clip = make(
        tmp_path / f"x{suffix}", "-f", "lavfi", "-i", "testsrc2=s=32x32", "-frames:v", "2", "-c:v", codec, "-pix_fmt",
        pixel_format,
    )  # fmt: skip
    assert (probe(clip).bit_depth, probe(clip).has_alpha) == (depth, alpha)


@pytest.mark.parametrize(
    ("space", "primaries", "transfer"),
    [
        ("bt709", "bt709", "bt709"), ("bt2020nc", "bt2020", "smpte2084"), ("smpte170m", "smpte170m", "smpte170m"),
        ("bt470bg", "bt470bg", "bt470bg"), ("bt2020c", "smpte432", "arib-std-b67"), ("ycgco", "smpte431", "linear"),
        ("fcc", "bt470m", "bt470m"), ("smpte240m", "film", "smpte240m"), ("bt709", "smpte428", "iec61966-2-1"),
        ("bt709", "bt709", "bt2020-10"), ("bt709", "bt709", "bt2020-12"), ("bt709", "bt709", "log100"),
    ],
)  # fmt: skip
def test_tags_have_the_names_that_ffmpeg_gives_them(tmp_path: Path, space: str, primaries: str, transfer: str) -> None:
    tags = f"setparams=colorspace={space}:color_primaries={primaries}:color_trc={transfer}:range=pc"
    clip = indexed(tmp_path / "x.mkv", filters=tags)
    info = probe(clip)
    assert (info.color_space, info.color_primaries, info.color_transfer) == (space, primaries, transfer)
    assert info.color_range == "pc"


@pytest.mark.parametrize(("codec", "suffix"), [("libvpx-vp9", ".webm"), ("libvpx", ".webm"), ("libvpx-vp9", ".mkv")])
def test_alpha_beside_the_picture_is_kept(tmp_path: Path, codec: str, suffix: str) -> None:
    source = "color=red:s=64x48,format=rgba,geq=r=200:g=40:b=40:a=if(lt(X\\,32)\\,255\\,64)"
    clip = make(
        tmp_path / f"x{suffix}", "-f", "lavfi", "-i", source, "-frames:v", "3", "-c:v", codec, "-pix_fmt", "yuva420p",
        "-auto-alt-ref", "0", "-b:v", "1M",
    )  # fmt: skip
    assert probe(clip).has_alpha
    with open_reader(clip, alpha=True) as reader:
        frames = list(reader)
    assert len(frames) == 3
    assert frames[0].shape == (48, 64, 4)
    assert abs(float(frames[0][:, :28, 3].mean()) - 1) < 0.02
    assert abs(float(frames[0][:, 36:, 3].mean()) - 64 / 255) < 0.02
    with open_reader(clip) as reader:
        assert next(reader).shape == (48, 64, 3)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
@pytest.mark.parametrize("decodes", [True, False])
def test_alpha_in_a_layer_is_kept_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, decodes: bool
) -> None:
    source = "color=red:s=64x48,format=rgba,geq=r=200:g=40:b=40:a=if(lt(X\\,32)\\,255\\,64),format=yuva420p"
    clip = make(
        tmp_path / f"x{suffix}", "-f", "lavfi", "-i", source, "-frames:v", "3", "-c:v", "libx265",
        "-pix_fmt", "yuva420p", "-x265-params", "log-level=none", "-crf", "8",
    )  # fmt: skip
    if not decodes:
        monkeypatch.setattr("dreamvid.media.ffmpeg._LAYER_FORMATS", (999, 0))
    told = Told()
    with open_reader(clip, alpha=True, tell=told) as reader:
        frame = next(reader)
    if decodes:
        assert told == []
        assert abs(float(frame[:, :24, 3].mean()) - 1) < 0.05
        assert abs(float(frame[:, 40:, 3].mean()) - 64 / 255) < 0.05
    else:
        (notice,) = told
        assert "HEVC layer" in notice
        assert frame.shape == (48, 64, 3)


@pytest.mark.parametrize(("profile", "compatible", "told"), [(5, 0, True), (8, 1, False), (8, 4, False)])
def test_dolby_vision_that_nothing_else_reads_is_refused(
    tmp_path: Path, profile: int, compatible: int, told: bool
) -> None:
    clip = make(
        tmp_path / "x.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "2", "-c:v", "libx265",
        "-x265-params", "log-level=none", "-tag:v", "hvc1", "-pix_fmt", "yuv420p10le",
    )  # fmt: skip
    record = bytes([1, 0, profile << 1, (6 << 3) | 0b101, compatible << 4, *[0] * 19])
    kind = b"dvcC" if profile < 8 else b"dvvC"
    add_box(clip, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"], box(kind, record))
    if not told:
        assert len(indices(clip)) == 2
        return
    for tonemap in (None, "hable"):
        with pytest.raises(MediaError, match=f"Dolby Vision profile {profile}") as caught:
            open_reader(clip, tonemap=tonemap)
        assert "\n" not in str(caught.value)
    with open_reader(clip, tonemap=AS_CODED) as reader:  # good enough to look for cuts
        assert len(list(reader)) == 2


def test_the_clock_of_a_broadcast_starts_with_what_is_asked_for(clips: dict[str, Path]) -> None:
    assert read_contents(clips["transport"]).jumps
    assert not read_contents(clips["aac"]).jumps


def test_a_table_without_frames_is_none() -> None:
    assert read_timing("#tb 0: 1/24\n#media_type 0: video\n") is None
    timing = read_timing("#tb 0: 1/24\n0, 0, 0, 1, 10, 0x0\n0, 1, 1, 1, 10, 0x0\n0, 2, 2, 1, 9, 0x0, F=0x4\n")
    assert timing is not None
    assert (list(timing.ticks), timing.base, timing.duration) == ([0, 1], Fraction(1, 24), Fraction(2, 24))


@pytest.mark.parametrize("name", ["plain", "aac", "transport", "opus", "click_wav"])
def test_whatever_goes_wrong_is_a_media_error(
    clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from dreamvid.media import streams

    for error in (StopIteration(), LookupError("gone"), UnicodeDecodeError("utf-8", b"", 0, 1, "bad"), OverflowError()):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(streams.av, "open", fail)
        for ask in (probe, probe_sound):
            with pytest.raises(MediaError) as caught:
                ask(clips[name])
            assert "\n" not in str(caught.value)
