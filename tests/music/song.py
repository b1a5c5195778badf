"""A small song with all that a picture can follow, each of which moves within a second and a quarter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.music.given import drums, melody, off, on, score, write_wave

COUNTED = ("bar", "beat_phase", "bar_phase", "section", "since_section")
PARTS = ("drums.onset", "vox.pitch", "kick", "note(36)", "glow", "smooth(glow, 0.3)", "lag(drums.rms, 0.2)")
STRENGTH = (
    "0.2 + 0.1*(bar % 2) + 0.2*beat_phase + 0.2*bar_phase + 0.3*section + 0.05*since_section + 0.3*drums.onset"
    " + 0.2*(vox.pitch > 62) + 0.2*kick + 0.2*note(36) + 0.2*glow + 0.2*smooth(glow, 0.3) + 0.2*lag(drums.rms, 0.2)"
)
"""Follows all of them."""
GRID = "seconds,beat,section\n0.05,1,verse\n0.25,2,\n0.45,3,\n0.6,1,chorus\n0.75,2,\n0.9,1,verse\n1.05,2,\n1.2,1,\n"
"""Bars of three, two and two beats."""


def write_song(folder: Path) -> dict[str, Any]:
    """The settings of a film that follows it, and its files in a folder."""
    hits = (0.08, 0.3, 0.6, 0.66, 1.0)
    beat = write_wave(folder / "drums.wav", drums(hits, 1.3))
    voice = write_wave(folder / "vox.wav", melody([57, 60, 64, 67, 72], 0.25))
    mix = write_wave(folder / "mix.wav", 0.5 * drums(hits, 1.25) + 0.3 * melody([57, 60, 64, 67, 72], 0.25))
    notes = [one for hit in hits for one in (on(round(1000 * hit), 36), off(round(1000 * hit) + 40, 36))]
    (folder / "grid.csv").write_text(GRID)
    points = (f"{time:.2f},{np.sin(9 * time) ** 2:.4f}\n" for time in np.arange(0, 1.3, 0.05))
    (folder / "glow.csv").write_text("seconds,value\n" + "".join(points))
    return {
        "react": mix, "stem": [f"drums={beat}", f"vox={voice}"], "band": "kick=40-90", "release": 0.05,
        "midi": score(folder / "notes.mid", notes, division=500), "beats": folder / "grid.csv",
        "curve": f"glow={folder / 'glow.csv'}", "strength": STRENGTH,
    }  # fmt: skip
