"""The examination: one part after the other, none of which keeps the next from being looked at."""

from __future__ import annotations

from collections.abc import Callable

from dreamvid.doctor.compute import examine_torch
from dreamvid.doctor.files import examine_space, examine_weights
from dreamvid.doctor.films import examine_ffmpeg
from dreamvid.doctor.findings import Fact, Findings
from dreamvid.doctor.machine import examine_environment, examine_processor, examine_system
from dreamvid.doctor.packages import examine_extras, examine_packages

Part = Callable[[Findings], list[Fact]]

PARTS: dict[str, Part] = {
    "dreamvid": examine_system,
    "machine": examine_processor,
    "torch": examine_torch,
    "ffmpeg": examine_ffmpeg,
    "weights": examine_weights,
    "space": examine_space,
    "extras": examine_extras,
    "packages": examine_packages,
    "environment": examine_environment,
}
"""By title, in the order of the page."""


def examine() -> Findings:
    """Look at all parts. What cannot be looked at is broken, and says why."""
    findings = Findings()
    for title, part in PARTS.items():
        try:
            findings.sections[title] = part(findings)
        except Exception as error:  # a broken installation raises anything, and the rest is to be seen all the same
            findings.broken.append(f"{title} could not be examined ({type(error).__name__}: {error})")
            findings.sections[title] = [Fact(title, "could not be examined", False)]
    return findings
