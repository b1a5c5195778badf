"""What there is on the page, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from dreamvid.config.presets import describe_preset, list_presets
from dreamvid.studio.controls import Control, list_corrections
from dreamvid.studio.renders import SLOTS
from dreamvid.studio.studio import DEFAULT_LOOK

_OPEN_AT_FIRST = ("Network", "Look")


@dataclass
class Stage:
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
class Side:
    """The right side: what is touched."""

    drop: gr.File
    preset: gr.Dropdown
    undo: gr.Button
    widgets: list[Any] = field(default_factory=list)


def build_stage() -> Stage:
    """The left side."""
    return Stage(
        gr.ImageSlider(
            label="before and after", show_label=False, interactive=False, elem_id="picture", buttons=[],
            height="min(54vh, 34vw)", max_height=1200, container=False,
        ),
        gr.Slider(0, 1, step=1, show_label=False, visible=False, elem_id="playhead", container=False, buttons=[]),
        gr.Image(show_label=False, interactive=False, elem_id="timeline", buttons=[], container=False, visible=False),
        gr.HTML("&nbsp;", elem_id="status"),
        gr.Textbox(
            label="Equivalent command line", lines=1, max_lines=4, interactive=False, buttons=["copy"],
            elem_id="command",
        ),
    )


def list_looks() -> list[str]:
    """The names of the looks to begin with."""
    return [DEFAULT_LOOK, *(n for n, path in list_presets().items() if describe_preset(path).command in ("", "dream"))]


def build_controls(controls: Sequence[Control]) -> list[Any]:
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
            return gr.Dropdown(list(control.choices), value=value, allow_custom_value=control.free, **common)
        case "many":
            return gr.Dropdown([], value=value, multiselect=True, allow_custom_value=True, **common)
        case "slider":
            return gr.Slider(control.low or 0, control.high or 0, value=value, step=control.step, buttons=[], **common)
        case "number":
            # Without bounds: what is beyond them is said by the settings, which name the flag.
            return gr.Number(value=value, step=control.step or 0.01, placeholder="", **common)
        case "file":
            del common["info"]
            return gr.File(file_count="single", height=62, **common)
        case "files":
            del common["info"]
            return gr.File(file_count="multiple", height=62, **common)
        case _:
            return gr.Textbox(value=value, placeholder=control.metavar, max_lines=1, **common)


def _default_text(control: Control) -> str:
    default = control.default
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def build_files() -> tuple[gr.Button, gr.DownloadButton, gr.File]:
    """Where looks are saved and loaded."""
    with gr.Accordion("Save and load", open=False):
        save = gr.Button("Save this look", elem_id="save-look", size="sm")
        saved = gr.DownloadButton("Download look.yaml", elem_id="saved-look", size="sm", visible=False)
        load = gr.File(
            label="Load a look (a saved one, a finished film or its sidecar)", height=72, elem_id="load-look"
        )
    return save, saved, load


def build_explorer() -> tuple[gr.Radio, gr.Button, gr.Gallery]:
    """What to explore, the button, and the gallery."""
    kinds = ["layers", "channels", "presets"]
    what = gr.Radio(kinds, value="layers", show_label=False, container=False, elem_id="what")
    explore = gr.Button("Explore this frame", size="md", elem_id="explore")
    cells = gr.Gallery(
        show_label=False, columns=3, allow_preview=False, interactive=False, buttons=[], elem_id="cells",
        object_fit="cover", height="auto", container=False,
    )  # fmt: skip
    return what, explore, cells


@dataclass
class KeyWidgets:
    """The widgets of the tab Timeline."""

    setting: gr.Dropdown
    value: gr.Slider
    put: gr.Button
    drop: gr.Button
    text: gr.Textbox


def build_keys(controls: Sequence[Control]) -> KeyWidgets:
    """The tab of keyframes."""
    varying = [control for control in controls if control.kind == "slider"]
    first = varying[0]
    setting = gr.Dropdown([one.key for one in varying], value=first.key, label="Setting", elem_id="key-setting")
    value = gr.Slider(
        first.low or 0, first.high or 0, value=first.default, step=first.step, label="Value at the playhead",
        elem_id="key-value", buttons=[],
    )  # fmt: skip
    with gr.Row():
        put = gr.Button("Set key", elem_id="set-key", size="sm")
        drop = gr.Button("Remove key", elem_id="drop-key", size="sm")
    text = gr.Textbox(
        label="Over time", placeholder="0:(0.2), 48:(1.0)  or  0.6 + 0.4*beat", lines=2, elem_id="schedule",
        info="Keys, or an expression over t, f, rms, bass, mid, high, onset, beat, pitch and the bands that you name",
    )  # fmt: skip
    return KeyWidgets(setting, value, put, drop, text)


@dataclass
class BeatWidgets:
    """The widgets that correct the beats."""

    half: gr.Button
    double: gr.Button
    one: gr.Button
    count: gr.Number
    shift: gr.Slider
    move: gr.Button
    found: gr.Button
    file: gr.DownloadButton


def build_beats() -> BeatWidgets:
    """What stands below the keyframes."""
    known = list_corrections()
    shift, count = known["shift_beats"], known["beats_per_bar"]
    with gr.Accordion("Correct the beats", open=False):
        with gr.Row():
            half = gr.Button("Half tempo", elem_id="beats-half", size="sm", min_width=80)
            double = gr.Button("Double tempo", elem_id="beats-double", size="sm", min_width=80)
            one = gr.Button("The one is here", elem_id="beats-one", size="sm", min_width=80)
        numbers = gr.Number(
            value=None, step=1, placeholder="", label=count.label, info=f"{count.help}; press Enter",
            elem_id="beats-count",
        )  # fmt: skip
        slider = gr.Slider(
            1000 * (shift.low or 0), 1000 * (shift.high or 0), value=0, step=1, label="Milliseconds", buttons=[],
            info="Negative is earlier", elem_id="beats-shift",
        )  # fmt: skip
        with gr.Row():
            move = gr.Button("Move all beats", elem_id="beats-move", size="sm", min_width=80)
            found = gr.Button("As found", elem_id="beats-found", size="sm", min_width=80)
        file = gr.DownloadButton("Download the beats", elem_id="beats-file", size="sm", visible=False)
    return BeatWidgets(half, double, one, numbers, slider, move, found, file)


@dataclass
class Slot:
    """A place for a render."""

    key: gr.Textbox
    """Of the render that is shown, for the buttons to send: places change while somebody presses one."""
    text: gr.HTML
    stop: gr.Button
    resume: gr.Button
    download: gr.DownloadButton

    @property
    def parts(self) -> list[Any]:
        """In the order of `Renders.renders`."""
        return [self.key, self.text, self.stop, self.resume, self.download]


def build_renders() -> list[Slot]:
    """Places for renders, the latest first."""
    slots = []
    for number in range(SLOTS):
        with gr.Row(equal_height=True, elem_classes="quiet-row"):
            slots.append(
                Slot(
                    gr.Textbox(visible="hidden", elem_id=f"render-key-{number}"),
                    gr.HTML(visible=False, elem_id=f"render-{number}"),
                    gr.Button("Cancel", size="sm", visible=False, scale=0, min_width=96, elem_id=f"stop-{number}"),
                    gr.Button("Resume", size="sm", visible=False, scale=0, min_width=96, elem_id=f"resume-{number}"),
                    gr.DownloadButton(
                        "Download", size="sm", visible=False, scale=0, min_width=96, elem_id=f"download-{number}"
                    ),
                )
            )
    return slots
