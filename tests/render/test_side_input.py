from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import dreamvid
from dreamvid.config.mattes import MaskFile
from dreamvid.errors import SettingsError
from dreamvid.media import open_reader, open_writer, write_image
from dreamvid.render.side_input import SideInput, check_mask, open_mask

HEIGHT, WIDTH = 24, 32


def gray_film(path: Path, levels: list[int], rate: int = 4) -> Path:
    """A lossless film whose frames are gray, each of its own level."""
    with open_writer(path, width=WIDTH, height=HEIGHT, rate=Fraction(rate), codec="ffv1") as writer:
        for level in levels:
            writer.write(np.full((HEIGHT, WIDTH, 3), level / 255, np.float32))
    return path


def levels_at(side_input: SideInput, times: list[Fraction | float]) -> list[int | None]:
    frames = [side_input.at(Fraction(time)) for time in times]
    return [None if frame is None else round(float(frame.mean()) * 255) for frame in frames]


def test_a_film_is_asked_by_time_and_gives_each_frame_once(tmp_path: Path) -> None:
    path = gray_film(tmp_path / "a.mkv", [10, 20, 30, 40])
    with SideInput(path) as side_input:
        assert levels_at(side_input, [0, 0.125, 0.25, 0.75, 0.875]) == [10, None, 20, 40, None]


def test_it_can_begin_anywhere(tmp_path: Path) -> None:
    path = gray_film(tmp_path / "a.mkv", list(range(10, 90, 10)))
    with SideInput(path) as side_input:
        assert levels_at(side_input, [1.25, 1.5]) == [60, 70]


def test_a_guide_begins_again_and_a_mask_stays(tmp_path: Path) -> None:
    path = gray_film(tmp_path / "a.mkv", [10, 20, 30])
    times = [Fraction(index, 4) for index in range(8)]
    with SideInput(path, loop=True) as guide:
        assert levels_at(guide, times) == [10, 20, 30, 10, 20, 30, 10, 20]
    with SideInput(path) as mask:
        assert levels_at(mask, times) == [10, 20, 30, *[None] * 5]


def test_a_film_of_one_frame_and_a_still_are_given_once(tmp_path: Path) -> None:
    film = gray_film(tmp_path / "a.mkv", [50])
    still = tmp_path / "a.png"
    cv2.imwrite(str(still), np.full((HEIGHT, WIDTH), 50, np.uint8))
    for path in (film, still):
        with SideInput(path, loop=True) as side_input:
            assert levels_at(side_input, [0, 1, 2, 50]) == [50, None, None, None]


def mask_fault(tmp_path: Path, mask: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    film = tmp_path / "film.mkv"
    if not film.exists():
        gray_film(film, [10])
    with open_reader(film) as reader, SideInput(tmp_path / "mask.png", size=(WIDTH, HEIGHT)) as mask_:
        check_mask(mask_, reader.width, reader.height)


def test_a_mask_may_have_another_size_but_not_another_shape(tmp_path: Path) -> None:
    mask_fault(tmp_path, np.full((HEIGHT * 3, WIDTH * 3), 255, np.uint8))
    with pytest.raises(
        SettingsError, match=r"mask.png is 24x32, the source 32x24; give a mask with the same aspect ratio"
    ):
        mask_fault(tmp_path, np.full((WIDTH, HEIGHT), 255, np.uint8))


def test_a_mask_of_light_is_what_it_is_whatever_becomes_of_the_films_light(tmp_path: Path) -> None:
    write_image(tmp_path / "mask.exr", np.full((HEIGHT, WIDTH, 3), 0.5, np.float32))
    size = WIDTH, HEIGHT
    with ExitStack() as closing:
        mask = open_mask(MaskFile(tmp_path / "mask.exr"), size, size, closing)
        assert mask is not None
        frame = mask.at(Fraction(0))
        assert frame is not None
        assert abs(float(frame.mean()) - 0.5) < 0.002
        assert open_mask(None, size, size, closing) is None
    with pytest.raises(SettingsError, match="the same aspect ratio"), ExitStack() as closing:
        open_mask(MaskFile(tmp_path / "mask.exr"), size, (WIDTH, WIDTH), closing)


def test_there_is_one_way_to_open_a_mask() -> None:
    rooms = Path(dreamvid.__file__).parent
    others = [path for path in rooms.rglob("*.py") if path.name != "side_input.py"]
    assert not [
        path for path in others if "check_mask(" in path.read_text() or "SideInput(settings.mask" in path.read_text()
    ]


def test_an_empty_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"mask.png is completely black"):
        mask_fault(tmp_path, np.zeros((HEIGHT, WIDTH), np.uint8))
    mask_fault(tmp_path, np.full((HEIGHT, WIDTH), 40, np.uint8))
