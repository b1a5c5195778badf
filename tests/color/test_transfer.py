"""Transfer functions, against the values that their standards print, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dreamvid.color.primaries import PRIMARIES, conversion, name_of
from dreamvid.color.transfer import HLG, PQ, SRGB, WHITE_NITS, Gamma24, Transfer

CODES = torch.linspace(0, 1, 1024)


def at(transfer: Transfer, code: float) -> float:
    return float(transfer.decode(torch.tensor(code)))


def test_pq_is_that_of_the_standard() -> None:
    # ITU-R BT.2408, table 1 and SMPTE ST 2084: signal levels of luminances.
    for nits, code in ((100, 0.5081), (203, 0.5807), (1000, 0.7518), (4000, 0.9026), (10_000, 1.0)):
        assert at(PQ(), code) * WHITE_NITS == pytest.approx(nits, rel=2e-3)
    assert at(PQ(), 0.0) == 0


def test_hlg_is_that_of_the_standard() -> None:
    # ITU-R BT.2100, table 5: E = 1/12 at a signal of 0.5, E = 1 at 1; BT.2408: white at 0.75.
    assert at(HLG(), 0.5) * 0.26496 == pytest.approx(1 / 12, rel=1e-4)
    assert at(HLG(), 0.75) == pytest.approx(1, rel=1e-4)
    assert at(HLG(), 1.0) == pytest.approx(HLG.peak, rel=1e-4)


@pytest.mark.parametrize("transfer", [PQ(), HLG(), SRGB(), Gamma24()], ids=lambda one: one.name)
def test_a_ramp_comes_back_within_a_tenth_of_a_code_of_ten_bits(transfer: Transfer) -> None:
    again = transfer.encode(transfer.decode(CODES))
    assert float((again - CODES).abs().max()) < 0.1 / 1023
    assert bool((transfer.decode(CODES).diff() >= 0).all())


def test_white_of_hlg_is_white_of_pq_on_the_screen() -> None:
    # BT.2408: both have diffuse white at 203 cd/m² on a display of 1000.
    white = torch.ones(1, 1, 3)
    assert float(HLG().to_screen(white).mean()) == pytest.approx(1, rel=5e-3)
    bright = torch.rand(4, 4, 3) * 3
    assert torch.allclose(HLG().from_screen(HLG().to_screen(bright)), bright, rtol=1e-4, atol=1e-5)


def test_primaries_are_known_by_their_chromaticities() -> None:
    for name, chromaticities in PRIMARIES.items():
        assert name_of([round(value, 3) for value in chromaticities]) == name
    assert name_of(None) is None
    assert name_of([0.1] * 8) is None


def test_primaries_convert_as_the_standard_says() -> None:
    # ITU-R BT.2087: from BT.709 to BT.2020.
    known = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    matrix = conversion(PRIMARIES["bt709"], PRIMARIES["bt2020"])
    assert np.allclose(matrix, known, atol=2e-4)
    # ACES: from AP0 to AP1, and gray stays gray between whites.
    to_acescg = conversion(PRIMARIES["ap0"], PRIMARIES["ap1"])
    assert np.allclose(to_acescg[0], [1.4514393161, -0.2365107469, -0.2149285693], atol=1e-4)
    assert np.allclose(conversion(PRIMARIES["ap1"], PRIMARIES["bt709"]) @ np.ones(3), 1, atol=1e-6)
