"""The dream core: gradient ascent on a network's activations, over octaves. Knows nothing of video."""

from dreamvid.dream.compose import compose
from dreamvid.dream.dreamer import Dreamer, Extractor
from dreamvid.dream.look import Look
from dreamvid.dream.objective import Target

__all__ = ["Dreamer", "Extractor", "Look", "Target", "compose"]
