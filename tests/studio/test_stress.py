"""Twenty people press everything at once for three minutes; afterwards the studio still dreams.

`DREAMVID_STRESS_SECONDS` makes it shorter or longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"
CLIENTS = 20
SECONDS = float(os.environ.get("DREAMVID_STRESS_SECONDS", "180"))
LONGEST_PRESS = 15.0  # seconds; then the page is closed
HEAVY = [
    ("drop", "upload"), ("set-guide", "upload"), ("set-mask", "upload"), ("set-react", "upload"), ("explore", "click"),
    ("move", "click"), ("playhead", "input"), ("render", "click"), ("set-iterations", "submit"), ("cells", "select"),
]  # fmt: skip
"""What takes long, pressed as often as all else together."""
BOUND = 6 * 10**9  # bytes of memory, renders included


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    words = [sys.executable, "-m", "dreamvid.cli.main", "studio", "--no-browser", "--folder", str(tmp_path / "films")]
    log = (tmp_path / "log").open("w")
    with log, subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[3].rstrip("/"), process
        process.terminate()
        assert process.wait(60) == 130


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """What people hand in: a clip, a picture, a song, and what they should not."""
    made = [tmp_path / name for name in ("clip.mp4", "photo.jpg", "song.flac", "huge.png", "night.flac", "notes.mp4")]
    clip, photo, song, huge, night, notes = made
    ffmpeg = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i"]
    subprocess.run([*ffmpeg, "testsrc2=s=128x96:r=24:d=1", str(clip)], check=True)
    subprocess.run([*ffmpeg, "aevalsrc=sin(2*PI*220*t)*gt(sin(9*t)\\,0.5):d=4", str(song)], check=True)
    subprocess.run([*ffmpeg, "anullsrc=r=8000:cl=mono", "-t", "36000", str(night)], check=True)
    Image.linear_gradient("L").convert("RGB").save(photo)
    Image.new("1", (16384, 16384)).save(huge)
    notes.write_text("#EXTM3U\n/etc/hostname\n")
    return made


@dataclass
class Score:
    """What was pressed, and what came of it."""

    pressed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    bare: list[str] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    abandoned: int = 0


class Page:
    """One person's page: presses what there is to press, by the server's own description of it."""

    def __init__(self, http: httpx.AsyncClient, config: dict[str, Any], name: str) -> None:
        self.http, self.name = http, name
        self.components = {one["id"]: one for one in config["components"]}
        self.presses = [one for one in config["dependencies"] if one["targets"]]

    def named(self, element: str, event: str) -> dict[str, Any]:
        """The dependency of an event of the element of that name."""
        for one in self.presses:
            for target, what in one["targets"]:
                if self._element(target) == element and what == event:
                    return one
        raise KeyError(element)

    def _element(self, number: int | None) -> str:
        return str(self.components[number]["props"].get("elem_id")) if number in self.components else "page"

    async def upload(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            answer = await self.http.post("/gradio_api/upload", files={"files": (path.name, file)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}

    async def press(
        self, dependency: dict[str, Any], data: list[Any], event_data: Any = None, patience: float = LONGEST_PRESS
    ) -> list[dict[str, Any]]:
        """The messages that come of it, up to the last. `TimeoutError` where the page is closed before."""
        body = {
            "data": data, "fn_index": dependency["id"], "session_hash": self.name, "event_data": event_data,
            "trigger_id": dependency["targets"][0][0],
        }  # fmt: skip
        joined = await self.http.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return [{"msg": "process_completed", "success": False, "output": {"error": joined.text}}]
        event, messages = joined.json()["event_id"], []
        async with asyncio.timeout(patience):
            async with self.http.stream("GET", f"/gradio_api/queue/data?session_hash={self.name}") as stream:
                async for line in stream.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    message = json.loads(line[6:])
                    if message.get("event_id") != event:
                        continue
                    messages.append(message)
                    if message["msg"] == "process_completed":
                        break
        return messages

    async def press_something(self, dice: random.Random, files: list[Path], score: Score) -> None:
        one = self.named(*dice.choice(HEAVY)) if dice.random() < 0.5 else dice.choice(self.presses)
        target, event = one["targets"][0]
        data = [await self._some_value(self.components[number], dice, files) for number in one["inputs"]]
        place = [dice.randrange(100), 0] if self._element(target) == "timeline" else dice.randrange(12)
        chosen = {"index": place, "value": None}
        what = f"{self._element(target)}.{event}"
        score.pressed[what] += 1
        began = time.monotonic()
        try:
            messages = await self.press(one, data, chosen if event == "select" else None)
        except TimeoutError:
            score.abandoned += 1
            return
        if event == "tick":
            score.ticks.append(time.monotonic() - began)
        last = messages[-1]
        if not last.get("success"):
            error = (last.get("output") or {}).get("error")
            if not error or error == "Error":
                score.bare.append(f"{what}: {last}")
            score.refused[str(error)[:100]] += 1

    async def _some_value(self, component: dict[str, Any], dice: random.Random, files: list[Path]) -> Any:
        props, kind = component["props"], component["type"]
        if kind == "file":
            return await self.upload(dice.choice(files))
        if kind == "slider":
            return dice.uniform(props["minimum"], props["maximum"])
        if kind == "number":
            return dice.choice([None, 1, 3, 40, -5, 1e9])
        if kind == "checkbox":
            return dice.random() < 0.5
        if kind in ("dropdown", "radio"):
            choices = [value for _, value in props.get("choices") or []]
            value = dice.choice(choices) if choices else dice.choice(["inception4c", "block10", "nonsense"])
            return [value] if props.get("multiselect") else value
        if props.get("elem_id") == "set-iterations":
            return dice.choice(["10000", "10000,10000", "2", ""])
        if kind == "textbox":
            return dice.choice(["", "10000", "0:(0), 20:(2)", "0.5 + beat", "1,2", "nonsense", "4:3", "9" * 500])
        return None


def memory(process: int) -> tuple[int, int]:
    """Bytes that a process has, and that it has together with all that it has started."""
    parents, sizes = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            sizes[int(folder.name)] = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            continue

    def is_ours(number: int) -> bool:
        return number == process or (number in parents and is_ours(parents[number]))

    return sizes[process], sum(size for number, size in sizes.items() if is_ours(number))


async def press_everything(address: str, process: int, files: list[Path]) -> tuple[Score, list[tuple[int, int]]]:
    score, sizes = Score(), [memory(process)]
    end = time.monotonic() + SECONDS
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as http:
        config = (await http.get("/config")).json()

        async def one(number: int) -> None:
            dice, page = random.Random(number), Page(http, config, f"page{number}")
            while time.monotonic() < end:
                if dice.random() < 0.05:  # reloaded
                    page = Page(http, config, f"page{number}-{dice.random()}")
                await page.press_something(dice, files, score)

        async def watch() -> None:
            while time.monotonic() < end:
                sizes.append(memory(process))
                await asyncio.sleep(0.5)

        await asyncio.gather(watch(), *(one(number) for number in range(CLIENTS)))
        await see_a_dream(Page(http, config, "afterwards"))
    sizes.append(memory(process))
    return score, sizes


async def see_a_dream(page: Page) -> None:
    """Somebody who comes afterwards drops a clip in, and looks."""
    opened = await page.press(page.named("drop", "upload"), [await page.upload(SAMPLE)])
    assert opened[-1]["success"], opened[-1]
    look = next(one for one in page.presses if one["targets"][0][1] == "input" and len(one["inputs"]) == 1
                and page._element(one["inputs"][0]) == "playhead")  # fmt: skip
    end = time.monotonic() + 180
    while time.monotonic() < end:
        try:
            messages = await page.press(look, [30])
        except TimeoutError:
            continue
        assert messages[-1]["success"], messages[-1]
        if re.search(r"\d s<", json.dumps(messages)):
            return
    raise AssertionError("it does not dream any more")


def test_twenty_people_press_everything(
    server: tuple[str, subprocess.Popen[str]], files: list[Path], tmp_path: Path
) -> None:
    address, process = server
    score, sizes = asyncio.run(press_everything(address, process.pid, files))
    own, with_renders = np.array(sizes).T / 1e9
    presses, kinds = sum(score.pressed.values()), len(score.pressed)
    print(f"\n{presses} presses of {kinds} kinds, {score.abandoned} pages closed meanwhile")
    print(f"memory: {own[0]:.2f} GB at first, {own.max():.2f} at most, {own[-1]:.2f} at the end; "
          f"with renders {with_renders.max():.2f} at most")  # fmt: skip
    if score.ticks:
        print(f"a tick of the clock: {np.median(score.ticks):.2f} s, {max(score.ticks):.2f} at most")
    for text, count in score.refused.most_common(40):
        print(f"{count:5} {text}")
    log = (tmp_path / "log").read_text()
    assert score.bare == []
    assert with_renders.max() * 1e9 < BOUND
    assert "something went wrong" not in log, log


async def play_four_times(address: str) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        config = (await http.get("/config")).json()
        pages = [Page(http, config, f"moving{number}") for number in range(4)]
        for page in pages:
            await page.press(page.named("drop", "upload"), [await page.upload(SAMPLE)])
        played = await asyncio.gather(*(page.press(page.named("move", "click"), [], None, 300) for page in pages))
        for messages in played:
            assert messages[-1]["success"], messages[-1]
            path = next(iter(re.findall(r'"path": "([^"]*motion\.webp)"', json.dumps(messages))))
            assert (await http.get(f"/gradio_api/file={path}")).headers["content-type"] == "image/webp"
        await see_a_dream(pages[0])


def test_frames_in_motion_are_played_four_times_at_once(server: tuple[str, subprocess.Popen[str]]) -> None:
    asyncio.run(play_four_times(server[0]))
