"""Dreams for programs that have arrays, not files."""

from dreamvid.library.dreamer import Drawing, Dreamer

__all__ = ["Drawing", "Dreamer"]
