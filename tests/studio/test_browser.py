"""The page in a real browser: what a person does, and that the film is the one that the shown command line makes."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]

SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"
PORTRAIT = SAMPLE.with_name("portrait.jpg")
OWN = Path(__file__).parents[2] / "dreamvid" / "models" / "weights" / "dreamnet.safetensors"
SHOTS = os.environ.get("DREAMVID_SCREENSHOTS")
"""A folder for pictures of each step, to look at."""


def dreamvid(*words: str) -> list[str]:
    return [sys.executable, "-m", "dreamvid.cli.main", *words]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("films")) as address:
        yield address


@contextlib.contextmanager
def serve(films: Path, *options: str) -> Iterator[str]:
    words = dreamvid("studio", "--no-browser", "--folder", str(films), *options)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as it:
        assert it.stdout is not None
        line = it.stdout.readline()
        try:
            yield line.split()[3].rstrip("/")
        finally:
            it.terminate()
        assert it.wait(30) == 130


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    one = open_page(browser, address)
    yield one
    one.close()


def open_page(browser: Any, address: str, width: int = 1440, height: int = 900) -> Any:
    page = browser.new_page(viewport={"width": width, "height": height}, accept_downloads=True)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#drop input[type=file]", state="attached")
    page.wait_for_timeout(1500)  # the events of a fresh page
    return page


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing came within {seconds} s")


def drop(page: Any, path: Path) -> None:
    remove = page.locator("#drop button[aria-label='Clear'], #drop button[aria-label='Remove this file']")
    if remove.count():
        remove.first.click()
    page.set_input_files("#drop input[type=file]", str(path))


def dream(page: Any) -> str | None:
    """The address of the picture that is shown of the dream."""
    return page.evaluate("[...document.querySelectorAll('#picture img')].map(i => i.src).join(' ') || null")


def settled(page: Any) -> str | None:
    """The same, once nothing goes on."""
    text = page.inner_text("#status").strip()
    return dream(page) if text.endswith(" s") and "…" not in text else None


def command(page: Any) -> str:
    return str(page.input_value("#command textarea"))


def snap(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}-{page.viewport_size['width']}.png")


def set_number(page: Any, name: str, value: str) -> None:
    box = page.locator(f"#{name} input[type=number]")
    box.fill(value)
    box.press("Tab")


def test_a_look_is_found_and_rendered_as_the_command_line_says(page: Any, tmp_path: Path) -> None:
    drop(page, SAMPLE)
    first = until(lambda: settled(page))
    assert command(page) == "dreamvid journey.mp4"
    snap(page, "1-loaded")

    began = time.monotonic()
    page.fill("#set-layer input", "inception3b")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    until(lambda: "--layer inception3b" in command(page))
    until(lambda: dream(page) != first)
    print(f"first draft after a change: {time.monotonic() - began:.1f} s")
    second = until(lambda: settled(page))
    set_number(page, "set-strength", "0.6")
    until(lambda: "--strength 0.6" in command(page))
    until(lambda: settled(page) not in (None, first, second))
    snap(page, "2-changed")

    page.get_by_role("tab", name="Explore").click()
    page.click("#explore")
    until(lambda: "click a picture" in page.inner_text("#status"), 120)
    snap(page, "3-explored")
    page.locator("#cells button").nth(5).click()
    until(lambda: "inception3b" not in command(page))
    taken = command(page)
    page.click("#undo")
    until(lambda: "inception3b" in command(page))
    page.locator("#cells button").nth(5).click()
    until(lambda: command(page) == taken)

    page.get_by_role("tab", name="Timeline").click()
    page.wait_for_selector("#timeline img", timeout=60000)
    for frame, strength in ((0, "0.2"), (11, "1.5")):
        page.evaluate(
            "frame => { const box = document.querySelector('#playhead input[type=range]'); box.value = frame;"
            "box.dispatchEvent(new Event('input', {bubbles: true})) }",
            frame,
        )
        until(lambda: settled(page))
        set_number(page, "key-value", strength)
        page.click("#set-key")
        until(lambda strength=strength: f"({strength})" in page.input_value("#schedule textarea"))
    until(lambda: "'0:(0.2), 11:(1.5)'" in command(page))
    until(lambda: settled(page))
    snap(page, "4-timeline")

    page.get_by_role("tab", name="Look").click()
    for heading, name, value in (("Range and size", "frames", "12"), ("Range and size", "max-size", "160")):
        if not page.locator(f"#set-{name} input").is_visible():
            page.get_by_role("button", name=heading, exact=False).first.click()
        set_number(page, f"set-{name}", value)
        until(lambda name=name, value=value: f"--{name} {value}" in command(page))
    page.click("#render")
    page.wait_for_selector("#stop-0", timeout=20000)
    snap(page, "5-rendering")
    page.wait_for_selector("#download-0", timeout=180000)
    snap(page, "6-rendered")
    with page.expect_download() as download:
        page.click("#download-0")
    film = tmp_path / "studio.mp4"
    download.value.save_as(film)

    shutil.copy(SAMPLE, tmp_path)
    words = shlex.split(command(page))
    assert words[0] == "dreamvid"
    subprocess.run([*dreamvid(*words[1:]), "--progress", "none"], cwd=tmp_path, check=True)
    ours, theirs = read(film), read(tmp_path / "journey.dream.mp4")
    assert len(ours) == 12
    assert np.array_equal(ours, theirs)
    assert all("//127.0.0.1" in url or url.startswith(("data:", "blob:")) for url in page.asked)


def read(path: Path) -> np.ndarray:
    from dreamvid.media import open_reader

    with open_reader(path) as reader:
        return np.stack(list(reader))


def test_what_is_no_clip_is_refused_and_the_page_goes_on(page: Any, tmp_path: Path) -> None:
    text, empty, huge = tmp_path / "notes.mp4", tmp_path / "empty.mp4", tmp_path / "huge.png"
    text.write_text("#EXTM3U\n/etc/hostname\n")
    empty.touch()
    Image.new("L", (20000, 9000)).save(huge)
    for path, problem in ((text, "not a video"), (empty, "empty"), (huge, "too large")):
        drop(page, path)
        until(lambda problem=problem: problem in page.inner_text("#status"))
        snap(page, f"7-{path.stem}")
    drop(page, SAMPLE)
    until(lambda: settled(page))


def give_files(page: Any, heading: str, name: str, path: Path) -> None:
    """Hand a file to a control of its own."""
    if not page.locator(f"#set-{name}").is_visible():
        page.get_by_role("button", name=heading, exact=False).first.click()
    page.set_input_files(f"#set-{name} input[type=file]", str(path))


def test_pictures_songs_and_networks_of_ones_own(page: Any, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "song.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.tile(np.int16([9000, -9000]), 4000).tobytes() + bytes(16000))
    shutil.copy(OWN, tmp_path / "mine.safetensors")
    shutil.copy(PORTRAIT, tmp_path)

    drop(page, PORTRAIT)
    until(lambda: settled(page))
    assert command(page) == "dreamvid portrait.jpg"
    assert not page.locator("#playhead").is_visible()
    give_files(page, "Network", "weights", tmp_path / "mine.safetensors")
    until(lambda: "--weights mine.safetensors" in command(page))
    until(lambda: settled(page))
    page.get_by_role("button", name="Range and size", exact=False).first.click()
    set_number(page, "set-max-size", "160")
    until(lambda: "--max-size 160" in command(page))
    page.click("#render")
    page.wait_for_selector("#download-0", timeout=120000)
    with page.expect_download() as download:
        page.click("#download-0")
    download.value.save_as(tmp_path / "studio.png")
    words = shlex.split(command(page))
    subprocess.run([*dreamvid(*words[1:]), "--progress", "none"], cwd=tmp_path, check=True)
    assert np.array_equal(read(tmp_path / "studio.png"), read(tmp_path / "portrait.dream.png"))

    drop(page, tmp_path / "song.wav")
    until(lambda: "--react song.wav" in command(page))
    assert "portrait.jpg" in command(page)
    drop(page, SAMPLE)
    until(lambda: command(page).startswith("dreamvid journey.mp4"))
    page.get_by_role("tab", name="Timeline").click()
    page.wait_for_selector("#timeline img", timeout=60000)
    snap(page, "9-song")


def test_a_render_is_cancelled_and_gone_on_with(page: Any) -> None:
    drop(page, SAMPLE)
    until(lambda: settled(page))
    page.get_by_role("button", name="Range and size", exact=False).first.click()
    for name, value in (("frames", "40"), ("max-size", "200")):
        set_number(page, f"set-{name}", value)
        until(lambda name=name, value=value: f"--{name} {value}" in command(page))
    page.click("#render")
    until(lambda: re.search(r"\b([5-9]|[1-3]\d)/40", page.inner_text("#render-0")), 120)
    page.click("#stop-0")
    page.wait_for_selector("#resume-0", timeout=30000)
    snap(page, "10-cancelled")
    page.click("#resume-0")
    page.wait_for_selector("#download-0", timeout=180000)
    with page.expect_download() as download:
        page.click("#download-0")
    assert len(read(Path(download.value.path()))) == 40


def test_nobody_comes_in_without_the_password(browser: Any, tmp_path: Path) -> None:
    with serve(tmp_path, "--password", "open sesame") as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.wait_for_selector("input[type=password]")
        assert page.locator("#drop").count() == 0
        assert page.request.get(f"{address}/config").status == 401
        for word in ("wrong", "open sesame"):
            page.locator("input:not([type=password])").first.fill("anybody")
            page.fill("input[type=password]", word)
            page.locator("input[type=password]").press("Enter")
            page.wait_for_timeout(1500)
            snap(page, f"11-{word.split()[0]}")
            assert bool(page.locator("#drop").count()) == (word == "open sesame")
        page.close()


def test_two_people_do_not_meet(browser: Any, address: str) -> None:
    pages = [open_page(browser, address, width) for width in (1440, 1280)]
    for page in pages:
        drop(page, SAMPLE)
    for page, strength in zip(pages, ("0.4", "1.7"), strict=True):
        until(lambda page=page: dream(page))
        set_number(page, "set-strength", strength)
    for page, strength in zip(pages, ("0.4", "1.7"), strict=True):
        until(lambda page=page: settled(page), 120)
        assert command(page) == f"dreamvid journey.mp4 --strength {strength}"
    snap(pages[1], "8-laptop")
    for page in pages:
        page.close()
