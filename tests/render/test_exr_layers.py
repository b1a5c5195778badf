"""Layers and channels of multilayer EXR files: as the picture to dream on, and as masks."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from dreamvid.config.mattes import MaskFile
from dreamvid.config.settings import make_settings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.color import to_display
from dreamvid.images.exr_channels import list_channels, read_channels
from dreamvid.media import open_reader
from dreamvid.output.fingerprint import fingerprint_job
from dreamvid.render.side_input import open_mask

HEIGHT, WIDTH = 8, 12
LAYERS = {"": 0.1, "diffuse": 0.2, "ViewLayer.glossy": 0.3}


def plane(value: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), value, np.float32)


def write(path: Path, *, parts: bool = False) -> Path:
    """Pictures in several layers, an alpha of a half, and a matte, a ramp."""
    pictures = {
        layer: {f"{layer}.{name}".lstrip("."): plane(value) for name in "RGB"} for layer, value in LAYERS.items()
    }
    pictures[""]["A"] = plane(0.5)
    pictures["crypto00"] = {"crypto00.matte": np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    if parts:
        written = [
            OpenEXR.Part(
                dict(header), {name.rpartition(".")[2]: own for name, own in channels.items()}, layer or "main"
            )
            for layer, channels in pictures.items()
        ]
        OpenEXR.File(written).write(str(path))
    else:
        OpenEXR.File(header, {name: own for channels in pictures.values() for name, own in channels.items()}).write(
            str(path)
        )
    return path


@pytest.mark.parametrize("parts", [False, True])
def test_a_layer_is_read_by_its_name(tmp_path: Path, parts: bool) -> None:
    path = write(tmp_path / "shot.0001.exr", parts=parts)
    for layer, value in (("diffuse", 0.2), ("glossy", 0.3), ("ViewLayer.glossy", 0.3)):
        with open_reader(tmp_path / "shot.%04d.exr", exr_layer=layer) as reader:
            assert not reader.info.has_alpha
            assert np.allclose(next(reader), to_display(plane(value))[..., None], atol=1e-4)
        with open_reader(tmp_path / "shot.%04d.exr", info=reader.info) as again:  # as cuts are looked for
            assert np.allclose(next(again), to_display(plane(value))[..., None], atol=1e-4)
    with open_reader(path, exr_layer="crypto00.matte") as reader:
        assert np.allclose(next(reader)[0, :, 1], np.linspace(0, 1, WIDTH), atol=1e-6)
    with pytest.raises(MediaError, match=r"shot\.0001\.exr: has no layer or channel specular; it has .*diffuse\.B"):
        open_reader(tmp_path / "shot.%04d.exr", exr_layer="specular")


def test_the_main_layer_is_read_unless_another_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "shot.exr")
    with open_reader(path, alpha=True) as reader:
        frame = next(reader)
    assert np.allclose(frame[..., :3], to_display(plane(0.2))[..., None], atol=1e-4)  # not premultiplied
    assert np.allclose(frame[..., 3], 0.5)


def masked(text: str) -> np.ndarray:
    mask = make_settings({"mask": text}).mask
    with ExitStack() as closing:
        opened = open_mask(mask, (WIDTH, HEIGHT), (WIDTH, HEIGHT), closing)
        assert opened is not None
        frame = opened.at(Fraction(0))
        assert frame is not None
        return frame


def test_a_matte_is_a_channel_as_it_is_stored(tmp_path: Path) -> None:
    path = write(tmp_path / "shot.exr")
    assert np.allclose(masked(f"{path}:channel=crypto00.matte")[3, :, 0], np.linspace(0, 1, WIDTH), atol=1e-6)
    assert np.allclose(masked(f"{path}:channel=A"), 0.5)
    assert np.allclose(masked(f"{path}:channel=diffuse"), to_display(plane(0.2))[..., None], atol=1e-4)
    with pytest.raises(MediaError, match="has no layer or channel matte2"):
        masked(f"{path}:channel=matte2")


def test_the_alpha_of_any_picture_is_a_mask(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, WIDTH // 2 :, 3] = 255
    cv2.imwrite(str(tmp_path / "matte.png"), pixels)
    found = masked(f"{tmp_path}/matte.png:channel=A")
    assert found.shape == (HEIGHT, WIDTH, 3)
    assert (found[:, : WIDTH // 2] == 0).all()
    assert (found[:, WIDTH // 2 :] == 1).all()
    with pytest.raises(SettingsError, match="completely black"):  # its colors are
        masked(f"{tmp_path}/matte.png")
    cv2.imwrite(str(tmp_path / "plain.png"), pixels[..., :3])
    with pytest.raises(MediaError, match="has no transparency"):
        masked(f"{tmp_path}/plain.png:channel=A")
    with pytest.raises(MediaError, match="has no channel red; only EXR files name theirs"):
        masked(f"{tmp_path}/plain.png:channel=red")


def test_how_a_file_is_read_tells_renders_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "shot.exr")
    kinds = [f"{path}", f"{path}:channel=A", f"{path}:channel=diffuse"]
    identities = [fingerprint_job(make_settings({"mask": text}), None, {})["mask"] for text in kinds]
    assert len(set(identities)) == 3
    copied = tmp_path / "copied.exr"
    copied.write_bytes(path.read_bytes())
    assert fingerprint_job(make_settings({"mask": f"{copied}:channel=A"}), None, {})["mask"] == identities[1]
    for number in (1, 2):
        (tmp_path / f"v{number}.exr").write_bytes(path.read_bytes())
    flows = [f"{tmp_path}/v%d.exr:layer=diffuse,to=next,y={y}" for y in ("up", "down")]
    assert len({fingerprint_job(make_settings({"flow": text}), None, {})["flow"] for text in flows}) == 2


def test_names_of_channels_are_those_of_the_whole_file(tmp_path: Path) -> None:
    one, several = write(tmp_path / "one.exr"), write(tmp_path / "several.exr", parts=True)
    assert set(list_channels(one)) >= {"R", "A", "diffuse.G", "ViewLayer.glossy.B", "crypto00.matte"}
    assert set(list_channels(several)) >= {"main.R", "diffuse.G", "ViewLayer.glossy.B", "crypto00.matte"}
    assert read_channels(one, ["diffuse.G", "A"])[0, 0].tolist() == pytest.approx([0.2, 0.5])
    with pytest.raises(MediaError, match=r"has no channel depth\.Z"):
        read_channels(one, ["depth.Z"])


def test_a_mask_reads_as_it_was_written() -> None:
    assert make_settings({"mask": "a b.png"}).mask == MaskFile(Path("a b.png"))
    spec = make_settings({"mask": r"C:\m.%04d.exr:channel=a.b"}).mask
    assert spec == MaskFile(Path(r"C:\m.%04d.exr"), "a.b")
    assert make_settings({"mask": str(spec)}).mask == spec
    with pytest.raises(SettingsError, match="'canal=A' is not one of channel="):
        make_settings({"mask": "m.exr:canal=A"})
