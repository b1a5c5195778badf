"""How quickly a band of frequencies answers and how much of its neighbors it hears: spectra against band-passes.

`uv run python benchmarks/bands.py` prints, for a bass drum from 40 to 90 Hz and for a middle band, when the level has
risen to 10, 50 and 90 % of its peak after a burst in the band, in ms, and what is left of tones beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt, sosfiltfilt

from dreamvid.audio.decode import SAMPLE_RATE
from dreamvid.audio.levels import Band, LevelMeter, band_between

Sound = npt.NDArray[np.float64]
BEGIN = 1.0  # seconds


def spectra(window: int, low: float, high: float) -> Callable[[Sound], Sound]:
    def level(sound: Sound) -> Sound:
        meter = LevelMeter({"band": Band(low, high, window)}, window)
        meter.take(sound.astype(np.float32))
        meter.end()
        return meter.curves()["band"]

    return level


def band_pass(order: int, low: float, high: float, *, both_ways: bool = False) -> Callable[[Sound], Sound]:
    sections = butter(order, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")

    def level(sound: Sound) -> Sound:
        power = np.square((sosfiltfilt if both_ways else sosfilt)(sections, sound))
        length = max(441, round(SAMPLE_RATE / 2 / low))
        sums = np.cumsum(np.pad(power, length))
        hops = np.arange(len(sound) // 441 + 1) * 441 + length
        return np.sqrt((sums[hops + length // 2] - sums[hops - length // 2]) / length)

    return level


def tone(hertz: float, begin: float = 0.0) -> Sound:
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    return np.where(t >= begin, np.sin(2 * np.pi * hertz * (t - begin)), 0)


def main() -> None:
    for low, high, inside, beside in ((40, 90, 65, (20, 110, 130)), (150, 300, 220, (100, 400, 450))):
        chosen = band_between(low, high).window
        ways = {f"spectra, {window} samples{' (chosen)' * (window == chosen)}": spectra(window, low, high)
                for window in (1024, 2048, 4096, 8192)}  # fmt: skip
        ways |= {f"Butterworth {order}, causal": band_pass(order, low, high) for order in (2, 3, 4)}
        ways["Butterworth 2, both ways"] = band_pass(2, low, high, both_ways=True)
        print(f"{low} to {high} Hz: ms to 10, 50, 90 %; share of tones at {beside} Hz")
        for name, level in ways.items():
            steady = level(tone(inside))[100:200].mean()
            rise = level(tone(inside, BEGIN))
            places = np.interp(np.arange(0, 2, 0.001), np.arange(len(rise)) / 100, rise) / steady
            times = [int(np.argmax(places > share)) - round(1000 * BEGIN) for share in (0.1, 0.5, 0.9)]
            leaks = [level(tone(hertz))[100:200].mean() / steady for hertz in beside]
            print(f"  {name:32} {times}  {' '.join(f'{leak:.3f}' for leak in leaks)}")


if __name__ == "__main__":
    main()
