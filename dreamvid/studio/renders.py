"""Films, and a few frames in motion: what happens when they are asked for, stopped and resumed."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from dreamvid.errors import DreamvidError
from dreamvid.studio.motion import render_motion
from dreamvid.studio.queue import Render
from dreamvid.studio.studio import Studio
from dreamvid.studio.telling import status, told
from dreamvid.studio.turns import NoLongerWantedError, Turns

SLOTS = 4
"""Renders that the page shows, the latest first."""


class Renders:
    """What happens around the render queue, and on the tab Motion."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._moving = Turns()
        self._served: set[Path] = set()

    @told
    def motion(self, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        """Twelve frames around the playhead as they move, for one page at a time: (picture, status)."""
        session = self.studio.session(request)
        ticket = session.new_motion_ticket()
        yield gr.skip(), status("", "rendering 12 frames …")
        try:
            with self._moving.turn(lambda: session.is_motion_wanted(ticket)) as turn:
                picture = render_motion(session, self.studio.previewer, turn.is_wanted)
            yield str(picture), status("")
        except DreamvidError as error:
            yield gr.skip(), status(str(error))
        except NoLongerWantedError:
            return

    @told
    def render(self, request: gr.Request) -> Any:
        """Put what is set in the queue: (status)."""
        session = self.studio.session(request)
        try:
            source = session.source
            words, name, files = session.words(), session.output_name(), session.files()
            render = self.studio.queue.add(source.name if source else "", words, name, session.key)
        except DreamvidError as error:
            return status(str(error))
        self.studio.uploads.hold(files, render.key)
        return status("", "queued")

    @told
    def renders(self) -> list[Any]:
        """What the places show: (key, text, stop, resume, download) of each."""
        shown = self.studio.queue.renders()[:SLOTS]
        updates: list[Any] = []
        for slot in range(SLOTS):
            render = shown[slot] if slot < len(shown) else None
            state = "" if render is None else render.state
            file = None if render is None else self._serve(render.file)
            updates += [
                "" if render is None else render.key,
                gr.update(value="" if render is None else describe_render(render), visible=render is not None),
                gr.update(visible=state in ("waiting", "running")),
                gr.update(visible=state in ("cancelled", "failed")),
                gr.update(visible=file is not None, value=None if file is None else str(file)),
            ]
        return updates

    def _serve(self, film: Path | None) -> Path | None:
        """See that a film may be fetched, alone of what is in its folder, and from there: films are large to copy."""
        film = None if film is None else film.resolve()
        if film is not None and film not in self._served:
            self._served.add(film)
            gr.set_static_paths([film])
        return film

    @told
    def stop_render(self, key: str) -> None:
        """Cancel the render that the page has shown there."""
        self.studio.queue.cancel(key)

    @told
    def resume_render(self, key: str) -> None:
        """Resume the render that the page has shown there."""
        self.studio.queue.resume(key)


def describe_render(render: Render) -> str:
    """A render as a line and a bar, in HTML."""
    share = 1.0 if render.state == "done" else render.done / render.frames if render.frames else 0.0
    left = "" if render.seconds_left is None else f", {_duration(render.seconds_left)} left"
    count = f"{render.done}/{render.frames}{left}" if render.state == "running" and render.frames else render.state
    if render.state == "waiting" and render.done:
        count = f"waiting at {render.done}/{render.frames} while others have their turn"
    problem = f'<div class="problem">{html.escape(render.message)}</div>' if render.message else ""
    return (
        f'<div class="render"><span class="note">{count}</span>{html.escape(render.target.name)}'
        f'<div class="bar"><i style="width:{100 * share:.1f}%"></i></div>{problem}</div>'
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
