"""A camera in space: how it moves and where that is written, how far away things are, and what it then sees."""
