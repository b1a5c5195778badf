from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import torch

from dreamvid.dream import DreamCore, Look, Shared, Target
from dreamvid.dream.color import contrast
from dreamvid.errors import SettingsError
from dreamvid.runtime.device import choose_machine, threads_worth_waking
from tests.tiny import TinyExtractor, noise

PICTURE = noise(48, 64)
QUICK = Look(octaves=2, iterations=(3,), jitter=4)


def energy(extractor: TinyExtractor, picture: torch.Tensor) -> float:
    return float(extractor(picture)[0].square().mean())


def test_zero_iterations_is_the_identity() -> None:
    dreamed = DreamCore(TinyExtractor(), Look(octaves=4, iterations=(0,))).dream(PICTURE)
    assert torch.equal(dreamed, PICTURE)


@pytest.mark.parametrize("look", [QUICK, Look(octaves=3, iterations=(4,), spectrum=0.7), Look(laplacian=3)])
def test_the_objective_rises(look: Look) -> None:
    extractor = TinyExtractor()
    dreamed = DreamCore(extractor, look).dream(PICTURE)
    assert energy(extractor, dreamed) > 1.5 * energy(extractor, PICTURE)


def test_every_octave_raises_the_objective_of_the_picture() -> None:
    extractor = TinyExtractor()
    energies = [
        energy(extractor, DreamCore(extractor, Look(octaves=2, jitter=0)).dream(PICTURE, iterations=counts))
        for counts in [(0, 0), (6, 0), (6, 6)]
    ]
    # A coarse octave helps the fine one only because its detail is handed up.
    assert energies[0] < energies[1] < energies[2]


def test_the_coarse_detail_is_laid_over_the_full_picture_not_in_place_of_it() -> None:
    sharp = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(3))
    dreamed = DreamCore(TinyExtractor(), Look(octaves=3, jitter=0)).dream(sharp, iterations=(2, 0, 0))
    assert float((dreamed - sharp).abs().mean()) < 4 / 255  # white noise, shrunk and enlarged, loses 60/255


def test_same_seed_same_bytes() -> None:
    first, again = (DreamCore(TinyExtractor(), QUICK).dream(PICTURE) for _ in range(2))
    other = DreamCore(TinyExtractor(), Look(octaves=2, iterations=(3,), jitter=4, seed=1)).dream(PICTURE)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_dreamer_keeps_no_state_between_frames() -> None:
    dreamer = DreamCore(TinyExtractor(), QUICK)
    first = dreamer.dream(PICTURE)
    dreamer.dream(noise(48, 64, seed=5))
    assert torch.equal(dreamer.dream(PICTURE), first)


def test_a_step_is_in_8_bit_levels() -> None:
    for step in (1.0, 3.0):
        dreamed = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), step=step)).dream(PICTURE)
        assert float((dreamed - PICTURE).abs().mean()) * 255 == pytest.approx(step, rel=1e-3)


def test_the_result_stays_in_range() -> None:
    dreamed = DreamCore(TinyExtractor(), Look(octaves=2, step=60.0)).dream(PICTURE)
    assert float(dreamed.min()) == 0
    assert float(dreamed.max()) == 1


def test_a_layers_weight_counts_against_normalized_gradients() -> None:
    taps = ("first", "second")
    look = Look(octaves=1, iterations=(2,), jitter=0, targets=(Target(1.0), Target(0.5)))
    plain = DreamCore(TinyExtractor(taps), look).dream(PICTURE)
    loud = DreamCore(TinyExtractor(taps, scale=1000.0), look).dream(PICTURE)
    equal = Look(octaves=1, iterations=(2,), jitter=0, targets=(Target(), Target()))
    even = DreamCore(TinyExtractor(taps), equal).dream(PICTURE)
    assert torch.allclose(plain, loud, atol=1e-5)
    assert not torch.allclose(plain, even, atol=1e-3)


def test_a_negative_weight_descends() -> None:
    extractor = TinyExtractor()
    dreamed = DreamCore(extractor, Look(octaves=1, iterations=(3,), targets=(Target(-1.0),))).dream(PICTURE)
    assert energy(extractor, dreamed) < energy(extractor, PICTURE)


def test_the_carried_residual_is_where_the_dream_starts() -> None:
    residual = noise(48, 64, seed=2, low=-0.1, high=0.1)
    dreamed = DreamCore(TinyExtractor(), Look(octaves=3)).dream(PICTURE, iterations=(0,), carried=residual)
    assert torch.allclose(dreamed, PICTURE + residual, atol=1e-6)


def test_the_carried_residual_is_counted_once_over_all_octaves() -> None:
    residual = noise(48, 64, seed=2, low=-0.1, high=0.1)
    look = Look(octaves=4, step=0.01)
    dreamed = DreamCore(TinyExtractor(), look).dream(PICTURE, iterations=(1,), carried=residual)
    assert float((dreamed - PICTURE - residual).abs().mean()) < 0.1 / 255


def test_gain_says_where_steps_are_longer() -> None:
    gain = torch.zeros(1, 1, 48, 64)
    gain[..., 32:] = 2
    dreamed = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=0)).dream(PICTURE, gain=gain)
    plain = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=0)).dream(PICTURE)
    assert torch.equal(dreamed[..., :32], PICTURE[..., :32])
    assert torch.allclose((dreamed - PICTURE)[..., 32:], 2 * (plain - PICTURE)[..., 32:], atol=1e-6)


def test_jitter_is_undone() -> None:
    """A convolution does not care where the picture is, but for its borders: jitter may move only those."""
    still = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=0)).dream(PICTURE)
    rolled = DreamCore(TinyExtractor(), Look(octaves=1, iterations=(1,), jitter=9)).dream(PICTURE)
    inner = (..., slice(14, -14), slice(14, -14))
    assert torch.allclose(still[inner] - PICTURE[inner], rolled[inner] - PICTURE[inner], atol=2e-3)


def test_jitter_differs_between_steps_and_stays_within_reach() -> None:
    dreamer = DreamCore(TinyExtractor(), Look(jitter=5))
    offsets = [dreamer._jitter_offset(octave, iteration) for octave in range(4) for iteration in range(50)]
    assert len(set(offsets)) > 80
    assert {side for offset in offsets for side in offset} == set(range(-5, 6))


@pytest.mark.parametrize(
    ("octaves", "given", "used"),
    [
        (4, (10,), [10, 10, 10, 10]),
        (4, (28, 16, 6, 2), [28, 16, 6, 2]),
        (3, (28, 16, 6, 2), [28, 11, 2]),
        (7, (28, 16, 6, 2), [28, 22, 16, 11, 6, 4, 2]),
        (1, (3, 2), [3]),
    ],
)
def test_iterations_reach_from_the_coarsest_octave_to_the_finest(
    octaves: int, given: tuple[int, ...], used: list[int]
) -> None:
    assert Look(octaves=octaves).iterations_per_octave(given, octaves) == used
    assert Look(octaves=None).iterations_per_octave(given, octaves) == used


def test_absolute_octaves_keep_their_steps_in_a_small_picture() -> None:
    look = Look(octave_sizes=(100, 200, 400))
    octaves = len(look.sizes((150, 300)))
    assert octaves == 2
    counts = look.iterations_per_octave((9, 6, 3), octaves)
    assert counts == [9, 6, 3]  # of which the last is not used
    assert look.iterations_per_octave(counts, octaves) == counts  # as carried frames hand them on


@pytest.mark.parametrize("lines", [270, 432, 1080, 2160])
def test_the_coarsest_octave_is_the_same_at_every_size(lines: int) -> None:
    sizes = Look(octaves=None).sizes((lines, lines * 16 // 9))
    assert sizes[0] == (128, round(128 / lines * (lines * 16 // 9)))
    assert sizes[-1] == (lines, lines * 16 // 9)
    ratios = [fine[0] / coarse[0] for coarse, fine in pairwise(sizes)]
    assert all(1.25 < ratio < 1.6 for ratio in ratios)
    assert max(ratios) - min(ratios) < 0.05


def test_a_small_picture_has_one_octave() -> None:
    assert Look(octaves=None).sizes((90, 160)) == [(90, 160)]
    assert Look(octaves=None).sizes((128, 160)) == [(128, 160)]


def test_a_picture_too_small_for_the_network_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"20x20 is too small.*10x10.*needs 8|20x20 is too small.*7x7"):
        DreamCore(TinyExtractor(), Look(octaves=4)).dream(noise(20, 20))


def test_the_nominal_contrast_predicts_that_of_other_pictures() -> None:
    for look in (Look(octaves=3), Look(octaves=3, step=3.0), Look(octaves=3, spectrum=0.7)):
        dreamer = DreamCore(TinyExtractor(), look)
        for picture in (noise(96, 128, seed=9), noise(120, 160, seed=8, low=0.1, high=0.9)):
            reached = float(contrast(dreamer.dream(picture) - picture))
            assert reached == pytest.approx(dreamer.nominal_contrast, rel=0.35)


def fine_grain(dreamed: torch.Tensor) -> float:
    """How much of what was added is finer than 2 px."""
    added = dreamed - PICTURE
    smooth = torch.nn.functional.avg_pool2d(added, 3, 1, 1)
    return float((added - smooth).square().mean() / added.square().mean())


def test_conditioning_decides_how_grainy_the_dream_is() -> None:
    def grain(**conditioning: float) -> float:
        return fine_grain(DreamCore(TinyExtractor(), Look(octaves=1, **conditioning)).dream(PICTURE))

    # Here the plain gradient has a tenth of its energy in the finest band; two bands of equal strength share it.
    assert grain(spectrum=1.0) < 0.5 * grain() < 0.1 < 0.3 < grain(laplacian=2)


def test_spread_reaches_the_dream() -> None:
    plain = DreamCore(TinyExtractor(), Look(octaves=1)).dream(PICTURE)
    spread = DreamCore(TinyExtractor(), Look(octaves=1, spread=2.0)).dream(PICTURE)
    assert float((plain - spread).abs().mean()) > 1 / 255


def test_small_octaves_are_left_to_few_threads() -> None:
    class Watched(TinyExtractor):
        def maps(self, image: torch.Tensor) -> list[torch.Tensor]:
            seen.append((image.shape[-2] * image.shape[-1], torch.get_num_threads()))
            return super().maps(image)

    seen: list[tuple[int, int]] = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        look = Look(octaves=2, octave_scale=2.0, iterations=(1,))
        DreamCore(Watched(), look).dream(noise(120, 180))  # which owns no process
        owned = Shared(threads=choose_machine("cpu").threads_for)
        DreamCore(Watched(), look, shared=owned).dream(noise(120, 180))
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="broken"), threads_worth_waking(100, torch.device("cpu")):
            raise ValueError("broken")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [(60 * 90, 2), (120 * 180, 2), (60 * 90, 1), (120 * 180, 2)]


def test_a_dream_pauses_before_each_step_and_may_end_there() -> None:
    extractor, pauses = TinyExtractor(), 0
    look = Look(octaves=2, iterations=(2, 105), jitter=4, step=1.0)
    calls: list[int] = []

    def pause() -> None:
        nonlocal pauses
        pauses += 1
        calls.append(extractor.calls)
        if pauses > 150:
            raise InterruptedError

    plain = DreamCore(TinyExtractor(), look).dream(PICTURE)
    assert torch.equal(DreamCore(extractor, look).pausing(pause).dream(PICTURE), plain)
    assert set(range(extractor.calls)) <= set(calls)
    with pytest.raises(InterruptedError):
        DreamCore(extractor, look).pausing(pause).dream(PICTURE)


def test_two_dreamers_dream_in_two_threads_as_each_does_alone() -> None:
    looks = [
        Look(octaves=2, iterations=(4,), spread=1.5, step=None),
        Look((Target(channels=(1, 4)),), octaves=3, iterations=(3,), spectrum=0.8, step=None),
    ]
    alone = [DreamCore(TinyExtractor(), look).dream(PICTURE) for look in looks]
    count = torch.get_num_threads()
    start = threading.Barrier(len(looks))

    def dream(look: Look) -> torch.Tensor:
        start.wait()
        return DreamCore(TinyExtractor(), look).dream(PICTURE)

    with ThreadPoolExecutor(len(looks)) as pool:
        together = list(pool.map(dream, looks))
    assert all(map(torch.equal, together, alone))
    assert torch.get_num_threads() == count
