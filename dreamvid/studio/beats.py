"""Beats that were found wrongly are corrected on the timeline, and the picture follows the corrected ones."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dreamvid.config.sound import GridSettings
from dreamvid.errors import DreamvidError
from dreamvid.studio.keys import draw_track
from dreamvid.studio.session import Session
from dreamvid.studio.studio import Studio
from dreamvid.studio.telling import complain, status, told


class BeatEditor:
    """What happens below the keys, on the tab Timeline. Every answer is (timeline, file of the beats, status)."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @told
    def half(self, request: gr.Request) -> tuple[Any, Any, Any]:
        """Half as many beats."""
        return self._correct(request, tempo="half")

    @told
    def double(self, request: gr.Request) -> tuple[Any, Any, Any]:
        """Twice as many beats."""
        return self._correct(request, tempo="double")

    @told
    def set_one(self, request: gr.Request) -> tuple[Any, Any, Any]:
        """The beat nearest to the playhead begins a bar."""
        session = self.studio.session(request)
        rate = session.source.rate if session.source is not None else None
        if rate is None:
            return _answer(session, "a picture has no time; drop in a clip for beats")
        try:
            seconds = float(session.frame / rate) - session.settings.offset
        except DreamvidError as error:
            return _answer(session, str(error))
        return self._correct(request, downbeat=max(0.0, seconds))

    @told
    def set_count(self, count: float | None, request: gr.Request) -> tuple[Any, Any, Any]:
        """So many beats in each bar."""
        return (gr.skip(), gr.skip(), gr.skip()) if not count else self._correct(request, beats_per_bar=count)

    @told
    def move(self, milliseconds: float | None, request: gr.Request) -> tuple[Any, Any, Any]:
        """All beats later, or earlier."""
        return self._correct(request, shift_beats=(milliseconds or 0) / 1000)

    @told
    def find_again(self, request: gr.Request) -> tuple[Any, Any, Any]:
        """The beats as the sound has them."""
        session = self.studio.session(request)
        try:
            session.merge({"beats": None})
        except DreamvidError as error:
            return _answer(session, str(error))
        return _answer(session)

    @told
    def show_file(self, request: gr.Request) -> Any:
        """The button that hands out the file of the beats."""
        return offer_beats(self.studio.session(request))

    def _correct(self, request: gr.Request, **edit: Any) -> tuple[Any, Any, Any]:
        session = self.studio.session(request)
        try:
            session.correct_beats(GridSettings(**edit))
        except DreamvidError as error:
            return _answer(session, str(error))
        return _answer(session)


def _answer(session: Session, problem: str = "") -> tuple[Any, Any, Any]:
    if problem:
        return gr.skip(), gr.skip(), complain(session, problem)
    return draw_track(session, listen=True), offer_beats(session), status("")


def offer_beats(session: Session) -> Any:
    """The button that hands out the file of the beats, where there is one."""
    path = session.offer_beats()
    return gr.update(visible=path is not None, value=None if path is None else str(path))
