"""Places that are known again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dreamvid.motion.views import MOST_VIEWS, KnownViews, View, ViewBook, ViewEstimator
from dreamvid.runtime.frames import to_frame
from tests.tiny import noise

HEIGHT, WIDTH = 90, 160
SCENE = to_frame(noise(HEIGHT, 520, low=0.0, high=1.0))


def look(x: int) -> np.ndarray:
    return np.ascontiguousarray(SCENE[:, x : x + WIDTH])


def fresh_at(left: int, right: int) -> np.ndarray:
    """A reliability of 0 between two columns, else 1."""
    reliability = np.ones((HEIGHT, WIDTH), np.float32)
    reliability[:, left:right] = 0
    return reliability


@pytest.mark.parametrize("shift", [-60, -12, 0, 12, 60])
def test_the_way_to_a_view_is_found_from_afar(shift: int) -> None:
    views = KnownViews(shown=(View.of(7, look(100 + shift)),))
    (way,) = ViewEstimator().measure(look(100), fresh_at(70, 90), views)
    assert way.number == 7
    inner = np.s_[10:-10, 70:90]  # the view shows that, wherever it lies
    assert np.abs(way.motion.backward[inner] - (-shift, 0)).max() < 0.5
    assert way.motion.reliability[inner].mean() > 0.9
    beyond = np.arange(WIDTH) - shift
    outside = (beyond < 0) | (beyond >= WIDTH)
    assert way.motion.reliability[:, outside].sum() == 0


def test_only_views_that_may_show_what_is_fresh_are_looked_at() -> None:
    right, left, far = View.of(1, look(130)), View.of(2, look(70)), View.of(3, look(330))
    ways = list(ViewEstimator().measure(look(100), fresh_at(0, 10), KnownViews(shown=(right, left, far))))
    assert ways[0].number == 2
    assert 1 not in [way.number for way in ways]
    assert all(way.motion.reliability.mean() < 0.1 for way in ways if way.number == 3)


def test_what_was_shown_comes_before_what_is_to_come_and_nothing_where_nothing_is_fresh() -> None:
    views = KnownViews(shown=(View.of(1, look(90)),), coming=(View.of(9, look(100)),))
    ways = ViewEstimator().measure(look(100), fresh_at(40, 60), views)
    assert [way.number for way in ways] == [1, 9]
    assert not list(ViewEstimator().measure(look(100), fresh_at(40, 40), views))


def test_of_too_many_views_those_go_that_others_show() -> None:
    book = ViewBook()
    moving = [View.of(t, look(12 * t)) for t in range(20)]
    resting = [View.of(20 + t, look(240)) for t in range(40)]
    for view in moving + resting:
        book.add(view)
        assert len(book.views) <= MOST_VIEWS
    kept = book.numbers
    assert {0, 59} <= kept
    assert len(kept & set(range(20))) >= 18
    gaps = np.diff(sorted(kept - set(range(20))))
    assert gaps.max() <= 8  # what rests is kept evenly


def test_a_view_of_nothing_is_no_way(recwarn: pytest.WarningsRecorder) -> None:
    gray = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    views = KnownViews(shown=(View.of(1, gray),))
    (way,) = ViewEstimator().measure(gray, fresh_at(0, 20), views)
    assert np.isfinite(way.motion.backward).all()
    assert not recwarn.list


def test_a_view_holds_what_a_journal_gives_back() -> None:
    view = View.of(1, cv2.GaussianBlur(look(0), (0, 0), 1))
    again = View(1, view.picture.copy())
    assert np.array_equal(view.frame, again.frame)
    assert np.array_equal(view.thumb, again.thumb)
