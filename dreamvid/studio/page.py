"""How the page is laid out, and what calls what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from dreamvid.presets import describe_preset, list_presets
from dreamvid.studio.controls import Control
from dreamvid.studio.handlers import DEFAULT_LOOK, SLOTS, Handlers

_OPEN_AT_FIRST = ("Network", "Look")
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_STREAM: dict[str, Any] = {**_QUIET, "concurrency_limit": None, "trigger_mode": "multiple"}


@dataclass
class _Stage:
    """The left side: what is looked at."""

    picture: gr.ImageSlider
    playhead: gr.Slider
    timeline: gr.Image
    status: gr.HTML
    command: gr.Textbox

    @property
    def look(self) -> list[Any]:
        """What a look at the dream brings up to date."""
        return [self.picture, self.status, self.command]


@dataclass
class _Side:
    """The right side: what is touched."""

    drop: gr.File
    preset: gr.Dropdown
    undo: gr.Button
    widgets: list[Any] = field(default_factory=list)


def build_page(handlers: Handlers) -> gr.Blocks:
    """The whole page."""
    page: gr.Blocks
    with gr.Blocks(title="dreamvid studio", analytics_enabled=False, fill_width=True) as page:
        gr.HTML("<h1>dreamvid<span>studio</span></h1>", elem_id="heading")
        with gr.Row(equal_height=False, elem_id="all"):
            with gr.Column(scale=7, min_width=560, elem_id="stage"):
                stage = _build_stage()
                render = gr.Button("Render", variant="primary", size="md", elem_id="render")
                slots = _build_renders()
            with gr.Column(scale=3, min_width=380, elem_id="side"):
                drop = gr.File(label="Clip, picture or song", file_count="single", height=76, elem_id="drop")
                with gr.Row(elem_id="preset-row"):
                    preset = gr.Dropdown(_presets(), value=DEFAULT_LOOK, label="Preset", elem_id="preset", scale=4)
                    undo = gr.Button("Undo", elem_id="undo", size="sm", scale=1, min_width=80)
                side = _Side(drop, preset, undo)
                with gr.Tabs():
                    with gr.Tab("Look"):
                        side.widgets = _build_controls(handlers.controls)
                        files = _build_files()
                    with gr.Tab("Explore"):
                        explorer = _build_explorer()
                    with gr.Tab("Timeline") as tab:
                        keys = _build_keys(handlers.controls)
                    with gr.Tab("Motion"):
                        moving = gr.Image(label="12 frames", show_label=False, interactive=False, elem_id="moving")
                        move = gr.Button("Play 12 frames around the playhead", size="md", elem_id="move")
        _join_source(page, handlers, stage, side)
        _join_controls(handlers, stage, side, files)
        _join_explorer(handlers, stage, side, *explorer)
        _join_keys(handlers, stage, side, tab, keys)
        move.click(handlers.motion, None, [moving, stage.status], **_STREAM)
        _join_renders(page, handlers, stage, render, slots)
        page.unload(handlers.forget)
    return page


def _build_stage() -> _Stage:
    return _Stage(
        gr.ImageSlider(
            label="before and after", show_label=False, interactive=False, elem_id="picture", buttons=[],
            height="min(54vh, 34vw)", max_height=1200, container=False,
        ),
        gr.Slider(0, 1, step=1, show_label=False, visible=False, elem_id="playhead", container=False, buttons=[]),
        gr.Image(show_label=False, interactive=False, elem_id="timeline", buttons=[], container=False, visible=False),
        gr.HTML("&nbsp;", elem_id="status"),
        gr.Textbox(
            label="The same on the command line", lines=1, max_lines=4, interactive=False, buttons=["copy"],
            elem_id="command",
        ),
    )


def _presets() -> list[str]:
    return [DEFAULT_LOOK, *(n for n, path in list_presets().items() if describe_preset(path).command in ("", "dream"))]


def _build_controls(controls: Sequence[Control]) -> list[Any]:
    """One widget for each control, under the headings of `--help`."""
    widgets: list[Any] = []
    for heading in dict.fromkeys(control.heading for control in controls):
        with gr.Accordion(heading, open=heading in _OPEN_AT_FIRST):
            widgets += [_widget(control) for control in controls if control.heading == heading]
    return widgets


def _widget(control: Control) -> Any:
    common: dict[str, Any] = {
        "label": control.label, "info": control.help, "elem_id": f"set-{control.key}", "interactive": True,
    }  # fmt: skip
    value = control.shown({} if control.default in (None, False) else {control.key: _default_text(control)})
    match control.kind:
        case "switch":
            return gr.Checkbox(value=value, **common)
        case "choice":
            return gr.Dropdown(list(control.choices), value=value, **common)
        case "many":
            return gr.Dropdown([], value=value, multiselect=True, allow_custom_value=True, **common)
        case "slider":
            return gr.Slider(control.low or 0, control.high or 0, value=value, step=control.step, buttons=[], **common)
        case "number":
            limits: dict[str, Any] = {"minimum": control.low, "maximum": control.high}
            return gr.Number(value=value, step=control.step or 0.01, placeholder="", **limits, **common)
        case "file":
            del common["info"]
            return gr.File(file_count="single", height=62, **common)
        case _:
            return gr.Textbox(value=value, placeholder=control.metavar, max_lines=1, **common)


def _default_text(control: Control) -> str:
    default = control.default
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _build_files() -> tuple[gr.Button, gr.DownloadButton, gr.File]:
    with gr.Accordion("Save and load", open=False):
        save = gr.Button("Save this look", elem_id="save-look", size="sm")
        saved = gr.DownloadButton("Download look.yaml", elem_id="saved-look", size="sm", visible=False)
        load = gr.File(label="Load a look: a saved one, a finished film or its sidecar", height=72, elem_id="load-look")
    return save, saved, load


def _build_explorer() -> tuple[gr.Radio, gr.Button, gr.Gallery]:
    kinds = ["layers", "channels", "presets"]
    what = gr.Radio(kinds, value="layers", show_label=False, container=False, elem_id="what")
    explore = gr.Button("Explore this frame", size="md", elem_id="explore")
    cells = gr.Gallery(
        show_label=False, columns=3, allow_preview=False, interactive=False, buttons=[], elem_id="cells",
        object_fit="cover", height="auto", container=False,
    )  # fmt: skip
    return what, explore, cells


@dataclass
class _Keys:
    setting: gr.Dropdown
    value: gr.Slider
    put: gr.Button
    drop: gr.Button
    text: gr.Textbox


def _build_keys(controls: Sequence[Control]) -> _Keys:
    varying = [control for control in controls if control.kind == "slider"]
    first = varying[0]
    setting = gr.Dropdown([one.key for one in varying], value=first.key, label="What changes", elem_id="key-setting")
    value = gr.Slider(
        first.low or 0, first.high or 0, value=first.default, step=first.step, label="Value at the playhead",
        elem_id="key-value", buttons=[],
    )  # fmt: skip
    with gr.Row():
        put = gr.Button("Set key", elem_id="set-key", size="sm")
        drop = gr.Button("Remove key", elem_id="drop-key", size="sm")
    text = gr.Textbox(
        label="Over time", placeholder="0:(0.2), 48:(1.0)  or  0.6 + 0.4*beat", lines=2, elem_id="schedule",
        info="Keys, or an expression over t, f, rms, bass, mid, high, onset, beat",
    )  # fmt: skip
    return _Keys(setting, value, put, drop, text)


@dataclass
class _Slot:
    text: gr.HTML
    stop: gr.Button
    resume: gr.Button
    download: gr.DownloadButton

    @property
    def parts(self) -> list[Any]:
        """In the order of `Handlers.renders`."""
        return [self.text, self.stop, self.resume, self.download]


def _build_renders() -> list[_Slot]:
    slots = []
    for number in range(SLOTS):
        with gr.Row(equal_height=True, elem_classes="quiet-row"):
            slots.append(
                _Slot(
                    gr.HTML(visible=False, elem_id=f"render-{number}"),
                    gr.Button("Cancel", size="sm", visible=False, scale=0, min_width=96, elem_id=f"stop-{number}"),
                    gr.Button("Resume", size="sm", visible=False, scale=0, min_width=96, elem_id=f"resume-{number}"),
                    gr.DownloadButton(
                        "Download", size="sm", visible=False, scale=0, min_width=96, elem_id=f"download-{number}"
                    ),
                )
            )
    return slots


def _join_source(page: gr.Blocks, handlers: Handlers, stage: _Stage, side: _Side) -> None:
    source = [side.drop, stage.playhead]
    page.load(handlers.begin, None, source, **_QUIET).then(
        handlers.timeline, None, stage.timeline, **_QUIET
    ).then(handlers.refresh, None, side.widgets, **_QUIET).then(handlers.show_again, None, stage.look, **_STREAM)
    opened = side.drop.upload(handlers.open, side.drop, [*source, stage.status, stage.timeline], **_QUIET)
    opened.success(handlers.show_again, None, stage.look, **_STREAM)
    stage.playhead.input(handlers.seek, stage.playhead, stage.look, **_STREAM)
    stage.playhead.release(handlers.timeline, None, stage.timeline, **_QUIET)
    moved = stage.timeline.select(handlers.click_timeline, None, stage.playhead, **_QUIET)
    moved.then(handlers.seek, stage.playhead, stage.look, **_STREAM)
    moved.then(handlers.timeline, None, stage.timeline, **_QUIET)


def _join_controls(
    handlers: Handlers, stage: _Stage, side: _Side, files: tuple[gr.Button, gr.DownloadButton, gr.File]
) -> None:
    for control, widget in zip(handlers.controls, side.widgets, strict=True):
        change = _change(handlers, control)
        match control.kind:
            case "file":
                triggers = [widget.upload, widget.clear]
            case "text":
                triggers = [widget.submit, widget.blur]
            case "many":  # a name that is typed causes no `input`
                triggers = [widget.change]
            case _:
                triggers = [widget.input]
        changed = gr.on(triggers, change, widget, stage.look, **_STREAM)
        if control.name in ("model", "layer"):  # which have a look of their own
            changed.then(handlers.refresh, None, side.widgets, **_QUIET)
    _refresh_after(
        side.preset.input(handlers.take_preset, side.preset, stage.status, **_QUIET), handlers, stage, side
    )
    _refresh_after(side.undo.click(handlers.undo, None, stage.status, **_QUIET), handlers, stage, side)
    side.undo.click(_nothing, None, side.preset, **_QUIET)
    save, saved, load = files
    _refresh_after(load.upload(handlers.load_look, load, stage.status, **_QUIET), handlers, stage, side)
    save.click(handlers.save_look, None, saved, **_QUIET)


def _change(handlers: Handlers, control: Control) -> Any:
    # No partial: gradio looks for the request in the signature.
    def change(value: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        yield from handlers.change(control, value, request)

    return change


def _refresh_after(event: Any, handlers: Handlers, stage: _Stage, side: _Side) -> None:
    """Bring all controls up to date, the timeline, and then the picture."""
    event.then(handlers.refresh, None, side.widgets, **_QUIET)
    event.then(handlers.timeline, None, stage.timeline, **_QUIET)
    event.then(handlers.show_again, None, stage.look, **_STREAM)


def _join_explorer(
    handlers: Handlers, stage: _Stage, side: _Side, what: gr.Radio, explore: gr.Button, cells: gr.Gallery
) -> None:
    explore.click(handlers.explore, what, [cells, stage.status], **_STREAM)
    _refresh_after(cells.select(handlers.take, what, stage.status, **_QUIET), handlers, stage, side)


def _join_keys(handlers: Handlers, stage: _Stage, side: _Side, tab: gr.Tab, keys: _Keys) -> None:
    shown = [keys.text, keys.value]
    tab.select(handlers.show_schedule, keys.setting, shown, **_QUIET)
    tab.select(handlers.listen, None, stage.timeline, **_QUIET)
    keys.setting.input(handlers.show_schedule, keys.setting, shown, **_QUIET)
    edited = [
        keys.put.click(handlers.set_key, [keys.setting, keys.value], [keys.text, stage.status], **_QUIET),
        keys.drop.click(handlers.drop_key, keys.setting, [keys.text, stage.status], **_QUIET),
        keys.text.submit(handlers.set_schedule, [keys.setting, keys.text], stage.status, **_QUIET),
        keys.text.blur(handlers.set_schedule, [keys.setting, keys.text], stage.status, **_QUIET),
    ]
    for event in edited:
        _refresh_after(event, handlers, stage, side)


def _join_renders(
    page: gr.Blocks, handlers: Handlers, stage: _Stage, render: gr.Button, slots: Sequence[_Slot]
) -> None:
    parts = [part for slot in slots for part in slot.parts]
    render.click(handlers.render, None, stage.status, **_QUIET).then(handlers.renders, None, parts, **_QUIET)
    gr.Timer(1.0).tick(handlers.renders, None, parts, **_QUIET)
    page.load(handlers.renders, None, parts, **_QUIET)
    for number, slot in enumerate(slots):
        for button, act in ((slot.stop, handlers.stop_render), (slot.resume, handlers.resume_render)):
            pressed = button.click(_press(act, number), None, None, **_QUIET)
            pressed.then(handlers.renders, None, parts, **_QUIET)


def _nothing() -> None:
    return None


def _press(act: Callable[[int], None], number: int) -> Callable[[], None]:
    def press() -> None:
        act(number)

    return press
