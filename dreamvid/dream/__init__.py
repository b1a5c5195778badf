"""The dream core: gradient ascent on a network's activations, over octaves. Knows nothing of video."""

from dreamvid.dream.dreamer import Dreamer, Extractor, Look

__all__ = ["Dreamer", "Extractor", "Look"]
