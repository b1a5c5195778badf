"""Pictures that move, in and out: GIF, WebP and APNG."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.content import image_format, is_moving_webp
from dreamvid.media import default_output, open_reader, open_writer, probe, read_image, read_metadata
from dreamvid.media.codecs import animation_codec, pieces_suffix
from dreamvid.media.segments import join_segments
from dreamvid.media.write import codec_for
from dreamvid.runtime.events import Notice

WIDTH, HEIGHT, FRAMES = 40, 30, 9
CLEAR = np.tri(HEIGHT, WIDTH, -10, dtype=np.bool_)  # a corner
KINDS = ("gif", "webp", "apng")
# Mean difference that a kind may make, of the range: 256 colors with a dither, a lossy codec, none at all.
MOST_LOSS = {"gif": 0.03, "webp": 0.02, "apng": 0.002}


def moving(alpha: bool = False) -> list[np.ndarray]:
    """A ramp that a bright square crosses."""
    frames = []
    for number in range(FRAMES):
        frame = np.zeros((HEIGHT, WIDTH, 4 if alpha else 3), np.float32)
        frame[..., 0] = np.linspace(0, 1, WIDTH)
        frame[..., 1] = np.linspace(0, 1, HEIGHT)[:, None]
        frame[8:16, 3 * number : 3 * number + 8, :3] = (0.2, 0.3, 0.9)
        if alpha:
            frame[..., 3] = ~CLEAR
        frames.append(frame)
    return frames


def write(path: Path, rate: Fraction = Fraction(24), *, alpha: bool = False, **options: object) -> list[str]:
    told: list[str] = []
    with open_writer(
        path, width=WIDTH, height=HEIGHT, rate=rate, alpha=alpha,
        tell=lambda event: told.append(event.text) if isinstance(event, Notice) else None,
        **options,  # type: ignore[arg-type]
    ) as writer:  # fmt: skip
        for frame in moving(alpha):
            writer.write(frame)
    return told


def read(path: Path, *, alpha: bool = False) -> tuple[list[np.ndarray], Fraction | None]:
    with open_reader(path, alpha=alpha) as reader:
        return list(reader), reader.rate


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(12)])
def test_what_is_written_is_read_again(tmp_path: Path, kind: str, rate: Fraction) -> None:
    path = tmp_path / f"film.{kind}"
    assert write(path, rate) == []  # with the codec of films by default: the name says it
    frames, found = read(path)
    assert found is not None
    assert abs(FRAMES / found - FRAMES / rate) <= Fraction(1, 50 if kind == "gif" else 1000)
    assert len(frames) == FRAMES
    for wanted, frame in zip(moving(), frames, strict=True):
        assert np.abs(wanted - frame).mean() < MOST_LOSS[kind]
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", KINDS)
def test_it_repeats_for_ever(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film.{kind}"
    write(path)
    with Image.open(path) as image:
        assert image.n_frames == FRAMES  # type: ignore[attr-defined]
        assert image.info["loop"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_transparency_is_kept(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film.{kind}"
    assert write(path, alpha=True) == []
    frames, _ = read(path, alpha=True)
    assert frames[4].shape == (HEIGHT, WIDTH, 4)
    assert ((frames[4][..., 3] == 0) == CLEAR).all()
    assert ((frames[4][..., 3] == 1) == ~CLEAR).all()


def test_a_gif_loses_what_players_do_not_show(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    (line,) = write(path, Fraction(60))
    assert "gif shows at most 50 frames a second" in line
    info = probe(path)
    assert info.rate is not None
    assert info.rate <= 50
    assert abs(float(info.frame_count / info.rate) - FRAMES / 60) < 0.03


def test_what_they_cannot_have_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="codec gif does not support CRF"):
        write(tmp_path / "film.gif", crf=20)
    with pytest.raises(SettingsError, match="codec webp does not support 16 bits"):
        write(tmp_path / "film.webp", bit_depth=16)
    (tmp_path / "film.gif").write_text("mine")
    with pytest.raises(MediaError, match="already exists"):
        write(tmp_path / "film.gif")
    assert (tmp_path / "film.gif").read_text() == "mine"


def test_a_picture_is_still_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "still.webp"
    with open_writer(path, width=WIDTH, height=HEIGHT, rate=None) as writer:
        writer.write(moving()[0])
    assert image_format(path) == "webp"
    assert not is_moving_webp(path)
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)
    with open_writer(tmp_path / "%03d.webp", width=WIDTH, height=HEIGHT, rate=Fraction(24)) as pictures:
        pictures.write(moving()[0])
    assert (tmp_path / "001.webp").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_lossless_films_until_the_end(tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"film.{kind}"
    assert pieces_suffix(target) == ".mkv"
    assert codec_for(target, "h264", pieces=True) == "ffv1"
    assert codec_for(target, "h264") == kind
    with_sound = open_writer(target, width=WIDTH, height=HEIGHT, rate=Fraction(24))
    pieces = []
    for number, part in enumerate((moving()[:4], moving()[4:])):
        pieces.append(tmp_path / f"segment-{number}.mkv")
        with open_writer(pieces[-1], width=WIDTH, height=HEIGHT, rate=Fraction(24), codec="ffv1") as writer:
            for frame in part:
                writer.write(frame)
    joined = tmp_path / f"joined.{kind}"
    join_segments(
        pieces, joined, seconds=Fraction(FRAMES, 24), sound=None, metadata={}, animation=with_sound.animation
    )  # fmt: skip
    frames, rate = read(joined)
    assert len(frames) == FRAMES
    assert rate == 24 or kind == "gif"  # which counts hundredths of a second
    assert max(np.abs(a - b).mean() for a, b in zip(moving(), frames, strict=True)) < MOST_LOSS[kind]


def test_names_say_what_they_are() -> None:
    assert default_output(Path("clip.mp4"), "gif").name == "clip.dream.gif"
    assert animation_codec(Path("a.mp4")) is None
    assert codec_for(Path("a.mkv"), "prores", pieces=True) == "prores"
    assert pieces_suffix(Path("a.mov")) == ".mov"


def animated_webp(path: Path, delays: list[int], *, alpha: bool = False) -> None:
    frames = [Image.fromarray((frame * 255).astype(np.uint8)) for frame in moving(alpha)[: len(delays)]]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=delays, loop=0, lossless=True, exact=True)


def test_delays_that_vary_become_a_rate_at_which_the_length_stays(tmp_path: Path) -> None:
    path = tmp_path / "uneven.webp"
    animated_webp(path, [40, 40, 400, 40, 40, 40, 40, 40])
    info = probe(path)
    assert info.variable_rate
    assert info.rate == 25
    frames, _ = read(path)
    assert len(frames) == info.frame_count == 17
    shown = [next(k for k, one in enumerate(moving()) if np.abs(one - frame).mean() < 0.01) for frame in frames]
    assert shown == [0, 1, *[2] * 10, 3, 4, 5, 6, 7]
    with open_reader(path, start=Fraction(8, 25), frames=6) as part:
        assert all(np.array_equal(a, b) for a, b in zip(part, frames[8:14], strict=True))
    with open_reader(path, rate=Fraction(50)) as twice:
        assert len(list(twice)) == 34


def test_a_rate_in_milliseconds_is_the_standard_one(tmp_path: Path) -> None:
    animated_webp(tmp_path / "a.webp", [42, 41, 42, 42, 41, 42])  # 24 a second
    assert probe(tmp_path / "a.webp").rate == 24
    animated_webp(tmp_path / "b.webp", [33, 34, 33, 33, 34, 33])
    assert probe(tmp_path / "b.webp").rate == 30
    animated_webp(tmp_path / "c.webp", [70] * 5)
    assert probe(tmp_path / "c.webp").rate == Fraction(100, 7)


def test_a_damaged_webp_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "whole.webp"
    animated_webp(path, [40] * 8)
    content = path.read_bytes()
    for length in (20, 30, 60, len(content) // 2, len(content) - 3):
        cut = tmp_path / f"cut{length}.webp"
        cut.write_bytes(content[:length])
        with pytest.raises(MediaError, match="cut"):
            read(cut)
    assert read_metadata(path) == {}
