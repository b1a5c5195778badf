"""Stems, bands and pitch: what is heard, and in which frame it is seen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.audio import analyze_sound
from dreamvid.audio.decode import decode_sound, stream_sound
from dreamvid.audio.framing import HOP, Decimator, Framer
from dreamvid.config.settings import Settings, ZoomSettings
from dreamvid.errors import SettingsError
from dreamvid.output.fingerprint import fingerprint_job
from dreamvid.output.recipe import write_recipe
from tests.music.given import HITS, RATES, drums, heard, melody, strengths, write_drums
from tests.test_audio import RATE, make, tone, write_wave


@pytest.mark.parametrize("fps", RATES)
def test_every_hit_of_a_stem_is_seen_within_a_frame(fps: Fraction, tmp_path: Path) -> None:
    names = ("drums.rms", "drums.onset", "drums.kick.onset", "drums.low")
    values: dict[str, Any] = {
        "stem": f"drums={write_drums(tmp_path)}", "band": ["drums.kick=40-90", "drums.low=60-250"], "release": 0.03,
    }  # fmt: skip
    analysis = heard(fps, **values, strength="+".join(names))
    for name in names:
        seen = strengths(analysis, fps, **values, strength=name)
        for hit in HITS:
            frame = int(hit * fps + Fraction(1, 10**6))
            assert seen[frame - 2] < 0.15, (name, hit)
            assert seen[frame : frame + 2].max() > 0.6, (name, hit)


def test_stems_of_other_lengths_and_rates_share_one_clock(tmp_path: Path) -> None:
    first = write_wave(tmp_path / "a.wav", drums([1.0], 2))
    second = make(tmp_path / "b.flac", "-i", str(write_wave(tmp_path / "b.wav", drums([1.0, 3.5], 4))), "-ar", "48000")
    third = make(tmp_path / "c.wav", "-i", str(second), "-ar", "22050", "-ac", "2")
    analysis = heard(stem={"a": first, "b": second, "c": third}, strength="a.rms + b.rms + c.rms")
    lengths = {name: len(curve) for name, curve in analysis.envelopes.items()}
    assert lengths == pytest.approx({"a.rms": 201, "b.rms": 401, "c.rms": 401}, abs=1)
    for name in analysis.envelopes:
        assert analysis.value(name, 0.9, 0.04) < 0.1
        assert analysis.value(name, 1.0, 0.04) > 0.8
    assert analysis.value("a.rms", 3.5, 0.04) == 0
    assert analysis.value("c.rms", 3.5, 0.04) > 0.8
    assert analysis.duration == pytest.approx(4, abs=0.01)


def test_only_what_is_named_is_measured(tmp_path: Path) -> None:
    stem = write_drums(tmp_path)
    analysis = heard(stem=[f"drums={stem}", f"vox={tmp_path / 'missing.wav'}"], strength="drums.mid")
    assert list(analysis.envelopes) == ["drums.mid"]


@pytest.mark.parametrize("note", [31.5, 45.5, 60.0, 69.0, 84.25, 93.0])
def test_pitch_is_the_number_of_a_note(note: float, tmp_path: Path) -> None:
    path = write_wave(tmp_path / "vox.wav", melody([note]))
    assert heard(stem=f"vox={path}", strength="vox.pitch").value("vox.pitch", 0.25) == pytest.approx(note, abs=0.05)


@pytest.mark.parametrize("fps", RATES)
def test_pitch_follows_a_melody_and_holds_where_there_is_none(fps: Fraction, tmp_path: Path) -> None:
    notes = [57.0, 60.0, 64.0]
    sound = np.concatenate([np.zeros(RATE // 2), melody(notes), np.zeros(RATE)])
    values: dict[str, Any] = {
        "stem": f"vox={write_wave(tmp_path / 'vox.wav', sound)}", "strength": "(vox.pitch - 50)/10"
    }  # fmt: skip
    seen = 50 + 10 * strengths(heard(fps, **values), fps, 2.9, **values)
    for number, note in enumerate(notes):
        first = int((0.5 + 0.5 * number) * fps) + 2
        assert seen[first : first + int(0.4 * fps)] == pytest.approx(note, abs=0.3)
    assert seen[0] == pytest.approx(57, abs=0.5)
    assert seen[-1] == pytest.approx(64, abs=0.5)


def test_noise_silence_and_a_constant_have_no_pitch(tmp_path: Path) -> None:
    for sound in (np.zeros(RATE), np.full(RATE, 0.3), 0.2 * np.random.default_rng(0).standard_normal(RATE)):
        analysis = analyze_sound(write_wave(tmp_path / "x.wav", sound), names=["pitch"])
        values = {analysis.value("pitch", 0.02 * index) for index in range(50)}
        assert values == {0.0} or len(values) < 12  # noise may have one for a moment


@pytest.mark.parametrize(
    ("low", "high", "inside", "outside"), [(40, 90, 65, 140), (150, 300, 210, 450), (6000, 9000, 7500, 5500)]
)
def test_a_band_hears_what_lies_in_it(low: int, high: int, inside: int, outside: int, tmp_path: Path) -> None:
    sound = write_wave(tmp_path / "x.wav", np.concatenate([tone(inside, 1.5, 0.3), tone(outside, 1.5, 0.3)]))
    level = heard(sound=sound, band=f"it={low}-{high}", strength="it").envelopes["it"]
    assert level[30:140].min() > 0.95
    assert level[270:].max() < 0.05


def test_a_steady_tone_has_no_onsets_in_its_band(tmp_path: Path) -> None:
    sound = write_wave(tmp_path / "x.wav", tone(65, 3, 0.3))
    assert heard(sound=sound, band="it=40-90", strength="it.onset").envelopes["it.onset"][60:].max() < 0.1


@pytest.mark.parametrize("length", [1, 2, 62, 63, 64, 441, 442, 5000])
def test_the_shortest_stems_do_no_harm(length: int, tmp_path: Path) -> None:
    path = write_wave(tmp_path / "x.wav", np.random.default_rng(0).uniform(-0.5, 0.5, length))
    names = [f"x.{name}" for name in ("rms", "bass", "onset", "beat", "it", "it.onset", "pitch")]
    analysis = heard(stem=f"x={path}", band="x.it=40-90", strength="+".join(names))
    assert set(analysis.envelopes) | set(analysis.signals) == set(names)
    for curve in analysis.envelopes.values():
        assert curve.shape == (length // HOP + 1,)
        assert 0 <= curve.min() <= curve.max() <= 1


def test_blocks_are_the_whole(tmp_path: Path) -> None:
    """However a sound comes in, its windows are the same."""
    sound = np.random.default_rng(0).standard_normal(5 * HOP + 77).astype(np.float32)

    def windows(*cuts: int) -> list[np.ndarray]:
        framer, found = Framer(1000, 700, 3, mirrored=True), []
        for part in np.split(sound, cuts):
            found += [one.copy() for one in framer.take(part)]
        return [*found, *(one.copy() for one in framer.end())]

    whole = np.concatenate(windows())
    assert whole.shape == (6, 1000)
    assert np.array_equal(whole[3, 700:], sound[3 * HOP : 3 * HOP + 300])
    for cuts in ((1,), (5, 6, 1200), (HOP, 2 * HOP), (1001, 2000)):
        assert np.array_equal(np.concatenate(windows(*cuts)), whole)
    path = write_wave(tmp_path / "x.wav", drums(HITS, 25))
    blocks = list(stream_sound(path))
    assert [len(block) for block in blocks] == [10 * RATE, 10 * RATE, 5 * RATE]
    assert np.array_equal(np.concatenate(blocks), decode_sound(path))


def test_the_quick_level_is_that_of_the_spectra(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "x.wav", drums() + tone(440, 4.5, 0.1))
    names = ["rms", "mid"]
    slow = analyze_sound(path, names=names, attack=0, release=0).envelopes
    quick = analyze_sound(path, names=names, attack=0, release=0, quick=True).envelopes
    assert np.abs(slow["rms"] - quick["rms"])[20:-20].max() < 0.03
    assert np.array_equal(slow["mid"], quick["mid"])


# What is wrong is said in one line.


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": "drums.rms"}, "there is no 'drums.rms'; a stem is given with --stem drums=FILE"),
        ({"stem": "drums=d.wav", "strength": "drum.rms"}, "there is no 'drum.rms'; did you mean drums.rms"),
        ({"stem": "drums=d.wav", "strength": "drums"}, "'drums' is a stem: write drums.rms, drums.onset"),
        ({"stem": "drums=d.wav", "strength": "drums.zzzz"}, "there is no 'drums.zzzz'; the stem drums has rms, bass"),
        ({"stem": "drums=d.wav", "strength": "piano.q"}, "there is no 'piano.q'; the stems are drums"),
        ({"curve": "glow=x.csv", "strength": "glw"}, "did you mean glow"),
        ({"curve": "glow=x.csv", "strength": "qqq"}, "use one of t, f, n, fps, .*, glow"),
        ({"stem": "beat=d.wav"}, "--stem: 'beat' is a variable already; choose another name"),
        ({"curve": "sin=d.csv"}, "--curve: 'sin' is a function already"),
        ({"band": "if=40-90"}, "--band: 'if' is a word of the language already"),
        ({"curve": "note=d.csv"}, "--curve: 'note' is a function already"),
        ({"curve": "velocity=d.csv"}, "--curve: 'velocity' is a variable already"),
        ({"stem": "2x=d.wav"}, "--stem: '2x' is not a name"),
        ({"stem": "a.b=d.wav"}, "--stem: 'a.b' is not a name"),
        ({"stem": "d.wav"}, "--stem: 'd.wav' is not NAME=FILE"),
        ({"stem": "drums="}, "--stem: 'drums=' is not NAME=FILE"),
        ({"stem": ["x=a.wav", "x=b.wav"]}, "--stem: the name 'x' is taken by --stem; choose another"),
        ({"stem": "x=a.wav", "curve": "x=b.csv"}, "--curve: the name 'x' is taken by --stem"),
        ({"band": "kick"}, "--band: 'kick' is not NAME=LOW-HIGH, such as kick=40-90"),
        ({"band": "kick=90-40"}, "--band: '90-40' must go up"),
        ({"band": "kick=40-30000"}, "--band: '40-30000' must go up, and lie between 10 and 20000 Hz"),
        ({"band": "kick=100-101"}, "--band: '100-101' is too narrow"),
        ({"band": "drums.hat=40-90"}, "--band: drums.hat is a band of the stem 'drums', which is not there; give it"),
        ({"stem": "drums=a", "band": "drums.rms=40-90"}, "--band: 'rms' is a variable already"),
        ({"stem": True}, "--stem: true and false are only for switches"),
        ({"midi_offset": 4000}, "--midi-offset"),
    ],
)
def test_a_wrong_name_is_one_clear_line(values: dict[str, Any], message: str) -> None:
    for kind in (Settings, ZoomSettings):
        if "strength" not in values or kind is Settings:
            with pytest.raises(SettingsError, match=message) as caught:
                kind(**values)
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 400


def test_names_are_known_wherever_the_settings_are_given(tmp_path: Path) -> None:
    given = {"stem": {"drums": "d.wav"}, "band": "kick=0.04k - 90 Hz", "curve": "glow=x.csv:frames=30"}
    settings = Settings(strength="0:(drums.rms), 24:(kick + glow)", **given)
    recipe = write_recipe(settings)
    assert {key: recipe[key] for key in given} == {
        "stem": ["drums=d.wav"], "band": ["kick=40-90"], "curve": ["glow=x.csv:frames=30"],
    }  # fmt: skip
    assert Settings(**{key.replace("-", "_"): value for key, value in recipe.items()}) == settings
    assert settings.needs_sound == {"drums.rms", "kick", "glow"}
    assert settings.without_measured().stem is None
    assert not {"stem", "band", "midi", "midi-offset", "curve"} & write_recipe(Settings()).keys()


def test_what_is_in_the_files_counts_and_not_their_names(tmp_path: Path) -> None:
    def identity(**values: Any) -> dict[str, str]:
        return fingerprint_job(Settings(**values), None, {})

    first, second, other = (tmp_path / name for name in ("a.wav", "b.wav", "c.wav"))
    for path, content in ((first, b"1"), (second, b"1"), (other, b"2")):
        path.write_bytes(content)
    assert identity(stem=f"x={first}") == identity(stem=f"x={second}")
    assert identity(stem=f"x={first}") != identity(stem=f"x={other}")
    assert identity(stem=f"x={first}") != identity(stem=f"y={first}")
    assert identity(curve=f"x={first}:frames=24") != identity(curve=f"x={first}:frames=30")
    assert identity(band="x=40-90") != identity(band="x=40-91")


@pytest.mark.parametrize(("factor", "passed"), [(3, 1800.0), (7, 1000.0)])
def test_every_nth_sample_is_kept_without_what_it_cannot_hold(factor: int, passed: float) -> None:
    """However the sound comes in blocks, and without delay; what would be heard as something else is gone."""
    t = np.arange(RATE) / RATE
    low = np.sin(2 * np.pi * 300 * t).astype(np.float32)
    alias = np.sin(2 * np.pi * (RATE / factor - 200) * t).astype(np.float32)  # would become 200 Hz

    def kept(sound: np.ndarray, *edges: int) -> np.ndarray:
        decimator = Decimator(factor, passed)
        parts = [decimator.take(block) for block in np.split(sound, edges)]
        return np.concatenate([*parts, decimator.end()])

    assert kept(low) == pytest.approx(low[::factor][: RATE // factor], abs=1e-2)
    assert np.abs(kept(alias)[50:-50]).max() < 5e-3
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    for edges in ((1, 2, 30, 31), (10_007, 20_001), (44_000,)):
        assert kept(noise, *edges) == pytest.approx(kept(noise), abs=1e-5)
    for length in (0, 1, 5, 100, 443):
        assert len(kept(low[:length])) == (max(1, length // factor) if length else 0)
