from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import MediaError
from dreamvid.media import open_reader, open_writer, probe, read_image, read_metadata, write_image


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".jpg", ".webp"])
def test_formats_round_trip(tmp_path: Path, suffix: str) -> None:
    image = np.zeros((32, 48, 3), np.float32)
    image[:, :24], image[:, 24:] = (0.8, 0.2, 0.4), (0.2, 0.6, 1)
    write_image(tmp_path / f"x{suffix}", image)
    tolerance = 4 / 255 if suffix in (".jpg", ".webp") else 1e-6
    error = np.abs(read_image(tmp_path / f"x{suffix}") - image)
    assert max(error[:, :20].max(), error[:, 28:].max()) <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_stay(tmp_path: Path, suffix: str) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.float32)
    write_image(tmp_path / f"in{suffix}", levels / 65535, bit_depth=16)
    with open_reader(tmp_path / f"in{suffix}") as reader:
        assert reader.info.bit_depth == 16
        frame = next(reader)
    with open_writer(tmp_path / f"out{suffix}", width=7, height=9, rate=None, bit_depth=16) as writer:
        writer.write(frame)
    assert (np.rint(read_image(tmp_path / f"out{suffix}") * 65535) == levels).all()
    assert probe(tmp_path / f"out{suffix}").bit_depth == 16


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    rgb = Image.new("RGB", (6, 4), (200, 100, 50))
    transparent = rgb.copy()
    transparent.putalpha(10)
    made = {
        "rgb.png": (rgb, (200, 100, 50)),
        "rgba.png": (transparent, (200, 100, 50)),
        "rgba.webp": (transparent, None),
        "palette.png": (rgb.convert("P", palette=Image.Palette.ADAPTIVE), (200, 100, 50)),
        "gray.png": (Image.new("L", (6, 4), 77), (77, 77, 77)),
        "gray.jpg": (Image.new("L", (6, 4), 77), (77, 77, 77)),
        "gray_alpha.png": (Image.new("LA", (6, 4), (77, 3)), (77, 77, 77)),
        "bits.png": (Image.new("1", (6, 4), 1), (255, 255, 255)),
        "gray16.png": (Image.fromarray(np.full((4, 6), 32896, np.uint16)), (128, 128, 128)),
    }
    for name, (image, expected) in made.items():
        image.save(tmp_path / name)
        found = read_image(tmp_path / name)
        assert found.shape == (4, 6, 3), name
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        if expected:
            assert np.allclose(found * 255, expected, atol=1.01 if name.endswith("jpg") else 0.01), name


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :20] = 255
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    info = probe(path)
    assert (info.height, info.width) == (40, 60)
    assert np.abs(read_image(path) * 255 - upright).mean() < 4


@pytest.mark.parametrize(
    ("suffix", "bit_depth"), [(".png", 8), (".png", 16), (".jpg", 8), (".webp", 8), (".tif", 16), (".exr", 32)]
)
def test_metadata_comes_back(
    tmp_path: Path, suffix: str, bit_depth: int, capfd: pytest.CaptureFixture[str]
) -> None:
    tags = {"recipe": '{"x": "ü=1;\\n"}', "title": "two\nlines"}
    write_image(tmp_path / f"x{suffix}", np.zeros((8, 8, 3), np.float32), bit_depth=bit_depth, metadata=tags)
    assert read_metadata(tmp_path / f"x{suffix}") == tags
    write_image(tmp_path / f"y{suffix}", np.zeros((8, 8, 3), np.float32))
    assert read_metadata(tmp_path / f"y{suffix}") == {}
    read_image(tmp_path / f"x{suffix}")
    assert (tmp_path / f"x{suffix}").read_bytes().count(b"Exif\0\0") == (suffix == ".jpg")
    assert capfd.readouterr().err == ""  # the decoders have nothing to object to


def test_shrinking_averages_and_growing_stays_in_range(tmp_path: Path) -> None:
    stripes = np.zeros((8, 64, 3), np.float32)
    stripes[:, ::2] = 1
    write_image(tmp_path / "x.png", stripes)
    assert np.allclose(read_image(tmp_path / "x.png", size=(16, 2)), 0.5, atol=1e-6)
    grown = read_image(tmp_path / "x.png", size=(200, 20))
    assert grown.shape == (20, 200, 3)
    assert grown.min() >= 0
    assert grown.max() <= 1


def test_bad_images_are_one_line(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", np.random.default_rng(0).random((32, 32, 3), np.float32))
    (tmp_path / "half.png").write_bytes((tmp_path / "x.png").read_bytes()[:300])
    (tmp_path / "text.jpg").write_text("hello")
    for name, text in (("half.png", "damaged"), ("text.jpg", "damaged"), ("none.png", "no such file")):
        with pytest.raises(MediaError, match=text) as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(MediaError, match="appeared"):
        write_image(tmp_path / "x.png", np.zeros((4, 4, 3), np.float32), overwrite=False)
    with pytest.raises(MediaError, match="cannot be written"):
        write_image(tmp_path / "nowhere" / "x.png", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(MediaError, match="not an image format"):
        write_image(tmp_path / "x.gif", np.zeros((4, 4, 3), np.float32))


def test_a_sequence_may_be_deep(tmp_path: Path) -> None:
    with open_writer(tmp_path / "%d.png", width=4, height=4, rate=Fraction(24), bit_depth=16) as writer:
        writer.write(np.full((4, 4, 3), 12345 / 65535, np.float32))
    assert (np.rint(read_image(tmp_path / "1.png") * 65535) == 12345).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_damaged_exif_is_no_news(tmp_path: Path, suffix: str) -> None:
    """Warnings are errors here: a picture whose EXIF ends in the middle of its table is read without a word."""
    path = tmp_path / f"x{suffix}"
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x03\x00\x12\x01\x03\x00\x01\x00\x00\x00\x01\x00"
    Image.new("RGB", (40, 30), (200, 90, 10)).save(path, exif=exif)
    assert read_image(path).shape == (30, 40, 3)
    assert (probe(path).width, probe(path).height) == (40, 30)
    write_image(tmp_path / "out.png", read_image(path))
    assert read_metadata(path) == {}
