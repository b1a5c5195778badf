"""What happens when something on the page is touched. Problems become a line on the page; nothing else changes."""

from __future__ import annotations

import functools
import html
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import yaml

from dreamvid.errors import DreamvidError
from dreamvid.models import class_label
from dreamvid.presets import describe_preset, list_presets, read_preset
from dreamvid.recipe import Recipe, write_recipe
from dreamvid.settings import Settings
from dreamvid.studio.command import essential
from dreamvid.studio.controls import Control
from dreamvid.studio.guard import Limits
from dreamvid.studio.motion import render_motion
from dreamvid.studio.preview import CELL_SIDE, Previewer
from dreamvid.studio.queue import Render, RenderQueue
from dreamvid.studio.session import STYLE_KEYS, Session
from dreamvid.studio.timeline import draw_timeline, drop_key, set_key
from dreamvid.values import LayerTarget

_PATIENCE = 0.08  # seconds in which a slider that is being dragged may move on
_CELLS = 12
_PLAIN = write_recipe(Settings())
DEFAULT_LOOK = "plain"
SLOTS = 4
"""Renders that the page shows, the latest first."""


class Handlers:
    """Joins pages to sessions, the previewer and the queue."""

    def __init__(
        self, folder: Path, queue: RenderQueue, controls: tuple[Control, ...], clip: Path | None, limits: Limits
    ) -> None:
        self.folder = folder
        self.queue = queue
        self.controls = controls
        self.clip = clip
        self.limits = limits
        self.previewer = Previewer()
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def session(self, request: gr.Request) -> Session:
        """The session of the page that a request comes from."""
        with self._lock:
            key = str(request.session_hash)
            if key not in self._sessions:
                session = Session(self.folder / "handed", self.folder / "made", self.limits)
                if self.clip is not None:
                    session.open(self.clip, str(self.clip))
                self._sessions[key] = session
            return self._sessions[key]

    def close(self) -> None:
        """The studio ends: no dream is wanted any more."""
        with self._lock:
            for session in self._sessions.values():
                session.new_ticket()
        self.previewer.close()

    def forget(self, request: gr.Request) -> None:
        """A page was closed: its dreams are no longer wanted."""
        with self._lock:
            session = self._sessions.pop(str(request.session_hash), None)
        if session is not None:
            session.new_ticket()

    # Every look is (picture, status, command).

    def look(self, session: Session, problem: str = "") -> Iterator[tuple[Any, ...]]:
        """The dream of the frame as it appears."""
        ticket = session.new_ticket()
        if session.source is None:
            yield gr.skip(), _status(problem), session.command()
            return
        yield gr.skip(), _status(problem, "dreaming …"), session.command()
        time.sleep(_PATIENCE)
        began = time.perf_counter()
        try:
            settings = session.settings
            for said in self.previewer.load(settings):
                yield gr.skip(), _status(problem, str(said)), session.command()
            still = functools.partial(session.still, self.previewer)
            for shown in self.previewer.show(still, settings, lambda: session.is_wanted(ticket)):
                if not session.is_wanted(ticket):
                    return
                after = f"{time.perf_counter() - began:.1f} s"
                stage = after if shown.is_final else f"{shown.stage} … {after}"
                yield (shown.before, shown.after), _status(problem, stage), session.command()
        except DreamvidError as error:
            yield gr.skip(), _status(str(error)), session.command()

    def change(self, control: Control, value: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """A control was moved."""
        session = self.session(request)
        session.shown[control.key] = value
        if control.kind != "file" and control.text(value) == session.given.get(control.key):
            yield gr.skip(), gr.skip(), gr.skip()
            return
        try:
            session.set(control, value)
        except (DreamvidError, OSError) as error:
            yield gr.skip(), _status(str(error)), session.command()
            return
        yield from self.look(session)

    def seek(self, frame: float, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """The playhead was moved."""
        session = self.session(request)
        if session.source is not None:
            session.frame = min(max(0, round(frame or 0)), session.source.frames - 1)
        yield from self.look(session)

    def show_command(self, request: gr.Request) -> str:
        """The command line."""
        return self.session(request).command()

    def show_again(self, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Something was changed in another way, or could not be."""
        session = self.session(request)
        problem, session.problem = session.problem, ""
        yield from self.look(session, problem)

    # What changes many controls.

    def open(self, upload: str | None, request: gr.Request) -> tuple[Any, ...]:
        """A file was dropped in: (drop zone, playhead, status, timeline)."""
        session = self.session(request)
        if upload is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            said = session.open(session.keep(Path(upload)), Path(upload).name)
        except (DreamvidError, OSError) as error:
            gr.Warning(str(error))
            return None, gr.skip(), _complain(session, str(error)), gr.skip()
        if said:  # a song: what is looked at stays
            gr.Info(said)
            return None, gr.skip(), _status("", said), self.timeline(request, listen=True)
        return (*self.begin(request), _status(""), self.timeline(request))

    def begin(self, request: gr.Request) -> tuple[Any, Any]:
        """What a fresh page shows of a source: (drop zone, playhead)."""
        source = self.session(request).source
        if source is None or source.rate is None:
            return gr.skip(), gr.update(value=0, maximum=1, visible=False)
        frame = self.session(request).frame
        return gr.skip(), gr.update(value=frame, maximum=max(1, source.frames - 1), visible=True)

    def refresh(self, request: gr.Request) -> list[Any]:
        """What all controls show; files show themselves."""
        session = self.session(request)
        try:
            recipe = write_recipe(self.previewer.own_look(session.settings))
        except DreamvidError:
            return [gr.skip() for _ in self.controls]
        return [self._refreshed(session, control, recipe) for control in self.controls]

    def _refreshed(self, session: Session, control: Control, recipe: Recipe) -> Any:
        """What has to change in a control: as little as can be, since somebody may be using it."""
        update: dict[str, Any] = {}
        if control.kind == "many":
            names = self._names(session, control)
            if session.offered.get(control.key) != names:
                session.offered[control.key] = names
                update["choices"] = [(name, name) for name in names]
        value = control.shown(recipe)
        if control.kind != "file" and value != session.shown.get(control.key, control.shown(_PLAIN)):
            session.shown[control.key] = update["value"] = value
        return gr.update(**update) if update else gr.skip()

    def _names(self, session: Session, control: Control) -> list[str]:
        """What a control of layers or classes offers: what the network has; anything else may be typed."""
        if control.name == "layer":
            return [layer.name for layer in self.previewer.layers(session.settings) if "." not in layer.name]
        return list(dict.fromkeys(map(class_label, self.previewer.classes(session.settings))))

    def take_preset(self, name: str, request: gr.Request) -> Any:
        """A preset was chosen: (status)."""
        return self._merge(request, {} if name == DEFAULT_LOOK else read_preset(name, "dream"), anew=STYLE_KEYS)

    def load_look(self, upload: str | None, request: gr.Request) -> Any:
        """A file with a look was given: (status)."""
        if upload is None:
            return gr.skip()
        session = self.session(request)
        try:
            missing = session.load_look(Path(upload))
        except (DreamvidError, OSError) as error:
            gr.Warning(str(error))
            return _complain(session, str(error))
        if missing:
            return _complain(session, f"this look also wants {', '.join(missing)}: drop it in under its name")
        return _status("")

    def save_look(self, request: gr.Request) -> Any:
        """The look as a file that `--config` takes."""
        session = self.session(request)
        path = Path(tempfile.mkdtemp(dir=session.made)) / "look.yaml"
        own = {key: session.names.get(str(value), value) for key, value in essential(session.given).items()}
        path.write_text(yaml.safe_dump(own, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return gr.update(value=str(path), visible=True)

    def undo(self, request: gr.Request) -> Any:
        """Back one step: (status)."""
        return _status("") if self.session(request).undo() else _status("", "nothing to undo")

    def _merge(self, request: gr.Request, values: dict[str, Any], *, anew: Collection[str] = ()) -> Any:
        session = self.session(request)
        try:
            session.merge(values, anew=anew)
        except DreamvidError as error:
            return _complain(session, str(error))
        return _status("")

    # The explorer.

    def explore(self, what: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Fill the gallery with looks of the frame: (gallery, status)."""
        session = self.session(request)
        ticket = session.new_ticket()
        cells: list[tuple[Any, str]] = []
        session.offers = []
        anew = STYLE_KEYS if what == "presets" else ()
        try:
            still = session.still(self.previewer, CELL_SIDE)
            yield [], _status("", "exploring …")
            for caption, offer in self._offers(what, session):
                if not session.is_wanted(ticket):
                    return
                try:
                    cells.append((self.previewer.cell(still, session.trial(offer, anew=anew)), caption))
                except DreamvidError:  # such as a layer that needs more pixels than a cell has
                    continue
                session.offers.append(offer)
                yield list(cells), _status("", "exploring …")
        except DreamvidError as error:
            yield gr.skip(), _status(str(error))
            return
        yield list(cells), _status("", "click a picture to take its settings")

    def _offers(self, what: str, session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
        settings = session.settings
        if what == "presets":
            yield DEFAULT_LOOK, {}
            for name, path in list_presets().items():
                if describe_preset(path).command in ("", "dream"):
                    yield name, read_preset(name, "dream")
        elif what == "channels":
            still = session.still(self.previewer, CELL_SIDE)
            for target in self.previewer.rank_channels(still, settings, _CELLS):
                yield _caption(target), {"layer": [str(target)], "channels": None, "class": None}
        else:
            for name in self.previewer.layers_worth_a_look(settings):
                yield name, {"layer": [name], "channels": None, "class": None}

    def take(self, what: str, request: gr.Request, event: gr.SelectData) -> Any:
        """A cell was clicked: (status)."""
        session = self.session(request)
        index = int(event.index)
        if index >= len(session.offers):
            return gr.skip()
        return self._merge(request, session.offers[index], anew=STYLE_KEYS if what == "presets" else ())

    # The timeline.

    def timeline(self, request: gr.Request, *, listen: bool = False) -> Any:
        """The picture of the timeline."""
        session = self.session(request)
        try:
            track = session.track(listen=listen)
            if track is None:
                return gr.update(visible=False)
            drawn = draw_timeline(track, session.settings, session.frame)
            return gr.update(value=drawn, visible=bool(track.sound or track.cuts or session.settings.schedules))
        except DreamvidError:
            return gr.skip()

    def listen(self, request: gr.Request) -> Any:
        """The same, once sound and cuts are known."""
        return self.timeline(request, listen=True)

    def click_timeline(self, request: gr.Request, event: gr.SelectData) -> Any:
        """The playhead, where the timeline was clicked."""
        track = self.session(request).track()
        return gr.skip() if track is None else track.frame_at(float(event.index[0]))

    def show_schedule(self, key: str, request: gr.Request) -> tuple[Any, Any]:
        """Of the setting that is to vary: its text, and its value now."""
        session = self.session(request)
        control = self._control(key)
        text = session.given.get(key)
        value = control.shown(session.recipe())
        value = gr.update(value=value, minimum=control.low, maximum=control.high, step=control.step)
        return (text if isinstance(text, str) else ""), value

    def set_schedule(self, key: str, text: str, request: gr.Request) -> Any:
        """A schedule was typed: (status)."""
        return self._merge(request, {key: text.strip() or None})

    def set_key(self, key: str, value: float, request: gr.Request) -> tuple[Any, Any]:
        """Put a key at the playhead: (schedule, status)."""
        return self._edit(request, key, lambda text, frame: set_key(text, frame, value))

    def drop_key(self, key: str, request: gr.Request) -> tuple[Any, Any]:
        """Take the key at the playhead away: (schedule, status)."""
        return self._edit(request, key, drop_key)

    def _edit(self, request: gr.Request, key: str, edit: Callable[[str | None, int], str | None]) -> tuple[Any, Any]:
        session = self.session(request)
        try:
            if session.source is None or session.source.rate is None:
                raise DreamvidError("a picture has no time; drop in a clip for keyframes")
            text = edit(session.given.get(key), session.frame)
        except DreamvidError as error:
            return gr.skip(), _complain(session, str(error))
        status = self._merge(request, {key: text})
        now = session.given.get(key)
        return (now if isinstance(now, str) else ""), status

    def _control(self, key: str) -> Control:
        return next(control for control in self.controls if control.key == key)

    def motion(self, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        """Twelve frames around the playhead as they move: (picture, status)."""
        session = self.session(request)
        yield gr.skip(), _status("", "rendering 12 frames …")
        try:
            yield str(render_motion(session, self.previewer)), _status("")
        except DreamvidError as error:
            yield gr.skip(), _status(str(error))

    # Renders.

    def render(self, request: gr.Request) -> Any:
        """Put what is set in the queue: (status)."""
        session = self.session(request)
        try:
            source = session.source
            words, name = session.words(), session.output_name()
            self.queue.add(source.name if source else "", words, name)
        except (DreamvidError, OSError) as error:
            return _status(str(error))
        return _status("", "in the queue")

    def shown_renders(self) -> list[Render]:
        """Those that have a place on the page."""
        return self.queue.renders()[:SLOTS]

    def renders(self) -> list[Any]:
        """What the places show: (text, stop, resume, download) of each."""
        shown = self.shown_renders()
        updates: list[Any] = []
        for slot in range(SLOTS):
            render = shown[slot] if slot < len(shown) else None
            state = "" if render is None else render.state
            file = None if render is None else render.file
            updates += [
                gr.update(value="" if render is None else describe_render(render), visible=render is not None),
                gr.update(visible=state in ("waiting", "running")),
                gr.update(visible=state in ("cancelled", "failed")),
                gr.update(visible=file is not None, value=None if file is None else str(file)),
            ]
        return updates

    def stop_render(self, slot: int) -> None:
        """Cancel the render in a place."""
        for render in self.shown_renders()[slot : slot + 1]:
            self.queue.cancel(render.number)

    def resume_render(self, slot: int) -> None:
        """Go on with the render in a place."""
        for render in self.shown_renders()[slot : slot + 1]:
            self.queue.resume(render.number)


def describe_render(render: Render) -> str:
    """A render as a line and a bar, in HTML."""
    share = 1.0 if render.state == "done" else render.done / render.frames if render.frames else 0.0
    left = "" if render.seconds_left is None else f", {_duration(render.seconds_left)} left"
    count = f"{render.done}/{render.frames}{left}" if render.state == "running" and render.frames else render.state
    problem = f'<div class="problem">{html.escape(render.message)}</div>' if render.message else ""
    return (
        f'<div class="render"><span class="note">{count}</span>{html.escape(render.target.name)}'
        f'<div class="bar"><i style="width:{100 * share:.1f}%"></i></div>{problem}</div>'
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _caption(target: LayerTarget) -> str:
    return f"{target.name} {target.channels[0]}" if target.channels else target.name


def _complain(session: Session, problem: str) -> Any:
    """A status that stays while the picture is made anew after it."""
    session.problem = problem
    return _status(problem)


def _status(problem: str, text: str = "") -> str:
    if problem:
        return f'<p class="problem">{html.escape(problem)}</p>'
    return f"<p>{html.escape(text) or '&nbsp;'}</p>"
