"""Passes as EXR channels: what they are called, what they hold, and that source plus dream is the beauty."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest

from dreamvid.config.passes import LOSSY, PASSES, Compression
from dreamvid.errors import MediaError
from dreamvid.images import passes
from dreamvid.images.color import to_linear
from dreamvid.images.passes import as_layers, as_picture, write_passes
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.media.names import OneFile
from dreamvid.media.write_passes import PassFile, open_pass_writer, pass_files_beside
from dreamvid.runtime.layers import LayeredFrame

HEIGHT, WIDTH = 48, 64
Channels = dict[str, npt.NDArray[Any]]


def channels_of(path: Path) -> Channels:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        (part,) = file.parts
        return {name: np.array(channel.pixels) for name, channel in part.channels.items()}


def frame(seed: int = 0, *, alpha: bool = False) -> LayeredFrame:
    """A smooth picture from black to white and back under a strong dream, so that all brightnesses meet."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    source = np.stack([x / (WIDTH - 1), y / (HEIGHT - 1), 1 - x / (WIDTH - 1)], axis=-1)
    waves = np.sin(x / 3)[..., None] * np.sin(y / 4)[..., None] * noise.uniform(0.2, 0.9, 3).astype(np.float32)
    beauty = np.clip(source + waves, 0, 1)
    if alpha:
        share = (x / WIDTH)[..., None]
        source, beauty = (np.concatenate([one, share], axis=-1) for one in (source, beauty))
    flow = np.stack([3 + x / 7, -2 - y / 9], axis=-1)
    return LayeredFrame(
        beauty.astype(np.float32),
        source.astype(np.float32),
        backward=flow.astype(np.float32),
        reliability=(y / HEIGHT).astype(np.float32),
        mask=(x / WIDTH).astype(np.float32),
        depth=(x * y / (WIDTH * HEIGHT)).astype(np.float32),
    )


def written(path: Path, layered: LayeredFrame, *, bits: int = 16, compression: str | None = None) -> Channels:
    write_passes(path, as_layers(layered, PASSES, bits), metadata={}, compression=compression)
    return channels_of(path)


def colors(channels: Channels, layer: str = "") -> npt.NDArray[np.float64]:
    prefix = f"{layer}." if layer else ""
    return np.stack([channels[f"{prefix}{color}"].astype(np.float64) for color in "RGB"])


LOSSLESS = [name for name in get_args(Compression) if name not in LOSSY]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("compression", LOSSLESS)
def test_source_plus_dream_is_the_beauty_exactly(tmp_path: Path, compression: str, alpha: bool) -> None:
    found = written(tmp_path / "a.exr", frame(alpha=alpha), compression=compression)
    source, dream, beauty = colors(found, "source"), colors(found, "dream"), colors(found)
    if compression == "pxr24":  # floats of 24 bits
        assert np.all(np.abs(source + dream - beauty) <= np.abs(dream) * 2.0**-16)
        step = np.spacing(np.maximum(np.abs(source), beauty).astype(np.float16)).astype(np.float64)
        assert np.all(np.abs(source + dream - beauty) <= step / 2)
    else:
        assert np.array_equal(source + dream, beauty)
    assert np.ptp(dream) > 0.5
    assert ("A" in found) == ("source.A" in found) == alpha
    assert "dream.A" not in found


@pytest.mark.parametrize("compression", LOSSLESS)
def test_in_full_floats_it_is_to_half_a_step(tmp_path: Path, compression: str) -> None:
    found = written(tmp_path / "a.exr", frame(alpha=True), bits=32, compression=compression)
    source, dream, beauty = colors(found, "source"), colors(found, "dream"), colors(found)
    assert {plane.dtype for plane in found.values()} == {np.dtype(np.float32)}
    largest = np.maximum(np.maximum(source, beauty), np.abs(dream))
    step = largest * 2.0**-15 if compression == "pxr24" else np.spacing(largest.astype(np.float32)).astype(np.float64)
    assert np.all(np.abs(source + dream - beauty) <= step / 2 * (3 if compression == "pxr24" else 1))


@pytest.mark.parametrize("compression", sorted(LOSSY))
def test_what_lossy_compression_leaves_is_near(tmp_path: Path, compression: str) -> None:
    layered = frame()
    found, exact = written(tmp_path / "a.exr", layered, compression=compression), written(tmp_path / "b.exr", layered)
    assert np.abs(colors(found, "source") + colors(found, "dream") - colors(found)).max() < 0.06
    for name in ("backward.u", "backward.v", "depth.Z"):  # full floats are in no danger
        assert np.array_equal(found[name], exact[name]), name
    for name in ("mask.A", "reliability.A"):
        assert np.abs(found[name].astype(np.float32) - exact[name].astype(np.float32)).max() < 0.02, name


def test_channels_are_called_as_nuke_and_blender_call_them(tmp_path: Path) -> None:
    found = written(tmp_path / "a.exr", frame(alpha=True))
    assert found.keys() == {
        "R", "G", "B", "A", "dream.R", "dream.G", "dream.B", "source.R", "source.G", "source.B", "source.A",
        "backward.u", "backward.v", "reliability.A", "mask.A", "depth.Z",
    }  # fmt: skip
    full = {name for name, plane in found.items() if plane.dtype == np.float32}
    assert full == {"dream.R", "dream.G", "dream.B", "backward.u", "backward.v", "depth.Z"}


def test_vectors_point_right_and_up_in_pixels(tmp_path: Path) -> None:
    layered = frame()
    found = written(tmp_path / "a.exr", layered)
    assert layered.backward is not None
    assert np.array_equal(found["backward.u"], layered.backward[..., 0])
    assert np.array_equal(found["backward.v"], -layered.backward[..., 1])


def test_colors_are_light_and_premultiplied_mattes_are_numbers(tmp_path: Path) -> None:
    layered = frame(alpha=True)
    assert layered.source is not None
    assert layered.mask is not None
    found = written(tmp_path / "a.exr", layered, bits=32)
    light = to_linear(layered.source[..., :3]) * layered.source[..., 3:]
    assert np.array_equal(colors(found, "source"), np.moveaxis(light, -1, 0).astype(np.float64))
    assert np.array_equal(found["source.A"], layered.source[..., 3])
    assert np.array_equal(found["mask.A"], layered.mask)


def test_a_pass_of_its_own_is_a_picture(tmp_path: Path) -> None:
    layered = frame()
    names = {name: set(as_picture(layered, name, 16)) for name in PASSES}
    vectors = {"backward.u", "backward.v"}
    assert names == {
        "dream": set("RGB"), "source": set("RGB"), "beauty": set("RGB"), "flow": vectors, "reliability": {"Y"},
        "mask": {"Y"}, "depth": {"Z"},
    }  # fmt: skip


def test_a_second_reader_finds_the_layers(tmp_path: Path) -> None:
    """ffmpeg has a decoder of its own."""
    found = written(tmp_path / "a.exr", frame(), bits=32)
    for layer in ("", "source", "dream"):
        choice = ["-layer", layer] if layer else []
        code, raw, said = run_ffmpeg(
            [*choice, "-i", str(tmp_path / "a.exr"), "-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-"]
        )
        assert code == 0, said
        green, blue, red = np.frombuffer(raw, np.float32).reshape(3, HEIGHT, WIDTH)
        assert np.array_equal(np.stack([red, green, blue]).astype(np.float64), colors(found, layer)), layer


def test_the_library_finds_nothing_wrong_with_the_header(tmp_path: Path) -> None:
    written(tmp_path / "a.exr", frame(alpha=True), compression="dwaa")
    assert OpenEXR.isOpenExrFile(str(tmp_path / "a.exr"))
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        (part,) = file.parts
        assert part.header["type"] == OpenEXR.scanlineimage
        assert part.header["compression"] == OpenEXR.DWAA_COMPRESSION
        assert {(channel.xSampling, channel.ySampling) for channel in part.header["channels"]} == {(1, 1)}
        file.write(str(tmp_path / "again.exr"))  # which checks it


def test_a_frame_without_a_layer_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no mask"):
        as_layers(LayeredFrame(frame().beauty), ["mask"], 16)


@pytest.mark.parametrize(
    ("target", "layers", "files"),
    [
        ("clip.mp4", "clip.mp4.passes/%05d.exr", "clip.mp4.passes/flow.%05d.exr"),
        ("film.webp", "film.webp.passes/%05d.exr", "film.webp.passes/flow.%05d.exr"),
        ("out/%04d.png", "out.passes/%04d.exr", "out.passes/flow.%04d.exr"),
        ("out/left_%04d.exr", "out.left.passes/left_%04d.exr", "out.left.passes/flow.left_%04d.exr"),
        ("still.jpg", "still.jpg.passes.exr", "still.jpg.flow.exr"),
    ],
)
def test_where_they_lie(tmp_path: Path, target: str, layers: str, files: str) -> None:
    path = tmp_path / target
    is_still = path.suffix == ".jpg"
    whole = pass_files_beside(path, ["dream", "flow"], "layers", is_still=is_still)
    assert [one.path for one in whole] == [tmp_path / layers]
    apart = pass_files_beside(path, ["dream", "flow"], "files", is_still=is_still)
    assert apart[1].path == tmp_path / files
    assert pass_files_beside(path, [], "files") == []


def test_a_writer_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    mine = tmp_path / "00002.exr"
    mine.write_bytes(b"mine")
    outputs = [PassFile(tmp_path / "%05d.exr", ("dream",))]

    def write(**options: Any) -> None:
        with open_pass_writer(outputs, width=WIDTH, height=HEIGHT, **options) as writer:
            writer.write(frame())

    with pytest.raises(MediaError, match=r"00002.exr: already exists"):
        write()
    assert mine.read_bytes() == b"mine"
    write(overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["00001.exr"]  # of an older, longer sequence


def test_a_still_appears_when_it_is_finished(tmp_path: Path) -> None:
    outputs = [PassFile(OneFile(tmp_path / "a%d.exr"), ("dream",))]
    writer = open_pass_writer(outputs, width=WIDTH, height=HEIGHT)
    writer.start()
    writer.write(frame())
    assert not list(tmp_path.iterdir())
    with pytest.raises(MediaError, match="single frame"):
        writer.write(frame())
    writer.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["a%d.exr"]


def test_what_a_kill_has_left_is_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was being written is written again under the same hidden name."""
    outputs = [PassFile(tmp_path / "%05d.exr", ("dream",))]
    names = []

    def killed(path: Path, *_: Any, **__: Any) -> None:
        names.append(path)
        path.write_bytes(b"half of it")
        os.link(path, path.with_suffix(".kept"))  # what is cleaned up is not, in a kill
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(passes, "write_exr_channels", killed)
            writer = open_pass_writer(outputs, width=WIDTH, height=HEIGHT, resume=0)
            with pytest.raises(KeyboardInterrupt):
                writer.write(frame())
            names[-1].with_suffix(".kept").rename(names[-1])
    assert len(set(names)) == 1
    with open_pass_writer(outputs, width=WIDTH, height=HEIGHT, resume=0) as writer:
        writer.write(frame())
    assert [path.name for path in tmp_path.iterdir()] == ["00001.exr"]
