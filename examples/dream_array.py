"""The dream core on a NumPy array: `python dream_array.py array.png --model efficientnet_lite0 --layer block10`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dreamvid.dream import DreamCore, Look, Target
from dreamvid.media import write_image
from dreamvid.models import load_network

Picture = npt.NDArray[np.float32]


def clouds(side: int) -> Picture:
    """A soft gray picture, (side, side, 3) float32 RGB in [0, 1]."""
    y, x = np.mgrid[:side, :side] / np.float32(side)
    waves = np.sin(7 * x + 3 * y) + np.sin(5 * y - 4 * x)
    return np.repeat((0.5 + 0.1 * waves)[..., None], 3, axis=2).astype(np.float32)


def dream(picture: Picture, model: str, layer: str, steps: tuple[int, ...] = (28, 16, 6, 2)) -> Picture:
    """Return the dream of a picture, (H, W, 3) float32 RGB in [0, 1].

    `Look` holds every number of the dream; `step` is the length of a step in 8-bit levels. `Target` says what counts at
    each layer of the extractor.
    """
    extractor = load_network(model).extractor([layer])
    look = Look((Target(),), octaves=None, iterations=steps, step=2.0, spread=1.5, color_prior=0.6, spectrum=1.0)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()
    dreamed = DreamCore(extractor, look).dream(tensor)
    return np.ascontiguousarray(dreamed[0].permute(1, 2, 0).numpy())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--layer", default="block10")
    parser.add_argument("--side", type=int, default=256, help="of the picture, in pixels")
    words = parser.parse_args()
    write_image(words.target, dream(clouds(words.side), words.model, words.layer), overwrite=False)
