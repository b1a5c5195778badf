"""The timeline, and keys for what changes over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from dreamvid.errors import DreamvidError
from dreamvid.studio.controls import Control
from dreamvid.studio.session import Session
from dreamvid.studio.studio import Studio, merge
from dreamvid.studio.telling import complain, told
from dreamvid.studio.timeline import draw_timeline, drop_key, set_key


def draw_track(session: Session, *, listen: bool = False) -> Any:
    """The picture of the timeline; with `listen`, once sound and cuts are known."""
    try:
        track = session.track(listen=listen)
        if track is None:
            return gr.update(visible=False)
        drawn = draw_timeline(track, session.settings, session.frame)
        return gr.update(value=drawn, visible=bool(track.sound or track.cuts or session.settings.schedules))
    except DreamvidError:  # of the settings, which say so in their place
        return gr.skip()


class Keys:
    """What happens on the timeline and on the tab of that name."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @told
    def timeline(self, request: gr.Request) -> Any:
        """The picture of the timeline."""
        return draw_track(self.studio.session(request))

    @told
    def listen(self, request: gr.Request) -> Any:
        """The same, once sound and cuts are known."""
        return draw_track(self.studio.session(request), listen=True)

    @told
    def click_timeline(self, request: gr.Request, event: gr.SelectData) -> Any:
        """The playhead, where the timeline was clicked."""
        track = self.studio.session(request).track()
        return gr.skip() if track is None else track.frame_at(float(event.index[0]))

    @told
    def show_schedule(self, key: str, request: gr.Request) -> tuple[Any, Any]:
        """Of the setting that is to vary: its text, and its value now."""
        session = self.studio.session(request)
        control = self._control(key)
        text = session.given.get(key)
        value = control.shown(session.recipe())
        value = gr.update(value=value, minimum=control.low, maximum=control.high, step=control.step)
        return (text if isinstance(text, str) else ""), value

    @told
    def set_schedule(self, key: str, text: str, request: gr.Request) -> Any:
        """A schedule was typed: (status)."""
        return merge(self.studio.session(request), {key: text.strip() or None})

    @told
    def set_key(self, key: str, value: float, request: gr.Request) -> tuple[Any, Any]:
        """Put a key at the playhead: (schedule, status)."""
        return self._edit(request, key, lambda text, frame: set_key(text, frame, value))

    @told
    def drop_key(self, key: str, request: gr.Request) -> tuple[Any, Any]:
        """Take the key at the playhead away: (schedule, status)."""
        return self._edit(request, key, drop_key)

    def _edit(self, request: gr.Request, key: str, edit: Callable[[str | None, int], str | None]) -> tuple[Any, Any]:
        session = self.studio.session(request)
        try:
            if session.source is None or session.source.rate is None:
                raise DreamvidError("a picture has no time; drop in a clip for keyframes")
            text = edit(session.given.get(key), session.frame)
        except DreamvidError as error:
            return gr.skip(), complain(session, str(error))
        status = merge(session, {key: text})
        now = session.given.get(key)
        return (now if isinstance(now, str) else ""), status

    def _control(self, key: str) -> Control:
        return next(control for control in self.studio.controls if control.key == key)
