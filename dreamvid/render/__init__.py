"""The render loops: the only part of dreamvid that keeps state from frame to frame."""

from dreamvid.render.events import Event, Finished, FrameDone, Notice, ShotStarted, Started
from dreamvid.render.job import Job, render_job

__all__ = ["Event", "Finished", "FrameDone", "Job", "Notice", "ShotStarted", "Started", "render_job"]
