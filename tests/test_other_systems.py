"""Other systems, imitated on this one: names without case, reserved names, narrow consoles, other signals."""

from __future__ import annotations

import getpass
import io
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import typer.main

from dreamvid.cli import main
from dreamvid.cli.app import app
from dreamvid.cli.terminal import settle_streams, take_signals
from dreamvid.config.settings import SettingsError
from dreamvid.errors import MediaError
from dreamvid.farm.files import cache_folder
from dreamvid.media import names, target
from dreamvid.media.names import is_reserved_on_windows, key_of_name
from dreamvid.media.sequence import list_sequence, parse_pattern
from dreamvid.media.target import check_target
from dreamvid.render.batch import read_batch
from dreamvid.runtime import memory, processes


@pytest.fixture
def caseless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose names are found in any case, as on Windows and macOS."""
    stat = os.stat

    def find(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        try:
            return stat(path, *arguments, **options)
        except FileNotFoundError:
            here = tmp_path
            wanted = os.fspath(path)
            if wanted.lower().startswith(str(tmp_path).lower()):
                for part in Path(wanted[len(str(tmp_path)) :].lstrip("/")).parts:
                    here = next((name for name in here.iterdir() if name.name.lower() == part.lower()), here / part)
                return stat(here, *arguments, **options)
            raise

    monkeypatch.setattr(os, "stat", find)
    (tmp_path / "Probe").touch()
    assert (tmp_path / "pROBE").exists()
    return tmp_path


def picture(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))


def test_a_sequence_is_found_in_any_case_where_case_does_not_count(caseless: Path) -> None:
    for number in (1, 2):
        picture(caseless / f"Frame_{number:03}.PNG")
    found = list_sequence(caseless / "frame_%03d.png")
    assert found is not None
    assert [path.name for path in found] == ["Frame_001.PNG", "Frame_002.PNG"]


def test_a_sequence_is_not_found_in_another_case_where_case_counts(tmp_path: Path) -> None:
    picture(tmp_path / "Frame_001.PNG")
    with pytest.raises(MediaError, match="no file matches"):
        list_sequence(tmp_path / "frame_%03d.png")


def test_pictures_in_another_case_are_not_overwritten(caseless: Path) -> None:
    picture(caseless / "Dream_001.png")
    pattern = caseless / "dream_%03d.png"
    with pytest.raises(MediaError, match="already exists"):
        check_target(pattern, parse_pattern(pattern), overwrite=False, protected=())


def test_an_input_in_another_case_is_not_overwritten(caseless: Path) -> None:
    (caseless / "Clip.mp4").write_bytes(b"film")
    with pytest.raises(MediaError, match="this is an input"):
        check_target(caseless / "clip.MP4", None, overwrite=True, protected=[caseless / "Clip.mp4"])


def batch(folder: Path) -> Path:
    path = folder / "job.yaml"
    path.write_text("clips: [{input: a.mp4, output: Film.mp4}, {input: b.mp4, output: film.mp4}]\n", encoding="utf-8")
    return path


def test_two_outputs_that_differ_by_case_are_one_where_case_does_not_count(caseless: Path) -> None:
    (caseless / "work").mkdir()
    with pytest.raises(SettingsError, match="two clips have the output"):
        read_batch(batch(caseless / "work"))


def test_they_are_two_where_it_does(tmp_path: Path) -> None:
    assert len(read_batch(batch(tmp_path))) == 2


def test_one_output_by_two_ways_is_one(tmp_path: Path) -> None:
    assert key_of_name(tmp_path / "x" / ".." / "film.mp4") == key_of_name(tmp_path / "film.mp4")


RESERVED = ["CON", "nul.mp4", "Aux.dream.png", "com1.mkv", "lpt9", "a:b.mp4", "what?.mp4", "film.", "film ", "a\tb.mp4"]


@pytest.mark.parametrize("name", RESERVED)
def test_names_that_windows_reserves_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_reserved_on_windows(name)
    monkeypatch.setattr(target, "ON_WINDOWS", True)
    with pytest.raises(MediaError, match="Windows reserves"):
        check_target(tmp_path / name, None, overwrite=False, protected=())
    monkeypatch.setattr(target, "ON_WINDOWS", False)
    check_target(tmp_path / name, None, overwrite=False, protected=())


@pytest.mark.parametrize("name", ["console.mp4", "null.mp4", "com.mp4", "com10.mp4", "größe.mp4", ".hidden", "a b.mp4"])
def test_other_names_are_not_reserved(name: str) -> None:
    assert not is_reserved_on_windows(name)


@pytest.mark.parametrize("words", [["presets"], ["models"], ["layers", "dreamnet"], ["--help"], ["zoom", "--help"]])
def test_every_list_can_be_shown_on_a_console_of_few_characters(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="cp1252")
    with capsys.disabled():
        monkeypatch.setattr(sys, "stdout", stream)
        settle_streams()
        assert main.run(words) == 0
        sys.stdout.flush()
    assert len(written.getvalue()) > 100
    stream.close()


def test_a_name_that_the_console_does_not_have_is_an_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="cp1252", newline="\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stderr", stream)
    settle_streams()
    assert main.run(["日本.mp4"]) == 1
    sys.stderr.flush()
    said = written.getvalue()
    stream.close()
    assert said.startswith(b"dreamvid: \\u65e5\\u672c.mp4")
    assert said.count(b"\n") == 1


def test_a_path_that_is_too_long_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([str(tmp_path.joinpath(*["x" * 200] * 30, "clip.mp4"))]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("word", ["\\zom", "/zom"])
def test_both_kinds_of_slashes_make_a_path_on_windows(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    group: Any = typer.main.get_command(app)
    monkeypatch.setattr(group, "get_params", lambda _: [])
    assert group._is_for_the_group(None, "zom")  # a mistyped `zoom`
    monkeypatch.setattr(os, "sep", "\\")
    monkeypatch.setattr(os, "altsep", "/")
    assert not group._is_for_the_group(None, word)


def test_a_system_without_sighup_and_with_ctrl_break(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[int, object] = {}
    monkeypatch.delattr(signal, "SIGHUP")
    monkeypatch.setattr(signal, "SIGBREAK", 21, raising=False)
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    monkeypatch.setattr(signal, "signal", taken.__setitem__)
    take_signals()
    assert set(taken) == {signal.SIGTERM, 21}


def test_a_render_is_stopped_politely_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    process: Any = SimpleNamespace(send_signal=sent.append)
    processes.ask_to_stop(process)
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", 1, raising=False)
    processes.ask_to_stop(process)
    assert sent == [signal.SIGTERM, 1]
    assert processes.apart() == {"start_new_session": True, "creationflags": 0}
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    assert processes.apart()["creationflags"] == 512


def test_a_user_without_a_name_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    assert cache_folder().name == "dreamvid-farm-1234"
    monkeypatch.delattr(os, "getuid")
    assert cache_folder().name == "dreamvid-farm-user"


def test_memory_is_known_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert memory._free_of_machine(tmp_path) == 2_048_000
    monkeypatch.delattr(os, "sysconf")
    assert memory._free_of_machine(tmp_path) is None


def test_windows_is_taken_for_caseless_where_nothing_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "ON_WINDOWS", True)
    assert names._is_caseless(Path("/"))


def _dream_a_picture(side: int) -> float:
    """In a process that knows nothing of its parent's modules."""
    from dreamvid import Dreamer

    picture = np.full((side, side, 3), 0.5, np.float32)
    return float(np.abs(Dreamer("dreamnet", octaves=1, iterations=1).dream(picture) - picture).mean())


@pytest.mark.slow
def test_a_process_that_was_spawned_can_dream() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_dream_a_picture, (32,)) > 0
