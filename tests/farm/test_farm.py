"""Whole films on a real Ray cluster: two workers on this machine, shared by all tests of this page."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest
import ray

from dreamvid.config.settings import make_settings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.farm import driver
from dreamvid.farm.cluster import FarmError
from dreamvid.farm.driver import render_on_farm
from dreamvid.farm.files import cache_folder, read_piece
from dreamvid.farm.journal import path_of_journal
from dreamvid.farm.messages import SharedFile, Task
from dreamvid.farm.plan import Unit
from dreamvid.farm.settings import FarmSettings
from dreamvid.farm.worker_pool import WorkerPool
from dreamvid.images.write import publish
from dreamvid.media import open_reader, open_writer, probe, read_metadata
from dreamvid.render import Event, FrameDone, Job, Notice, render_job
from dreamvid.render.batch import is_done
from dreamvid.render.job import open_clip, prepare_clip
from dreamvid.render.runner import claim_target
from dreamvid.render.targets import Networks
from dreamvid.runtime.events import FarmProgress, FramesLost, Started, ignore
from tests.farm.conftest import HOUR, LENGTHS, write_clip
from tests.media.test_passes import channels_of, colors

VALUES: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 2, "warm_iterations": 1, "threads": 1,
    "precision": "fp32",
}  # fmt: skip
WHOLE = FarmSettings(chunk="none")
Film = npt.NDArray[np.float32]


def frames_of(path: Path) -> Film:
    with open_reader(path) as reader:
        return np.stack(list(reader))


def farm(job: Job, pool: WorkerPool, settings: FarmSettings = WHOLE) -> list[Event]:
    return list(render_on_farm(job, settings, pool))


def of(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def job(twelve_shots: Path) -> Job:
    return Job(twelve_shots, settings=make_settings(VALUES))


@pytest.fixture(scope="module")
def alone(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film of one process."""
    target = tmp_path_factory.mktemp("alone") / "film.mp4"
    list(render_job(replace(job, target=target)))
    return target


def test_twelve_shots_by_two_workers_are_the_film_of_one_process(
    job: Job, alone: Path, pool: WorkerPool, tmp_path: Path
) -> None:
    target = tmp_path / "film.mp4"
    events = farm(replace(job, target=target), pool)
    assert np.array_equal(frames_of(target), frames_of(alone))
    assert sorted(event.frame for event in of(FrameDone, events)) == list(range(sum(LENGTHS)))
    assert of(FarmProgress, events)[-1] == FarmProgress(12, 12, 2)
    assert read_metadata(target) == read_metadata(alone)
    assert probe(target).timecode == probe(alone).timecode == HOUR
    assert is_done(replace(job, target=target))
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4", "film.mp4.json"}


@pytest.mark.slow
def test_a_part_of_it_dreams_as_in_the_whole(job: Job, alone: Path, pool: WorkerPool, tmp_path: Path) -> None:
    target = tmp_path / "part.mkv"
    settings = make_settings(VALUES, {"shots": "3-5", "codec": "ffv1"})
    farm(replace(job, target=target, settings=settings), pool)
    first, end = sum(LENGTHS[:2]), sum(LENGTHS[:5])
    exact = tmp_path / "exact.mkv"
    list(render_job(replace(job, target=exact, settings=make_settings(VALUES, {"codec": "ffv1"}))))
    assert np.array_equal(frames_of(target), frames_of(exact)[first:end])
    assert probe(target).timecode == HOUR.after(first)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("film.mkv", {"passes": "all", "first_frame": 100}, marks=pytest.mark.slow),
        pytest.param("film.mkv", {"passes": "dream,flow", "passes_as": "files"}, marks=pytest.mark.slow),
        pytest.param("out/%03d.exr", {"passes": "all", "exr_depth": 32}, marks=pytest.mark.slow),
    ],
)
def test_passes_of_two_workers_are_those_of_one_process(
    job: Job, pool: WorkerPool, tmp_path: Path, name: str, values: dict[str, Any]
) -> None:
    settings = make_settings(VALUES, {"codec": "ffv1" if name == "film.mkv" else "h264", "shots": "2-4"}, values)
    one, many = tmp_path / "one", tmp_path / "many"
    for folder in (one, many):
        folder.mkdir()
    list(render_job(replace(job, target=one / name, settings=settings)))
    events = farm(replace(job, target=many / name, settings=settings), pool)
    assert len(of(FrameDone, events)) == sum(LENGTHS[1:4])
    files = sorted(path.relative_to(one) for path in one.rglob("*"))
    assert files == sorted(path.relative_to(many) for path in many.rglob("*"))
    exrs = [path for path in files if path.suffix == ".exr"]
    assert len(exrs) == sum(LENGTHS[1:4]) * (2 if "passes_as" in values else 1)
    assert all((one / path).read_bytes() == (many / path).read_bytes() for path in exrs)


@pytest.mark.slow
def test_passes_of_an_interrupted_farm_are_whole(
    job: Job, pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While units come in; and while the files get their names, one of which is taken in between."""
    settings = make_settings(VALUES, {"passes": "all", "passes_as": "files", "shots": "1-5"})
    one, many = replace(job, target=tmp_path / "one.mp4", settings=settings), replace(
        job, target=tmp_path / "many.mp4", settings=settings
    )
    list(render_job(one))
    events = render_on_farm(many, WHOLE, pool)
    for event in events:
        if isinstance(event, FarmProgress) and event.done == 2:
            break
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    placed: list[Path] = []

    def interrupted(temporary: Path, path: Path, *, overwrite: bool) -> None:
        placed.append(path)
        if len(placed) == 20:
            raise KeyboardInterrupt
        publish(temporary, path, overwrite=overwrite)

    with monkeypatch.context() as patch:
        patch.setattr(driver, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            farm(many, pool)
    assert not (tmp_path / "many.mp4").exists()
    farm(many, pool)
    expected = sorted((tmp_path / "one.mp4.passes").iterdir())
    found = [path for path in sorted((tmp_path / "many.mp4.passes").iterdir()) if not path.name.startswith(".")]
    assert [path.name for path in found] == [path.name for path in expected]
    assert all(path.read_bytes() == other.read_bytes() for path, other in zip(found, expected, strict=True))
    assert np.array_equal(frames_of(tmp_path / "many.mp4"), frames_of(tmp_path / "one.mp4"))
    assert not (tmp_path / "many.mp4.farm").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["film.mkv", "out/%03d.exr"])
def test_passes_of_chunks_go_on_over_their_joints(pool: WorkerPool, tmp_path: Path, name: str) -> None:
    clip = tmp_path / "take.mkv"
    write_clip(clip, (40,), step=1)
    settings = make_settings(VALUES, {"codec": "ffv1" if name == "film.mkv" else "h264", "passes": "all"})
    for folder in ("one", "many"):
        (tmp_path / folder).mkdir()
    list(render_job(Job(clip, tmp_path / "one" / name, settings)))
    farm(Job(clip, tmp_path / "many" / name, settings), pool, FarmSettings(chunk=16, run_in=0, fade=6))
    exrs = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.exr"))
    assert len(exrs) == 40
    for number, path in enumerate(exrs):
        found, expected = channels_of(tmp_path / "many" / path), channels_of(tmp_path / "one" / path)
        assert np.array_equal(colors(found, "source") + colors(found, "dream"), colors(found)), path
        for channel in set(expected) - {f"{layer}{color}" for layer in ("", "dream.") for color in "RGB"}:
            assert np.array_equal(found[channel], expected[channel]), (path, channel)
        assert np.array_equal(found["dream.R"], expected["dream.R"]) or number > 8, "before the first joint"


@pytest.mark.slow
def test_two_passes_by_two_workers_are_those_of_one_process(job: Job, pool: WorkerPool, tmp_path: Path) -> None:
    twice = replace(job, settings=make_settings(VALUES, {"two_pass": True, "codec": "ffv1"}))
    farm(replace(twice, target=tmp_path / "farm.mkv"), pool)
    list(render_job(replace(twice, target=tmp_path / "alone.mkv")))
    assert np.array_equal(frames_of(tmp_path / "farm.mkv"), frames_of(tmp_path / "alone.mkv"))


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["FILM", "model:brightness"])
def test_what_depends_on_depth_is_that_of_one_process(job: Job, pool: WorkerPool, tmp_path: Path, depth: str) -> None:
    """A film of depths is read by each worker at its own frames."""
    layers = ["inception3a:1 - depth", "inception4a:depth"]
    if depth == "FILM":
        depth = str(tmp_path / "depth.mkv")
        with open_writer(Path(depth), width=96, height=64, rate=24, codec="ffv1") as writer:
            for index in range(sum(LENGTHS)):
                frame = np.zeros((64, 96, 3), np.float32)
                frame[:, : 3 + index] = 1
                writer.write(frame)
    values = {"depth": depth, "strength": "1.5*(1 - depth) + 0.2*sin(t)", "layer": layers, "codec": "ffv1"}
    deep = replace(job, settings=make_settings(VALUES, values))
    farm(replace(deep, target=tmp_path / "farm.mkv"), pool)
    list(render_job(replace(deep, target=tmp_path / "alone.mkv")))
    made = frames_of(tmp_path / "farm.mkv")
    assert np.array_equal(made, frames_of(tmp_path / "alone.mkv"))
    list(render_job(replace(job, target=tmp_path / "flat.mkv", settings=make_settings(VALUES, {"codec": "ffv1"}))))
    assert not np.array_equal(made, frames_of(tmp_path / "flat.mkv"))


@pytest.mark.slow
def test_vectors_and_a_matte_are_those_of_one_process(job: Job, pool: WorkerPool, tmp_path: Path) -> None:
    header = {"type": OpenEXR.scanlineimage}
    ramp = np.tile(np.linspace(0, 1, 96, dtype=np.float32), (64, 1))
    for index in range(sum(LENGTHS)):
        channels = {"velocity.R": ramp * index / 4, "velocity.G": 1 - ramp, "matte.Y": ramp}
        OpenEXR.File(dict(header), channels).write(str(tmp_path / f"aov.{index:04d}.exr"))
    aov = f"{tmp_path}/aov.####.exr"
    values = {"flow": f"{aov}:layer=velocity,to=previous,y=down", "mask": f"{aov}:channel=matte", "codec": "ffv1"}
    given = replace(job, settings=make_settings(VALUES, values))
    farm(replace(given, target=tmp_path / "farm.mkv"), pool)
    list(render_job(replace(given, target=tmp_path / "alone.mkv")))
    made = frames_of(tmp_path / "farm.mkv")
    assert np.array_equal(made, frames_of(tmp_path / "alone.mkv"))
    for left_out in ("flow", "mask"):
        other = make_settings(VALUES, {key: value for key, value in values.items() if key != left_out})
        list(render_job(replace(job, target=tmp_path / f"{left_out}.mkv", settings=other)))
        assert not np.array_equal(made, frames_of(tmp_path / f"{left_out}.mkv"))


def test_a_loop_is_refused(job: Job, pool: WorkerPool, tmp_path: Path) -> None:
    looped = replace(job, target=tmp_path / "film.mp4", settings=make_settings(VALUES, {"loop": True}))
    with pytest.raises(SettingsError, match=r"--loop: .* without `farm`"):
        farm(looped, pool)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".exr"])
def test_pictures_are_numbered_and_carry_recipe_and_timecode(
    job: Job, pool: WorkerPool, tmp_path: Path, suffix: str
) -> None:
    settings = make_settings(VALUES, {"shots": "2-3", "first_frame": 1001})
    (tmp_path / "one").mkdir()
    list(render_job(replace(job, target=tmp_path / "one" / f"%05d{suffix}", settings=settings)))
    farm(replace(job, target=tmp_path / "two" / f"%05d{suffix}", settings=settings), pool)
    if suffix == ".exr":
        header = OpenEXR.File(str(tmp_path / "two" / "01008.exr"), header_only=True).parts[0].header
        assert (header["timeCode"].hours, header["timeCode"].frame) == (1, LENGTHS[0] + 7)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
    assert not list(tmp_path.glob("*.farm"))


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_shot_and_nothing_else(
    job: Job, alone: Path, pool: WorkerPool, tmp_path: Path
) -> None:
    target = tmp_path / "film.mp4"
    events: list[Event] = []
    done: set[int] = set()
    victim = None
    for event in render_on_farm(replace(job, target=target), WHOLE, pool):
        events.append(event)
        if isinstance(event, FrameDone) and victim is None:
            victim = next(hand for hand in pool._hands if hand.stage == "busy")
            assert victim.facts is not None
            os.kill(victim.facts.process, signal.SIGKILL)
    (lost,) = of(FramesLost, events)
    assert "its worker died (process" in lost.reason
    assert lost.reason.endswith("it is tried again")
    assert np.array_equal(frames_of(target), frames_of(alone))
    dreamed = [event.frame for event in of(FrameDone, events)]
    assert len(dreamed) == sum(LENGTHS) + lost.frames  # finished shots are not done again
    done.update(dreamed)
    assert done == set(range(sum(LENGTHS)))


@pytest.mark.slow
def test_a_driver_that_stops_goes_on_from_the_journal(job: Job, alone: Path, pool: WorkerPool, tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    events = render_on_farm(replace(job, target=target), WHOLE, pool)
    for event in events:
        if isinstance(event, FarmProgress) and event.done == 5:
            break
    events.close()  # type: ignore[attr-defined]
    assert not target.exists()
    assert (tmp_path / "film.mp4.farm" / "journal.json").is_file()
    again = farm(replace(job, target=target), pool)
    started = next(event for event in again if hasattr(event, "resumed"))
    assert started.resumed > 0
    assert len(of(FrameDone, again)) == sum(LENGTHS) - started.resumed
    assert np.array_equal(frames_of(target), frames_of(alone))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_unit_whose_files_are_damaged_is_rendered_again_and_the_others_are_not(
    damage: str, job: Job, alone: Path, pool: WorkerPool, tmp_path: Path
) -> None:
    target = tmp_path / "film.mp4"
    events = render_on_farm(replace(job, target=target), WHOLE, pool)
    for event in events:
        if isinstance(event, FarmProgress) and event.done == 4:
            break
    events.close()  # type: ignore[attr-defined]
    segment = min((tmp_path / "film.mp4.farm").glob("segment-*.mp4"))
    first = int(segment.stem.removeprefix("segment-"))
    if damage == "changed":
        segment.write_bytes(segment.read_bytes()[:-1])
    else:
        segment.unlink()
    again = farm(replace(job, target=target), pool)
    (line,) = [notice.text for notice in of(Notice, again)]
    assert f"({segment.name} " in line
    assert line.endswith(" and is rendered again")
    (started,) = of(Started, again)
    dreamed = [event.frame for event in of(FrameDone, again)]
    assert first in dreamed
    assert len(dreamed) == sum(LENGTHS) - started.resumed
    assert started.resumed > 0  # the other units count
    assert np.array_equal(frames_of(target), frames_of(alone))


@pytest.mark.slow
def test_an_interruption_says_what_is_kept(job: Job, pool: WorkerPool, tmp_path: Path) -> None:
    events = render_on_farm(replace(job, target=tmp_path / "film.mp4"), WHOLE, pool)
    for event in events:
        if isinstance(event, FarmProgress) and event.done == 3:
            break
    with pytest.raises(KeyboardInterrupt, match=r"interrupted; \d+ frames are kept in .*film.mp4.farm: run the same"):
        events.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=r"unfinished render that differs in step .*--fresh"):
        farm(replace(job, target=tmp_path / "film.mp4", settings=make_settings(VALUES, {"step": 3})), pool)


def test_a_shot_that_always_fails_is_named_and_the_rest_is_kept(pool: WorkerPool, tmp_path: Path) -> None:
    """A picture of the second shot is damaged; once it is mended, only that shot is rendered."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for frame in range(9):
        picture = np.random.default_rng(frame // 3).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{frame:03}.png"), picture)
    broken = folder / "004.png"
    content = broken.read_bytes()
    broken.write_bytes(content[:200] + bytes(len(content) - 400) + content[-200:])  # its header is well
    (tmp_path / "cuts.txt").write_text("3\n6\n")
    settings = make_settings(VALUES, {"cuts": str(tmp_path / "cuts.txt"), "codec": "ffv1"})
    job = Job(folder, tmp_path / "film.mkv", settings)
    with pytest.raises(FarmError, match=r"^shot 2 \(frames 3 to 5\) failed on every attempt: .*004.png.*; the rest is"):
        farm(job, pool, FarmSettings(chunk="none", tries=2))
    broken.write_bytes(content)
    events = farm(job, pool)
    assert {event.frame for event in of(FrameDone, events)} == {3, 4, 5}
    assert probe(tmp_path / "film.mkv").frame_count == 9


def rms(frames: Film) -> Film:
    return np.sqrt(np.square(frames, dtype=np.float64).mean(axis=(1, 2, 3)))


@pytest.mark.slow
def test_one_take_in_chunks_has_joints_that_do_not_show(pool: WorkerPool, tmp_path: Path) -> None:
    clip = tmp_path / "take.mkv"
    write_clip(clip, (48,), step=1)
    settings = make_settings(VALUES, {"codec": "ffv1", "octaves": 2, "iterations": 6, "warm_iterations": 2})
    job = Job(clip, settings=settings)
    list(render_job(replace(job, target=tmp_path / "whole.mkv")))
    events = farm(replace(job, target=tmp_path / "split.mkv"), pool, FarmSettings(chunk=16, run_in=8, fade=6))
    assert any("shot 1 is long and is rendered in 3 chunks" in notice.text for notice in of(Notice, events))
    raw, whole, split = (frames_of(path) for path in (clip, tmp_path / "whole.mkv", tmp_path / "split.mkv"))
    assert len(of(FrameDone, events)) == len(split) == len(whole) == 48
    assert np.array_equal(split[:16], whole[:16])  # up to the first joint it is the same film
    assert not np.array_equal(split[16:22], whole[16:22])
    usual = rms(np.diff(whole - raw, axis=0))
    assert rms(np.diff(split - raw, axis=0)).max() <= 1.1 * usual.max()
    assert rms(whole - split).max() <= np.sqrt(2) * rms(whole - raw).max()
    energy = rms(split - raw)
    assert np.abs(np.diff(energy))[14:].max() <= 1.1 * np.abs(np.diff(rms(whole - raw))).max() + 0.02 * energy.mean()


# What a worker is checked for.


def test_other_weights_are_refused(job: Job, pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = driver.make_task

    def changed(*arguments: Any) -> Task:
        return replace(original(*arguments), networks="other 123")

    monkeypatch.setattr(driver, "make_task", changed)
    with pytest.raises(
        FarmError, match=r"^there are no workers left: .* different weights \(dreamnet [0-9a-f]{16}, here other"
    ):
        farm(replace(job, target=tmp_path / "film.mp4"), pool)


@pytest.fixture
def spare_pool(pool: WorkerPool) -> Iterator[WorkerPool]:
    """One more worker, which may be lost."""
    share = replace(pool.share, workers=1, cpus=0.0)
    with WorkerPool(ray, share, 1) as spare:
        yield spare


def test_another_version_is_refused(
    job: Job, spare_pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamvid.farm.worker_pool.code_version", lambda: "9.9 (00000000)")
    with pytest.raises(
        FarmError, match=r"^there are no workers left: a worker runs dreamvid 0.1.0 \(.*this machine runs 9.9"
    ):
        farm(replace(job, target=tmp_path / "film.mp4"), spare_pool)


@pytest.mark.slow
def test_a_source_that_the_node_does_not_see_is_brought(
    job: Job, alone: Path, pool: WorkerPool, tmp_path: Path
) -> None:
    """The worker is told of a path that is not there; the depot serves what it stands for, a piece at a time."""
    real, told = job.source, Path("/elsewhere/clip.mkv")

    class Depot:
        """The driver's, on a machine with other paths."""

        def __init__(self) -> None:
            self.reads = 0

        def files_of(self, path: Path) -> list[Path]:
            assert path == told
            return [told]

        def read(self, path: Path, offset: int) -> bytes:
            assert path == told
            self.reads += 1
            return read_piece(real, offset)

        def count(self) -> int:
            return self.reads

    with contextlib.ExitStack() as closing:
        networks: Networks = {}
        target = tmp_path / "film.mp4"
        clip = open_clip(job, claim_target(job, target, path_of_journal(target)), closing, ignore)
        prepare_clip(clip, job.settings, ignore, networks)
        task = driver.make_task(job, clip, networks, target)
    source = SharedFile(told, task.files["source"].fingerprint)
    shutil.rmtree(cache_folder() / source.fingerprint, ignore_errors=True)  # of an earlier run
    depot = ray.remote(Depot).options(num_cpus=0).remote()
    worker = next(hand.actor for hand in pool._hands if hand.actor is not None)
    ray.get(worker.prepare.remote(replace(task, files={"source": source}), depot))
    assert ray.get(depot.count.remote()) >= 2
    messages = [ray.get(worker.begin.remote(Unit(2, 3, 9)))]
    while not messages[-1].done:
        messages.append(ray.get(worker.more.remote()))
    pieces = [message.piece for message in messages if message.piece is not None]
    (tmp_path / "segment.mp4").write_bytes(b"".join(piece.data for piece in pieces))
    assert np.array_equal(frames_of(tmp_path / "segment.mp4"), frames_of(alone)[3:9])
    shutil.rmtree(cache_folder() / source.fingerprint)


def test_a_farm_of_this_machine_listens_to_this_machine_alone(pool: WorkerPool) -> None:
    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}


class Killed(BaseException):
    """Stands for a kill: nothing after it is done."""


@pytest.mark.slow
def test_killed_while_pictures_get_their_names_the_same_command_ends_well(
    job: Job, pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "frames" / "%05d.png"
    pictures = replace(job, target=target, settings=make_settings(VALUES, {"shots": "2-3"}))
    placed = 0

    def killed(temporary: Path, path: Path, *, overwrite: bool) -> None:
        nonlocal placed
        placed += 1
        if placed == 3:
            temporary.unlink()
            raise Killed
        publish(temporary, path, overwrite=overwrite)

    with monkeypatch.context() as patch:
        patch.setattr(driver, "publish", killed)
        with pytest.raises(Killed):
            farm(pictures, pool)
    assert len(list(target.parent.iterdir())) == 2
    farm(pictures, pool)
    assert len(list(target.parent.iterdir())) == sum(LENGTHS[1:3])
    with pytest.raises(MediaError, match="already exists"):
        farm(pictures, pool)
