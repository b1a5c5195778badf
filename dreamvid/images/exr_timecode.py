"""Timecode, frame rate and reel in the header of an OpenEXR file, as its standard attributes have them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import OpenEXR

from dreamvid.config.timecode import ClipTimecode

_MOST_NUMBERS = 30  # frames that a second of `timeCode` can count; of up to twice as many it counts pairs
_NO_USER_BITS = (0,) * 11


def holds_timecode(rate: Fraction) -> bool:
    """Whether the attribute `timeCode` can number frames of this rate."""
    return math.ceil(rate) <= 2 * _MOST_NUMBERS


def timecode_attributes(timecode: ClipTimecode | None) -> dict[str, Any]:
    """The attributes `timeCode`, `framesPerSecond` and `reelName` for a file's header."""
    if timecode is None or not holds_timecode(timecode.rate):
        return {}
    hours, minutes, seconds, frame = map(int, str(timecode).replace(";", ":").split(":"))
    field = 0
    if math.ceil(timecode.rate) > _MOST_NUMBERS:  # SMPTE ST 12-1: the second frame of a pair is marked as a field
        frame, field = divmod(frame, 2)
    code = OpenEXR.TimeCode(hours, minutes, seconds, frame, int(timecode.drop), 0, field, *_NO_USER_BITS)
    reel = {} if timecode.reel is None else {"reelName": timecode.reel}
    return {"timeCode": code, "framesPerSecond": Fraction(timecode.rate), **reel}


def rate_of(header: Mapping[str, Any]) -> Fraction | None:
    """The frames per second of a header's `framesPerSecond`; None where it says nothing that makes sense."""
    found = header.get("framesPerSecond")
    if not isinstance(found, Fraction) or not 0 < found <= 1000:
        return None
    return found.limit_denominator(1001)


def timecode_of(header: Mapping[str, Any], rate: Fraction) -> ClipTimecode | None:
    """The timecode of a header's `timeCode`, of frames at `rate` per second; None where there is none at that rate."""
    code, reel = header.get("timeCode"), header.get("reelName")
    if code is None:
        return None
    frame = code.frame
    if math.ceil(rate) > _MOST_NUMBERS:
        frame = 2 * frame + code.fieldPhase
    text = f"{code.hours:02}:{code.minutes:02}:{code.seconds:02}{';' if code.dropFrame else ':'}{frame:02}"
    try:
        return ClipTimecode.parse(text, rate, str(reel) if reel else None)
    except ValueError:
        return None
