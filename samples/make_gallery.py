"""Make the README's pictures: frames of a dreamed clip and of a zoom, and dreams by layer and picture.

    uv run python samples/make_gallery.py

Dreams with EfficientNet-Lite0, which is installed along with dreamvid, so that anyone gets the same pictures; but for
`trained.jpg`, of networks that were fine-tuned: `--trained buildings.safetensors insects.safetensors`.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from dreamvid import Dreamer, Job, Settings, render_job
from dreamvid.media import open_reader, read_image, resize_image
from dreamvid.shots.shots import watch_cuts

HERE = Path(__file__).parent
PICTURES = ("sky", "landscape", "portrait")
MODEL = "efficientnet_lite0"
LAYERS = ("block1", "block3", "block5", "block7", "block8", "block9", "block10", "block11", "block13")
TRAINED_MODEL, TRAINED_LAYER = "dreamnet", "inception4e"
FRAMES = (0, 20, 51, 52, 72, 95)
ZOOM_FRAMES = (0, 24, 72, 144, 216, 287)
RATE = Fraction(24)
CELL = (320, 200)  # px, width and height
Picture = npt.NDArray[np.float32]
Cell = npt.NDArray[np.uint8]


def dreamer(layer: str | None = None, weights: Path | None = None, model: str = MODEL) -> Dreamer:
    return Dreamer(model, layer, weights=weights, owns_process=True)


def fill(picture: Picture) -> Picture:
    """Scale and crop to a cell."""
    height, width = picture.shape[:2]
    scale = max(CELL[0] / width, CELL[1] / height)
    scaled = resize_image(picture, round(width * scale), round(height * scale))
    top, left = (scaled.shape[0] - CELL[1]) // 3, (scaled.shape[1] - CELL[0]) // 2
    return np.ascontiguousarray(scaled[top : top + CELL[1], left : left + CELL[0]])


def quantize(picture: Picture) -> Cell:
    return np.round(picture * 255).astype(np.uint8)


def label(picture: Picture, text: str) -> Cell:
    marked = quantize(picture)
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(marked, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, thickness, cv2.LINE_AA)
    return marked


def make_layer_sheet() -> Cell:
    sources = [fill(read_image(HERE / f"{name}.jpg")) for name in PICTURES]
    rows = []
    for layer in LAYERS:
        dream = dreamer(layer).dream
        rows.append(np.concatenate([label(dream(source), layer) for source in sources], axis=1))
        print(layer, flush=True)
    rows.insert(0, np.concatenate([quantize(source) for source in sources], axis=1))
    half = len(rows) // 2
    return np.concatenate([np.concatenate(rows[:half]), np.concatenate(rows[half:])], axis=1)


def make_film_sheet() -> Cell:
    with open_reader(HERE / "journey.mp4", rate=RATE) as reader:
        cuts = [number for number, begins in enumerate(watch_cuts(HERE / "journey.mp4", RATE)) if begins]
        frames = list(dreamer().dream_film(reader, RATE, cuts=cuts))
    cells = [label(resize_image(frames[index], 400, 225), f"frame {index}") for index in FRAMES]
    return np.concatenate([np.concatenate(cells[:3], axis=1), np.concatenate(cells[3:], axis=1)])


def make_zoom_sheet() -> Cell:
    frames = dreamer().zoom(size="400x225", duration=12, zoom=1.4)
    shown = [(number, frame) for number, frame in zip(itertools.count(), frames) if number in ZOOM_FRAMES]
    cells = [label(frame, f"{round(number / 24)} s") for number, frame in shown]
    return np.concatenate([np.concatenate(cells[:3], axis=1), np.concatenate(cells[3:], axis=1)])


def make_trained_sheet(networks: Sequence[Path]) -> Cell:
    """A row for the network as it is, and one for each that was fine-tuned, under its file's name."""
    sources = [fill(read_image(HERE / f"{name}.jpg")) for name in PICTURES]
    rows = []
    for weights in (None, *networks):
        name = TRAINED_MODEL if weights is None else weights.stem
        dream = dreamer(TRAINED_LAYER, weights, TRAINED_MODEL).dream
        rows.append(np.concatenate([label(dream(source), name) for source in sources], axis=1))
    return np.concatenate(rows)


def make_report() -> Cell:
    settings = Settings(model=MODEL, max_size=320, report=True, precision="fp32")
    with tempfile.TemporaryDirectory() as folder:
        for _ in render_job(Job(HERE / "journey.mp4", Path(folder, "journey.dream.mp4"), settings)):
            pass
        return np.asarray(Image.open(Path(folder, "journey.dream.mp4.report.png")))


def save(path: Path, sheet: Cell) -> None:
    cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])  # of no concern to PNG


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=("layers", "film", "zoom", "report"))
    parser.add_argument("--trained", type=Path, nargs="+", metavar="FILE", help="only trained.jpg, of these weights")
    parser.add_argument("--to", type=Path, default=HERE, help="folder")
    arguments = parser.parse_args()
    if arguments.trained:
        save(arguments.to / "trained.jpg", make_trained_sheet(arguments.trained))
        return
    sheets = {
        "layers": ("layers.jpg", make_layer_sheet),
        "film": ("dreamed.jpg", make_film_sheet),
        "zoom": ("zoomed.jpg", make_zoom_sheet),
        "report": ("report.png", make_report),
    }
    for name in [arguments.only] if arguments.only else sheets:
        file, make = sheets[name]
        save(arguments.to / file, make())


if __name__ == "__main__":
    main()
