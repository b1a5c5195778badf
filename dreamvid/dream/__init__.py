"""The dream core: gradient ascent on a network's activations, over octaves. Knows nothing of video."""

from dreamvid.dream.budget import TileBudget
from dreamvid.dream.calibration import level
from dreamvid.dream.compose import compose
from dreamvid.dream.dreamer import DreamCore
from dreamvid.dream.gradient import Extractor
from dreamvid.dream.look import Look
from dreamvid.dream.objective import Objective
from dreamvid.dream.shared import Shared
from dreamvid.dream.target import Target

__all__ = ["DreamCore", "Extractor", "Look", "Objective", "Shared", "Target", "TileBudget", "compose", "level"]
