"""Envelopes, beats and tempo of sounds whose truth is known by construction."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.audio import ENVELOPES, LEVELS, SoundAnalysis, analyze_sound, tracker
from dreamvid.audio import onsets as onsets_module
from dreamvid.audio.decode import SAMPLE_RATE, decode_sound
from dreamvid.audio.drawing import draw_analysis
from dreamvid.audio.hearing import hear
from dreamvid.config.sound import SoundSettings
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media.ffmpeg import run_ffmpeg

RATE = 44_100
SAMPLES = Path(__file__).parents[1] / "samples"
Sound = npt.NDArray[np.float64]


def write_wave(path: Path, sound: Sound) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def make(target: Path, *arguments: str) -> Path:
    code, _, stderr = run_ffmpeg([*arguments, "-y", f"file:{target}"])
    assert code == 0, stderr
    return target


def moments(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE)) / RATE


def tone(hz: float, seconds: float, volume: float = 0.5) -> Sound:
    return volume * np.sin(2 * np.pi * hz * moments(seconds))


def place(sound: Sound, at: float, part: Sound, volume: float = 1.0) -> None:
    first = round(at * RATE)
    part = part[: max(0, len(sound) - first)]
    sound[first : first + len(part)] += volume * part


def clicks(seconds: float, times: npt.ArrayLike) -> Sound:
    sound = np.zeros(round(seconds * RATE))
    t = moments(0.02)
    for time in np.asarray(times):
        place(sound, float(time), 0.8 * np.exp(-300 * t) * np.sin(2 * np.pi * 1500 * t))
    return sound


def drum_loop(seconds: float, times: npt.NDArray[np.float64], hats: tuple[float, ...] = (0.5,)) -> Sound:
    """A bass drum on each beat, hi-hats between, a bass line in eighths, and noise."""
    random = np.random.default_rng(0)
    sound = 0.01 * random.standard_normal(round(seconds * RATE))
    t = moments(0.25)
    drum = np.exp(-11 * t) * np.sin(2 * np.pi * (48 * t + 90 / 28 * (1 - np.exp(-28 * t))))
    for time, gap in zip(times, np.diff(times, append=2 * times[-1] - times[-2]), strict=True):
        place(sound, time, drum, 0.8)
        for share in hats:
            hiss = np.diff(random.standard_normal(len(moments(0.06))), append=0)
            place(sound, time + share * gap, hiss * np.exp(-80 * moments(0.06)), 0.25)
        for share in (0, 0.5):
            length = 0.45 * gap
            fade = np.minimum(1, np.minimum(moments(length) / 0.01, (length - moments(length)) / 0.02))
            place(sound, time + share * gap, tone(55 * 2 ** (random.integers(0, 8) / 12), length) * fade, 0.4)
    return sound / np.abs(sound).max() * 0.9


def analyze(folder: Path, sound: Sound, **options: object) -> SoundAnalysis:
    return analyze_sound(write_wave(folder / "sound.wav", sound), **options)  # type: ignore[arg-type]


def lateness(found: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By how many seconds each true beat is missed by the one nearest to it."""
    assert len(found)
    return np.abs(truth[:, None] - found[None]).min(1)


# ------------------------------------------------------------------------------------------ decoding


@pytest.fixture(scope="module")
def click_at_750_ms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A click at 0.75 s of a sound, and a picture without sound."""
    folder = tmp_path_factory.mktemp("clips")
    sound = write_wave(folder / "click.wav", clicks(1.5, [0.75]))
    picture = make(
        folder / "picture.mp4", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=24:duration=2", "-pix_fmt", "yuv420p"
    )
    return sound, picture


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts", "mov"])
@pytest.mark.parametrize("late", ["sound", "picture"])
@pytest.mark.parametrize("offset", [0.03, 0.4])
def test_time_counts_from_the_first_picture(
    container: str, late: str, offset: float, click_at_750_ms: tuple[Path, Path], tmp_path: Path
) -> None:
    sound, picture = click_at_750_ms
    delay = ["-itsoffset", str(offset)]
    codec = "aac" if container in ("mp4", "ts") else "pcm_s16le"
    before_picture, before_sound = (delay, []) if late == "picture" else ([], delay)
    clip = make(
        tmp_path / f"clip.{container}", *before_picture, "-i", str(picture), *before_sound, "-i", str(sound),
        "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", codec,
    )  # fmt: skip
    truth = 0.75 + (offset if late == "sound" else -offset)
    assert np.abs(decode_sound(clip)).argmax() / RATE == pytest.approx(truth, abs=0.004)


def test_two_channels_become_one_and_any_name_will_do(tmp_path: Path) -> None:
    stereo = make(
        tmp_path / "-i 50% of:it.flac", "-f", "lavfi", "-i", "sine=440:sample_rate=48000:duration=1", "-ac", "2"
    )
    samples = decode_sound(stereo)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) == pytest.approx(RATE, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.125, rel=0.05)  # as loud as ffmpeg's sine is


def test_what_has_no_sound_gets_one_line(tmp_path: Path, click_at_750_ms: tuple[Path, Path]) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("no sound at all\n" * 50)
    empty = write_wave(tmp_path / "empty.wav", np.zeros(0))
    for path, message in (
        (click_at_750_ms[1], "no sound track"),
        (tmp_path / "missing.wav", "no such file"),
        (text, "text.mp3"),
        (empty, "cannot be decoded"),
    ):
        with pytest.raises(MediaError, match=message) as caught:
            analyze_sound(path, names=["rms"])
        assert "\n" not in str(caught.value)


# -------------------------------------------------------------------------------------------- levels


@pytest.mark.parametrize(("hz", "band"), [(45, "bass"), (110, "bass"), (400, "mid"), (1500, "mid"), (6000, "high")])
def test_a_tone_drives_its_own_band_and_no_other(hz: float, band: str, tmp_path: Path) -> None:
    heard = analyze(tmp_path, tone(hz, 2.013, 0.3), names=LEVELS).envelopes
    assert heard[band][20:].min() > 0.95
    assert heard["rms"][20:].min() > 0.95
    for other in {"bass", "mid", "high"} - {band}:
        assert heard[other].max() < 0.05


def test_levels_do_not_depend_on_the_volume_nor_on_what_else_is_asked_for(tmp_path: Path) -> None:
    sound = drum_loop(4, np.arange(0.1, 4, 0.5))
    loud = analyze(tmp_path, sound, names=LEVELS).envelopes
    soft = analyze(tmp_path, sound / 20, names=["mid"]).envelopes
    assert list(soft) == ["mid"]
    assert np.abs(loud["mid"] - soft["mid"]).max() < 0.02


def test_silence_stays_silent(tmp_path: Path) -> None:
    heard = analyze(tmp_path, np.zeros(RATE))
    assert all(not curve.any() for curve in heard.envelopes.values())
    assert heard.tempo is None
    assert not len(heard.beat_times)
    hiss = np.random.default_rng(0).integers(-1, 2, RATE) / 32768
    assert max(curve.max() for curve in analyze(tmp_path, hiss, names=LEVELS).envelopes.values()) < 0.5


def test_one_bang_leaves_the_music_visible(tmp_path: Path) -> None:
    music = tone(60, 20, 0.03) * (1 + np.sin(2 * np.pi * moments(20))) / 2
    bang = np.copy(music)
    place(bang, 7.3, np.exp(-60 * moments(0.2)), 0.9)
    for name in ("rms", "bass"):
        heard = analyze(tmp_path, bang, names=[name]).envelopes[name]
        assert np.delete(heard, np.arange(720, 830)).max() > 0.5
        assert heard[725:740].max() == 1


def test_a_rare_drum_is_full_amid_silence(tmp_path: Path) -> None:
    heard = analyze(tmp_path, clicks(40, [1, 39]), names=["high"]).envelopes["high"]
    assert heard[95:110].max() == heard[3895:3910].max() == 1
    assert heard[150] < 0.2


@pytest.mark.parametrize("length", [1, 2, 300, 441, 5000])
def test_the_shortest_sounds_do_no_harm(length: int, tmp_path: Path) -> None:
    heard = analyze(tmp_path, np.random.default_rng(0).uniform(-0.5, 0.5, length))
    assert set(heard.envelopes) == set(ENVELOPES)
    assert heard.duration == length / RATE
    for curve in heard.envelopes.values():
        assert curve.dtype == np.float32
        assert curve.shape == (length // 441 + 1,)
        assert curve.min() >= 0
        assert curve.max() <= 1


def test_rise_and_fall_take_attack_and_release(tmp_path: Path) -> None:
    sound = tone(1000, 4) * ((moments(4) >= 1) & (moments(4) < 2.5))
    heard = analyze(tmp_path, sound, attack=0.1, release=0.5, names=["rms"])
    assert heard.at(1.1)["rms"] == pytest.approx(1 - 1 / np.e, abs=0.05)
    assert heard.at(2.4)["rms"] == pytest.approx(1, abs=0.02)
    assert heard.at(3.0)["rms"] == pytest.approx(1 / np.e, abs=0.03)


# -------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize("fps", [24, 25, 60, 24000 / 1001])
@pytest.mark.parametrize("time", [1.0, 1.013, 1.53])
def test_a_click_is_seen_in_its_own_frame(fps: float, time: float, tmp_path: Path) -> None:
    names = ["rms", "mid", "high", "onset"]
    heard = analyze(tmp_path, clicks(3, [time]), names=names)
    frame = int(time * fps + 1e-9)
    for name in names:
        before, now, after = (heard.at(index / fps, 1 / fps)[name] for index in (frame - 1, frame, frame + 1))
        assert before < 0.15
        assert max(now, after) == 1
        assert now > 0.3 or (frame + 1) / fps - time < 0.01  # of a frame too short for the next hop


def test_slow_frames_hear_what_fast_ones_do(tmp_path: Path) -> None:
    heard = analyze(tmp_path, drum_loop(5, np.arange(0.137, 5, 0.5)))
    for frame in range(100):
        slow = heard.at(frame / 24, 1 / 24)
        fast = [heard.at((5 * frame + part) / 120, 1 / 120) for part in range(5)]
        for name in ENVELOPES:
            assert slow[name] == pytest.approx(max(values[name] for values in fast), abs=1e-6)
    assert set(heard.at(-1, 0.5).values()) == set(heard.at(6, 0.5).values()) == {0.0}


def test_between_hops_values_are_linear() -> None:
    curve = np.array([0.0, 0.5, 1.0, 0.2], np.float32)
    heard = SoundAnalysis(100, 0.04, curve, {"rms": curve}, np.empty(0), None)
    assert heard.at(0.0125)["rms"] == pytest.approx(0.625)
    assert heard.at(0.0125, 0.005)["rms"] == pytest.approx(0.625)
    assert heard.at(0.0125, 0.01)["rms"] == 1
    assert heard.at(0.0, 0.02)["rms"] == pytest.approx(0.5)  # the end belongs to the next frame


def test_a_positive_offset_is_later(tmp_path: Path) -> None:
    sound = drum_loop(6, np.arange(0.3, 6, 0.5))
    plain, later, sooner = (analyze(tmp_path, sound, offset=offset) for offset in (0, 0.12, -0.2))
    for name in ENVELOPES:
        assert np.array_equal(later.envelopes[name][12:], plain.envelopes[name][:-12])
        assert not later.envelopes[name][:12].any()
        assert np.array_equal(sooner.envelopes[name][:-20], plain.envelopes[name][20:])
    assert later.beat_times[:5] == pytest.approx(plain.beat_times[:5] + 0.12)
    assert sooner.beat_times[:5] == pytest.approx(plain.beat_times[:5] - 0.2)
    assert analyze(tmp_path, sound, offset=100).beat_times.size == 0


# ------------------------------------------------------------------------------------ onsets and beats


@pytest.mark.parametrize("bpm", [90, 120, 174])
@pytest.mark.parametrize("first", [0.0, 0.237, 1.31])
def test_clicks_are_beats(bpm: float, first: float, tmp_path: Path) -> None:
    truth = np.arange(first, 11.9, 60 / bpm)
    heard = analyze(tmp_path, clicks(12, truth), names=["beat"])
    assert lateness(heard.beat_times, truth).max() < 0.005
    assert lateness(truth, heard.beat_times).max() < 0.005  # and nothing else is
    assert heard.tempo == pytest.approx(bpm, rel=0.003)


@pytest.mark.parametrize("bpm", [90, 105, 120, 140, 160, 174])
@pytest.mark.parametrize("hats", [(0.5,), (0, 0.25, 0.5, 0.75)])
def test_the_bass_drum_has_the_beat(bpm: float, hats: tuple[float, ...], tmp_path: Path) -> None:
    truth = np.arange(0.237, 14, 60 / bpm)
    heard = analyze(tmp_path, drum_loop(14, truth, hats), names=["beat"])
    assert lateness(heard.beat_times, truth[8:-1]).max() < 0.05
    assert lateness(truth, heard.beat_times).max() < 0.05
    assert heard.tempo == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize(("first_bpm", "last_bpm"), [(100, 135), (120, 80)])
def test_beats_follow_a_tempo_that_changes(first_bpm: float, last_bpm: float, tmp_path: Path) -> None:
    truth = 0.2 + np.concatenate([[0], np.cumsum(60 / np.linspace(first_bpm, last_bpm, 50))])
    heard = analyze(tmp_path, drum_loop(truth[-1] + 0.4, truth), names=["beat"])
    assert lateness(heard.beat_times, truth[8:]).max() < 0.05
    assert len(heard.beat_times) == pytest.approx(len(truth), abs=1)


@pytest.mark.parametrize(("bpm", "first"), [(174, 0.1), (96.5, 0.0), (87, 0.333)])
def test_a_given_tempo_is_kept_exactly(bpm: float, first: float, tmp_path: Path) -> None:
    truth = np.arange(first, 10, 60 / bpm)
    sound = drum_loop(10, truth)
    sound[4 * RATE : 6 * RATE] = 0
    heard = analyze(tmp_path, sound, bpm=bpm, names=["beat"])
    assert heard.tempo == bpm
    assert np.diff(heard.beat_times) == pytest.approx(60 / bpm, abs=1e-9)
    assert lateness(heard.beat_times, truth).max() < 0.02


def test_another_tempo_than_the_musics_is_kept_too(tmp_path: Path) -> None:
    heard = analyze(tmp_path, clicks(8, np.arange(0.25, 8, 0.5)), bpm=60, names=["beat"])
    assert np.diff(heard.beat_times) == pytest.approx(1)
    assert lateness(np.arange(0.25, 8, 0.5), heard.beat_times).max() < 0.02


def test_the_sample_clip_beats_each_half_second() -> None:
    heard = analyze_sound(SAMPLES / "journey.mp4")
    assert heard.beat_times == pytest.approx(np.arange(8) / 2, abs=0.03)
    assert heard.tempo == pytest.approx(120, rel=0.01)
    assert heard.at(0, 1 / 24)["beat"] == 1
    assert heard.at(1.5, 1 / 24)["bass"] > 0.9


def test_a_beat_is_one_and_fades(tmp_path: Path) -> None:
    heard = analyze(tmp_path, clicks(10, np.arange(0.5, 10, 0.5)), release=0.1, attack=0.5, names=["beat"])
    beat = heard.envelopes["beat"]
    assert beat[100] == beat[150] == 1
    assert beat[110] == pytest.approx(1 / np.e, abs=1e-3)
    assert beat[149] < 0.01


def test_noise_and_tones_have_no_beat(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(3).standard_normal(6 * RATE)
    for sound, first in ((noise, 0), (tone(3005, 5), 100)):  # that a tone begins is heard
        heard = analyze(tmp_path, sound, names=["beat", "onset"])
        assert not len(heard.beat_times)
        assert heard.tempo is None
        assert not heard.envelopes["beat"].any()
        assert heard.envelopes["onset"][first:].max() < 0.7


def test_onsets_are_where_something_begins(tmp_path: Path) -> None:
    sound = 0.002 * np.random.default_rng(0).standard_normal(6 * RATE)
    begins = [0.9, 2.35, 4.1]
    for time, hz in zip(begins, (300, 800, 2000), strict=True):
        place(sound, time, tone(hz, 1.2) * np.minimum(1, (1.2 - moments(1.2)) / 0.8))
    onset = analyze(tmp_path, sound, release=0.05, names=["onset"]).envelopes["onset"]
    for time in begins:
        assert onset[int(time * 100) : int(time * 100) + 3].max() > 0.6
    quiet = np.ones(len(onset), bool)
    for time in begins:
        quiet[int(time * 100) - 1 : int(time * 100) + 40] = False
    assert onset[quiet].max() < 0.3


def test_the_same_sound_gives_the_same_numbers(tmp_path: Path) -> None:
    sound = drum_loop(5, np.arange(0.1, 5, 0.4))
    first, second = (analyze(tmp_path, sound) for _ in range(2))
    assert all(np.array_equal(first.envelopes[name], second.envelopes[name]) for name in ENVELOPES)
    assert np.array_equal(first.beat_times, second.beat_times)


# ------------------------------------------------------------------------------- what may go wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["base"]}, "no envelope 'base'.*did you mean bass"),
        ({"attack": -1}, "--attack"),
        ({"release": float("nan")}, "--release"),
        ({"offset": float("inf")}, "--offset"),
        ({"bpm": 0}, "--bpm"),
    ],
)
def test_nonsense_is_refused(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        analyze(tmp_path, np.zeros(100), **options)


# ------------------------------------------------------------------------------------------- drawing


def test_the_drawing_shows_the_envelopes_where_they_are() -> None:
    curve = np.zeros(401, np.float32)
    curve[200:] = 1
    heard = SoundAnalysis(100, 4.0, curve[:400], {"bass": curve, "beat": curve * 0}, np.array([1.0]), 120.0)
    page = draw_analysis(heard, "a song")
    assert page.dtype == np.float32
    assert page.shape[1:] == (1600, 3)
    reddest = page[..., 0] - page[..., 2]
    left, right = reddest[100:, 110:820], reddest[100:, 840:1560]
    assert left.max() < 0.1
    assert right.max() > 0.3


def test_each_row_shows_its_own_time() -> None:
    curve = np.zeros(6001, np.float32)
    curve[4000:] = 1
    heard = SoundAnalysis(100, 60.5, curve[:6000], {"bass": curve}, np.empty(0), None)
    page = draw_analysis(heard, "")
    red = (page[..., 0] - page[..., 2])[100:, 100:1550] > 0.2
    assert not red[: len(red) // 3 - 20].any()
    assert red[len(red) // 3 : 2 * len(red) // 3].any(0).mean() == pytest.approx(0.02, abs=0.02)
    assert red[2 * len(red) // 3 + 20 :].any(0).mean() > 0.95


@pytest.mark.parametrize(("seconds", "rows"), [(0.02, 1), (29, 1), (61, 3), (7000, 24)])
def test_long_sounds_go_on_in_rows(seconds: float, rows: int) -> None:
    curve = np.zeros(int(seconds * 100) + 1, np.float32)
    heard = SoundAnalysis(100, seconds, curve[:-1], {"rms": curve}, np.arange(0, seconds, 0.5), 120.0)
    plain = draw_analysis(heard, "")[:, 92:1572]
    lanes = np.all(np.isclose(plain, np.array([22, 25, 32]) / 255), axis=-1).mean(1) > 0.5
    assert np.count_nonzero(np.diff(lanes.astype(int)) == 1) == 2 * rows


# ------------------------------------------------------------------------------------------- the tracker


def best_sequence(onsets: Sound, beat: int, last: int) -> tuple[float, list[int]]:
    """The score and the hops of the best sequence that ends with `last`: each one goes back as far as it can."""
    gaps = range(round(beat / 2), min(2 * beat, last) + 1)
    if not gaps:
        return float(onsets[last]), [last]
    before = [(best_sequence(onsets, beat, last - gap), 100 * math.log(gap / beat) ** 2) for gap in gaps]
    return max((float(onsets[last]) + score - cost, [*hops, last]) for (score, hops), cost in before)


def test_beats_are_the_best_of_all_sequences() -> None:
    """At a tempo of four hops a beat, so that all can be tried."""
    onsets = np.random.default_rng(2).random(17).astype(np.float32)
    beats = tracker.track_beats(onsets, np.full(17, 60 * 100 / 4))
    gathered = tracker._around_each(onsets / onsets.std(ddof=1), np.full(17, 4))
    assert beats.tolist() == best_sequence(gathered, 4, int(beats[-1]))[1]


def test_the_tracker_follows_a_tempo_that_changes_and_bridges_gaps() -> None:
    tempi = np.interp(np.arange(2200), [0, 2000], [100.0, 130.0])
    curve, truth, place = np.zeros(2200, np.float32), [], 30.0
    while place < 1990:
        truth.append(round(place))
        place += 60 * 100 / tempi[round(place)]
    curve[truth] = 1
    curve[truth[10:13]] = 0  # nothing is heard there
    found = tracker.track_beats(curve, tempi)
    found = found[found < 1990]  # it goes on into the silence
    near = np.abs(found[:, None] - np.array(truth)).min(0)
    assert near[:10].max() <= 1
    assert near[13:].max() <= 1
    assert near.max() <= 6
    assert len(found) == len(truth)


def test_where_nothing_is_heard_there_are_no_beats() -> None:
    assert len(tracker.track_beats(np.zeros(500, np.float32), np.full(500, 120.0))) == 0


def test_mel_bands_have_an_area_of_one_and_lie_where_slaney_put_them() -> None:
    bands = onsets_module._mel_bands()
    frequencies = np.fft.rfftfreq(1024, 1 / SAMPLE_RATE)
    wide = (bands > 0).sum(1) > 8  # narrow ones are sampled coarsely
    assert np.allclose((bands * frequencies[1]).sum(1)[wide], 1, atol=0.05)
    mels = [onsets_module._to_mel(hertz) for hertz in (200.0, 1000.0, 6400.0)]
    assert np.allclose(mels, [3, 15, 42])
    assert np.allclose(onsets_module._from_mel(np.array(mels)), [200, 1000, 6400])


def test_bars_of_what_does_not_repeat_in_three_are_of_four() -> None:
    """A kick on every beat, as in the sample, says nothing of bars."""
    sample = Path(__file__).parents[1] / "samples" / "journey.mp4"
    assert hear(SoundSettings(), ["bar"], sample, 24).grid.signature == "4/4"
