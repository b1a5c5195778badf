"""Nothing is read but what somebody has handed in, and nobody is let in without a password."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dreamvid.errors import DreamvidError, MediaError, SettingsError
from dreamvid.studio.controls import list_controls
from dreamvid.studio.guard import check_host, check_kind, check_upload
from dreamvid.studio.limits import Limits
from dreamvid.studio.session import Session

SAMPLES = Path(__file__).parents[2] / "samples"
CONTROLS = {control.key: control for control in list_controls()}


@pytest.mark.parametrize(
    "content",
    [
        b"just words",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><MPD/>",
        b"v=0\r\no=- 0 0 IN IP4 10.0.0.1\r\n",
        b"ID3\x04\x00\x00\x00\x00\x00\x00#EXTM3U\n/etc/passwd\n",
        b"",
    ],
)
def test_text_and_lists_of_files_are_no_films(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"clip\.mp4"):
        check_upload(path, Limits())


def test_samples_are_taken() -> None:
    for name in ("journey.mp4", "portrait.jpg"):
        assert check_upload(SAMPLES / name, Limits()).width > 0


@pytest.mark.parametrize("limits", [Limits(size=1000), Limits(pixels=1000), Limits(seconds=1)])
def test_what_is_too_large_or_long_is_refused(limits: Limits) -> None:
    with pytest.raises(MediaError, match=r"too large|lasts"):
        check_upload(SAMPLES / "journey.mp4", limits)


def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (20000, 9000)).save(path)
    with pytest.raises(MediaError, match="20000x9000 is too large"):
        check_upload(path, Limits())


def test_songs_with_tags_are_known_by_what_follows(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + b"\xff\xfb\x90\x00" + bytes(400))
    check_kind(song, Limits())


@pytest.mark.parametrize("values", [{"guide": "/etc/hostname"}, {"cuts": "/etc/passwd"}, {"audio": "/etc/passwd"}])
def test_a_look_cannot_name_files_of_the_server(
    values: dict[str, str], new_session: Callable[..., Session]
) -> None:
    session = new_session()
    with pytest.raises(SettingsError, match="was not uploaded to the studio"):
        session.merge(values)
    assert session.given == {}


def test_files_that_a_loaded_look_names_are_left_out_and_told(
    tmp_path: Path, new_session: Callable[..., Session]
) -> None:
    sidecar = tmp_path / "film.mp4.json"
    recipe = {"strength": "0.5", "guide": "/etc/hostname", "mask": "sky.png", "octaves": "3", "keep-color": "True"}
    sidecar.write_text(json.dumps({"version": "0.1.0", "recipe": recipe}))
    session = new_session(given={"step": "3"})
    assert session.load_look(sidecar) == ["hostname", "sky.png"]
    assert session.command() == "dreamvid INPUT --keep-color --strength 0.5 --octaves 3"


def test_a_file_that_is_handed_in_is_kept_under_its_name(tmp_path: Path, new_session: Callable[..., Session]) -> None:
    session = new_session()
    session.open(SAMPLES / "journey.mp4")
    session.set(CONTROLS["guide"], str(SAMPLES / "portrait.jpg"))
    assert session.command() == "dreamvid journey.mp4 --guide portrait.jpg"
    assert session.settings.guide is not None
    assert tmp_path / "handed" in session.settings.guide.parents
    session.set(CONTROLS["guide"], None)
    assert session.command() == "dreamvid journey.mp4"


def test_what_makes_no_sense_changes_nothing(new_session: Callable[..., Session]) -> None:
    session = new_session(given={"octaves": "3"})
    for key, value in (("channels", "x"), ("size", "large"), ("iterations", "many")):
        with pytest.raises(DreamvidError, match=f"--{key}"):
            session.set(CONTROLS[key], value)
    assert session.given == {"octaves": "3"}


def test_undo_goes_back_step_by_step(new_session: Callable[..., Session]) -> None:
    session = new_session()
    session.set(CONTROLS["strength"], 0.5)
    session.set(CONTROLS["octaves"], 3.0)
    assert session.undo()
    assert session.given == {"strength": "0.5"}
    assert session.undo()
    assert not session.undo()
    assert session.given == {}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "studio.example.org"])  # noqa: S104
def test_others_need_a_password(host: str) -> None:
    with pytest.raises(SettingsError, match="--password"):
        check_host(host, None)
    check_host(host, "word")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    check_host(host, None)


def song(folder: Path) -> Path:
    path = folder / "song.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return path


def test_a_song_drives_the_look_and_what_is_looked_at_stays(
    tmp_path: Path, new_session: Callable[..., Session]
) -> None:
    session = new_session()
    path = song(tmp_path)
    assert "also drop in a clip or a picture" in session.open(path, "song.wav")
    assert session.source is None
    assert session.open(SAMPLES / "journey.mp4") == ""
    assert session.open(path, "song.wav").endswith("use them in the Timeline tab")
    assert session.source is not None
    assert session.command() == "dreamvid journey.mp4 --react song.wav"
    assert session.undo()
    assert session.settings.react is None


def test_a_film_whose_picture_is_broken_is_no_song(tmp_path: Path, new_session: Callable[..., Session]) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes((SAMPLES / "journey.mp4").read_bytes()[:20_000])
    with pytest.raises(MediaError, match=r"cut\.mp4"):
        new_session().open(path)
