"""Whose beats and bars are right: on songs made here, and on loops whose lengths are known.

    uv run python benchmarks/beats.py [--loops FOLDER] [--librosa]

FOLDER has sound files, and a README.md with a table `| name | length s | beats |`, as many beats as a loop has; several
are possible, `4 or 5`. Each is repeated ten times. `--librosa` adds librosa's `beat_track`, if it is installed; it is
not needed otherwise.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from songs import RATE, Song, songs

from dreamvid.audio import analyze_sound
from dreamvid.audio.grid import Grid
from dreamvid.media.ffmpeg import run_ffmpeg

Times = npt.NDArray[np.float64]
NEAR = 0.07  # seconds: so far a beat may be off, as MIREX has it


def ours(path: Path) -> Grid:
    return analyze_sound(path, names=["bars"]).grid


def librosas(path: Path) -> Grid:
    import librosa  # type: ignore[import-not-found, unused-ignore]

    sound, rate = librosa.load(path, sr=22_050)
    return Grid(np.asarray(librosa.beat.beat_track(y=sound, sr=rate, units="time")[1], np.float64))


def f_measure(found: Times, truth: Times) -> float:
    if not len(found):
        return 0.0
    hits = sum(bool(np.min(np.abs(found - time)) < NEAR) for time in truth)
    return 2 * hits / (len(found) + len(truth))


def write(song: Song, path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(song.sound * 32767).astype("<i2").tobytes())


def compare_songs(trackers: dict[str, Callable[[Path], Grid]], folder: Path) -> None:
    print("| song | beats: " + " | ".join(trackers) + " | bars | signature |\n|" + "---|" * (len(trackers) + 3))
    means: dict[str, list[float]] = {name: [] for name in trackers}
    for song in songs():
        path = folder / "song.wav"
        write(song, path)
        grids = {name: track(path) for name, track in trackers.items()}
        scores = {name: f_measure(grid.beats, song.beats) for name, grid in grids.items()}
        for name, score in scores.items():
            means[name].append(score)
        bars = f_measure(grids["dreamvid"].bars, song.bars)
        shown = " | ".join(f"{score:.2f}" for score in scores.values())
        print(f"| {song.name} | {shown} | {bars:.2f} | {grids['dreamvid'].signature} |", flush=True)
    print("| mean | " + " | ".join(f"{np.mean(scores):.2f}" for scores in means.values()) + " | | |")


def compare_loops(trackers: dict[str, Callable[[Path], Grid]], loops: Path, folder: Path) -> None:
    print("| loop | beats | " + " | ".join(trackers) + " |\n|" + "---|" * (len(trackers) + 2))
    right = dict.fromkeys(trackers, 0)
    listed = (loops / "README.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\|([^|]+)\|\s*([0-9.]+)\s*\|([^|]+)\|", listed, re.MULTILINE):
        length, counts = float(row[1]), [int(count) for count in re.findall(r"\b[0-9]+\b", row[2].split(":")[0])]
        for name in map(str.strip, row[0].split(",")):
            file = next(loops.glob(f"{name}.*"))
            path = folder / "loop.wav"
            code, _, said = run_ffmpeg(["-stream_loop", "9", "-i", f"file:{file}", "-ac", "1", "-y", f"file:{path}"])
            if code:
                raise SystemExit(said)
            cells = []
            for tracker, track in trackers.items():
                beats = track(path).beats
                found = length / float(np.polyfit(np.arange(len(beats)), beats, 1)[0]) if len(beats) > 2 else 0.0
                near = [octave for count in counts for octave in (1, 2, 0.5) if abs(found / count / octave - 1) < 0.03]
                right[tracker] += bool(near)
                cells.append(f"{found:.2f}" + ("" if 1 in near else " octave" if near else " wrong"))
            print(f"| {name} | {' or '.join(map(str, counts))} | {' | '.join(cells)} |", flush=True)
    print("| right or an octave off | | " + " | ".join(map(str, right.values())) + " |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loops", type=Path)
    parser.add_argument("--librosa", action="store_true")
    arguments = parser.parse_args()
    trackers: dict[str, Callable[[Path], Grid]] = {"dreamvid": ours}
    if arguments.librosa:
        trackers["librosa"] = librosas
    with tempfile.TemporaryDirectory() as folder:
        if arguments.loops is not None:
            compare_loops(trackers, arguments.loops, Path(folder))
        compare_songs(trackers, Path(folder))


if __name__ == "__main__":
    main()
