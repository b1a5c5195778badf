from __future__ import annotations

import numpy as np
import pytest

from dreamvid.farm.joint import fade, shares

RNG = np.random.default_rng(3)
RAW = RNG.uniform(0.4, 0.6, (24, 32, 3)).astype(np.float32)


def dream(seed: int, strength: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, strength, RAW.shape)
    return np.clip(RAW + noise, 0, 1).astype(np.float32)


def energy(frame: np.ndarray) -> float:
    return float(np.sqrt(np.mean((frame - RAW) ** 2)))


def test_its_ends_are_the_two_dreams() -> None:
    before, after = dream(1, 0.05), dream(2, 0.08)
    assert np.allclose(fade(RAW, before, after, 0), before, atol=1e-6)
    assert np.allclose(fade(RAW, before, after, 1), after, atol=1e-6)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_unlike_dreams_do_not_weaken_each_other(share: float) -> None:
    before, after = dream(1, 0.05), dream(2, 0.08)
    assert energy(fade(RAW, before, after, share)) == pytest.approx((1 - share) * 0.05 + share * 0.08, rel=0.03)


def test_no_dream_at_all_stays_none() -> None:
    assert np.array_equal(fade(RAW, RAW, RAW, 0.5), RAW)


def test_shares_rise_in_equal_steps_between_the_dreams() -> None:
    assert shares(3) == [0.25, 0.5, 0.75]
    assert shares(0) == []
