"""What the page says when something cannot be done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from dreamvid.config.gallery import list_gallery
from dreamvid.config.settings import read_settings_file
from dreamvid.errors import MediaError
from dreamvid.studio.handlers import Handlers
from dreamvid.studio.keys import Keys
from dreamvid.studio.renders import Renders
from dreamvid.studio.studio import Studio
from dreamvid.studio.telling import told

PAGE: Any = SimpleNamespace(session_hash="one")
SAMPLE = Path(__file__).parents[2] / "samples" / "journey.mp4"


def statuses(studio: Studio) -> list[str]:
    """What stands under the picture while it is made anew."""
    return [status for _, status, _ in Handlers(studio).show_again(PAGE)]


def test_a_problem_stays_while_the_picture_is_made_anew_and_then_goes(studio: Studio) -> None:
    said = Keys(studio).set_schedule("strength", "0.5 + nonsense", PAGE)
    assert "nonsense" in said
    assert all("nonsense" in status for status in statuses(studio))
    assert not any("nonsense" in status for status in statuses(studio))


def test_what_is_no_clip_is_said_under_the_picture(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("#EXTM3U\n/etc/hostname\n")
    with pytest.warns(UserWarning, match=r"notes\.mp4"):  # gradio's, where there is no page to show it on
        _, _, said, _ = Handlers(studio).open(str(tmp_path / "notes.mp4"), PAGE)
    assert "notes.mp4" in said
    assert all("notes.mp4" in status for status in statuses(studio))
    assert not any((tmp_path / "handed").iterdir())


def test_a_picture_of_the_gallery_gives_its_whole_look(studio: Studio) -> None:
    session = studio.session(PAGE)
    session.merge({"class": "castle", "strength": "2"}, anew=())
    names = [look.name for look in list_gallery()]
    assert len(names) >= 25
    assert not {"guided", "sky-only", "near-and-far", "endless"} & set(names)  # those need other files, or are zooms
    said = Handlers(studio).take_gallery(SimpleNamespace(index=names.index("swarm")), PAGE)
    assert "no large octaves" in said
    recipe = read_settings_file(list_gallery()[names.index("swarm")].recipe)
    settings = session.settings
    assert (settings.octaves, settings.strength, settings.class_) == (recipe["octaves"], 1.0, None)
    assert Handlers(studio).take_gallery(SimpleNamespace(index=999), PAGE) == gr.skip()


def test_a_key_without_a_clip_is_a_problem_too(studio: Studio) -> None:
    assert "no time" in Keys(studio).set_key("strength", 1.0, PAGE)[1]
    assert all("no time" in status for status in statuses(studio))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MediaError("clip.mp4: is damaged"), "clip.mp4: is damaged"),
        (MemoryError(), "out of memory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError(), "ValueError"),
        (MediaError("x" * 10_000), "^.?x{500} ….?$"),
    ],
)
def test_an_error_says_what_it_is(error: Exception, said: str) -> None:
    @told
    def call() -> None:
        raise error

    @told
    def steps() -> Any:
        yield 1
        raise error

    with pytest.raises(gr.Error, match=said):
        call()
    with pytest.raises(gr.Error, match=said):
        list(steps())


def test_what_a_page_handed_in_goes_with_it_but_not_what_a_render_needs(studio: Studio, tmp_path: Path) -> None:
    session = studio.session(PAGE)
    session.open_upload(SAMPLE)
    kept = session.files()[0]
    studio.uploads.hold([kept], "render")
    session.close()
    assert kept.exists()
    studio.uploads.release("render")
    assert not any((tmp_path / "handed").iterdir())


def test_buttons_mean_the_render_that_was_shown_there(studio: Studio) -> None:
    studio.queue.close()  # nothing runs
    renders = Renders(studio)
    first = studio.queue.add("clip", ["x"], "a.mp4")
    key = renders.renders()[0]
    second = studio.queue.add("clip", ["x"], "b.mp4")
    renders.stop_render(key)
    states = {render.key: render.state for render in studio.queue.renders()}
    assert states[first.key] == "cancelled"
    assert states[second.key] != "cancelled"
