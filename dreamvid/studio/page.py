"""What calls what on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dreamvid.studio.beats import BeatEditor
from dreamvid.studio.controls import Control
from dreamvid.studio.explorer import Explorer
from dreamvid.studio.handlers import Handlers
from dreamvid.studio.keys import Keys
from dreamvid.studio.layout import (
    BeatWidgets,
    KeyWidgets,
    Side,
    Slot,
    Stage,
    build_beats,
    build_controls,
    build_explorer,
    build_files,
    build_keys,
    build_renders,
    build_stage,
    list_looks,
)
from dreamvid.studio.renders import Renders
from dreamvid.studio.studio import DEFAULT_LOOK, Studio

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_STREAM: dict[str, Any] = {**_QUIET, "concurrency_limit": None, "trigger_mode": "multiple"}


def build_page(studio: Studio) -> gr.Blocks:
    """The whole page."""
    handlers, explorer, keys, renders = Handlers(studio), Explorer(studio), Keys(studio), Renders(studio)
    page: gr.Blocks
    with gr.Blocks(title="dreamvid studio", analytics_enabled=False, fill_width=True) as page:
        gr.HTML("<h1>dreamvid<span>studio</span></h1>", elem_id="heading")
        with gr.Row(equal_height=False, elem_id="all"):
            with gr.Column(scale=7, min_width=560, elem_id="stage"):
                stage = build_stage()
                render = gr.Button("Render", variant="primary", size="md", elem_id="render")
                slots = build_renders()
            with gr.Column(scale=3, min_width=380, elem_id="side"):
                drop = gr.File(label="Clip, picture or song", file_count="single", height=76, elem_id="drop")
                with gr.Row(elem_id="preset-row"):
                    preset = gr.Dropdown(list_looks(), value=DEFAULT_LOOK, label="Preset", elem_id="preset", scale=4)
                    undo = gr.Button("Undo", elem_id="undo", size="sm", scale=1, min_width=80)
                side = Side(drop, preset, undo)
                with gr.Tabs():
                    with gr.Tab("Look"):
                        side.widgets = build_controls(studio.controls)
                        files = build_files()
                    with gr.Tab("Explore"):
                        cells = build_explorer()
                    with gr.Tab("Timeline") as tab:
                        key_widgets = build_keys(studio.controls)
                        beats = build_beats()
                    with gr.Tab("Motion"):
                        moving = gr.Image(label="12 frames", show_label=False, interactive=False, elem_id="moving")
                        move = gr.Button("Play 12 frames around the playhead", size="md", elem_id="move")
        refresh = _Refresh(handlers, keys, stage, side)
        _join_source(page, handlers, keys, stage, side)
        _join_controls(handlers, refresh, files)
        _join_explorer(explorer, refresh, *cells)
        _join_keys(keys, refresh, tab, key_widgets)
        _join_beats(BeatEditor(studio), refresh, tab, beats)
        move.click(renders.motion, None, [moving, stage.status], **_STREAM)
        _join_renders(page, renders, stage, render, slots)
        page.unload(handlers.forget)
    return page


def _join_source(page: gr.Blocks, handlers: Handlers, keys: Keys, stage: Stage, side: Side) -> None:
    source = [side.drop, stage.playhead]
    page.load(handlers.begin, None, source, **_QUIET).then(
        keys.timeline, None, stage.timeline, **_QUIET
    ).then(handlers.refresh, None, side.widgets, **_QUIET).then(handlers.show_again, None, stage.look, **_STREAM)
    opened = side.drop.upload(handlers.open, side.drop, [*source, stage.status, stage.timeline], **_QUIET)
    opened.success(handlers.show_again, None, stage.look, **_STREAM)
    stage.playhead.input(handlers.seek, stage.playhead, stage.look, **_STREAM)
    stage.playhead.release(keys.timeline, None, stage.timeline, **_QUIET)
    moved = stage.timeline.select(keys.click_timeline, None, stage.playhead, **_QUIET)
    moved.then(handlers.seek, stage.playhead, stage.look, **_STREAM)
    moved.then(keys.timeline, None, stage.timeline, **_QUIET)


@dataclass(frozen=True)
class _Refresh:
    """Brings up to date what is shown after a change of many settings."""

    handlers: Handlers
    keys: Keys
    stage: Stage
    side: Side

    def after(self, event: Any) -> None:
        """All controls, the timeline, and then the picture."""
        event.then(self.handlers.refresh, None, self.side.widgets, **_QUIET)
        event.then(self.keys.timeline, None, self.stage.timeline, **_QUIET)
        event.then(self.handlers.show_again, None, self.stage.look, **_STREAM)


def _join_controls(
    handlers: Handlers, refresh: _Refresh, files: tuple[gr.Button, gr.DownloadButton, gr.File]
) -> None:
    stage, side = refresh.stage, refresh.side
    for control, widget in zip(handlers.studio.controls, side.widgets, strict=True):
        change = _change(handlers, control)
        match control.kind:
            case "file" | "files":
                triggers = [widget.upload, widget.clear]
            case "text":
                triggers = [widget.submit, widget.blur]
            case "many":  # a name that is typed causes no `input`
                triggers = [widget.change]
            case _:
                triggers = [widget.input]
        changed = gr.on(triggers, change, widget, stage.look, **_STREAM)
        if control.brings_look:
            changed.then(handlers.refresh, None, side.widgets, **_QUIET)
    refresh.after(side.preset.input(handlers.take_preset, side.preset, stage.status, **_QUIET))
    refresh.after(side.undo.click(handlers.undo, None, stage.status, **_QUIET))
    side.undo.click(_nothing, None, side.preset, **_QUIET)
    save, saved, load = files
    refresh.after(load.upload(handlers.load_look, load, stage.status, **_QUIET))
    save.click(handlers.save_look, None, saved, **_QUIET)


def _change(handlers: Handlers, control: Control) -> Any:
    # No partial: gradio looks for the request in the signature.
    def change(value: Any, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        yield from handlers.change(control, value, request)

    return change


def _join_explorer(
    explorer: Explorer, refresh: _Refresh, what: gr.Radio, explore: gr.Button, cells: gr.Gallery
) -> None:
    explore.click(explorer.explore, what, [cells, refresh.stage.status], **_STREAM)
    refresh.after(cells.select(explorer.take, what, refresh.stage.status, **_QUIET))


def _join_keys(handlers: Keys, refresh: _Refresh, tab: gr.Tab, keys: KeyWidgets) -> None:
    stage = refresh.stage
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
        refresh.after(event)


def _join_beats(editor: BeatEditor, refresh: _Refresh, tab: gr.Tab, beats: BeatWidgets) -> None:
    stage = refresh.stage
    shown = [stage.timeline, beats.file, stage.status]
    tab.select(editor.show_file, None, beats.file, **_QUIET)
    for event in (
        beats.half.click(editor.half, None, shown, **_QUIET),
        beats.double.click(editor.double, None, shown, **_QUIET),
        beats.one.click(editor.set_one, None, shown, **_QUIET),
        beats.count.submit(editor.set_count, beats.count, shown, **_QUIET),
        beats.move.click(editor.move, beats.shift, shown, **_QUIET),
        beats.found.click(editor.find_again, None, shown, **_QUIET),
    ):
        event.then(refresh.handlers.show_again, None, stage.look, **_STREAM)


def _join_renders(page: gr.Blocks, renders: Renders, stage: Stage, render: gr.Button, slots: Sequence[Slot]) -> None:
    parts = [part for slot in slots for part in slot.parts]
    render.click(renders.render, None, stage.status, **_QUIET).then(renders.renders, None, parts, **_QUIET)
    gr.Timer(1.0).tick(renders.renders, None, parts, **_QUIET)
    page.load(renders.renders, None, parts, **_QUIET)
    for slot in slots:
        for button, act in ((slot.stop, renders.stop_render), (slot.resume, renders.resume_render)):
            button.click(act, slot.key, None, **_QUIET).then(renders.renders, None, parts, **_QUIET)


def _nothing() -> None:
    return None
