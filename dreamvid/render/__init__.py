"""The render loops: the only part of dreamvid that keeps state from frame to frame."""

from dreamvid.notices import Downloading, Notice
from dreamvid.render.events import Event, Finished, FrameDone, ShotStarted, Started
from dreamvid.render.job import Job, render_job

__all__ = ["Downloading", "Event", "Finished", "FrameDone", "Job", "Notice", "ShotStarted", "Started", "render_job"]
