"""Limits hold for what an upload becomes, whatever its header says and however small the file is."""

from __future__ import annotations

import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from dreamvid.errors import DreamvidError, MediaError, SettingsError
from dreamvid.images.write import write_image
from dreamvid.studio.controls import list_controls
from dreamvid.studio.limits import Limits
from dreamvid.studio.session import Session

CONTROLS = {control.key: control for control in list_controls()}
SMALL = Limits(
    size=3 * 10**6, picture=2 * 10**6, text=1000, weights=10**6, pixels=10_000, frames=20, seconds=2, sound=1
)
SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"


def ffmpeg(path: Path, *words: str) -> Path:
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *words, "-y", str(path)], check=True)
    return path


def png(folder: Path) -> Path:
    Image.new("1", (400, 400)).save(folder / "a.png")
    return folder / "a.png"


def webp(folder: Path) -> Path:
    Image.new("L", (400, 400)).save(folder / "a.webp")
    return folder / "a.webp"


def tiff(folder: Path) -> Path:
    """A picture of 16x16 whose only strip becomes fifty megabytes."""
    strip = zlib.compress(bytes(5 * 10**7), 9)
    fields = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (273, 134), (277, 1), (278, 16), (279, len(strip))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(fields)) + entries + bytes(4)
    (folder / "a.tif").write_bytes(head.ljust(134, b"\0") + strip)
    return folder / "a.tif"


def large_tiles(folder: Path) -> Path:
    """A picture of 16x16 in tiles of 16384x16384."""
    fields = [(256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (277, 1)]
    fields += [(322, 16384), (323, 16384), (324, 8), (325, 8)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(fields))
    (folder / "b.tif").write_bytes(head + entries + bytes(99))
    return folder / "b.tif"


def exr(folder: Path) -> Path:
    """A picture of 8x8 that holds 20000x20000 pixels of which these are shown."""
    path = folder / "a.exr"
    write_image(path, np.zeros((8, 8, 3), np.float32))
    data = bytearray(path.read_bytes())
    place = data.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    data[place : place + 16] = struct.pack("<4i", 0, 0, 19999, 19999)
    path.write_bytes(data)
    return path


def gif(folder: Path) -> Path:
    return ffmpeg(folder / "a.gif", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1.5")


def film(folder: Path) -> Path:
    return ffmpeg(folder / "a.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=3")


def large_film(folder: Path) -> Path:
    return ffmpeg(folder / "b.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=5:d=0.4")


def song(folder: Path) -> Path:
    return ffmpeg(folder / "a.flac", "-f", "lavfi", "-i", "anullsrc=d=3")


def lying_song(folder: Path) -> Path:
    """Three seconds that say of themselves that they are a hundredth of one."""
    path = ffmpeg(folder / "b.flac", "-f", "lavfi", "-i", "anullsrc=d=3")
    data = bytearray(path.read_bytes())
    data[22:26] = struct.pack(">I", 441)
    path.write_bytes(data)
    return path


def song_with_a_gap(folder: Path) -> Path:
    """A tenth of a second, and ten hours later another."""
    times = "aevalsrc=0:d=0.2,asetpts='PTS+gte(T,0.1)*36000/TB'"
    return ffmpeg(folder / "c.mka", "-f", "lavfi", "-i", times, "-c:a", "pcm_s16le")


@pytest.mark.parametrize("make", [png, webp, tiff, large_tiles, exr, gif, film, large_film])
def test_what_becomes_too_much_is_no_source_guide_or_mask(
    make: Callable[[Path], Path], tmp_path: Path, new_session: Callable[..., Session]
) -> None:
    path, session = make(tmp_path), new_session(limits=SMALL)
    calls: list[Callable[[], object]] = [lambda: session.open_upload(path)]
    calls += [lambda key=key: session.set(CONTROLS[key], str(path)) for key in ("guide", "mask")]  # type: ignore[misc]
    for call in calls:
        with pytest.raises(MediaError, match=rf"{path.name}: .*(the studio|its size says)") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert session.source is None
    assert session.given == {}
    assert not any((tmp_path / "handed").iterdir())


@pytest.mark.parametrize("make", [song, lying_song])
def test_songs_are_measured_by_what_is_in_them(
    make: Callable[[Path], Path], tmp_path: Path, new_session: Callable[..., Session]
) -> None:
    path, session = make(tmp_path), new_session(limits=SMALL)
    with pytest.raises(MediaError, match="minutes, but the studio accepts at most"):
        session.open_upload(path)
    with pytest.raises(MediaError, match="minutes, but the studio accepts at most"):
        session.set(CONTROLS["react"], str(path))
    new_session().open_upload(path)  # which is none too long for others


def test_a_gap_counts(tmp_path: Path, new_session: Callable[..., Session]) -> None:
    with pytest.raises(MediaError, match="600 minutes, but the studio accepts at most 30"):
        new_session().open_upload(song_with_a_gap(tmp_path))


def test_the_sound_of_long_clips_is_not_followed(new_session: Callable[..., Session]) -> None:
    session = new_session(limits=Limits(sound=1))
    session.open(SAMPLE)
    with pytest.raises(SettingsError, match="analyzes the sound of clips of at most"):
        session.merge({"strength": "0.5 + beat"})
    session.merge({"strength": "0.5 + 0.1*t"})
    track = session.track(listen=True)
    assert track is not None
    assert track.sound is None


def test_weights_are_measured_unpacked(tmp_path: Path, new_session: Callable[..., Session]) -> None:
    path = tmp_path / "mine.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(10**7))
    with pytest.raises(MediaError, match=r"mine\.pth: contains 10 MB of weights; the studio accepts at most 1 MB"):
        new_session(limits=SMALL).set(CONTROLS["weights"], str(path))


@pytest.mark.parametrize("name", ["look.yaml", "film.mp4.json"])
def test_looks_are_short(name: str, tmp_path: Path, new_session: Callable[..., Session]) -> None:
    (tmp_path / name).write_text("#" * 2000)
    with pytest.raises(DreamvidError, match="2 kB is too large; the studio accepts at most 1 kB"):
        new_session(limits=SMALL).load_look(tmp_path / name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", "9000x9000"),
        ("octave-sizes", "9000"),
        ("guide-size", 4000),
        ("rate", "1000"),
        ("layer", ["conv2"] * 40),
    ],
)
def test_films_are_not_made_too_large(key: str, value: object, new_session: Callable[..., Session]) -> None:
    session = new_session(limits=Limits(frames=1000))
    session.open(SAMPLE)
    with pytest.raises(SettingsError, match=rf"--{key}: the studio .* at most"):
        session.set(CONTROLS[key], value)
    assert session.given == {}
