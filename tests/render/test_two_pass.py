"""Films in two passes, and films that loop."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.dream import DreamCore, Look
from dreamvid.errors import SettingsError
from dreamvid.media import open_reader, open_writer
from dreamvid.motion.dissolves import Dissolve, Mark
from dreamvid.motion.drift import STILL
from dreamvid.output.keyframes import FrameSpool, KeyframeStore
from dreamvid.output.recipe import write_recipe
from dreamvid.output.snapshot import Snapshot
from dreamvid.render import FrameDone, Job, ShotStarted, pieces, render_job, two_pass
from dreamvid.render.dissolve import FilmDissolves
from dreamvid.render.estimate import estimate_job
from dreamvid.render.film import Film
from dreamvid.render.pieces import join_shares, scratch_bytes
from dreamvid.render.plan import Clock, Planner
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.render.two_pass import FilmSource, TwoPassFilm
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.events import BackwardFrameDone
from dreamvid.runtime.frames import to_frame
from dreamvid.shots.selection import Transitions
from tests.tiny import TinyExtractor, noise

SAMPLES = Path(__file__).parents[2] / "samples"
RATE = Fraction(24)
CPU = torch.device("cpu")
LOOK = Look(octaves=1, iterations=(2,), jitter=4)
STEPS = {"warm_iterations": 1}
HEIGHT, WIDTH = 64, 96


class Clip:
    rate = RATE

    def __init__(self, frames: list[np.ndarray], first: int = 0) -> None:
        self.frames, self.first_index = frames, first
        self.height, self.width = frames[0].shape[:2]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.frames)


def source_of(frames: list[np.ndarray], cuts: tuple[int, ...] = (), dissolve: Dissolve | None = None) -> FilmSource:
    def mark(t: int) -> Mark:
        return Mark(t in cuts, dissolve if dissolve is not None and dissolve.left < t <= dissolve.arrived else None)

    @contextlib.contextmanager
    def open_part(first: int, count: int) -> Iterator[tuple[Clip, Transitions]]:
        yield Clip(frames[first : first + count], first), Transitions(mark(t) for t in range(first, first + count))

    def dissolves(found: Transitions) -> FilmDissolves:
        return FilmDissolves(found.dissolve_at, lambda index: frames[index])

    height, width = frames[0].shape[:2]
    return FilmSource(len(frames), width, height, RATE, 0, open_part, dissolves)


def scene(width: int, seed: int = 0) -> np.ndarray:
    return to_frame(noise(HEIGHT + 16, width, seed, low=0.1, high=0.9))


def panned(picture: np.ndarray, path: list[float], width: int = WIDTH, height: int = HEIGHT) -> list[np.ndarray]:
    """A window of a picture that begins at these places, in px from the left; of 8 bits."""
    places = [np.array([[1, 0, -x], [0, 1, 0]], np.float32) for x in path]
    windows = (cv2.warpAffine(picture, place, (width, height), flags=cv2.INTER_CUBIC) for place in places)
    return [(frame.clip(0, 1) * 255).round() / np.float32(255) for frame in windows]


def there_and_back(length: float, count: int) -> list[float]:
    return [length * (1 - np.cos(2 * np.pi * t / (count - 1))) / 2 for t in range(count)]


def tiny_film(
    frames: list[np.ndarray],
    folder: Path,
    snapshot: Snapshot | None = None,
    cuts: tuple[int, ...] = (),
    dissolve: Dissolve | None = None,
    vectors: Any = None,
    **options: Any,
) -> TwoPassFilm:
    settings = make_settings({**STEPS, **options})
    planner = Planner(DreamCore(TinyExtractor(), LOOK), settings, Clock(RATE))
    folder.mkdir(exist_ok=True)
    return TwoPassFilm(planner, CPU, source_of(frames, cuts, dissolve), folder, snapshot, vectors=vectors)


def shown(film: TwoPassFilm) -> list[np.ndarray]:
    return [frame for frame, _ in film.dream_twice() if frame is not None]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections, views and cache of a few, so that a short film has many sections and forgets."""
    for module in (two_pass, pieces):
        monkeypatch.setattr(module, "section_length", lambda *_: 10)
        monkeypatch.setattr(module, "VIEW_EVERY", 4)
    monkeypatch.setattr("dreamvid.motion.views.MOST_VIEWS", 4)
    monkeypatch.setattr("dreamvid.output.keyframes._CACHED", 2)


def test_motion_vectors_are_asked_for_in_both_directions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    asked: list[tuple[int, int]] = []

    class Vectors:
        def between(self, first: int, second: int) -> np.ndarray | None:
            asked.append((first, second))
            return None

    frames = panned(scene(200), there_and_back(40, 13))
    assert len(shown(tiny_film(frames, tmp_path / "film", vectors=Vectors(), two_pass=True))) == 13
    steps = {(earlier, earlier + 1) for earlier in range(12)}
    assert set(asked) == steps | {(later, earlier) for earlier, later in steps}
    assert asked[0] == (8, 9)  # of ten frames, the first that is dreamed backward has one before it


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"two_pass": True}, marks=pytest.mark.slow),  # quick: films that are interrupted, below
        {"two_pass": True, "loop": True, "every": 2},
        {"loop": True},
    ],
    ids=str,
)
def test_it_goes_on_from_any_state_in_either_pass(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    frames = panned(scene(200), there_and_back(90, 19)) + panned(scene(200, 1), there_and_back(20, 3))
    frames += frames[-4:0:-1][:4]  # a loop's end is its beginning
    film = tiny_film(frames, tmp_path / "whole", cuts=(19, 22), **options)
    dreams, states = [], []
    for frame, event in film.dream_twice():
        if frame is not None:
            dreams.append(frame)
        if isinstance(event, (FrameDone, BackwardFrameDone)):
            states.append((film.snapshot(), len(dreams)))
            if len(states) in (3, 13, 22, 41):
                shutil.copytree(tmp_path / "whole", tmp_path / str(len(states)))
    assert len(dreams) == len(frames)
    for number, (state, done) in enumerate(states, 1):
        folder = tmp_path / str(number)
        if folder.exists():
            again = shown(tiny_film(frames, folder, state, (19, 22), **options))
            assert len(again) == len(frames) - done
            assert all(np.array_equal(a, b) for a, b in zip(again, dreams[done:], strict=True)), number


def test_what_comes_home_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pan to where nothing of the first view is left, and back, with sections that end on the way."""
    monkeypatch.setattr(two_pass, "section_length", lambda *_: 20)
    frames = panned(scene(220), there_and_back(100, 31))
    twice = [event for _, event in tiny_film(frames, tmp_path, two_pass=True).dream_twice()]
    planner = Planner(DreamCore(TinyExtractor(), LOOK), make_settings(STEPS), Clock(RATE))
    once = [event for _, event in Film(planner, CPU).dream(Clip(frames), [])]
    fresh, before = (
        np.array([event.fresh for event in events if isinstance(event, FrameDone)]) for events in (twice, once)
    )
    print(f"\nfresh on the way home: {fresh[18:27].mean():.4f}, in one pass {before[18:27].mean():.4f}")
    assert fresh[0] == 0  # the backward pass was there
    assert before[18:27].mean() > 0.02
    assert fresh[18:27].mean() < 0.4 * before[18:27].mean()


@pytest.mark.parametrize("options", [{"loop": True}, {"loop": True, "two_pass": True}], ids=str)
def test_a_loops_end_leads_into_its_beginning(options: dict[str, Any], tmp_path: Path) -> None:
    frames = panned(scene(150), [25 + 25 * np.cos(2 * np.pi * t / 32) for t in range(32)])
    dreams = shown(tiny_film(frames, tmp_path, **options))
    residuals = np.stack(dreams) - np.stack(frames)
    steps = np.abs(np.diff(residuals, axis=0)).mean(axis=(1, 2, 3))
    seam = np.abs(residuals[-1] - residuals[0]).mean() / np.mean([*steps[:4], *steps[-4:]])
    print(f"\nseam {seam:.2f} of its neighbors")
    assert seam < 1.2
    assert not list(tmp_path.glob("keyframe-*-goal.st"))


def test_a_loops_end_turns_into_its_goals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The goals are replaced by a pattern of which the network knows nothing."""
    pattern = 0.1 * torch.randn(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    memory = KeyframeStore.memory

    def other(store: KeyframeStore, number: int, kind: str, device: torch.device) -> torch.Tensor:
        return pattern if kind == "goal" else memory(store, number, kind, device)

    monkeypatch.setattr(KeyframeStore, "memory", other)
    frames = panned(scene(150), [25 + 10 * np.cos(2 * np.pi * t / 24) for t in range(24)])
    dreams = shown(tiny_film(frames, tmp_path, loop=True))
    like = [correlation(dream - frame, to_frame(pattern)) for dream, frame in zip(dreams, frames, strict=True)]
    assert max(map(abs, like[:18])) < 0.1  # six frames join
    assert like[18] < like[20] < like[23]
    assert like[23] > 0.7


def test_a_clip_that_does_not_loop_is_told_of_and_dreamed_as_it_is(tmp_path: Path) -> None:
    frames = panned(scene(200), [2.0 * t for t in range(8)]) + panned(scene(120, 1), [0.5 * t for t in range(6)])
    told: list[Any] = []
    film = tiny_film(frames, tmp_path / "loop", cuts=(8,), loop=True)
    film._tell = told.append
    dreams = shown(film)
    planner = Planner(DreamCore(TinyExtractor(), LOOK), make_settings(STEPS), Clock(RATE))
    cuts = [t == 8 for t in range(14)]
    plain = [frame for frame, _ in Film(planner, CPU).dream(Clip(frames), cuts) if frame is not None]
    assert [str(event)[:7] for event in told] == ["--loop:"]
    assert all(np.array_equal(a, b) for a, b in zip(dreams, plain, strict=True))


def test_a_film_that_ends_early_is_dreamed_as_far_as_it_goes(tmp_path: Path) -> None:
    frames = panned(scene(200), [25 + 25 * np.cos(2 * np.pi * t / 16) for t in range(16)])
    settings = make_settings({**STEPS, "two_pass": True, "loop": True})
    planner = Planner(DreamCore(TinyExtractor(), LOOK), settings, Clock(RATE))
    source = replace(source_of(frames), frames=18)  # as the file says
    assert len(shown(TwoPassFilm(planner, CPU, source, tmp_path))) == 16


def test_a_shot_is_the_same_alone_and_in_the_whole(tmp_path: Path) -> None:
    first, second = panned(scene(200), there_and_back(60, 8)), panned(scene(200, 1), there_and_back(60, 16))
    whole = shown(tiny_film(first + second, tmp_path / "whole", cuts=(8,), two_pass=True))
    alone = shown(tiny_film(second, tmp_path / "alone", two_pass=True))
    assert all(np.array_equal(a, b) for a, b in zip(whole[8:], alone, strict=True))
    assert not list((tmp_path / "whole").glob("spool.raw"))


LEFT, ARRIVED = 7, 13
DISSOLVE = Dissolve(LEFT, ARRIVED, tuple(np.linspace(0, 1, ARRIVED - LEFT + 1)[1:-1].tolist()), STILL, STILL)


def dissolving() -> list[np.ndarray]:
    """A shot at rest that turns into one that moves when it has come."""
    old, new = panned(scene(200), [0.0])[0], panned(scene(200, 1), [0.0] * 2 + there_and_back(60, 12))
    mixed = [(1 - share) * old + share * new[0] for share in DISSOLVE.shares]
    return [old] * (LEFT + 1) + [np.float32((255 * frame).round() / 255) for frame in mixed] + new[1:]


def test_a_dissolve_leads_from_one_pair_of_passes_to_the_next(tmp_path: Path) -> None:
    frames = dissolving()
    whole = shown(tiny_film(frames, tmp_path / "whole", dissolve=DISSOLVE, two_pass=True))
    first = shown(tiny_film(frames[: LEFT + 1], tmp_path / "first", two_pass=True))
    second = shown(tiny_film(frames[ARRIVED:], tmp_path / "second", two_pass=True))
    assert all(np.array_equal(a, b) for a, b in zip(whole[: LEFT + 1], first, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(whole[ARRIVED:], second, strict=True))
    left, come = first[-1] - frames[LEFT], second[0] - frames[ARRIVED]
    for t, share in enumerate(DISSOLVE.shares, LEFT + 1):
        expected = np.clip(frames[t] + (1 - share) * left + share * come, 0, 1)
        assert np.abs(whole[t] - expected).max() < 1e-5, t


def test_a_dissolve_goes_on_from_any_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    frames = dissolving()
    film = tiny_film(frames, tmp_path / "whole", dissolve=DISSOLVE, two_pass=True)
    dreams, states = [], []
    for frame, event in film.dream_twice():
        if frame is not None:
            dreams.append(frame)
        if isinstance(event, (FrameDone, BackwardFrameDone)):
            states.append((film.snapshot(), len(dreams)))
            shown_or_some = isinstance(event, FrameDone) or event.frame % 4 == 0
            if LEFT < len(dreams) <= ARRIVED + 1 and shown_or_some:
                shutil.copytree(tmp_path / "whole", tmp_path / str(len(states)))
    assert len(dreams) == len(frames)
    tried = [number for number in range(1, len(states) + 1) if (tmp_path / str(number)).exists()]
    assert len(tried) > ARRIVED - LEFT
    for number in tried:
        state, done = states[number - 1]
        again = shown(tiny_film(frames, tmp_path / str(number), state, dissolve=DISSOLVE, two_pass=True))
        assert all(np.array_equal(a, b) for a, b in zip(again, dreams[done:], strict=True)), number


def test_a_fade_is_black_in_both_passes(tmp_path: Path) -> None:
    frames = dissolving()
    black = np.zeros_like(frames[0])
    faded = [black] * (LEFT + 1) + [(share * frames[ARRIVED]) for share in DISSOLVE.shares] + frames[ARRIVED:]
    dreams = shown(tiny_film(faded, tmp_path, dissolve=DISSOLVE, two_pass=True))
    assert all(not frame.any() for frame in dreams[: LEFT + 1])
    assert np.abs(dreams[ARRIVED] - faded[ARRIVED]).mean() > 0.01


def test_the_files_stay_within_what_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setattr(pieces, "MOST_VIEWS", 4)
    frames = panned(scene(260), there_and_back(150, 40))
    film = tiny_film(frames, tmp_path, two_pass=True, loop=True)
    most = 0
    for _, event in film.dream_twice():
        if not isinstance(event, ShotStarted):
            most = max(most, sum(path.stat().st_size for path in tmp_path.iterdir()))
    stated = scratch_bytes(film._settings, len(frames), RATE, WIDTH, HEIGHT)
    pictures = 8 * WIDTH * HEIGHT * 3  # reduced raw pictures: of so small frames, as large as these
    assert 0.5 * stated < most < stated + pictures + 40 * 400  # and the headers of the files
    assert len(film._shown) <= 4


def test_a_keyframe_is_nearly_what_it_was(tmp_path: Path) -> None:
    store = KeyframeStore(tmp_path)
    residual = 0.1 * torch.randn(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    age = torch.linspace(0, 8, 600).view(1, 1, 20, 30)
    picture = np.arange(600, dtype=np.uint8).reshape(10, 20, 3)
    store.put(7, "back", torch.cat([residual, age], dim=1), picture)
    other = KeyframeStore(tmp_path, store.count())
    memory = other.memory(7, "back", CPU)
    assert (memory[:, :3] - residual).square().mean().sqrt() < 0.02 * residual.square().mean().sqrt()
    assert (memory[:, 3:] - age).abs().max() <= 1 / 32
    assert np.array_equal(other.picture(7, "back"), picture)
    other.drop(7, "back")
    assert other.count() == ()
    assert (tmp_path / "keyframe-00000007-back.st").exists()  # a journal counts it
    other.put(8, "forth", residual)
    other.drop(8, "forth")
    assert not (tmp_path / "keyframe-00000008-forth.st").exists()


def test_spooled_frames_come_back_in_any_order(tmp_path: Path) -> None:
    frames = [np.full((4, 6, 3), level / 255, np.float32) for level in (0, 100, 255)]
    with FrameSpool(tmp_path, 6, 4) as spool:
        for frame in frames:
            spool.append(frame)
        assert all(np.array_equal(spool.read(t), frames[t]) for t in (2, 0, 1))
        spool.clear()
        assert spool.count == 0
    assert not list(tmp_path.iterdir())


def test_a_join_turns_all_the_way() -> None:
    shares = [join_shares(number, 10) for number in range(10)]
    left = np.cumprod([1 - share for share, _ in shares])
    assert left[-1] < 0.03
    assert shares[-1][1] > 0.9
    assert all(a[1] < b[1] for a, b in pairwise(shares))


LOOK_OF_JOB = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 2, "warm_iterations": 1,
    "precision": "fp32", "codec": "ffv1", "save_every": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two-pass") / "clip.mkv"
    frames = panned(scene(200), there_and_back(60, 14)) + panned(scene(200, 1), there_and_back(20, 6))
    with open_writer(path, width=WIDTH, height=HEIGHT, rate=RATE, codec="ffv1") as writer:
        for frame in frames:
            writer.write(frame)
    return path


def job(clip: Path, target: Path, **options: Any) -> Job:
    return Job(clip, target, make_settings({**LOOK_OF_JOB, "two_pass": True, **options}))


def frames_of(path: Path) -> np.ndarray:
    with open_reader(path) as reader:
        return np.stack(list(reader))


def stop_after(events: Any, kind: type, count: int) -> None:
    for event in events:
        count -= isinstance(event, kind)
        if not count:
            break
    next(events)
    events.close()


def test_interrupted_in_either_pass_it_goes_on(clip: Path, tmp_path: Path) -> None:
    events = list(render_job(job(clip, tmp_path / "whole.mkv", report=True)))
    kinds = (BackwardFrameDone, FrameDone)
    assert [sum(isinstance(event, kind) for event in events) for kind in kinds] == [20, 20]
    target = tmp_path / "stopped.mkv"
    left = []
    for kind, count in ((BackwardFrameDone, 8), (FrameDone, 13), (BackwardFrameDone, 3)):
        stop_after(render_job(job(clip, target, report=True)), kind, count)
        names = {path.name for path in (tmp_path / "stopped.mkv.journal").iterdir()}
        left.append(sorted(name for name in names if name.startswith(("keyframe", "state", "spool"))))
    assert [len([name for name in names if name.startswith("state")]) for names in left] == [1, 1, 1]
    assert any("back" in name for name in left[0])
    assert any("forth" in name for name in left[1])
    rest = list(render_job(job(clip, target, report=True)))
    assert sum(isinstance(event, FrameDone) for event in rest) == 6
    assert np.array_equal(frames_of(target), frames_of(tmp_path / "whole.mkv"))
    assert not (tmp_path / "stopped.mkv.journal").exists()
    assert len((tmp_path / "stopped.mkv.report.jsonl").read_text().splitlines()) == 20


def test_an_interruption_says_that_the_backward_pass_is_kept(clip: Path, tmp_path: Path) -> None:
    events: Any = render_job(job(clip, tmp_path / "out.mkv"))
    for event in events:
        if isinstance(event, BackwardFrameDone) and event.frame == 10:
            break
    next(events)
    with pytest.raises(KeyboardInterrupt, match=r"the backward pass, \d+ frames so far, is kept in .*\.journal"):
        events.throw(KeyboardInterrupt())
    with pytest.raises(SettingsError, match="differs in two-pass"):
        list(render_job(job(clip, tmp_path / "out.mkv", two_pass=False)))


def test_recipes_without_it_are_as_before() -> None:
    assert not {"two-pass", "loop"} & write_recipe(make_settings({})).keys()
    assert write_recipe(make_settings({"two_pass": True}))["two-pass"] == "True"
    assert make_settings({"two-pass": "True"}).two_pass


def test_an_estimate_counts_both_passes(clip: Path, tmp_path: Path) -> None:
    twice = estimate_job(job(clip, tmp_path / "out.mkv"))
    frames = (twice.seconds - twice.begin) / twice.frame
    assert frames == pytest.approx(39)
    once = estimate_job(job(clip, tmp_path / "out.mkv", two_pass=False))
    assert (once.seconds - once.begin) / once.frame == pytest.approx(19)
    assert once.scratch == 0
    assert twice.scratch > 20 * WIDTH * HEIGHT * 3


@pytest.mark.slow
def test_a_shots_start_is_as_settled_as_its_middle(tmp_path: Path) -> None:
    with open_reader(SAMPLES / "known_flow.mp4") as reader:
        frames = list(reader)
    settings = make_settings({"model": "efficientnet_lite0", "report": True, "two_pass": True})
    goals = resolve_targets(settings)
    settings = settings.for_model(goals[0].network.spec.look)
    machine = choose_machine()
    planner = Planner(make_dream_core(goals, settings, machine), settings, Clock(RATE))
    film = TwoPassFilm(planner, machine.device, source_of(frames), tmp_path)
    events = [event for _, event in film.dream_twice() if isinstance(event, FrameDone)]
    middle = events[len(events) // 3 : 2 * len(events) // 3]
    for values in ([e.energy for e in (events[0], *middle)], [e.figures.objective for e in (events[0], *middle)]):
        ratio = values[0] / np.mean(values[1:])
        print(f"\nfirst over middle: {ratio:.4f}")
        assert ratio == pytest.approx(1, abs=0.03)
