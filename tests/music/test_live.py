"""Sets of Ableton Live: tempo, meters, locators, warp markers and automation, of sets that are written here."""

from __future__ import annotations

import gzip
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dreamvid.audio import live
from dreamvid.audio.gridfile import read_grid
from dreamvid.audio.hearing import hear
from dreamvid.config.settings import Settings
from dreamvid.errors import MediaError
from tests.music.given import heard, strengths, write_drums

Events = Sequence[tuple[float, float]]
CLIP = """
<AudioClip Id="0" Time="8"><CurrentStart Value="8"/><CurrentEnd Value="40"/><IsWarped Value="{warped}"/>
<TimeSignature><TimeSignatures><RemoteableTimeSignature Id="0"><Numerator Value="3"/><Denominator Value="4"/>
</RemoteableTimeSignature></TimeSignatures></TimeSignature>
<SampleRef><FileRef><RelativePath Value="Samples\\Drums.wav"/><Path Value="/songs/Drums.wav"/></FileRef>
<DefaultDuration Value="198450"/><DefaultSampleRate Value="44100"/></SampleRef>
<WarpMarkers><WarpMarker Id="0" SecTime="0.25" BeatTime="-1"/><WarpMarker Id="1" SecTime="0.75" BeatTime="0"/>
<WarpMarker Id="2" SecTime="2.75" BeatTime="5"/></WarpMarkers></AudioClip>"""


def envelope(target: int, kind: str, events: Events) -> str:
    points = "".join(f'<{kind} Id="{n}" Time="{at}" Value="{value}"/>' for n, (at, value) in enumerate(events))
    return (
        f'<AutomationEnvelope Id="{target}"><EnvelopeTarget><PointeeId Value="{target}"/></EnvelopeTarget>'
        f"<Automation><Events>{points}</Events></Automation></AutomationEnvelope>"
    )


def live_set(
    path: Path,
    tempi: Events = (),
    meters: Events = (),
    volume: Events = (),
    clip: str = "",
    locators: str = "",
    main: str = "MainTrack",
) -> Path:
    """A set at 90 beats per minute, 4/4, unless something else is automated; the track Bass has an automated volume."""
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<Ableton MajorVersion="5" MinorVersion="12.0_12049" Creator="Ableton Live 12.0"><LiveSet><Tracks>
<AudioTrack Id="1"><Name><EffectiveName Value="Bass"/></Name>
<AutomationEnvelopes><Envelopes>{envelope(31, "FloatEvent", volume)}</Envelopes></AutomationEnvelopes>
<DeviceChain><Mixer><Volume><Manual Value="1"/><AutomationTarget Id="31"/></Volume></Mixer><MainSequencer><Sample>
<ArrangerAutomation><Events>{clip}</Events></ArrangerAutomation></Sample></MainSequencer></DeviceChain></AudioTrack>
</Tracks><{main}><Name><EffectiveName Value="Main"/></Name><AutomationEnvelopes><Envelopes>
{envelope(8, "FloatEvent", tempi)}{envelope(10, "EnumEvent", meters)}</Envelopes></AutomationEnvelopes>
<DeviceChain><Mixer><Tempo><Manual Value="90"/><AutomationTarget Id="8"/></Tempo><TimeSignature><Manual Value="201"/>
<AutomationTarget Id="10"/></TimeSignature></Mixer></DeviceChain></{main}><Locators><Locators>{locators}</Locators>
</Locators></LiveSet></Ableton>"""
    path.write_bytes(gzip.compress(text.encode()))
    return path


def locator(beat: float, name: str) -> str:
    return f'<Locator Id="0"><Time Value="{beat}"/><Name Value="{name}"/></Locator>'


@pytest.mark.parametrize("main", ["MainTrack", "MasterTrack"])
def test_a_steady_set_has_its_tempo_as_long_as_its_last_clip(main: str, tmp_path: Path) -> None:
    grid = read_grid(live_set(tmp_path / "song.als", clip=CLIP.format(warped="true"), main=main))
    assert grid.beats == pytest.approx(np.arange(41) / 1.5)
    assert grid.bars == pytest.approx(np.arange(11) / 1.5 * 4)
    assert grid.signature == "4/4"


def test_tempo_ramps_in_a_straight_line_over_beats_and_jumps(tmp_path: Path) -> None:
    tempi = [(-63072000, 60), (4, 60), (8, 120), (8, 240), (12, 240)]
    beats = read_grid(live_set(tmp_path / "song.als", tempi)).beats
    # From 60 to 120 in four beats: the integral of 60 / (60 + 15 b) is 4 ln(1 + b / 4).
    truth = [0, 1, 2, 3, *(4 + 4 * math.log(1 + b / 4) for b in range(5))]
    assert beats[:9] == pytest.approx(truth)
    assert np.diff(beats[8:]) == pytest.approx(0.25)


def test_meters_change_and_locators_begin_sections(tmp_path: Path) -> None:
    """4/4 is 201, 6/8 is 302, 3/4 is 200."""
    marks = locator(16, "verse") + locator(0, "intro") + locator(8, "chorus") + locator(20, "chorus")
    grid = read_grid(live_set(tmp_path / "song.als", (), [(-63072000, 201), (8, 302), (14, 200)], locators=marks))
    assert grid.signature == "4/4 and 6/8 and 3/4"
    assert 1.5 * grid.bars == pytest.approx([0, 4, 8, 11, 14, 17, 20])
    assert 1.5 * grid.beats == pytest.approx([*range(8), 8, 9.5, 11, 12.5, *range(14, 21)])
    assert 1.5 * grid.sections == pytest.approx([0, 8, 16, 20])
    assert grid.kinds == (0, 1, 2, 1)


def test_a_warped_clip_tells_the_beats_of_its_own_file(tmp_path: Path) -> None:
    song = write_drums(tmp_path)  # 4.5 s, drums.wav
    song_set = live_set(tmp_path / "song.als", clip=CLIP.format(warped="true"))
    grid = read_grid(song_set, song)
    assert grid.beats == pytest.approx([0.25, 0.75, *(0.75 + 0.4 * np.arange(1, 10))])
    assert grid.bars == pytest.approx([0.75, 1.95, 3.15, 4.35])
    assert grid.signature == "3/4"
    settings = Settings(beats=song_set, strength="bar")
    assert hear(settings, settings.needs_sound, song, 24).grid.bars == pytest.approx(grid.bars)
    unwarped = live_set(tmp_path / "free.als", clip=CLIP.format(warped="false"))
    assert np.diff(read_grid(unwarped, song).beats) == pytest.approx(1 / 1.5)


def test_automation_is_a_curve_in_the_seconds_of_the_song(tmp_path: Path) -> None:
    song_set = live_set(tmp_path / "song.als", [(0, 120), (4, 120), (4, 60)], volume=[(-63072000, 0), (2, 0), (6, 1)])
    for reading in ("volume=SET", "glow=SET:column=Bass/Volume", "glow=SET"):
        name = reading.partition("=")[0]
        values = {"curve": [reading.replace("SET", str(song_set))], "strength": name}
        made = strengths(heard(**values), 24, 5.0, **values)
        for seconds, wanted in ((0, 0), (1, 0), (1.5, 0.25), (2, 0.5), (3, 0.75), (4.5, 1)):  # type: ignore[assignment]
            assert made[round(24 * seconds)] == pytest.approx(wanted)
    with pytest.raises(MediaError, match=r"has no 'Treble'; call the curve after one of Bass/Volume"):
        heard(curve=[f"glow={song_set}:column=Treble"], strength="glow")


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">]>
<Ableton><LiveSet>&y;</LiveSet></Ableton>"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"seconds\n1\n2\n", "Not a gzipped file"),
        (gzip.compress(b"<Ableton><LiveSet>"), "no element found"),
        (gzip.compress(b"<Other/>"), "it holds no set"),
        (gzip.compress(BOMB), "declares a document type"),
        (gzip.compress(b"<a>" * 300 + b"</a>" * 300), "too deep"),
        (gzip.compress(b"<Ableton><LiveSet/></Ableton>")[:-9], "end"),
        (b"", "no element found"),
        (gzip.compress(b"<LiveSet><AudioClip><WarpMarker SecTime='1'/></AudioClip></LiveSet>"), "BeatTime"),
        (gzip.compress(b"<LiveSet><MainTrack><Tempo><Manual Value='fast'/></Tempo></MainTrack></LiveSet>"), "fast"),
    ],
    ids=["text", "open", "other", "entities", "deep", "cut off", "empty", "marker", "tempo"],
)
def test_what_is_no_set_is_one_quick_line(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "song.als").write_bytes(content)
    began = time.process_time()
    with pytest.raises(MediaError, match=f"song.als: is not an Ableton Live set, or damaged .*{reason}.*; save it in"):
        read_grid(tmp_path / "song.als")
    assert time.process_time() - began < 3


def test_a_set_that_grows_without_end_is_left_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LARGEST_XML", 2**22)
    with gzip.open(tmp_path / "song.als", "wb", 1) as file:
        file.write(b"<Ableton><LiveSet>" + b" " * 2**23)
    with pytest.raises(MediaError, match="larger than any set"):
        read_grid(tmp_path / "song.als")


@pytest.mark.parametrize("tempo", ["0", "-3", "nan", "1e9"])
def test_a_tempo_that_makes_no_sense_is_one_line(tempo: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"its tempo makes no sense|not finite"):
        read_grid(live_set(tmp_path / "song.als", [(0, float(tempo))]))
    with pytest.raises(MediaError, match="too long"):
        read_grid(live_set(tmp_path / "song.als", [(1e12, 120)]))
