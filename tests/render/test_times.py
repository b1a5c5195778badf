"""Times as people give them: a timecode that `dreamvid shots` prints is that very frame."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from dreamvid.cli import main as cli
from dreamvid.config.settings import Settings, ZoomSettings, build_settings, make_settings
from dreamvid.config.timecode import Timecode, drops_numbers, format_timecode
from dreamvid.errors import MediaError, SettingsError
from dreamvid.explore.still_frame import find_still
from dreamvid.media import open_reader
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.render.job import Job, open_source

RATES = ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "120"]
MakeClip = Callable[[str, float], Path]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Clips of a rate and a length in seconds, of 16x16 pixels: only their frames are counted."""
    folder = tmp_path_factory.mktemp("rates")

    def make(rate: str, seconds: float) -> Path:
        path = folder / f"{rate.replace('/', '-')} {seconds:g}.mkv"
        if not path.exists():
            picture = f"color=gray:size=16x16:rate={rate}:duration={seconds}"
            code, _, said = run_ffmpeg(["-f", "lavfi", "-i", picture, "-c:v", "ffv1", "-y", f"file:{path}"])
            assert code == 0, said
        return path

    return make


def first_frame(path: Path, **given: object) -> int:
    return open_source(Job(path, settings=make_settings(given))).first_index


@pytest.mark.parametrize("rate", RATES)
def test_a_timecode_is_the_frame_that_it_is_printed_for(clip: MakeClip, rate: str) -> None:
    path = clip(rate, 2)
    exact = open_reader(path).rate
    assert exact == Fraction(rate)
    for frame in range(0, open_reader(path).frame_count, 7):
        assert first_frame(path, start=format_timecode(frame, exact)) == frame
        if frame:
            reader = open_source(Job(path, settings=make_settings({"end": format_timecode(frame, exact)})))
            assert reader.frame_count == frame
    if drops_numbers(exact):
        assert first_frame(path, start=format_timecode(40, exact, drop=False)) == 40


def test_drop_frame_numbers_are_left_out_at_the_minute(clip: MakeClip) -> None:
    path, rate = clip("30000/1001", 62), Fraction(30000, 1001)
    for frame, code in ((1799, "00:00:59;29"), (1800, "00:01:00;02"), (1801, "00:01:00;03"), (1800, "00:01:00:00")):
        assert first_frame(path, start=code) == frame
    assert format_timecode(1800, rate) == "00:01:00;02"
    with pytest.raises(MediaError, match=r"mkv: '00:01:00;00' does not exist in drop-frame timecode"):
        first_frame(path, start="00:01:00;00")


def test_drop_frame_numbers_need_no_exact_rate() -> None:
    for rate, frame in (("29.97", 1800), ("30000/1001", 1800), ("59.94", 3600)):
        code = format_timecode(frame, Fraction(rate))
        assert code.startswith("00:01:00;0")
        assert Timecode(code).seconds(Fraction(rate)) * Fraction(rate) == frame
    assert format_timecode(1800, Fraction(30)) == "00:01:00:00"


def test_it_counts_the_clips_frames_at_another_rate_too(clip: MakeClip) -> None:
    assert first_frame(clip("24", 2), start="00:00:01:12", rate=12) == 18
    assert first_frame(clip("24", 2), start="00:00:01:12") == 36


@pytest.mark.parametrize(
    ("rate", "code", "reason"),
    [
        ("24", "00:00:00:24", "the last frame number is 23"),
        ("25", "00:00:00;12", "29.97 or 59.94"),
        ("24", "00:00:75:00", "go up to 59"),
    ],
)
def test_what_no_clip_of_its_rate_has_is_one_line(clip: MakeClip, rate: str, code: str, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        first_frame(clip(rate, 2), start=code)


def test_what_shots_prints_can_be_given_back(clip: MakeClip, capsys: pytest.CaptureFixture[str]) -> None:
    path = clip("24000/1001", 2)
    assert cli.run(["shots", str(path)]) == 0
    printed = capsys.readouterr().out.splitlines()[1].split()
    assert printed[3:5] == ["00:00:00:00", "00:00:02:00"]
    assert first_frame(path, start="00:00:00:12") == 12


def test_pictures_count_by_their_rate(tmp_path: Path) -> None:
    from PIL import Image

    for number in range(30):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    assert first_frame(tmp_path, start="00:00:01:02") == 26
    assert first_frame(tmp_path, start="00:00:01:02", rate=25) == 27


def test_explore_and_zoom_take_timecodes(clip: MakeClip) -> None:
    assert find_still(clip("25", 2), Settings(), Timecode("00:00:01:05"), 16).index == 30
    zoom = build_settings(ZoomSettings, {"fps": "30000/1001", "duration": "00:00:01;12", "settle": "00:00:00;03"})
    assert (zoom.duration * zoom.fps, zoom.settle * zoom.fps) == (42, 3)
    with pytest.raises(SettingsError, match=r"--duration: '00:00:00:24' does not exist at 24"):
        build_settings(ZoomSettings, {"duration": "00:00:00:24"})


@pytest.mark.parametrize(
    "text",
    [
        "1e999999999",
        "1e400",
        "1e-999999999",
        "9" * 5000,
        f"1/{'9' * 5000}",
        "1/0",
        "nan",
        "inf",
        "1:1:1:1:1",
        "0x5",
        "1_0",
        "",
    ],
)
@pytest.mark.parametrize("option", ["start", "end", "rate", "duration", "settle", "fps"])
def test_numbers_without_bounds_are_refused_at_once(option: str, text: str) -> None:
    kind = Settings if option in Settings.model_fields else ZoomSettings
    with pytest.raises(SettingsError, match=rf"^--{option}: ") as caught:
        build_settings(kind, {option: text})
    assert len(str(caught.value)) < 200


def test_next_to_no_frames_a_second_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"^--rate: '1e-5' is too low for a frame rate"):
        make_settings({"rate": "1e-5"})
    assert make_settings({"rate": "1/1000"}).rate == Fraction(1, 1000)


def test_seconds_are_what_they_were() -> None:
    given = {
        "2.5": Fraction(5, 2),
        "2.5s": Fraction(5, 2),
        "1:02.5": Fraction(125, 2),
        "1:00:00": 3600,
        "1001/24000": None,
    }
    for text, seconds in given.items():
        assert make_settings({"start": text}).start == (Fraction(1001, 24000) if seconds is None else seconds)
    assert make_settings({"start": 0.1}).start == Fraction(1, 10)
    assert make_settings({"rate": "23.976"}).rate == Fraction(2997, 125)
