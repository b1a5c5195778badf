"""Memory does not grow with the length of a film."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dreamvid.config.settings import make_settings
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.render import FrameDone, Job, render_job

FRAMES, SETTLED = 2000, 500
ALLOWED = 12 * 2**20  # bytes; one frame in and out, in float, is 0.4 MiB


def resident() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_thousand_frames_take_no_more_memory_than_five_hundred(tmp_path: Path) -> None:
    clip = tmp_path / "long.mp4"
    source = f"testsrc2=size=160x90:rate=24:duration={FRAMES / 24}"
    assert run_ffmpeg(["-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-y", str(clip)])[0] == 0
    values = {"model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1,
              "precision": "fp32", "report": True}  # fmt: skip
    events = render_job(Job(clip, tmp_path / "out.mp4", make_settings(values)))
    sizes = [resident() for event in events if isinstance(event, FrameDone)]
    assert len(sizes) == FRAMES
    early, late = max(sizes[SETTLED - 200 : SETTLED]), max(sizes[-200:])
    print(f"resident: {early / 2**20:.1f} MiB at {SETTLED} frames, {late / 2**20:.1f} MiB at {FRAMES}")
    assert late - early < ALLOWED
