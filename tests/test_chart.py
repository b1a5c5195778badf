"""Charts: lines where the values are, gaps where there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dreamvid.graphics.chart import Panel, draw_chart

LINE = (92, 200, 250)


def rows_of_line(chart: np.ndarray, column: int) -> np.ndarray:
    return np.flatnonzero((np.abs(chart[:, column].astype(int) - LINE).sum(1)) < 60)


def test_larger_values_stand_higher_and_gaps_are_empty() -> None:
    values = [0.0, 1.0, math.nan, math.nan, 4.0, 4.0]
    chart = draw_chart("a film", "frame", range(6), [Panel("x", {"x": values})])
    columns = [84 + round((1400 - 108) * i / 5) for i in range(6)]
    low, high = rows_of_line(chart, columns[0] + 2), rows_of_line(chart, columns[4] + 2)
    assert low.size
    assert high.size
    assert high.mean() < low.mean() - 100  # of 150 px
    assert not rows_of_line(chart, (columns[2] + columns[3]) // 2).size


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0], [math.nan], [-2.0, 3.0], [1e-7, 2e-7], [5.0] * 3000])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    chart = draw_chart("t" * 300, "frame", range(len(values)), [Panel("x", {"x": values}), Panel("y", {"y": values})])
    assert chart.shape[1:] == (1400, 3)
    assert chart.dtype == np.uint8


def test_a_mark_runs_down_every_lane() -> None:
    panels = [Panel("x", {"x": [1.0, 1.0, 1.0]}), Panel("y", {"y": [1.0, 1.0, 1.0]})]
    plain = draw_chart("t", "frame", range(3), panels)
    marked = draw_chart("t", "frame", range(3), panels, [1])
    changed = np.argwhere((plain != marked).any(2))
    assert np.ptp(changed[:, 1]) == 0
    assert np.ptp(changed[:, 0]) > 300
