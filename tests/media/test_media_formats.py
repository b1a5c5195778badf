"""What goes in comes out: depth, alpha, color tags, high dynamic range, fields, chapters and subtitles."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import tifffile
from media_clips import COUNT, index_of, indexed, indices, loudest_moment, make
from PIL import Image

from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.color import TONE_CURVES, to_display, to_linear, tone_map
from dreamvid.images.header import read_image_tags
from dreamvid.media import (
    AS_CODED,
    ColorTags,
    FloatImage,
    Original,
    SoundTrack,
    default_output,
    depth_to_keep,
    open_reader,
    open_writer,
    probe,
    read_image,
    read_metadata,
    resize_image,
    write_image,
)
from dreamvid.media.codecs import AnimationCodec, video_codecs
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.media.segments import join_segments
from dreamvid.runtime.registers import CODECS
from tests.told import Told

RATE = Fraction(24000, 1001)
ENCODINGS = [
    (codec.name, encoding)
    for codec in video_codecs()
    if not codec.stand_in and not isinstance(codec, AnimationCodec)
    for encoding in codec.encodings
]


def ramp(channels: int = 3, height: int = 128, width: int = 1024) -> FloatImage:
    """Gray from black to white, and alpha the other way round."""
    levels = np.linspace(0, 1, width, dtype=np.float32)
    alpha = [levels[::-1]] * (channels - 3)
    return np.ascontiguousarray(
        np.broadcast_to(np.stack([levels, levels, levels, *alpha], -1), (height, width, channels))
    )


@pytest.mark.parametrize(("name", "encoding"), ENCODINGS, ids=lambda value: getattr(value, "pixel_format", value))
def test_every_depth_of_every_codec_comes_back(tmp_path: Path, name: str, encoding) -> None:  # type: ignore[no-untyped-def]
    codec = CODECS[name]
    target = tmp_path / f"x{codec.suffixes[0]}"
    frame, told = ramp(4 if encoding.alpha else 3), Told()
    with open_writer(
        target, width=1024, height=128, rate=RATE, codec=name, crf=4 if codec.crf else None, tell=told,
        bit_depth=encoding.bit_depth, alpha=encoding.alpha, color=ColorTags("bt2020nc", "bt2020", "bt2020-10"),
    ) as writer:  # fmt: skip
        for _ in range(3):
            writer.write(frame)
    assert (writer.keeps_alpha, writer.deep, told) == (encoding.alpha, encoding.bit_depth > 8, [])
    info = probe(target)
    assert (info.frame_count, info.rate, info.width, info.height) == (3, RATE, 1024, 128)
    assert info.has_alpha == encoding.alpha
    assert info.bit_depth == (12 if name == "prores" and encoding.alpha else encoding.bit_depth)  # it decodes to 12
    assert (info.color_primaries, info.color_transfer) == ("bt2020", "bt2020-10")
    if not encoding.is_rgb:
        assert info.color_space == "bt2020nc"
    with open_reader(target, alpha=True) as reader:
        frames = list(reader)
    assert reader.alpha == encoding.alpha
    assert len(frames) == 3
    error = np.abs(frames[1] - frame)
    assert error.max() < (0.6 / (2**encoding.bit_depth - 1) if codec.lossless else 4 / 255)
    if encoding.bit_depth > 8:
        assert len(np.unique(frames[1][64, :, 1])) > 400  # of 1024; a path through 8 bits leaves 256
    else:
        assert len(np.unique(frames[1][64, :, 1])) <= 256
    if encoding.alpha:
        assert error[..., 3].max() <= 1.1 / (2**encoding.bit_depth - 1)
        eight = np.rint(frame[..., 3] * 255)
        with open_writer(
            target,
            width=1024,
            height=128,
            rate=RATE,
            codec=name,
            bit_depth=encoding.bit_depth,
            alpha=True,
            overwrite=True,
        ) as writer:
            writer.write(np.concatenate([frame[..., :3], eight[..., None] / np.float32(255)], -1))
        with open_reader(target, alpha=True) as reader:
            assert (np.rint(next(reader)[..., 3] * 255) == eight).all()


def test_a_depth_or_an_ending_that_does_not_fit_is_said_at_once(tmp_path: Path) -> None:
    size = {"width": 64, "height": 64, "rate": RATE}
    for name, options, error, text in (
        ("x.mp4", {"bit_depth": 16}, SettingsError, "h264 does not support 16 bits; use 8 or 10"),
        ("x.mov", {"codec": "prores", "bit_depth": 8}, SettingsError, "prores does not support 8 bits; use 10"),
        ("%d.png", {"bit_depth": 10}, MediaError, "only supports 8 or 16 bits"),
        ("%d.exr", {"bit_depth": 8}, MediaError, "only supports 16 or 32 bits"),
        ("%d.jpg", {"bit_depth": 16}, MediaError, "only supports 8 bits; use .exr, .png, .tif"),
        ("x.mp4", {"codec": "png"}, MediaError, r"codec png writes numbered pictures; give a name such as x/%05d\.png"),
        ("%d.png", {"codec": "exr"}, MediaError, r"codec exr writes \.exr files"),
    ):
        with pytest.raises(error, match=text):
            open_writer(tmp_path / name, **size, **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_default_name_is_that_of_the_codec() -> None:
    assert default_output("a/clip.mp4", "prores") == Path("a/clip.dream.mov")
    assert default_output("clip.mp4", "ffv1") == Path("clip.dream.mkv")
    assert default_output("clip.mp4", "exr") == Path("clip.dream/%05d.exr")
    assert default_output("still.jpg", "exr") == Path("still.dream.exr")
    assert default_output("still.jpg", "prores") == Path("still.dream.png")


def test_a_deep_source_stays_deep_where_nothing_is_lost(tmp_path: Path) -> None:
    write_image(tmp_path / "deep.png", ramp(3, 4, 4), bit_depth=16)
    write_image(tmp_path / "flat.png", ramp(3, 4, 4))
    deep, flat = probe(tmp_path / "deep.png"), probe(tmp_path / "flat.png")
    for target, codec, expected in (
        ("x.png", "h264", 16), ("%d.tif", "h264", 16), ("x.mkv", "ffv1", 16),
        ("x.jpg", "h264", None), ("x.exr", "h264", 16), ("x.mp4", "h264", None),
    ):  # fmt: skip
        assert depth_to_keep(target, codec, deep) == expected
        assert depth_to_keep(target, codec, flat) is None


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp", ".exr"])
@pytest.mark.parametrize("deep", [False, True])
def test_alpha_goes_through_pictures_untouched(tmp_path: Path, suffix: str, deep: bool) -> None:
    if deep and suffix == ".webp":
        pytest.skip("8 bits only")
    depth = {(".exr", False): 16, (".exr", True): 32}.get((suffix, deep), 16 if deep else 8)
    levels = 65535 if deep else 255
    frame = (np.random.default_rng(0).integers(0, levels + 1, (9, 11, 4)) / levels).astype(np.float32)
    frame[0, :, 3], frame[1, :, 3] = 0, 1
    write_image(tmp_path / f"x{suffix}", frame, bit_depth=depth)
    assert probe(tmp_path / f"x{suffix}").has_alpha
    found = read_image(tmp_path / f"x{suffix}", alpha=True)
    tolerance = {".exr": 3e-6 if deep else 6e-4}.get(suffix, 1e-7)
    assert np.abs(found[..., 3] - frame[..., 3]).max() <= tolerance
    if suffix != ".webp":
        # Premultiplied halves lose colors where there is hardly any alpha.
        seen = frame[..., 3] > (0.01 if suffix == ".exr" else -1)
        assert np.abs(found[seen] - frame[seen]).max() <= max(tolerance, 2e-3 * (suffix == ".exr"))
    without = read_image(tmp_path / f"x{suffix}")
    assert without.shape == (9, 11, 3)
    assert (without == found[..., :3]).all()


def test_other_programs_read_the_alpha_of_a_tiff(tmp_path: Path) -> None:
    frame = (np.random.default_rng(0).integers(0, 256, (9, 11, 4)) / 255).astype(np.float32)
    write_image(tmp_path / "x.tif", frame)
    with Image.open(tmp_path / "x.tif") as image:
        assert image.mode == "RGBA"  # and not RGBX, or RGBa, which is premultiplied
        assert (np.asarray(image) == np.rint(frame * 255)).all()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_tiff_of_all_kinds(tmp_path: Path, compression: str | None, orientation: int) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (9, 11, 4)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(levels).save(tmp_path / "x.tif", compression=compression, exif=exif)
    shown = levels if orientation == 1 else np.rot90(levels, -1)
    assert (np.rint(read_image(tmp_path / "x.tif", alpha=True) * 255) == shown).all()
    assert probe(tmp_path / "x.tif").width == shown.shape[1]


def test_tiff_of_floats_premultiplied_planar_and_gray(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    straight = rng.random((9, 11, 4), np.float32)
    premultiplied = straight.copy()
    premultiplied[..., :3] *= straight[..., 3:]
    cases = (
        (straight[..., :3], {}, straight[..., :3]),
        (premultiplied, {"extrasamples": ("assocalpha",)}, straight),
        (np.moveaxis(straight[..., :3], -1, 0), {"planarconfig": "separate"}, straight[..., :3]),
    )
    for stored, options, expected in cases:
        tifffile.imwrite(tmp_path / "x.tif", stored, photometric="rgb", **options)
        assert np.allclose(read_image(tmp_path / "x.tif", alpha=expected.shape[2] == 4), expected, atol=1e-5)
    gray = rng.integers(0, 65536, (9, 11)).astype(np.uint16)
    for photometric, expected in (("minisblack", gray / 65535), ("miniswhite", 1 - gray / 65535)):
        tifffile.imwrite(tmp_path / "x.tif", gray, photometric=photometric)
        assert np.allclose(read_image(tmp_path / "x.tif"), expected[..., None], atol=1e-6)


def test_what_cannot_be_seen_does_not_color_what_can() -> None:
    frame = np.zeros((8, 8, 4), np.float32)
    frame[:, :, 0], frame[:, ::2, 3] = 1, 1
    frame[:, 1::2, :3] = (0, 1, 0)  # green, invisible
    small = resize_image(frame, 4, 4)
    assert np.allclose(small[..., :3], (1, 0, 0), atol=1e-5)
    assert np.allclose(small[..., 3], 0.5, atol=1e-5)
    hidden = frame.copy()
    hidden[..., 3] = 0
    assert np.allclose(resize_image(hidden, 4, 4)[..., 1], 0.5, atol=1e-5)  # what nobody sees is kept, too


def test_alpha_that_the_target_cannot_hold_is_left_out_with_a_line(tmp_path: Path) -> None:
    for name, remedy in (("x.mp4", r"ffv1 \(\.mkv\) or prores \(\.mov\)"), ("%d.jpg", r"\.exr, \.png")):
        told = Told()
        with open_writer(tmp_path / name, width=64, height=48, rate=RATE, alpha=True, tell=told) as writer:
            writer.write(ramp(4, 48, 64))
        (line,) = told
        assert "transparency" in line
        assert re.search(remedy, line)
    with open_reader(tmp_path / "1.jpg", alpha=True) as reader:
        assert next(reader).shape == (48, 64, 3)


def test_a_video_with_alpha_may_be_resized(tmp_path: Path) -> None:
    frame = np.zeros((64, 64, 4), np.float32)
    frame[:, :32] = (1, 0, 0, 1)
    with open_writer(tmp_path / "x.mkv", width=64, height=64, rate=RATE, codec="ffv1", alpha=True) as writer:
        writer.write(frame)
    with open_reader(tmp_path / "x.mkv", alpha=True, size=(21, 21)) as reader:
        small = next(reader)
    assert small.shape == (21, 21, 4)
    assert (small[small[..., 3] > 0.1][:, 0] > 0.99).all()  # black beyond the edge does not bleed in
    with open_reader(tmp_path / "x.mkv") as reader:
        assert next(reader).shape == (64, 64, 3)


def test_exr_holds_light(tmp_path: Path) -> None:
    assert np.allclose(to_linear(np.array([0, 0.5, 1], np.float32)), [0, 0.21404, 1], atol=1e-5)
    values = np.linspace(0, 1, 500, dtype=np.float32)
    assert np.allclose(to_display(to_linear(values)), values, atol=1e-6)
    frame = np.full((4, 6, 3), 0.5, np.float32)
    for depth, kind in ((None, np.float16), (16, np.float16), (32, np.float32)):
        write_image(tmp_path / "x.exr", frame, bit_depth=depth, metadata={"dreamvid": '{"ü": 1}'})
        with OpenEXR.File(str(tmp_path / "x.exr"), separate_channels=True) as file:
            red = file.channels()["R"].pixels
            assert red.dtype == kind
            assert np.allclose(red, 0.21404, atol=2e-4)
        assert read_metadata(tmp_path / "x.exr") == {"dreamvid": '{"ü": 1}'}
        assert np.allclose(read_image(tmp_path / "x.exr"), 0.5, atol=3e-4)
    info = probe(tmp_path / "x.exr")
    assert (info.width, info.height, info.bit_depth, info.has_alpha) == (6, 4, 16, False)


def _exr(path: Path, light: FloatImage, names: str = "RGB", prefix: str = "", **header: object) -> None:
    channels = {f"{prefix}{name}": np.ascontiguousarray(light[..., i % light.shape[2]]) for i, name in enumerate(names)}
    OpenEXR.File({"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}, channels).write(
        str(path)
    )


def test_light_beyond_white_is_cut_off_with_a_line_or_brought_into_range(tmp_path: Path) -> None:
    light = np.geomspace(0.01, 16, 64, dtype=np.float32)[None, :, None].repeat(3, 2).repeat(4, 0)
    light[0, :4] = (np.nan, np.inf, -1)
    for number in range(2):
        _exr(tmp_path / f"{number}.exr", light)
    told = Told()
    with open_reader(tmp_path / "%d.exr", tell=told) as reader:
        clipped = next(reader)
        list(reader)
    assert np.allclose(clipped[1], np.minimum(to_display(light), 1)[1], atol=1e-3)
    assert len(told) == 1
    assert "--tonemap" in told[0]
    assert np.isfinite(clipped).all()
    for curve in TONE_CURVES:
        with open_reader(tmp_path / "%d.exr", tonemap=curve, tell=told) as reader:
            mapped = next(reader)
        assert len(told) == 1
        rising = np.diff(mapped[1, :, 0])
        assert (rising >= -1e-6).all()  # rounding, which differs from one vector unit to another
        assert (rising[light[1, :-1, 0] < (0.9 if curve == "clip" else 11)] > 0).all()
        assert mapped.max() <= 1


def test_tone_curves_keep_hue_and_black() -> None:
    light = np.array([[[4.0, 2.0, 1.0], [0.0, 0.0, 0.0], [11.2, 11.2, 11.2], [0.2, 0.1, 0.05]]], np.float32)
    for curve in TONE_CURVES:
        mapped = tone_map(light, curve)
        assert np.allclose(mapped[0, 0] / mapped[0, 0, 0], [1, 0.5, 0.25], atol=1e-4)
        assert np.allclose(mapped[0, 1], 0)
        assert np.allclose(mapped[0, 2], 1, atol=1e-3)
    assert np.allclose(tone_map(light, "mobius")[0, 3], light[0, 3], atol=1e-6)  # the lower part is left alone


def test_exr_windows_layers_and_odd_channels(tmp_path: Path) -> None:
    light = np.full((2, 3, 3), 0.2, np.float32)
    window = (np.array([1, 1], np.int32), np.array([3, 2], np.int32))
    display = (np.array([0, 0], np.int32), np.array([5, 3], np.int32))
    _exr(tmp_path / "x.exr", light, dataWindow=window, displayWindow=display)
    found = read_image(tmp_path / "x.exr")
    assert found.shape == (4, 6, 3)
    assert np.allclose(found[1:3, 1:4], to_display(light), atol=1e-3)
    assert found.sum() == pytest.approx(found[1:3, 1:4].sum())
    _exr(tmp_path / "y.exr", light, prefix="beauty.")
    assert np.allclose(read_image(tmp_path / "y.exr"), to_display(light), atol=1e-3)
    _exr(tmp_path / "gray.exr", light, names="Y")
    assert np.allclose(read_image(tmp_path / "gray.exr"), to_display(light), atol=1e-3)
    _exr(tmp_path / "z.exr", light, names="Z")
    with pytest.raises(MediaError, match="no channels R, G and B"):
        read_image(tmp_path / "z.exr")
    _exr(tmp_path / "whole.exr", to_linear(ramp(3, 24, 256)))  # compressed: noise is stored as it is
    data = bytearray((tmp_path / "whole.exr").read_bytes())
    data[-60:-20] = b"\xff" * 40
    (tmp_path / "broken.exr").write_bytes(data)
    with pytest.raises(MediaError, match="damaged"):
        read_image(tmp_path / "broken.exr")


def test_what_a_library_says_of_a_damaged_exr_is_not_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "whole.exr", np.random.default_rng(0).random((64, 64, 3), np.float32))
    data = (tmp_path / "whole.exr").read_bytes()
    for number in range(12):
        broken = bytearray(data)
        begin = len(data) // 3 + 50 * number
        broken[begin : begin + 40 + number] = b"\xff" * 40
        (tmp_path / "broken.exr").write_bytes(broken)
        with pytest.raises(MediaError, match="damaged"):
            read_image(tmp_path / "broken.exr")
    assert capfd.readouterr() == ("", "")

    from dreamvid.images.exr import _quietly

    with _quietly():
        print("what others write")
        os.write(2, b"so do they\n(EXR_ERR_CORRUPT_CHUNK) noise\n")
    assert capfd.readouterr() == ("what others write\n", "so do they\n")


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_refused_or_brought_into_range(tmp_path: Path, transfer: str) -> None:
    write_image(tmp_path / "ramp.png", ramp(3, 48, 256), bit_depth=16)
    clip = make(
        tmp_path / "hdr.mkv", "-loop", "1", "-i", str(tmp_path / "ramp.png"), "-frames:v", "3", "-vf",
        f"zscale=m=bt2020nc:r=tv:min=gbr,format=yuv444p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:"
        f"color_trc={transfer}:range=tv", "-c:v", "ffv1",
    )  # fmt: skip
    assert probe(clip).is_hdr
    with pytest.raises(MediaError, match="--tonemap") as caught:
        open_reader(clip)
    assert "\n" not in str(caught.value)
    with open_reader(clip, tonemap=AS_CODED) as reader:
        assert np.abs(next(reader) - ramp(3, 48, 256)).max() < 0.01
        assert reader.color == ColorTags("bt2020nc", "bt2020", transfer)
    for curve in TONE_CURVES:
        with open_reader(clip, tonemap=curve, size=(128, 24)) as reader:
            frame = next(reader)
            assert reader.color == ColorTags("bt709", "bt709", "bt709")
        assert frame.shape == (24, 128, 3)
        gray = frame[12, 2:-2, 1]
        assert (np.diff(gray) > -2e-3).all()
        assert gray[0] < 0.05
        assert gray[-1] > 0.9
    if transfer == "smpte2084":  # 100 nits are display white: 0.508 of PQ. "clip" shows them as such.
        with open_reader(clip, tonemap="clip") as reader:
            row = next(reader)[24, :, 1]
        assert row[int(0.53 * 256)] > 0.99
        assert row[int(0.45 * 256)] < 0.85


def test_an_ordinary_clip_is_not_touched_by_tone_curves(clips: dict[str, Path]) -> None:
    with open_reader(clips["tagged"]) as plain, open_reader(clips["tagged"], tonemap="hable") as mapped:
        assert all((a == b).all() for a, b in zip(plain, mapped, strict=True))


@pytest.fixture(scope="module")
def interlaced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of two fields each, a white bar that moves 4 pixels a field."""
    bar = "color=black:size=128x64:rate=48,format=yuv420p,geq=lum=if(between(X-4*N\\,0\\,15)\\,220\\,30):cb=128:cr=128"
    return make(
        tmp_path_factory.mktemp("fields") / "fields.mp4", "-f", "lavfi", "-i", bar, "-frames:v", "12", "-vf",
        "tinterlace=interleave_top,setfield=tff", "-c:v", "libx264", "-crf", "4", "-flags", "+ildct+ilme",
        "-x264-params", "tff=1:keyint=4",
    )  # fmt: skip


def _combs(frame: FloatImage) -> float:
    """How much lines differ from those two away less than from their neighbors."""
    gray = frame[..., 1]
    return float(np.abs(np.diff(gray, axis=0)).mean() - np.abs(gray[2:] - gray[:-2]).mean())


def test_interlaced_video_is_told_and_mended_on_request(interlaced: Path, clips: dict[str, Path]) -> None:
    assert probe(interlaced).interlaced
    assert not probe(clips["plain"]).interlaced
    told = Told()
    with open_reader(interlaced, tell=told) as reader:
        combed = list(reader)
    (notice,) = told
    assert "--deinterlace" in notice
    with open_reader(interlaced, deinterlace=True, tell=told) as reader:
        mended = list(reader)
    assert told == [notice]
    assert len(mended) == len(combed) == 12
    assert min(map(_combs, combed)) > 0.05
    assert max(map(_combs, mended)) < 0.01
    left = [int(np.argmax(frame[32, :, 1] > 0.5)) for frame in mended]
    assert np.abs(np.array(left) - 8 * np.arange(12)).max() <= 1  # the first field's moment, frame for frame


def test_a_part_of_interlaced_video_is_as_in_the_whole(interlaced: Path) -> None:
    with open_reader(interlaced, deinterlace=True) as reader:
        whole = list(reader)
    for first in (1, 2, 3, 7, 11):
        with open_reader(interlaced, deinterlace=True, start=first / Fraction(24), frames=2) as reader:
            part = list(reader)
        assert len(part) == min(2, 12 - first)
        assert all((a == b).all() for a, b in zip(part, whole[first:], strict=False))


def test_jittering_time_stamps_do_not_make_another_rate_uneven(tmp_path: Path) -> None:
    for suffix in (".mkv", ".mp4"):
        clip = indexed(tmp_path / f"x{suffix}")
        assert indices(clip, rate=Fraction(12)) == [0, 2, 4, 6, 8, 10]
        assert indices(clip, rate=Fraction(8)) == [1, 4, 7, 10]  # each frame from the nearest of the new ones on


def test_a_rate_too_low_for_the_clip_gives_its_first_frame(clips: dict[str, Path]) -> None:
    told = Told()
    with open_reader(clips["plain"], rate=Fraction(1, 3), tell=told) as reader:
        frames = list(reader)
    assert len(frames) == reader.frame_count == 1
    assert told == []


def test_what_is_known_is_not_looked_up_again(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamvid.media import read, sequence_info

    for number in (7, 8):
        write_image(tmp_path / f"{number}.png", ramp(3, 4, 4))
    opened = {source: open_reader(source) for source in (clips["plain"], tmp_path, tmp_path / "%d.png")}
    monkeypatch.setattr(read, "probe", None)
    monkeypatch.setattr(sequence_info, "read_header", None)
    for source, earlier in opened.items():
        with open_reader(source, info=earlier.info, rate=Fraction(6), frames=1) as reader:
            assert len(list(reader)) == 1
        assert reader.rate == 6
    assert opened[tmp_path / "%d.png"].info.first_number == 7
    assert opened[tmp_path].info.first_number == 1


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with tags, two chapters and a subtitle track in German."""
    folder = tmp_path_factory.mktemp("film")
    times = ("00:00:00,200 --> 00:00:00,900", "00:00:01,000 --> 00:00:01,800", "00:00:02,500 --> 00:00:03,500")
    lines = (f"{number}\n{time}\nline {number}\n" for number, time in enumerate(times, 1))
    (folder / "s.srt").write_text("\n".join(lines))
    (folder / "m.txt").write_text(
        ";FFMETADATA1\ntitle=My = film\nartist=Me\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=First\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=4000\ntitle=Second\n"
    )
    return make(
        folder / "film.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=4", "-i", str(folder / "s.srt"),
        "-f", "ffmetadata", "-i", str(folder / "m.txt"), "-map", "0:v", "-map", "1:s", "-map_metadata", "2",
        "-map_chapters", "2", "-c:v", "libx264", "-g", "48", "-c:s", "srt", "-metadata:s:s:0", "language=ger",
    )  # fmt: skip


def _subtitles(path: Path) -> list[tuple[float, float, str]]:
    text = run_ffmpeg(["-i", f"file:{path}", "-map", "0:s:0", "-f", "srt", "pipe:1"])[1].decode()
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]

    def seconds(stamp: str) -> float:
        hours, minutes, rest = stamp.replace(",", ".").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    return [(*map(seconds, block[1].split(" --> ")), block[2]) for block in blocks]  # type: ignore[misc]


def _description(path: Path) -> str:
    return run_ffmpeg(["-i", f"file:{path}"], loglevel="info")[2]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("joined", [False, True])
def test_tags_chapters_and_subtitles_are_kept(film: Path, tmp_path: Path, suffix: str, joined: bool) -> None:
    """From half a second on: what is shown by then begins at once, and the picture still begins at 0."""
    target = tmp_path / f"x{suffix}"
    info = probe(film)
    assert (info.subtitle_codecs, info.has_chapters) == (("subrip",), True)
    original = Original.read(info, Fraction(1, 2))
    kind = {"width": 64, "height": 64, "rate": Fraction(24), "codec": "av1" if suffix == ".webm" else "h264"}
    metadata = {"dreamvid": "ours", "artist": "us"}
    parts = [tmp_path / f"part-{number}{suffix}" for number in range(2)] if joined else [target]
    for part in parts:
        extras = {} if joined else {"original": original, "metadata": metadata}
        with open_writer(part, **kind, **extras) as writer:  # type: ignore[arg-type]
            for _ in range(48 // len(parts)):
                writer.write(np.zeros((64, 64, 3), np.float32))
    if joined:
        left_out = join_segments(
            parts, target, seconds=Fraction(2), sound=None, original=original, metadata=metadata
        )
        assert left_out == []
    made = probe(target)
    assert (made.frame_count, made.rate, made.first_frame_time) == (48, 24, 0)
    tags = read_metadata(target)
    assert (tags["title"], tags["artist"], tags["dreamvid"]) == ("My = film", "us", "ours")
    described = _description(target)
    assert "Chapter #0:0: start 0.000000, end 1.000000" in described
    assert "Chapter #0:1: start 1.000000, end 2.000000" in described
    assert "First" in described
    assert "(ger)" in described
    assert [text for *_, text in _subtitles(target)] == ["line 1", "line 2"]
    for (begin, end, _), expected in zip(_subtitles(target), ((0, 0.4), (0.5, 1.3)), strict=True):
        assert (begin, end) == (pytest.approx(expected[0], abs=0.02), pytest.approx(expected[1], abs=0.02))


def test_subtitles_that_do_not_fit_are_told(film: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    info = replace(probe(film), subtitle_codecs=("subrip", "hdmv_pgs_subtitle"))
    told = Told()
    for suffix in (".mkv", ".mp4"):
        path = tmp_path / f"x{suffix}"
        open_writer(path, width=64, height=48, rate=Fraction(24), original=Original.read(info), tell=told)
    (line,) = told
    assert line.startswith(f"{tmp_path / 'x.mp4'}: bitmap subtitles (hdmv_pgs_subtitle)")


@pytest.mark.parametrize(
    ("codec", "suffix"), [("prores", ".mov"), ("ffv1", ".mkv"), ("h265", ".mp4"), ("av1", ".webm")]
)
def test_a_click_stays_at_its_frame_in_every_codec(
    clips: dict[str, Path], tmp_path: Path, codec: str, suffix: str
) -> None:
    """Beside an original with chapters, from frame 7 on; the click is at frame 18."""
    start = Fraction(7, 24)
    with open_writer(
        tmp_path / f"x{suffix}", width=64, height=64, rate=Fraction(24), codec=codec,
        sound=SoundTrack(clips["click"], start), original=Original.read(probe(clips["click"]), start),
    ) as writer:  # fmt: skip
        for _ in range(17):
            writer.write(np.zeros((64, 64, 3), np.float32))
    assert loudest_moment(tmp_path / f"x{suffix}") == pytest.approx(0.75 - float(start), abs=0.012)
    assert probe(tmp_path / f"x{suffix}").frame_count == 17


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_picture_keeps_its_profile_and_its_exif_but_not_its_turn(tmp_path: Path, suffix: str) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "Copyright Me"
    Image.new("RGB", (20, 10), (200, 100, 50)).save(tmp_path / "in.jpg", exif=exif, icc_profile=profile)
    info = probe(tmp_path / "in.jpg")
    assert (info.width, info.height) == (10, 20)
    target = tmp_path / f"out{suffix}"
    with open_writer(
        target, width=10, height=20, rate=None, metadata={"dreamvid": "{}"}, original=Original.read(info)
    ) as writer:
        writer.write(read_image(tmp_path / "in.jpg"))
    assert read_image_tags(target).icc_profile == profile
    assert read_metadata(target) == {"dreamvid": "{}"}
    assert (probe(target).width, probe(target).height) == (10, 20)
    if suffix != ".tif":
        with Image.open(target) as image:
            assert image.getexif()[0x8298] == "Copyright Me"
            assert 0x0112 not in image.getexif()


def test_the_quality_of_pictures_is_a_choice(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    for suffix in (".jpg", ".webp"):
        sizes = []
        for quality in (20, None, 100):
            with open_writer(
                tmp_path / f"{quality}{suffix}", width=64, height=64, rate=None, quality=quality
            ) as writer:
                writer.write(noise)
            sizes.append((tmp_path / f"{quality}{suffix}").stat().st_size)
        assert sizes == sorted(set(sizes))


def test_a_sequence_goes_on_where_it_was(tmp_path: Path) -> None:
    target = tmp_path / "%04d.png"
    gray = [np.full((4, 4, 3), index / 10, np.float32) for index in range(6)]
    kind = {"width": 4, "height": 4, "rate": None, "first_number": 1001}
    with pytest.raises(KeyboardInterrupt), open_writer(target, **kind) as writer:  # type: ignore[arg-type]
        for frame in gray[:4]:
            writer.write(frame)
        raise KeyboardInterrupt
    with pytest.raises(MediaError, match="already exists"):
        open_writer(target, **kind)  # type: ignore[arg-type]
    before = (tmp_path / "1002.png").stat().st_mtime_ns
    with open_writer(target, **kind, resume=3) as writer:  # type: ignore[arg-type]
        assert writer.frame_count == 3
        for frame in gray[3:]:
            writer.write(frame)
    assert writer.frame_count == 6
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"{1001 + index}.png" for index in range(6)]
    for index, frame in enumerate(gray):
        assert np.abs(read_image(tmp_path / f"{1001 + index}.png") - frame).max() < 0.003
    assert (tmp_path / "1002.png").stat().st_mtime_ns == before
    (tmp_path / "1002.png").unlink()
    with pytest.raises(MediaError, match=r"1002\.png: was written earlier but no longer exists"):
        open_writer(target, **kind, resume=3)  # type: ignore[arg-type]
    with pytest.raises(MediaError, match="input"):
        open_writer(target, **kind, resume=1, protected=[tmp_path])  # type: ignore[arg-type]


def test_a_png_header_is_read_without_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "x.png", ramp(3, 4, 4), metadata={"a": "b"})
    monkeypatch.setattr(Image.Image, "load", None)
    assert probe(tmp_path / "x.png").width == 4


def test_playlists_in_disguise_open_nothing(clips: dict[str, Path], tmp_path: Path) -> None:
    """What names other files is read neither as a film nor as a sound, whatever it is called."""
    (tmp_path / "secret.mp4").write_bytes(clips["plain"].read_bytes())
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n",
        "web": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "concat": "ffconcat version 1.0\nfile secret.mp4\n",
        "dash": f'<?xml version="1.0"?><MPD><BaseURL>file:{tmp_path}/secret.mp4</BaseURL></MPD>',
        "sub": f"file:{tmp_path}/secret.mp4",
    }
    for name, text in texts.items():
        for suffix in (".mp4", ".m3u8", ".mkv", ".wav"):
            path = tmp_path / f"{name}{suffix}"
            path.write_text(text)
            with pytest.raises(MediaError):
                probe(path)
            with pytest.raises(MediaError):
                open_writer(tmp_path / "out.mp4", width=64, height=48, rate=RATE, sound=SoundTrack(path))
    assert indices(tmp_path / "secret.mp4") == list(range(COUNT))
    assert index_of(next(iter(open_reader(tmp_path / "secret.mp4").__enter__()))) == 0
