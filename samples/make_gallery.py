"""Make the README's pictures: frames of a dreamed clip and of a zoom, and dreams by layer and picture.

    uv run python samples/make_gallery.py

Dreams with EfficientNet-Lite0, which is installed along with dreamvid, so that anyone gets the same pictures; but for
`trained.jpg`, of networks that were fine-tuned: `--trained buildings.safetensors insects.safetensors`.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from dreamvid.config.settings import Settings, ZoomSettings, build_settings, make_settings
from dreamvid.dream.noise import pink_noise
from dreamvid.media import open_reader, read_image, resize_image
from dreamvid.models import MODELS
from dreamvid.render import Job, render_job
from dreamvid.render.film import Film
from dreamvid.render.plan import STILL, Clock, Planner
from dreamvid.render.preparation import prepare
from dreamvid.render.still import dream_residual, finish
from dreamvid.render.targets import make_dream_core, resolve_targets
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.events import FrameDone, outcome
from dreamvid.runtime.frames import to_frame, to_tensor
from dreamvid.shots.shots import watch_cuts
from dreamvid.zoom.tone import Tone
from dreamvid.zoom.zoom import Zoom, frame_count

HERE = Path(__file__).parent
PICTURES = ("sky", "landscape", "portrait")
MODEL = "efficientnet_lite0"
LAYERS = ("block1", "block3", "block5", "block7", "block8", "block9", "block10", "block11", "block13")
TRAINED_MODEL, TRAINED_LAYER = "dreamnet", "inception4e"
FRAMES = (0, 20, 51, 52, 72, 95)
ZOOM_FRAMES = (0, 24, 72, 144, 216, 287)
CELL = (320, 200)  # px, width and height
Picture = npt.NDArray[np.float32]
Cell = npt.NDArray[np.uint8]


def settings_for(layer: str | None, weights: Path | None = None, model: str = MODEL) -> Settings:
    return make_settings({"model": model, "layer": layer, "weights": weights}).for_model(MODELS[model].look)


def dream_picture(picture: Picture, layer: str, weights: Path | None = None, model: str = MODEL) -> Picture:
    settings = settings_for(layer, weights, model)
    machine = choose_machine()
    plan = Planner(make_dream_core(resolve_targets(settings), settings, machine), settings, STILL, governed=False).at(0)
    raw = to_tensor(picture, machine.device)
    return to_frame(finish(raw, plan.gain * dream_residual(raw, plan), plan))


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
        rows.append(np.concatenate([label(dream_picture(source, layer), layer) for source in sources], axis=1))
        print(layer, flush=True)
    rows.insert(0, np.concatenate([quantize(source) for source in sources], axis=1))
    half = len(rows) // 2
    return np.concatenate([np.concatenate(rows[:half]), np.concatenate(rows[half:])], axis=1)


def make_film_sheet() -> Cell:
    settings = settings_for(None)
    machine = choose_machine()
    with open_reader(HERE / "journey.mp4") as reader:
        dreamer = make_dream_core(resolve_targets(settings), settings, machine)
        planner = Planner(dreamer, settings, Clock(Fraction(reader.rate)))
        pairs = Film(planner, machine.device).dream(reader, watch_cuts(HERE / "journey.mp4", Fraction(reader.rate)))
        frames = [frame for frame, _ in pairs if frame is not None]
    cells = [label(resize_image(frames[index], 400, 225), f"frame {index}") for index in FRAMES]
    return np.concatenate([np.concatenate(cells[:3], axis=1), np.concatenate(cells[3:], axis=1)])


def make_zoom_sheet() -> Cell:
    settings = build_settings(ZoomSettings, {"model": MODEL, "size": "400x225", "duration": 12, "zoom": 1.4})
    clock = Clock(settings.fps, frame_count(settings))
    with contextlib.ExitStack() as closing:
        prepared = outcome(prepare(settings, clock, (225, 400), closing, governed=False))
    noise = pink_noise((225, 400)).to(prepared.machine.device)
    plan = prepared.planner.at(0)
    dream = finish(noise, plan.gain * dream_residual(noise, plan), plan)
    zoom = Zoom(dream, prepared.planner, Tone.of(noise))
    cells = [
        label(frame, f"{round(event.frame / 24)} s")
        for frame, event in zoom.dream()
        if frame is not None and isinstance(event, FrameDone) and event.frame in ZOOM_FRAMES
    ]
    return np.concatenate([np.concatenate(cells[:3], axis=1), np.concatenate(cells[3:], axis=1)])


def make_trained_sheet(networks: Sequence[Path]) -> Cell:
    """A row for the network as it is, and one for each that was fine-tuned, under its file's name."""
    sources = [fill(read_image(HERE / f"{name}.jpg")) for name in PICTURES]
    rows = []
    for weights in (None, *networks):
        name = TRAINED_MODEL if weights is None else weights.stem
        dreams = [dream_picture(source, TRAINED_LAYER, weights, TRAINED_MODEL) for source in sources]
        rows.append(np.concatenate([label(dream, name) for dream in dreams], axis=1))
    return np.concatenate(rows)


def make_report() -> Cell:
    settings = make_settings({"model": MODEL, "max_size": 320, "report": True, "precision": "fp32"})
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
