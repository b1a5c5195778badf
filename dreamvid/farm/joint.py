"""Joints between chunks: the residuals of two dreams of the same frames, faded into each other."""

from __future__ import annotations

import numpy as np

from dreamvid.runtime.frames import Frame

_TINY = 1e-12


def fade(raw: Frame, before: Frame, after: Frame, share: float) -> Frame:
    """A frame between two dreams of it: `share` of the way from that of the chunk before to that of the chunk after.

    All are (H, W, 3) float32 in [0, 1]; a fourth channel, alpha, is in all of them the same and stays. What is mixed is
    the residuals, dream minus raw frame. Two dreams that differ would partly cancel, and the joint be seen as a weak
    moment: so the mix is made as strong (RMS) as the share says.
    """
    first, second = before - raw, after - raw
    mixed = (1 - share) * first + share * second
    wanted = (1 - share) * _rms(first) + share * _rms(second)
    return np.asarray(np.clip(raw + mixed * (wanted / max(_rms(mixed), _TINY)), 0, 1), dtype=np.float32)


def shares(frames: int) -> list[float]:
    """How far the fade is at each of so many frames: rising in equal steps, neither end being one of them."""
    return [(number + 1) / (frames + 1) for number in range(frames)]


def _rms(residual: Frame) -> float:
    return float(np.sqrt(np.square(residual, dtype=np.float64).mean()))
