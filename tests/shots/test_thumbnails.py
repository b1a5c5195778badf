from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import MediaError
from dreamvid.media import ClipInfo
from dreamvid.shots.shots import Shot, shots_between
from dreamvid.shots.thumbnails import draw_shots, picture_size, write_sheet

RATE = Fraction(24)
SIZE = 48, 32


def color(frame: int) -> tuple[int, int, int]:
    return 255, frame, 0


def frames(count: int, taken: list[int] | None = None) -> Iterator[np.ndarray]:
    """Frame i is of the color (255, i, 0), which nothing else on a sheet is."""
    for frame in range(count):
        if taken is not None:
            taken.append(frame)
        yield np.full((SIZE[1], SIZE[0], 3), color(frame), np.float32) / 255


def shown(sheet: Image.Image) -> dict[int, np.ndarray]:
    """The frames on a sheet, and where their pixels are."""
    pixels = np.asarray(sheet)
    orange = (pixels[..., 0] == 255) & (pixels[..., 2] == 0)
    return {frame: orange & (pixels[..., 1] == frame) for frame in np.unique(pixels[..., 1][orange]).tolist()}


def test_the_middle_frame_of_each_shot_is_shown_whole_and_in_order() -> None:
    shots = shots_between([1, 7, 40, 90], 100)
    found = shown(draw_shots(frames(100), shots, RATE, SIZE))
    assert list(found) == [0, 3, 23, 64, 94] == [shot.middle for shot in shots]
    corners = []
    for place in found.values():
        rows, columns = np.flatnonzero(place.any(1)), np.flatnonzero(place.any(0))
        corners.append((rows[0], columns[0]))
        assert (len(columns), len(rows), place.sum()) == (*SIZE, SIZE[0] * SIZE[1])
    assert corners == sorted(corners)
    assert len({row for row, _ in corners}) > 1


def test_no_more_frames_are_read_than_are_shown() -> None:
    taken: list[int] = []
    draw_shots(frames(100, taken), shots_between([50], 100), RATE, SIZE)
    assert taken[-1] == 74


def test_a_clip_that_ends_early_leaves_an_empty_place() -> None:
    shots = shots_between([20], 100)
    sheet, whole = (draw_shots(frames(count), shots, RATE, SIZE) for count in (30, 100))
    assert list(shown(sheet)) == [9]
    assert sheet.size == whole.size


def test_numbers_and_timecodes_stand_below_the_pictures() -> None:
    def drawn(number: int = 1, first: int = 0, rate: Fraction = RATE) -> np.ndarray:
        return np.asarray(draw_shots(frames(30), [Shot(number, first, 20)], rate, SIZE))

    plain = drawn()
    below = int(np.flatnonzero(shown(Image.fromarray(plain))[9].any(1))[-1]) + 1
    middle = plain.shape[1] // 2
    for other, left, right in ((drawn(number=2), True, False), (drawn(rate=Fraction(30_000, 1001)), False, True)):
        assert np.array_equal(other[:below], plain[:below])
        assert np.array_equal(other[below:, :middle], plain[below:, :middle]) != left
        assert np.array_equal(other[below:, middle:], plain[below:, middle:]) != right
    assert not np.array_equal(drawn(first=1)[below:, middle:], plain[below:, middle:])


def info(width: int, height: int, aspect: Fraction = Fraction(1)) -> ClipInfo:
    return ClipInfo(Path("clip.mp4"), "video", width, height, RATE, Fraction(1), 24, sample_aspect=aspect)


def test_pictures_have_the_shape_in_which_the_clip_is_shown() -> None:
    assert picture_size(info(1920, 1080), 5) == (240, 135)
    assert picture_size(info(1080, 1920), 5) == (135, 240)
    assert picture_size(info(720, 576, Fraction(64, 45)), 5) == picture_size(info(1024, 576), 5) == (240, 135)
    assert picture_size(info(64, 48), 5) == (240, 180)


@pytest.mark.parametrize("clip", [info(1920, 1080), info(1080, 1920), info(4000, 10)])
def test_the_more_shots_the_smaller_their_pictures(clip: ClipInfo) -> None:
    sizes = [picture_size(clip, count) for count in (1, 100, 1000, 2000, 4000, 10**6)]
    assert [max(size) for size in sizes] == sorted((max(size) for size in sizes), reverse=True)
    assert max(sizes[-1]) == 64 or clip.height == 10
    assert 2000 * sizes[3][0] * sizes[3][1] < 17_000_000


def test_the_sheet_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    sheet = draw_shots(frames(10), shots_between([], 10), RATE, SIZE)
    path = tmp_path / "sheet.png"
    write_sheet(path, sheet)
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], np.asarray(sheet))
    for taken in (path, tmp_path / "missing" / "sheet.png"):
        with pytest.raises(MediaError, match=r"sheet\.png"):
            write_sheet(taken, Image.new("RGB", (4, 4)))
    assert cv2.imread(str(path)).shape[1::-1] == sheet.size
    write_sheet(path, Image.new("RGB", (4, 4)), overwrite=True)
    assert cv2.imread(str(path)).shape == (4, 4, 3)
    assert [entry.name for entry in tmp_path.iterdir()] == ["sheet.png"]
