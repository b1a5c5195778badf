"""A render that is stopped at any moment goes on where it was, and ends as if it had never stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import codecs, open_reader, probe
from dreamvid.output import recorder
from dreamvid.output.journal import Journal
from dreamvid.output.recorder import segment_length
from dreamvid.output.snapshot import Snapshot, read_snapshot, write_snapshot
from dreamvid.render import Finished, FrameDone, Job, Started, render_job
from tests.output.stopping import stop_after

SAMPLES = Path(__file__).parents[2] / "samples"
# Frames 44 to 64 of the sample: the cut lies in the middle.
VALUES: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 2, "iterations": 2, "warm_iterations": 1, "every": 2,
    "max_size": 96, "precision": "fp32", "start": "44044/24000", "frames": 20, "threads": 1, "save_every": 0,
    "sidecar": False,
}  # fmt: skip
Film = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "segment_length", lambda *_, **__: 6)


def job(target: Path, fresh: bool = False, **values: Any) -> Job:
    settings = make_settings(VALUES, values)
    return Job(SAMPLES / "journey.mp4", target, settings, fresh=fresh)


def frames_of(path: Path) -> Film:
    with open_reader(path) as reader:
        return np.stack(list(reader))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Film:
    target = tmp_path_factory.mktemp("unbroken") / "out.mp4"
    original, recorder.segment_length = recorder.segment_length, lambda *_, **__: 6
    list(render_job(job(target)))
    recorder.segment_length = original
    return frames_of(target)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param([6], marks=SLOW),
        [7],
        pytest.param([9, 12], marks=SLOW),
        [19],
        pytest.param([5, 9, 13, 18], marks=SLOW),
    ],
)
def test_stopped_and_gone_on_with_is_unbroken(stops: list[int], unbroken: Film, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    for stop in stops:
        stop_after(job(target), stop)
        assert not target.exists()
        assert (tmp_path / "out.mp4.journal").is_dir()
    events = list(render_job(job(target)))
    (started,) = [event for event in events if isinstance(event, Started)]
    dreamed = [event.frame for event in events if isinstance(event, FrameDone)]
    assert started.resumed >= stops[-1] - 5  # what waits for the encoder is lost
    assert dreamed == list(range(started.resumed, 20))
    assert isinstance(events[-1], Finished)
    assert events[-1].frames == 20
    assert np.array_equal(frames_of(target), unbroken)
    made, source = probe(target), probe(SAMPLES / "journey.mp4")
    assert (made.frame_count, made.rate, made.audio_codec) == (20, source.rate, source.audio_codec)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.mov", tmp_path / "broken.mov"
    list(render_job(job(whole, codec="prores", frames=8)))
    stop_after(job(broken, codec="prores", frames=8), 4)
    list(render_job(job(broken, codec="prores", frames=8)))
    assert np.array_equal(frames_of(broken), frames_of(whole))


def test_pieces_of_two_encoders_are_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's codec, begun on a machine without one, and gone on with where there is one."""
    target = tmp_path / "out.mp4"
    monkeypatch.setattr(codecs, "_find_problem", lambda _: "no such device")
    stop_after(job(target, codec="h264-nvenc", max_size=192), 9)
    monkeypatch.setattr(codecs, "_find_problem", lambda _: None)
    with pytest.raises(SettingsError, match="encoder"):
        list(render_job(job(target, codec="h264-nvenc", max_size=192)))


PICTURES = Path("frames") / "%04d.png"


@pytest.mark.parametrize("stops", [pytest.param([7], marks=SLOW), [5, 9, 18]])
def test_numbered_pictures_go_on_where_they_stopped(stops: list[int], tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole" / "%04d.png", tmp_path / PICTURES
    list(render_job(job(whole)))
    for stop in stops:
        stop_after(job(broken), stop)
        assert (tmp_path / "frames.journal").is_dir()
    (tmp_path / "frames" / "0020.png").write_bytes(b"written, but never counted")
    events = list(render_job(job(broken)))
    (started,) = [event for event in events if isinstance(event, Started)]
    dreamed = [event.frame for event in events if isinstance(event, FrameDone)]
    assert started.resumed >= stops[-1] - 5
    assert dreamed == list(range(started.resumed, 20))
    assert np.array_equal(frames_of(broken), frames_of(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "whole"]
    assert len(list((tmp_path / "frames").iterdir())) == 20


def test_pictures_that_nobody_was_making_are_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / PICTURES.parent / "0003.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    with pytest.raises(MediaError, match=r"0003.png: already exists"):
        list(render_job(job(tmp_path / PICTURES)))
    assert mine.read_bytes() == b"mine"
    assert not (tmp_path / "frames.journal").exists()


def test_pictures_that_have_gone_missing_are_told(tmp_path: Path) -> None:
    stop_after(job(tmp_path / PICTURES), 12)
    (tmp_path / "frames" / "0002.png").unlink()
    with pytest.raises(MediaError, match=r"0002\.png"):
        list(render_job(job(tmp_path / PICTURES)))


def test_another_recipe_is_refused_with_what_differs_and_fresh_starts_over(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    stop_after(job(target), 5)
    for values, message in (
        (
            {"step": 2},
            r"out.mp4.journal contains an unfinished render that differs in step \(nothing, now 2.0\).*--fresh",
        ),
        ({"frames": 19}, r"differs in frames \(20, now 19\)"),
        ({"strength": "0:(1), 9:(2)"}, r"differs in strength \(1.0, now 0:\(1\), 9:\(2\)\)"),
        ({"layer": "inception3b"}, r"differs in layer \(inception3a, now inception3b\)"),
    ):
        with pytest.raises(SettingsError, match=message):
            list(render_job(job(target, **values)))
    started = next(e for e in render_job(job(target, fresh=True, step=2)) if isinstance(e, Started))
    assert started.resumed == 0


def test_a_changed_source_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes((SAMPLES / "journey.mp4").read_bytes())
    render = Job(source, tmp_path / "out.mp4", make_settings(VALUES))
    stop_after(render, 3)
    with source.open("r+b") as file:  # the sound's last bytes: length and picture stay
        file.seek(-2000, os.SEEK_END)
        file.write(b"other sound")
    with pytest.raises(SettingsError, match=r"differs in source"):
        list(render_job(render))


def test_threads_may_change(tmp_path: Path) -> None:
    stop_after(job(tmp_path / "out.mp4"), 3)
    started = next(e for e in render_job(job(tmp_path / "out.mp4", threads=2)) if isinstance(e, Started))
    assert started.resumed >= 2


def test_short_renders_leave_no_journal_when_they_fail(tmp_path: Path) -> None:
    events = render_job(job(tmp_path / "out.mp4", save_every=1e4))
    for event in events:
        if isinstance(event, FrameDone) and event.frame == 3:
            break
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out.mp4.journal"
    folder.mkdir()
    (folder / "diary.txt").write_text("mine")
    with pytest.raises(MediaError, match=r"is not a dreamvid journal but is in its place; move it away"):
        list(render_job(job(tmp_path / "out.mp4", fresh=True)))
    assert (folder / "diary.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["journal.json", "state"])
def test_a_damaged_journal_is_one_clear_line(tmp_path: Path, name: str) -> None:
    target = tmp_path / "out.mp4"
    stop_after(job(target, frames=8), 5)
    (path,) = [path for path in (tmp_path / "out.mp4.journal").iterdir() if path.name.startswith(name)]
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(MediaError, match=r"out.mp4.journal: is damaged .*start over with --fresh"):
        list(render_job(job(target, frames=8)))
    list(render_job(job(target, frames=8, fresh=True)))
    assert target.exists()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with Journal(target, {}), pytest.raises(SettingsError, match=r"out.mp4: is being rendered by another dreamvid"):
        list(render_job(job(target)))


def test_a_snapshot_comes_back_bit_for_bit(tmp_path: Path) -> None:
    snapshot = Snapshot(7, {"residual": torch.randn(1, 3, 4, 5)}, {"shot": 2})
    write_snapshot(tmp_path / "s.st", snapshot)
    again = read_snapshot(tmp_path / "s.st")
    assert torch.equal(again.tensors["residual"], snapshot.tensors["residual"])
    assert (again.done, again.numbers) == (7, {"shot": 2})


def test_segments_of_large_frames_are_shorter() -> None:
    lengths = [segment_length(w, h, deep=False) for w, h in ((480, 270), (1920, 1080), (3840, 2160))]
    assert lengths == [240, 43, 24]
    assert segment_length(1920, 1080, deep=True) == 24


COMMAND = [sys.executable, "-m", "dreamvid.cli.main", str(SAMPLES / "journey.mp4"), "--progress", "json"]
OPTIONS = [
    "--model", "dreamnet", "--layer", "inception3a", "--octaves", "2", "--iterations", "2", "--warm-iterations", "1",
    "--max-size", "96", "--precision", "fp32", "--threads", "1", "--start", "1.5", "--frames", "30",
    "--save-every", "0",
]  # fmt: skip


def run_until(target: Path, frame: int, delay: float, sign: signal.Signals) -> tuple[int, str]:
    """Start the command, and send it a signal so long after it has told of a frame."""
    process = subprocess.Popen(
        [*COMMAND, *OPTIONS, "-o", str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if f'"frame": {frame},' in line and "frame-done" in line:
            break
    time.sleep(delay)
    process.send_signal(sign)
    _, stderr = process.communicate(timeout=120)
    return process.returncode, stderr


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in a shell's background; a polite kill will do
    code, stderr = run_until(target, 8, 0.0, signal.SIGTERM if ignored else signal.SIGINT)
    assert code == 130
    (line,) = stderr.splitlines()
    assert line.startswith("dreamvid: interrupted; ")
    assert "frames are kept in" in line
    assert "run the same command again to resume" in line
    assert not target.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are POSIX's")
def test_a_full_disk_ends_it_with_one_line_and_it_goes_on_when_there_is_room(tmp_path: Path, unbroken: Film) -> None:
    """No file may grow beyond 20 kB: the encoder's segments fit, a frame of the open one or the state does not."""
    import resource

    target = tmp_path / "out.mp4"
    stop_after(job(target), 9)
    kept = Journal(target, {}).folder.joinpath("journal.json").read_text()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(MediaError, match=r"cannot be written \(File too large\); free up space and run the same"):
            list(render_job(job(target)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert Journal(target, {}).folder.joinpath("journal.json").read_text() == kept
    list(render_job(job(target)))
    assert np.array_equal(frames_of(target), unbroken)


def test_a_shot_is_encoded_alone_as_in_the_whole(tmp_path: Path, unbroken: Film) -> None:
    """A segment never goes over a cut: so what each machine of a farm makes of its shots can be joined."""
    cut = 52 - 44
    list(render_job(job(tmp_path / "out.mp4", start="52052/24000", frames=20 - cut)))
    assert np.array_equal(frames_of(tmp_path / "out.mp4"), unbroken[cut:])
