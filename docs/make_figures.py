"""Make the figures of docs/looks.md: uv run python docs/make_figures.py [NAME ...]

Without names all are made, in a few minutes. Everything is dreamed by the network that is installed with dreamvid, on
the samples of this repository, so anyone gets the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid import Dreamer
from dreamvid.media import open_reader, read_image, resize_image

HERE = Path(__file__).parent / "figures"
SAMPLES = Path(__file__).parents[1] / "samples"
MODEL = "efficientnet_lite0"
WIDTH, HEIGHT = 400, 250  # px, of a picture
STRIP = 24  # px, height of a caption
QUALITY = 82
CHANNELS = {"block2": 17, "block5": 60, "block8": 20, "block10": 30, "block13": 60}
"""Layers from early to late, and the channel of each that is drawn from noise."""
SQUARE = 192  # px, of a cell in the figure of the layers
FLIGHT = (26, 28, 30)
"""Frames of journey.mp4's first shot."""
CORNER, CROP = (60, 120), (150, 240)  # px, top and left, height and width of what is shown of them
Picture = npt.NDArray[np.float32]
Cell = npt.NDArray[np.uint8]


def dreamer(**settings: Any) -> Dreamer:
    return Dreamer(MODEL, owns_process=True, **settings)


def sample(name: str) -> Picture:
    return resize_image(read_image(SAMPLES / f"{name}.jpg"), WIDTH, HEIGHT)


def label(picture: Picture, text: str) -> Cell:
    """The picture in 8 bits, with a strip above it that says what it is."""
    strip = np.full((STRIP, picture.shape[1], 3), 32, np.uint8)
    cv2.putText(strip, text, (6, STRIP - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    return np.concatenate([strip, np.round(picture * 255).astype(np.uint8)])


def grid(cells: Sequence[Cell], columns: int) -> Cell:
    rows = [np.concatenate(cells[first : first + columns], axis=1) for first in range(0, len(cells), columns)]
    return np.concatenate(rows)


def compare(name: str, setting: str, values: Sequence[Any], **others: Any) -> Cell:
    """One sample, dreamed with several values of a setting."""
    picture = sample(name)
    option = setting.replace("_", "-")
    dreams = [dreamer(**{setting: value}, **others).dream(picture) for value in values]
    return grid([label(dream, f"--{option} {value}") for dream, value in zip(dreams, values, strict=True)], 2)


def layers() -> Cell:
    """What a channel of each layer sees in noise, and what the layer dreams of a landscape."""
    picture = sample("landscape")[:, (WIDTH - HEIGHT) // 2 :][:, :HEIGHT]
    drawn, dreamed = [], []
    for layer, channel in CHANNELS.items():
        drawing = dreamer(layer=f"{layer}@{channel}").visualize(size=f"{SQUARE}x{SQUARE}")[0].picture
        drawn.append(label(drawing, f"{layer}@{channel}"))
        dream = dreamer(layer=layer).dream(picture)
        dreamed.append(label(resize_image(dream, SQUARE, SQUARE), layer))
    return grid([*drawn, *dreamed], len(CHANNELS))


def carry() -> Cell:
    """Frames of a film, each dreamed alone and all of them carried."""
    with open_reader(SAMPLES / "journey.mp4", rate=Fraction(24)) as reader:
        frames = [frame for _, frame in zip(range(FLIGHT[-1] + 1), reader, strict=False)]
    carried = list(dreamer().dream_film(frames, 24, cuts=None))
    alone = dreamer()
    rows = [[alone.dream(frames[index]) for index in FLIGHT], [carried[index] for index in FLIGHT]]
    (top, left), (height, width) = CORNER, CROP
    cells = [
        label(resize_image(picture[top : top + height, left : left + width], WIDTH, HEIGHT), f"{how}, frame {index}")
        for how, row in zip(("each alone", "carried"), rows, strict=True)
        for index, picture in zip(FLIGHT, row, strict=True)
    ]
    return grid(cells, len(FLIGHT))


FIGURES: Mapping[str, Callable[[], Cell]] = {
    "layers": layers,
    "octaves": lambda: compare("landscape", "octaves", (1, 2, 3, 5), layer="block10"),
    "carry": carry,
    "spread": lambda: compare("landscape", "spread", (0, 1, 1.5, 2), layer="block5"),
    "color-prior": lambda: compare("landscape", "color_prior", (0, 0.3, 0.6, 1)),
    "spectrum": lambda: compare("landscape", "spectrum", (0, 0.5, 0.85, 1.5)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"figures to make: {', '.join(FIGURES)}")
    HERE.mkdir(exist_ok=True)
    for name in parser.parse_args().names or FIGURES:
        path = HERE / f"{name}.jpg"
        cv2.imwrite(str(path), FIGURES[name]()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        print(f"{path.name}: {path.stat().st_size // 1000} KB", flush=True)


if __name__ == "__main__":
    main()
