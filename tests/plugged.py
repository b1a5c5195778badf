"""A package as a stranger would write it, with one of each kind: from a network to a depth model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

_SOURCE = '''
from dataclasses import dataclass

import cv2
import numpy as np
from torch import nn

from dreamvid.dream import Objective
from dreamvid.media import Codec
from dreamvid.media.codecs import Encoding
from dreamvid.models import ModelSpec
from dreamvid.models.spec import PackageFile
from dreamvid.motion import FlowMethod
from dreamvid.motion.flow import to_gray
from dreamvid.space.depth_model import DepthModel


class Stripes(nn.Module):
    def __init__(self):
        super().__init__()
        self.edges = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.stripes = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.scores = nn.Linear(8, 4)

    def forward(self, x):
        return self.scores(self.relu(self.stripes(self.relu(self.edges(x)))).mean((2, 3)))


STRIPES = ModelSpec(
    name="stripes",
    family="stripes",
    builder=lambda state, metadata: Stripes(),
    head="scores",
    parameters=1228,
    classes="four of its own",
    license="MIT",
    minimum_side=8,
    default_layer="stripes",
    description="a network from another package",
    package=PackageFile("plugged", "weights.safetensors", "DIGEST", "plugged"),
    layer_names={"edges": ("edges",), "stripes": ("stripes",)},
)

LOSSLESS = Codec("utvideo", ("-c:v", "utvideo"), (Encoding("gbrp", 8),), (".mkv", ".avi"), lossless=True)


class ShiftFlow(FlowMethod):
    """One shift for the whole frame, by phase correlation."""

    def prepare(self, frame):
        return to_gray(frame)

    def between(self, first, second):
        (dx, dy), _ = cv2.phaseCorrelate(first, second)
        return np.full((*first.shape[:2], 2), (dx, dy), np.float32)


@dataclass(frozen=True)
class Peaks(Objective):
    """The sum of |F|^power, which favors the strongest places."""

    power: float = 4.0

    def wanted(self, features):
        return features * features.abs() ** (self.power - 2)


class RampDepth(DepthModel):
    """A floor: what is further down is nearer."""

    def nearness(self, picture):
        height, width = picture.shape[:2]
        return np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1)


STUMP = "no codec at all"
'''

_ENTRY_POINTS = """
[dreamvid.models]
stripes = plugged:STRIPES

[dreamvid.codecs]
utvideo = plugged:LOSSLESS

[dreamvid.flows]
shift = plugged:ShiftFlow

[dreamvid.objectives]
peaks = plugged:Peaks

[dreamvid.depths]
ramp = plugged:RampDepth
"""

_BROKEN = """
[dreamvid.models]
torn = torn.missing:SPEC

[dreamvid.codecs]
torn = plugged:STUMP
h264 = plugged:LOSSLESS

[dreamvid.flows]
torn = plugged:GONE

[dreamvid.objectives]
torn = plugged:ShiftFlow

[dreamvid.depths]
torn = plugged:ShiftFlow
"""


def install(folder: Path) -> Path:
    """Make `folder` one that Python finds the package in, as pip leaves it."""
    package = folder / "plugged"
    package.mkdir()
    generator = torch.Generator().manual_seed(3)
    shapes = {"edges": nn.Conv2d(3, 8, 5), "stripes": nn.Conv2d(8, 8, 3), "scores": nn.Linear(8, 4)}
    state: dict[str, Tensor] = {
        f"{name}.{key}": torch.randn(tensor.shape, generator=generator) / 8
        for name, module in shapes.items()
        for key, tensor in module.state_dict().items()
    }
    save_file(state, package / "weights.safetensors")
    digest = hashlib.sha256((package / "weights.safetensors").read_bytes()).hexdigest()
    (package / "__init__.py").write_text(_SOURCE.replace("DIGEST", digest))
    _describe(folder, "plugged", _ENTRY_POINTS)
    return folder


def install_broken(folder: Path) -> Path:
    """The same beside a package of which nothing works."""
    _describe(install(folder), "torn", _BROKEN)
    return folder


def _describe(folder: Path, name: str, entry_points: str) -> None:
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entry_points)
