"""How values move between keys, and functions of the past: against scipy, and at every frame rate."""

from __future__ import annotations

import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from dreamvid.audio import SoundAnalysis
from dreamvid.audio.levels import follow
from dreamvid.audio.signals import Struck
from dreamvid.config.settings import Settings
from dreamvid.errors import SettingsError
from dreamvid.render.plan import Clock
from dreamvid.schedule import Schedule
from tests.schedule.given import at_second, quick, value

RATES = (Fraction(24), Fraction(30_000, 1001), Fraction(60))


def keys(times: list[float], values: list[float], move: str) -> str:
    return f"{move} " + ", ".join(f"{time:.6f}s:({value!r})" for time, value in zip(times, values, strict=True))


@quick
@given(st.integers(0, 2**31), st.integers(2, 8))
def test_smooth_keys_are_scipys_monotone_spline(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.integers(1, 3_000_000, count)) / 10**6
    values = random.choice([0.0, 1.0, -2.5, 0.3, 7.0], count) + random.choice([0, 1], count) * random.random(count)
    schedule = Schedule.parse(keys(times.tolist(), values.tolist(), "smooth"))
    reference = PchipInterpolator(times, values)
    for at in random.uniform(times[0], times[-1], 20).tolist():
        assert schedule.at(at_second(at)) == pytest.approx(float(reference(at)), abs=1e-6)
        before = int(np.searchsorted(times, at, side="right")) - 1
        low, high = sorted(values[before : before + 2])
        assert low <= schedule.at(at_second(at)) <= high
    assert schedule.at(at_second(0)) == values[0]
    assert schedule.at(at_second(times[-1] + 1)) == values[-1]


@quick
@given(st.tuples(*[st.floats(0, 1), st.floats(-2, 3)] * 2), st.floats(0.001, 0.999))
def test_bezier_is_the_curve_that_css_draws(points: tuple[float, ...], x: float) -> None:
    x1, y1, x2, y2 = (round(one, 6) for one in points)

    def cubic(first: float, second: float, at: float) -> float:
        return 3 * (1 - at) ** 2 * at * first + 3 * (1 - at) * at**2 * second + at**3

    root = brentq(lambda at: cubic(x1, x2, at) - x, 0, 1, xtol=1e-15)
    found = value(f"0s:(0)bezier({x1}, {y1}, {x2}, {y2}), 1s:(1)", at_second(x))
    slope = 3 * (1 - root) ** 2 * x1 + 6 * (1 - root) * root * (x2 - x1) + 3 * root**2 * (1 - x2)
    assert found == pytest.approx(cubic(y1, y2, root), abs=1e-6 if slope > 1e-4 else 1e-2)


def test_words_move_as_they_say() -> None:
    assert [value("0s:(1)hold, 2s:(3)", at_second(at)) for at in (0, 1.99, 2)] == [1, 1, 3]
    assert Schedule.parse("0s:(1)hold, 2s:(3)") == Schedule.parse("0s:(1)step, 2s:(3)")
    bounced = [value("0s:(0)bounce, 1s:(1)", at_second(Fraction(n, 1000))) for n in range(1001)]
    assert bounced[0] == 0
    assert bounced[1000] == 1
    assert max(bounced) <= 1
    touches = [n for n in range(1, 1000) if bounced[n - 1] < bounced[n] >= bounced[n + 1] and bounced[n] > 0.99]
    assert touches == pytest.approx([364, 727, 909], abs=2)
    assert value("0s:(0)bezier(0.25,0.1,0.25,1), 1s:(1)", at_second(0.5)) == pytest.approx(0.8024, abs=1e-4)  # CSS ease
    assert value("bezier(0,0,1,1) 0s:(0), 1s:(1)", at_second(0.3)) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("text", "times", "values"),
    [
        ("0s:(0), 1s:(1)loop", (0.25, 1, 1.25, 7.75), (0.25, 0, 0.25, 0.75)),
        ("0s:(0), 1s:(1)pingpong", (0.25, 1, 1.25, 2, 2.25, 9.25), (0.25, 1, 0.75, 0, 0.25, 0.75)),
        ("0s:(9), 1s:(0), 2s:(1), 3s:(0)loop(2)", (0, 0.5, 2, 3.5, 5.25), (9, 4.5, 1, 0.5, 0.25)),
        ("0s:(0), 1s:(1)loop, 3.5s:(5), 4s:(6)", (3.25, 3.5, 3.75, 9), (0.25, 5, 5.5, 6)),
        ("0:(0), 24:(1)loop", (1.5, 30.75), (0.5, 0.75)),
        ("b0:(0), b2:(1)loop", (0.5, 1.25, 17.5), (0.5, 0.25, 0.5)),  # beats each half second, and after the last
        ("ease 0s:(0), 1s:(1)loop", (0.25, 1.25), (0.15625, 0.15625)),
        ("smooth 0s:(0), 1s:(1), 2s:(0)loop", (0.5, 2.5), (0.75, 0.75)),
    ],
)
def test_keys_go_round(text: str, times: tuple[float, ...], values: tuple[float, ...]) -> None:
    schedule = Schedule.parse(text)
    assert Schedule.parse(str(schedule)) == schedule
    assert [schedule.at(at_second(Fraction(time))) for time in times] == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:(1)bezier, 5:(2)", "write bezier\\(x1, y1, x2, y2\\)"),
        ("0:(1)bezier(1,2,3), 5:(2)", "write bezier\\(x1, y1, x2, y2\\), four numbers"),
        ("0:(1)bezier(2,0,0,1), 5:(2)", "are times, from 0 to 1"),
        ("0:(1)bezier(0,1e9,0,1), 5:(2)", "four numbers"),
        ("0:(1), 5:(2)loop(0)", "write loop, or loop\\(2\\)"),
        ("0:(1), 5:(2)loop(t)", "write loop, or loop\\(2\\)"),
        ("0:(1)ease(2), 5:(2)", "'ease' takes no numbers"),
        ("0:(1)bounse, 5:(2)", "no easing called 'bounse'; did you mean bounce"),
        ("smooth(t)", "write smooth\\(x, seconds\\), not 1 value"),
        ("smooth(t, t)", "with times from 0 to 3600 seconds that do not change"),
        ("lag(t, -1)", "with times from 0 to 3600"),
        ("envelope(t, 1)", "write envelope\\(x, attack, release\\), not 2 values"),
        ("smooth", "'smooth' is a function"),
    ],
)
def test_a_wrong_move_is_one_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        Schedule.parse(text)
    assert ">>" in str(caught.value)


# Functions of the past.


def follow_film(text: str, fps: Fraction, seconds: float = 4, sound: SoundAnalysis | None = None) -> list[float]:
    settings, clock = Settings(strength=text, midi="a.mid"), Clock(fps, None, sound)
    return [settings.at(clock.moment(frame)).strength for frame in range(int(seconds * fps))]


@pytest.mark.parametrize("text", ["smooth(t > 1, 0.5)", "lag(t*t/4, 0.5)", "envelope(t % 1 < 0.3, 0.05, 0.4)",
                                  "smooth(smooth(lag(sin(t) + 1, 0.3), 0.2), 0.1)", "gate(t/4, 0.5)"])  # fmt: skip
def test_they_are_equal_at_every_frame_rate(text: str) -> None:
    slow, fast = (follow_film(text, Fraction(rate)) for rate in (12, 60))
    assert slow == fast[::5]
    assert len(set(slow)) > 10


def test_they_are_what_they_say() -> None:
    smooth = follow_film("smooth(t > 1, 0.5)", Fraction(100))
    assert smooth[150] == pytest.approx(1 - math.exp(-0.5 / 0.5), abs=1e-9)
    assert max(smooth[:100]) == 0
    envelope = follow_film("envelope(t < 1, 0.1, 0.5)", Fraction(100))
    square = (np.arange(400) < 100).astype(np.float32)
    assert envelope == pytest.approx(follow(square, 0.1, 0.5).tolist(), abs=1e-6)
    lag = follow_film("lag(t, 0.25)", Fraction(24))
    assert lag == pytest.approx([max(0, frame / 24 - 0.25) for frame in range(96)])
    assert follow_film("gate(t, 1)", Fraction(4)) == [0, 0, 0, 0, *(frame / 4 for frame in range(4, 16))]
    assert follow_film("smooth(t + 1, 0)", Fraction(24)) == pytest.approx([1 + frame / 24 for frame in range(96)])


def sound_of_hits(hits: tuple[float, ...]) -> SoundAnalysis:
    notes = Struck(hits, [hit + 0.001 for hit in hits], [1.0] * len(hits), 0.0)
    empty = np.empty(0)
    return SoundAnalysis(100, 4.0, np.zeros(400, np.float32), {}, empty, None, {"note(36)": notes})


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(("text", "late"), [("envelope(note(36), 0, 0.1)", 0.0), ("lag(note(36), 0.5)", 0.5)])
def test_a_hit_is_not_missed(fps: Fraction, text: str, late: float) -> None:
    hits = (0.5, 1.0049, 2.2501)
    seen = follow_film(text, fps, 4, sound_of_hits(hits))
    for hit in hits:
        frame = int((hit + late) * fps)
        assert max(seen[frame - 1 : frame + 2]) > 0.9
        assert max(seen[frame - 4 : frame - 1]) < 0.1


@pytest.mark.parametrize("text", ["smooth(note(36), 0.2)", "envelope(note(36), 0.1, 0.7) + lag(note(36), 0.3)"])
def test_a_part_is_what_it_is_in_the_whole(text: str) -> None:
    """A resumed render begins anywhere, and a worker has a clock of its own that was sent to it."""
    sound, settings = sound_of_hits((0.5, 1.3, 2.0)), Settings(strength=text, midi="a.mid")
    clock = Clock(Fraction(24), 96, sound)
    whole = [settings.at(clock.moment(frame)).strength for frame in range(96)]
    sent = pickle.loads(pickle.dumps(clock))  # noqa: S301
    assert not sent.memory
    for first in (95, 60, 30):
        assert [settings.at(sent.moment(frame)).strength for frame in range(first, 96)] == whole[first:]


def test_texts_of_the_past_are_read_again() -> None:
    for text in ("smooth(bass + t, 0.25)*2", "-lag(smooth(t, 1), 2)", "envelope(beat, 0, 0.5)**2", "gate(rms, 0.2)"):
        schedule = Schedule.parse(text)
        assert Schedule.parse(str(schedule)) == schedule
        assert pickle.loads(pickle.dumps(schedule)) == schedule  # noqa: S301
    assert not Schedule.parse("smooth(1, 2)").is_constant  # an envelope of 1 rises
    assert Schedule.parse("smooth(bass, 1)").needs_sound == {"bass"}
    for first, second in itertools.pairwise([0, 1, 3]):
        assert value("smooth(bass, 0.2)", at_second(first)) == value("smooth(bass, 0.2)", at_second(second)) == 0.25
