"""Sound that drives the picture: a sound track becomes named envelopes in [0, 1], beats and a tempo."""

from dreamvid.audio.analysis import ENVELOPES, LEVELS, SoundAnalysis, analyze_sound

__all__ = ["ENVELOPES", "LEVELS", "SoundAnalysis", "analyze_sound"]
