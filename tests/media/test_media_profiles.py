"""Pictures by what is in them: formats, color profiles, several pictures in one file."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from media_clips import indexed, indices, make
from PIL import Image, ImageCms

from dreamvid.errors import MediaError
from dreamvid.images.header import ImageTags, holds_image, read_image_tags
from dreamvid.images.write import encode
from dreamvid.media import default_output, open_reader, open_writer, probe, read_image, write_image
from dreamvid.media.mux import Original
from tests.told import Told

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def icc(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", connection: bytes = b"XYZ ") -> bytes:
    """An ICC profile of version 2 with these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += name + struct.pack(">II", begin + len(data), len(body))
        data += body
    head = struct.pack(">I4sI4s4s4s", begin + len(data), b"lcms", 0x02100000, kind, space, connection)
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    return head + table + data


def gray_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    white = b"XYZ " + bytes(4) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0" + bytes(78)
    return icc(b"GRAY", {b"desc": text, b"wtpt": white, b"kTRC": curve, b"cprt": b"text" + bytes(4) + b"none\0"})


def cmyk_profile() -> bytes:
    """Ink in which cyan alone looks as Lab (50, 60, 0), everything else as Lab (100, 0, 0): nothing like plain CMYK."""
    grid, ins, outs = 2, 4, 3
    head = b"mft1" + bytes(4) + bytes([ins, outs, grid, 0])
    head += struct.pack(">9i", *(65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    straight = bytes(range(256))
    points = b"".join(
        bytes([128, 188, 128]) if cyan and not (magenta or yellow or black) else bytes([255, 128, 128])
        for cyan in (0, 1) for magenta in (0, 1) for yellow in (0, 1) for black in (0, 1)
    )  # fmt: skip
    white = b"XYZ " + bytes(4) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    text = b"desc" + bytes(4) + struct.pack(">I", 4) + b"ink\0" + bytes(78)
    table = head + straight * ins + points + straight * outs
    tags = {b"desc": text, b"wtpt": white, b"A2B0": table, b"cprt": b"text" + bytes(4) + b"none\0"}
    return icc(b"CMYK", tags, b"prtr", b"Lab ")


def keep(source: Path, target: Path) -> ImageTags:
    """Write a picture as another, with what is kept of it; return that."""
    with (
        open_reader(source) as reader,
        open_writer(
            target, width=reader.width, height=reader.height, rate=None, original=Original(reader.info)
        ) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return read_image_tags(target)


@pytest.mark.parametrize("name", ["x.jpg", "x.tif"])
def test_a_profile_of_ink_is_applied_and_not_kept(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(source, icc_profile=cmyk_profile(), quality=100)
    red, green, blue = read_image(source)[8, 8]
    assert red > 0.7  # as the profile has it; plain cyan has none
    assert green < 0.4
    assert 0.3 < blue < 0.7
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        assert keep(source, tmp_path / f"y{suffix}").icc_profile is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_profile_of_gray_is_applied_and_not_kept(tmp_path: Path, suffix: str, deep: bool) -> None:
    if deep and suffix == ".jpg":
        pytest.skip("8 bits only")
    source = tmp_path / f"x{suffix}"
    ramp = np.arange(256, dtype=np.uint8)[None].repeat(8, 0)
    profile = gray_profile(1.0)
    if suffix == ".tif":
        values = ramp.astype(np.uint16) * 257 if deep else ramp
        tifffile.imwrite(source, values, photometric="minisblack", iccprofile=profile)
    else:
        image = Image.fromarray(ramp.astype(np.uint16) * 257) if deep else Image.fromarray(ramp)
        image.save(source, icc_profile=profile, quality=100)
    found = read_image(source)[4]
    light = np.arange(256) / 255
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(found - expected[:, None])[8:].max() < 0.03
    assert keep(source, tmp_path / "y.png").icc_profile is None


def test_lab_is_read_as_what_it_shows(tmp_path: Path) -> None:
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (16, 16), (200, 60, 30)), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )  # fmt: skip
    assert lab is not None
    lab.save(tmp_path / "x.tif")
    assert np.abs(read_image(tmp_path / "x.tif")[8, 8] * 255 - [200, 60, 30]).max() < 4


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_profile_of_any_size_is_kept(tmp_path: Path, suffix: str) -> None:
    for size in (0, 70_000, 200_000):
        profile = (len(SRGB) + size).to_bytes(4, "big") + SRGB[4:] + bytes(size)
        Image.new("RGB", (16, 16), (10, 200, 90)).save(tmp_path / "x.png", icc_profile=profile)
        (tmp_path / f"y{suffix}").unlink(missing_ok=True)
        assert keep(tmp_path / "x.png", tmp_path / f"y{suffix}").icc_profile == profile
        with Image.open(tmp_path / f"y{suffix}") as other:  # other programs read it as well
            assert other.info["icc_profile"] == profile


def test_what_follows_a_profile_goes_and_one_cut_short_is_none(tmp_path: Path) -> None:
    for stored, kept in ((SRGB + bytes(9), SRGB), (SRGB[:-9], None), (SRGB[:100], None)):
        Image.new("RGB", (8, 8)).save(tmp_path / "x.jpg", icc_profile=stored)
        assert read_image_tags(tmp_path / "x.jpg").icc_profile == kept


def test_exif_that_does_not_fit_leaves_ours(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x9286] = b"x" * 80_000
    write_image(
        tmp_path / "x.jpg", np.zeros((16, 16, 3), np.float32), metadata={"dreamvid": "{}"},
        tags=ImageTags(exif.tobytes(), SRGB),
    )  # fmt: skip
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.getexif()[0x010E] == '{"dreamvid": "{}"}'
        assert image.info["icc_profile"] == SRGB


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("y.jpg", ["EXIF data of the source does not fit in 66 kB", "color profile of the source does not fit in 167"]),
        ("y.bmp", ["EXIF data of the source cannot be stored", "color profile of the source cannot be stored"]),
        ("y.exr", ["EXIF data of the source cannot be stored", "color profile of the source cannot be stored"]),
        ("y.tif", ["EXIF data of the source cannot be stored"]),
        ("y%03d.jpg", ["EXIF data of the source does not fit", "color profile of the source does not fit"]),
        ("y.png", []),
        ("y.webp", []),
    ],
)
def test_what_of_a_picture_does_not_fit_is_told_before_the_first_frame(
    tmp_path: Path, name: str, lost: list[str]
) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x9286] = "a camera", b"x" * 80_000
    profile = (len(SRGB) + 17_000_000).to_bytes(4, "big") + SRGB[4:] + bytes(17_000_000)
    Image.new("RGB", (16, 16)).save(tmp_path / "x.webp", icc_profile=profile, exif=exif)
    original = Original.read(probe(tmp_path / "x.webp"))
    told = Told()
    writer = open_writer(tmp_path / name, width=16, height=16, rate=None, original=original, tell=told)
    assert len(told) == len(lost)
    assert all(line in notice for line, notice in zip(lost, told, strict=True))
    with writer:
        writer.write(np.zeros((16, 16, 3), np.float32))


def test_an_orientation_alone_is_no_loss(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png", exif=exif)
    original = Original.read(probe(tmp_path / "x.png"))
    told = Told()
    open_writer(tmp_path / "y.bmp", width=16, height=16, rate=None, original=original, tell=told)
    assert told == []


def test_what_cannot_be_encoded_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="cannot be encoded as jpg"):
        encode(".jpg", np.zeros((4, 4, 3), np.uint8), exif=bytes(70_000))
    monkeypatch.setattr("cv2.imencode", lambda *_: (False, None))
    with pytest.raises(MediaError, match=r"x\.bmp: cannot be written"):
        write_image(tmp_path / "x.bmp", np.zeros((4, 4, 3), np.float32))
    assert not list(tmp_path.iterdir())


SHOWN = [(200, 30, 40), (30, 180, 60)]


def picture() -> Image.Image:
    """Left red, right green."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32], pixels[:, 32:] = SHOWN
    return Image.fromarray(pixels)


def saved(path: Path, form: str, image: Image.Image | None = None, **options: object) -> Path:
    import pillow_heif

    pillow_heif.register_heif_opener()
    (image or picture()).save(path, form, **options)
    return path


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jfif", "JPEG"), ("a.ppm", "PPM"), ("a.jp2", "JPEG2000"), ("a.heic", "HEIF"), ("a.avif", "AVIF"),
        ("png.jpg", "PNG"), ("jpeg.png", "JPEG"), ("webp.jpg", "WEBP"), ("heic.jpg", "HEIF"), ("tiff.png", "TIFF"),
        ("bmp.exr", "BMP"), ("jpeg.mp4", "JPEG"), ("none", "PNG"), ("none2", "HEIF"), ("avif.heic", "AVIF"),
    ],
)  # fmt: skip
def test_content_decides_and_not_the_name(tmp_path: Path, name: str, form: str) -> None:
    path = saved(tmp_path / name, form, quality=95)
    info = probe(path)
    assert (info.kind, info.width, info.height, info.has_alpha) == ("still", 64, 48, False)
    assert default_output(path).suffix == ".png"
    image = read_image(path)
    assert np.abs(image[24, 8] * 255 - SHOWN[0]).max() < 16
    assert np.abs(image[24, 56] * 255 - SHOWN[1]).max() < 16
    told = Told()
    with open_reader(path, tell=told) as reader:
        assert len(list(reader)) == 1
    assert told == []


@pytest.mark.parametrize("name", ["film.png", "film.jpg", "film.heic", "film"])
def test_a_film_by_the_name_of_a_picture_is_a_film(tmp_path: Path, name: str) -> None:
    for suffix in (".mp4", ".mkv", ".gif"):
        clip = indexed(
            tmp_path / f"clip{suffix}", *(("-c:v", "gif") if suffix == ".gif" else ()), pixel_format="yuv420p"
        )
        clip.replace(tmp_path / name)
        assert not holds_image(tmp_path / name)
        assert probe(tmp_path / name).kind == "video"


@pytest.mark.parametrize("name", ["a.png", "a.heic", "a.jfif", "a.ppm"])
def test_what_is_nothing_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"shopping list\n" * 9)
    with pytest.raises(MediaError, match="not an image") as caught:
        probe(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_a_photograph_keeps_its_turn_profile_and_alpha(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = picture().convert("RGBA")
    image.putalpha(Image.fromarray(np.where(np.arange(48)[:, None] < 24, 255, 64).astype(np.uint8).repeat(64, 1)))
    path = saved(tmp_path / "x.heic", form, image, exif=exif.tobytes(), icc_profile=SRGB, quality=95)
    info = probe(path)
    assert (info.width, info.height, info.has_alpha) == (48, 64, True)
    shown = read_image(path, alpha=True)
    assert shown.shape == (64, 48, 4)
    assert np.abs(shown[8, 24, :3] * 255 - SHOWN[0]).max() < 16  # what was left is above
    assert np.abs(shown[56, 24, :3] * 255 - SHOWN[1]).max() < 16
    assert abs(shown[32, 40, 3] - 1) < 0.05
    assert abs(shown[32, 8, 3] - 64 / 255) < 0.05
    assert read_image_tags(path).icc_profile == SRGB
    assert keep(path, tmp_path / "y.png").icc_profile == SRGB
    with Image.open(tmp_path / "y.png") as written:
        assert written.size == (48, 64)
        assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("form", ["AVIF", "TIFF", "HEIF"])
def test_several_pictures_in_a_file_are_told(tmp_path: Path, form: str) -> None:
    path = saved(tmp_path / "x.tif", form, save_all=True, append_images=[picture().rotate(90), picture().rotate(180)])
    told = Told()
    with open_reader(path, tell=told) as reader:
        assert len(list(reader)) == 1
    (notice,) = told
    assert "3 pictures" in notice


def test_a_preview_is_not_another_picture(tmp_path: Path) -> None:
    pixels = np.asarray(picture())
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(pixels, photometric="rgb")
        file.write(pixels[::4, ::4], photometric="rgb", subfiletype=1)
    told = Told()
    open_reader(tmp_path / "x.tif", tell=told)
    assert told == []


def test_a_png_that_moves_is_a_film(tmp_path: Path) -> None:
    clip = make(tmp_path / "x.apng", "-i", str(indexed(tmp_path / "x.mp4")), "-plays", "0")
    clip = clip.rename(tmp_path / "moving.png")
    assert probe(clip).kind == "video"
    assert indices(clip) == list(range(12))
    assert default_output(clip).suffix == ".mp4"


def test_a_folder_is_judged_by_all_its_pictures(tmp_path: Path) -> None:
    plain = np.full((8, 8, 3), 0.5, np.float32)
    write_image(tmp_path / "1.png", plain)
    assert (probe_folder(tmp_path).bit_depth, probe_folder(tmp_path).has_alpha) == (8, False)
    write_image(tmp_path / "2.tif", plain, bit_depth=16)
    assert (probe_folder(tmp_path).bit_depth, probe_folder(tmp_path).has_alpha) == (16, False)
    write_image(tmp_path / "3.png", np.full((8, 8, 4), 0.25, np.float32))
    saved(tmp_path / "4.heic", "HEIF", Image.new("RGB", (8, 8)))
    assert (probe_folder(tmp_path).bit_depth, probe_folder(tmp_path).has_alpha) == (16, True)
    with open_reader(tmp_path, alpha=True) as reader:
        frames = list(reader)
    assert [frame.shape for frame in frames] == [(8, 8, 4)] * 4
    assert [round(float(frame[..., 3].mean()), 2) for frame in frames] == [1, 1, 0.25, 1]


def probe_folder(folder: Path):  # type: ignore[no-untyped-def]
    return open_reader(folder).info


def test_a_gray_profile_does_not_touch_colors(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "PNG", icc_profile=gray_profile(1.0))
    (tmp_path / "x.png").write_bytes(buffer.getvalue())
    assert np.abs(read_image(tmp_path / "x.png")[24, 8] * 255 - SHOWN[0]).max() < 1


def test_a_deep_photograph_stays_deep(tmp_path: Path) -> None:
    import pillow_heif

    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None].repeat(64, 0).repeat(3, 2)
    made = pillow_heif.from_bytes(mode="RGB;16", size=(64, 64), data=ramp.tobytes())
    made.save(tmp_path / "x.heic", quality=-1)
    assert probe(tmp_path / "x.heic").bit_depth == 16
    found = read_image(tmp_path / "x.heic")
    assert len(np.unique(found[32, :, 1])) > 60
    assert np.abs(found - ramp / np.float32(65535)).max() < 0.01
    assert found.max() > 0.99
    told = Told()
    made.save(tmp_path / "pq.heic", quality=-1, color_primaries=9, transfer_characteristics=16, matrix_coefficients=9)
    read_image(tmp_path / "pq.heic", tell=told)
    (line,) = told
    assert "PQ" in line
