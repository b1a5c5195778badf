"""Scenes of high dynamic range, as files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from dreamvid.color.primaries import PRIMARIES
from dreamvid.config.settings import make_settings
from dreamvid.images.color import ColorTags
from dreamvid.images.exr import read_exr_light
from dreamvid.media import open_writer
from dreamvid.render import Job, render_job

QUICK: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 2, "warm_iterations": 1, "threads": 1,
    "precision": "fp32", "sidecar": False,
}  # fmt: skip
PQ_2020 = ColorTags("bt2020nc", "bt2020", "smpte2084")
HLG_2020 = ColorTags("bt2020nc", "bt2020", "arib-std-b67")
Light = npt.NDArray[np.float32]


def scene(seed: int = 0, size: tuple[int, int] = (48, 64)) -> Light:
    """Light from 2^-12 to 64, saturated colors and negative ones among it, as half floats hold it."""
    random = np.random.default_rng(seed)
    light = np.exp2(random.uniform(-12, 6, (*size, 1))) * random.uniform(0.2, 1, (*size, 3))
    light[0] *= -0.01
    light[1, :4] = 64
    return light.astype(np.float16).astype(np.float32)


def write_exr_file(path: Path, light: Light, primaries: str | None = "ap1", kind: Any = np.float16) -> Path:
    """Light, (H, W, 3 or 4), as a file of another program's."""
    header: dict[str, Any] = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    if primaries is not None:
        header["chromaticities"] = PRIMARIES[primaries]
    OpenEXR.File(header, {"RGB" if light.shape[2] == 3 else "RGBA": light.astype(kind)}).write(str(path))
    return path


def write_sequence(folder: Path, count: int = 3, primaries: str | None = "ap1") -> Path:
    """Numbered scenes; returns their pattern."""
    folder.mkdir()
    for number in range(1, count + 1):
        write_exr_file(folder / f"{number:04}.exr", scene(number), primaries)
    return folder / "%04d.exr"


def write_film(
    path: Path, codes: Light, color: ColorTags, count: int = 3, codec: str = "ffv1", bit_depth: int = 16
) -> Path:
    """A film of the same frame of code values, (H, W, 3)."""
    height, width = codes.shape[:2]
    rate = Fraction(24)
    with open_writer(
        path, width=width, height=height, rate=rate, codec=codec, color=color, bit_depth=bit_depth
    ) as writer:
        for _ in range(count):
            writer.write(codes)
    return path


def ramp(height: int = 32, width: int = 256) -> Light:
    """Gray code values from 0 to 1."""
    return np.repeat(np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))[..., None], 3, axis=2)


def render(source: Path, target: Path, **values: Any) -> Path:
    """What is made of a source, quickly."""
    list(render_job(Job(source, target, make_settings(QUICK, values), overwrite=True)))
    return target


def light_of(path: Path) -> Light:
    return read_exr_light(path)
