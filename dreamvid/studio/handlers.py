"""What happens when a control is touched, or a file is dropped in. Problems become a line; nothing else changes."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import yaml

from dreamvid.config.gallery import list_gallery
from dreamvid.config.presets import read_preset
from dreamvid.config.settings import Settings
from dreamvid.errors import DreamvidError
from dreamvid.models import class_label
from dreamvid.output.recipe import Recipe, write_recipe
from dreamvid.studio.command import essential
from dreamvid.studio.controls import Control
from dreamvid.studio.keys import draw_track
from dreamvid.studio.session import STYLE_KEYS, Session
from dreamvid.studio.studio import DEFAULT_LOOK, Studio, merge
from dreamvid.studio.telling import complain, shorten, status, told

_PATIENCE = 0.08  # seconds in which a slider that is being dragged may move on
LONGEST_LOOK = 600.0  # seconds
_TOO_LONG = "this preview takes more than ten minutes; use fewer --iterations for previews, or Render"
_PLAIN = write_recipe(Settings())


class Handlers:
    """Source, controls and looks of a page."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @told
    def forget(self, request: gr.Request) -> None:
        """A page was closed: its dreams are no longer wanted."""
        self.studio.sessions.leave(str(request.session_hash))

    # Every look is (picture, status, command).

    def look(self, session: Session, problem: str = "") -> Iterator[tuple[Any, ...]]:
        """The dream of the frame as it appears."""
        ticket, end = session.new_ticket(), time.monotonic() + LONGEST_LOOK
        if session.source is None:
            yield gr.skip(), status(problem), session.command()
            return
        yield gr.skip(), status(problem, "dreaming …"), session.command()
        time.sleep(_PATIENCE)
        began = time.perf_counter()
        try:
            settings = session.settings
            for said in self.studio.previewer.load(settings):
                yield gr.skip(), status(problem, str(said)), session.command()
            still = functools.partial(session.still, self.studio.previewer)
            wanted = functools.partial(_is_wanted, session, ticket, end)
            is_final = False
            for shown in self.studio.previewer.show(still, settings, wanted):
                if not session.is_wanted(ticket):
                    return
                is_final = shown.is_final
                after = f"{time.perf_counter() - began:.1f} s"
                stage = after if shown.is_final else f"{shown.stage} … {after}"
                yield (shown.before, shown.after), status(problem, stage), session.command()
            if not is_final and session.is_wanted(ticket):
                yield gr.skip(), status(_TOO_LONG), session.command()
        except DreamvidError as error:
            yield gr.skip(), status(str(error)), session.command()

    @told
    def change(self, control: Control, value: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """A control was moved."""
        session = self.studio.session(request)
        session.shown[control.key] = value
        if control.kind not in ("file", "files") and control.text(value) == session.given.get(control.key):
            yield gr.skip(), gr.skip(), gr.skip()
            return
        try:
            session.set(control, value)
        except DreamvidError as error:
            yield gr.skip(), status(str(error)), session.command()
            return
        yield from self.look(session)

    @told
    def seek(self, frame: float, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """The playhead was moved."""
        session = self.studio.session(request)
        if session.source is not None:
            session.frame = min(max(0, round(frame or 0)), session.source.frames - 1)
        yield from self.look(session)

    @told
    def show_command(self, request: gr.Request) -> str:
        """The command line."""
        return self.studio.session(request).command()

    @told
    def show_again(self, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Something was changed in another way, or could not be."""
        session = self.studio.session(request)
        problem, session.problem = session.problem, ""
        yield from self.look(session, problem)

    @told
    def open(self, upload: str | None, request: gr.Request) -> tuple[Any, ...]:
        """A file was dropped in: (drop zone, playhead, status, timeline)."""
        session = self.studio.session(request)
        if upload is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            said = session.open_upload(Path(upload))
        except DreamvidError as error:
            gr.Warning(shorten(str(error)))
            return None, gr.skip(), complain(session, str(error)), gr.skip()
        if said:  # a song: what is looked at stays
            gr.Info(said)
            return None, gr.skip(), status("", said), draw_track(session, listen=True)
        return (*self.begin(request), status(""), draw_track(session))

    @told
    def begin(self, request: gr.Request) -> tuple[Any, Any]:
        """What a fresh page shows of a source: (drop zone, playhead)."""
        source = self.studio.session(request).source
        if source is None or source.rate is None:
            return gr.skip(), gr.update(value=0, maximum=1, visible=False)
        frame = self.studio.session(request).frame
        return gr.skip(), gr.update(value=frame, maximum=max(1, source.frames - 1), visible=True)

    @told
    def refresh(self, request: gr.Request) -> list[Any]:
        """What all controls show; files show themselves."""
        session = self.studio.session(request)
        try:
            recipe = write_recipe(self.studio.previewer.own_look(session.settings))
        except DreamvidError:
            return [gr.skip() for _ in self.studio.controls]
        return [self._refreshed(session, control, recipe) for control in self.studio.controls]

    def _refreshed(self, session: Session, control: Control, recipe: Recipe) -> Any:
        """What has to change in a control: as little as can be, since somebody may be using it."""
        update: dict[str, Any] = {}
        if control.kind == "many":
            names = self._names(session, control)
            if session.offered.get(control.key) != names:
                session.offered[control.key] = names
                update["choices"] = [(name, name) for name in names]
        value = control.shown(recipe)
        if control.kind not in ("file", "files") and value != session.shown.get(control.key, control.shown(_PLAIN)):
            session.shown[control.key] = update["value"] = value
        return gr.update(**update) if update else gr.skip()

    def _names(self, session: Session, control: Control) -> list[str]:
        """What a control of layers or classes offers: what the network has; anything else may be typed."""
        if control.name == "layer":
            return [layer.name for layer in self.studio.previewer.layers(session.settings) if "." not in layer.name]
        return list(dict.fromkeys(map(class_label, self.studio.previewer.classes(session.settings))))

    @told
    def take_preset(self, name: str, request: gr.Request) -> Any:
        """A preset was chosen: (status)."""
        values = {} if name == DEFAULT_LOOK else read_preset(name, "dream")
        return merge(self.studio.session(request), values, anew=STYLE_KEYS)

    @told
    def take_gallery(self, event: gr.SelectData, request: gr.Request) -> Any:
        """A picture of the gallery was chosen: (status)."""
        session, looks = self.studio.session(request), list_gallery()
        index = int(event.index)
        if index >= len(looks):
            return gr.skip()
        try:
            session.load_look(looks[index].recipe)
        except DreamvidError as error:
            return complain(session, str(error))
        return status("", looks[index].about)

    @told
    def load_look(self, upload: str | None, request: gr.Request) -> Any:
        """A file with a look was given: (status)."""
        if upload is None:
            return gr.skip()
        session = self.studio.session(request)
        try:
            missing = session.load_look(Path(upload))
        except DreamvidError as error:
            gr.Warning(shorten(str(error)))
            return complain(session, str(error))
        if missing:
            return complain(session, f"this look also needs {', '.join(missing)}; drop it in under this name")
        return status("")

    @told
    def save_look(self, request: gr.Request) -> Any:
        """The look as a file that `--config` takes."""
        session = self.studio.session(request)
        path = Path(tempfile.mkdtemp(dir=session.made)) / "look.yaml"
        own = {key: session.names.get(str(value), value) for key, value in essential(session.given).items()}
        path.write_text(yaml.safe_dump(own, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return gr.update(value=str(path), visible=True)

    @told
    def undo(self, request: gr.Request) -> Any:
        """Back one step: (status)."""
        return status("") if self.studio.session(request).undo() else status("", "nothing to undo")


def _is_wanted(session: Session, ticket: int, end: float) -> bool:
    return session.is_wanted(ticket) and time.monotonic() < end
