"""Films whose folders have names that mean something to ffmpeg."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from media_clips import indexed, indices

from dreamvid.media.segments import join_segments

NAMES = ["plain", "is it? #1", "it's \\ 'so'", "a\nb", "a:b%20|c", "[x]{y}*", " ", "日本語", "\udcff"]


@pytest.mark.parametrize("name", NAMES)
def test_segments_in_a_folder_of_any_name_are_joined(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    segments = [indexed(folder / f"segment-{number}.mkv", count=3) for number in range(2)]
    target = folder / "film?.mkv"
    join_segments(segments, target, seconds=Fraction(6, 24), sound=None, metadata={})
    assert indices(target) == [0, 1, 2, 0, 1, 2]
    assert {path.name for path in folder.iterdir()} == {"film?.mkv", *(path.name for path in segments)}
