"""The render loops: the only part of dreamvid that keeps state from frame to frame."""

from dreamvid.render.job import Job, render_job
from dreamvid.runtime.events import Downloading, Event, Finished, FrameDone, Notice, ShotStarted, Started

__all__ = ["Downloading", "Event", "Finished", "FrameDone", "Job", "Notice", "ShotStarted", "Started", "render_job"]
