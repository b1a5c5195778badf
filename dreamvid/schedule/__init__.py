"""Settings that change over time: a number, keyframes or an expression.

    0.5                                a number
    0:(1.0), 60:(1.5)                  keyframes, as Deforum writes them; `dreamvid.schedule.keyframes` says all
    1 + 2*beat                         an expression; `dreamvid.schedule.expression` says what it means
    0:(1 + 0.2*sin(t)), 2.5s:(bass)    both: what is between two keys mixes what they give at that time

In an expression stand

    t  f  n  fps                       seconds, frame number, number of frames, frames per second
    rms bass mid high onset beat       what is heard in the sound, 0..1
    bar bar_phase beat_phase           the bar, from 0, and how much of it and of the beat has passed, 0..1
    section since_section              the section, by its sound, and the seconds since it began
    pitch                              how high it is: the number of a MIDI note, 60 for middle C
    drums.rms kick glow note(36)       stems, bands, curves and notes that the settings bring along (`Names`)
    depth                              how far away a pixel is, from 0 near to 1 far, where a setting varies by pixel
    pi e tau                           and the functions of `dreamvid.schedule.functions`

`t` is in seconds, so that a film looks the same at any frame rate. It is the frame number in Deforum: its
`cos(3.141*t/10)` is `cos(3.141*f/10)` here.
"""

from dreamvid.schedule.fault import Fault
from dreamvid.schedule.keyframes import Key, Keyframes, KeyTime, Mix, has_keys, parse_keyframes
from dreamvid.schedule.moment import COUNTED, ENVELOPES, PITCH, Moment
from dreamvid.schedule.names import DEPTH, NO_NAMES, TIMES, VARIABLES, Names
from dreamvid.schedule.schedule import Schedule

__all__ = [
    "COUNTED",
    "DEPTH",
    "ENVELOPES",
    "NO_NAMES",
    "PITCH",
    "TIMES",
    "VARIABLES",
    "Fault",
    "Key",
    "KeyTime",
    "Keyframes",
    "Mix",
    "Moment",
    "Names",
    "Schedule",
    "has_keys",
    "parse_keyframes",
]
