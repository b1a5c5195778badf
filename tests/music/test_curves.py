"""Curves of other programs, read as they write them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import Settings
from dreamvid.errors import DreamvidError, MediaError
from tests.music.given import RATES, heard, strengths

TABLES = {
    "seconds": "time,value\n0,0\n1,10\n3,-10\n",
    "no header": "0,0\n1,10\n3,-10",
    "semicolons and decimal commas": "Zeit;Wert\r\n0,0;0,0\r\n1,0;10,0\r\n3,0;-10,0\r\n",
    "decimal commas alone": "0;0\n1;1e1\n1,5;5,0\n3;-10",
    "tabs": "seconds\tvalue\n0\t0\n1\t10\n3\t-10\n",
    "spaces": "0 0\n1   10\n3 -10\n",
    "spaces and decimal commas": "0,0 0,0\n1,0 10,0\n3,0 -10,0",
    "frames": "frame,value\n0,0\n24,10\n72,-10\n",
    "frames with a letter": "0f,0\n24f,10\n72f,-10\n",
    "milliseconds": "time (ms),value\n0,0\n1000,10\n3000,-10\n",
    "clock": "0:00.0,0\n0:01.0,10\n0:03.0,-10",
    "long clock": "timecode;value\n0:00:00;0\n0:00:01;10\n0:00:03;-10",
    "seconds with a letter": "0s,0\n1s,10\n3s,-10",
    "percent": "time,value\n0,0%\n1,1000%\n3,-1000%",
    "in any order": "value,time\n10,1\n-10,3\n0,0\n",
    "a column of its name": "t,other,glow\n0,7,0\n1,7,10\n3,7,-10",
    "comments and gaps": "# made by hand\n\ntime,value\n0,0\n0.5,\n1,10\n3,-10\n",
    "quotes": '"time","value"\n"0","0"\n"1","10"\n"3","-10"\n',
    "byte order mark": "\ufefftime,value\n0,0\n1,10\n3,-10\n",
    "deforum": "0:(0), 24:(10), 72:(-10)",
    "deforum, bare": "0: 0, 24: 10.0, 72: -10",
}


def write(folder: Path, text: str | bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def glow(path: Path | str, at: float, fps: Fraction | int = 24) -> float:
    return heard(fps, curve=f"glow={path}", strength="glow").value("glow", at)


@pytest.mark.parametrize("kind", TABLES)
def test_a_curve_is_read_as_it_was_drawn(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, TABLES[kind])
    for at, value in ((-1, 0), (0, 0), (0.25, 2.5), (1, 10), (1.5, 5), (3, -10), (9, -10)):
        assert glow(path, at) == pytest.approx(value, abs=1e-9)


def test_excel_writes_utf_16_and_old_programs_latin_1(tmp_path: Path) -> None:
    assert glow(write(tmp_path, "time\tvalue\n0\t1\n1\t3\n".encode("utf-16")), 0.5) == 2
    assert glow(write(tmp_path, "größe;wert\n0;1\n1;3\n".encode("latin-1")), 0.5) == 2


@pytest.mark.parametrize("fps", RATES)
def test_every_frame_has_the_curves_own_value(fps: Fraction, tmp_path: Path) -> None:
    times = np.sort(np.random.default_rng(0).uniform(0, 4, 40))
    values = np.random.default_rng(1).uniform(0, 3, 40)
    rows = "\n".join(f"{time!r},{value!r}" for time, value in zip(times.tolist(), values.tolist(), strict=True))
    given: dict[str, Any] = {"curve": f"glow={write(tmp_path, rows)}", "strength": "glow"}
    seen = strengths(heard(fps, **given), fps, **given)
    assert seen == pytest.approx(np.interp(np.arange(len(seen)) / float(fps), times, values), abs=1e-6)


def test_frames_are_those_of_the_film_unless_somebody_says_more(tmp_path: Path) -> None:
    frames = write(tmp_path, "0,0\n30,1\n60,0\n")
    assert glow(frames, 30) == 1
    assert glow(f"{frames}:seconds", 30) == 1
    assert glow(f"{frames}:frames", 1, 30) == 1
    assert glow(f"{frames}:frames=60", 0.5, 24) == 1
    assert glow(f"{frames}:frames=30000/1001", 1001 / 1000, 24) == pytest.approx(1)
    assert glow(f"{frames}:beats=120", 15) == 1
    with pytest.raises(MediaError, match=r"counts beats; give their tempo: --curve glow=.*:beats=120"):
        glow(write(tmp_path, "beat,value\n0,0\n4,1"), 1)


def test_a_column_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "time,red,green\n0,1,2\n1,1,2\n")
    assert glow(path, 0) == 1
    assert glow(f"{path}:column=green", 0) == 2
    assert heard(curve=f"green={path}", strength="green").value("green", 0) == 2
    with pytest.raises(MediaError, match="has no column 'gren'; did you mean green"):
        glow(f"{path}:column=gren", 0)


def test_two_values_at_one_time_are_a_jump(tmp_path: Path) -> None:
    path = write(tmp_path, "0,1\n1,1\n1,5\n2,5\n")
    assert [glow(path, at) for at in (0.99, 1, 1.01)] == pytest.approx([1, 5, 5])


AFTER_EFFECTS = (
    "Adobe After Effects 8.0 Keyframe Data\r\n\r\n\tUnits Per Second\t25\r\n\tSource Width\t1920\r\n"
    "\tSource Height\t1080\r\n\tSource Pixel Aspect Ratio\t1\r\n\tComp Pixel Aspect Ratio\t1\r\n\r\n"
    "Transform\tOpacity\r\n\tFrame\tpercent\t\r\n\t0\t0\t\r\n\t25\t100\t\r\n\r\n"
    "Effects\tGlow Control #1\tSlider #2\r\n\tFrame\t\t\r\n\t0\t7\t\r\n\t50\t9\t\r\n\r\n"
    "End of Keyframe Data\r\n"
)


def test_after_effects_keyframes(tmp_path: Path) -> None:
    path = write(tmp_path, AFTER_EFFECTS, "keys.txt")
    analysis = heard(60, curve=[f"glow={path}", f"opacity={path}", f"other={path}"], strength="glow + opacity + other")
    assert analysis.value("glow", 1) == 8
    assert analysis.value("opacity", 0.5) == 50
    assert analysis.value("other", 0.5) == 50  # the first


def test_parseq(tmp_path: Path) -> None:
    frames = [{"frame": frame, "strength": 0.5 + frame / 100, "zoom": 1, "prompt": "a"} for frame in range(41)]
    export = {"meta": {"version": "0.1"}, "options": {"output_fps": 20}, "rendered_frames": frames}
    path = write(tmp_path, json.dumps(export), "parseq.json")
    assert heard(24, curve=f"strength={path}", strength="1").signals == {}
    assert glow(f"{path}:column=strength", 1.025) == pytest.approx(0.705)
    assert heard(curve=f"zoom={path}", strength="zoom").value("zoom", 1) == 1
    keys = [{"frame": 0, "zoom": 1}, {"frame": 5}, {"frame": 10, "zoom": 2}]
    path_of_keys = write(tmp_path, json.dumps({"options": {"output_fps": 10}, "keyframes": keys}))
    assert heard(curve=f"zoom={path_of_keys}", strength="zoom").value("zoom", 0.5) == 1.5
    with pytest.raises(MediaError, match="has no 'glow'; call the curve after one of strength, zoom, or choose one"):
        glow(path, 1)


def test_deforum(tmp_path: Path) -> None:
    settings = {
        "W": 512, "max_frames": 120, "fps": 15, "animation_mode": "3D", "zoom": "0:(1.0+0.5*sin(2*3.14159*t/30))",
        "strength_schedule": "0:(0.65), 30:(0.2), 60:(0.65)", "seed": 5, "prompts": {"0": "x"},
    }  # fmt: skip
    path = write(tmp_path, json.dumps(settings), "settings.txt")
    analysis = heard(24, curve=[f"strength={path}", f"zoom={path}"], strength="strength + zoom")
    assert analysis.value("strength", 1) == pytest.approx(0.425)
    assert analysis.value("strength", 2) == pytest.approx(0.2)
    assert analysis.value("zoom", 5 / 15) == pytest.approx(1 + 0.5 * np.sin(np.pi / 3), abs=1e-5)
    between = 1 + 0.25 * (np.sin(np.pi / 3) + np.sin(2 * np.pi / 5))  # a line from frame to frame
    assert analysis.value("zoom", 5.5 / 15) == pytest.approx(between, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("time,value\n", "contains no points"),
        ("1\n2\n", "has one column"),
        ("0,0\n1,x\n", "line 2: 'x' is not a number"),
        ("0,0\n1\n", "line 2 has no value"),
        ("0,5,1,5\n1,2\n", "line 2 has 2 columns, not 4; where commas stand for decimals, separate columns by"),
        ("0,nan\n", "line 1: 'nan' is not a finite number|line 1: 'nan' is not a number"),
        ("0,1e999\n", "line 1: '1e999' is not a finite number"),
        ("PK\x03\x04", "is a workbook or an archive; save the sheet as CSV"),
        ("{}", "contains neither frames nor schedules"),
        ("{", "is not valid JSON|JSON"),
        ("[1, 2]", "contains neither frames nor schedules"),
        ("Adobe After Effects 8.0 Keyframe Data\n", "contains no keyframes"),
        ("0:(1), 5:(sni(t))", "there is no function 'sni'"),
        ("0:(1), 900000000:(1)", "has more than 500000 frames"),
    ],
)
def test_what_is_no_curve_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(MediaError, match=message) as caught:
        glow(path, 0)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_any_file_is_a_curve_or_one_line(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    texts = [*TABLES.values(), AFTER_EFFECTS, '{"rendered_frames": [{"frame": 0, "glow": 1}, {"frame": true}]}']
    for trial in range(400):
        data = bytearray(texts[trial % len(texts)].encode())
        for place in random.integers(0, len(data), 1 + trial % 4):
            data[place] = random.integers(0, 256)
        try:
            assert np.isfinite(glow(write(tmp_path, bytes(data)), 0.5))
        except DreamvidError as error:
            assert str(error).isprintable()  # noqa: PT017
    with pytest.raises(MediaError, match="no such file; --curve takes NAME=FILE"):
        glow(tmp_path / "none.csv", 0)


def test_a_curve_can_drive_a_picture_without_sound(tmp_path: Path) -> None:
    path = write(tmp_path, TABLES["seconds"])
    assert Settings(curve=f"glow={path}", strength="glow").needs_sound == {"glow"}
    analysis = heard(curve=f"glow={path}", strength="glow")
    assert analysis.duration == 0
    assert not analysis.envelopes
