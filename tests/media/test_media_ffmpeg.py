"""Which ffmpeg is run, and what is said of one that will not do."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from dreamvid.errors import MediaError
from dreamvid.media import open_writer, probe
from dreamvid.media.codecs import codec_at_hand
from dreamvid.media.ffmpeg import FFmpeg, cropping_arguments
from dreamvid.runtime.registers import CODECS


def ffmpeg_that_says(folder: Path, text: str, code: int = 0) -> str:
    """An executable that answers whatever it is asked with a text."""
    script = folder / "ffmpeg"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
    script.chmod(0o755)
    return str(script)


def version(name: str, formats: str) -> str:
    return (
        f"ffmpeg version {name} Copyright (c) the FFmpeg developers\nbuilt with gcc\nlibavutil      99. 26.100 / 99\n"
        f"libavformat    {formats} / {formats}\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (version("5.1.6-0+deb12u1", "59. 27.100"), "5.1.6-0+deb12u1 is too old"),
        (version("6.1.1", "60. 16.100"), "6.1.1 is too old"),
        ("GNU bash, version 5", "not a working ffmpeg"),
        ("", "not a working ffmpeg"),
    ],
)
def test_an_ffmpeg_that_will_not_do_is_one_line(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    executable = ffmpeg_that_says(tmp_path, text)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", executable)
    with pytest.raises(MediaError, match="or newer") as caught:
        probe(clips["plain"])
    assert said in str(caught.value)
    assert executable in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_that_crashes_will_not_do(clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", ffmpeg_that_says(tmp_path, version("9.0", "63.1.100"), code=1))
    with pytest.raises(MediaError, match="not a working ffmpeg"):
        probe(clips["plain"])


def test_one_that_is_missing_or_may_not_be_run_is_one_line(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").write_text("no program")
    for name in ("missing", "plain", ""):
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / name))
        with pytest.raises(MediaError, match="cannot be run") as caught:
            probe(clips["plain"])
        assert "\n" not in str(caught.value)
        with pytest.raises(MediaError, match="cannot be run"):
            FFmpeg(["-version"])


@pytest.mark.parametrize(
    ("name", "formats", "crops"),
    [
        ("7.0.2-static", "61.  1.100", False),
        ("7.1", "61.  7.100", True),
        ("N-120000-gabcdef", "62.  3.100", True),
        ("n9.0.2-17-g2a571b6068-20260930", "63.  1.102", True),
    ],
)
def test_what_newer_ones_crop_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, formats: str, crops: bool
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", ffmpeg_that_says(tmp_path, version(name, formats)))
    assert bool(cropping_arguments()) == crops


@pytest.mark.parametrize("name", ["h264", "h265", "av1", "prores", "dnxhr", "ffv1"])
def test_the_bundled_ffmpeg_has_all_encoders(name: str) -> None:
    assert codec_at_hand(CODECS[name]) == (CODECS[name], None)


def test_an_encoder_that_is_not_there_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(CODECS["h264"], arguments=("-c:v", "libnothing"))
    monkeypatch.setitem(CODECS._own, "h264", missing)
    with pytest.raises(MediaError, match="codec h264 is not supported by this ffmpeg") as caught:
        open_writer(tmp_path / "x.mp4", width=64, height=48, rate=Fraction(24))
    assert "\n" not in str(caught.value)
