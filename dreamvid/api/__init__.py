"""Dreams for programs that have arrays, not files."""

from dreamvid.api.dreamer import Drawing, Dreamer

__all__ = ["Drawing", "Dreamer"]
