"""How the page looks: dark, calm, the picture first; no fonts and nothing else from elsewhere."""

from __future__ import annotations

import inspect

import gradio as gr

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def make_theme() -> gr.themes.Base:
    """A dark theme, whatever the browser prefers."""
    colors = {
        "body_background_fill": "#0d0f13",
        "body_text_color": "#d9dde5",
        "body_text_color_subdued": "#858d9c",
        "background_fill_primary": "#14161b",
        "background_fill_secondary": "#101216",
        "block_background_fill": "#14161b",
        "block_border_color": "#20242c",
        "block_label_background_fill": "#14161b",
        "block_label_text_color": "#858d9c",
        "block_title_text_color": "#b4bbc8",
        "block_info_text_color": "#6d7584",
        "border_color_primary": "#262b34",
        "border_color_accent": "#8ab4ff",
        "input_background_fill": "#1b1e25",
        "input_background_fill_focus": "#20242c",
        "input_border_color": "#262b34",
        "input_border_color_focus": "#5b7fc4",
        "button_primary_background_fill": "#8ab4ff",
        "button_primary_background_fill_hover": "#a5c5ff",
        "button_primary_text_color": "#0d1320",
        "button_secondary_background_fill": "#22262f",
        "button_secondary_background_fill_hover": "#2b303b",
        "button_secondary_text_color": "#d9dde5",
        "checkbox_background_color": "#1b1e25",
        "checkbox_border_color": "#3a414e",
        "checkbox_label_background_fill": "#1b1e25",
        "checkbox_label_background_fill_hover": "#22262f",
        "checkbox_label_background_fill_selected": "#2b3a57",
        "checkbox_label_text_color": "#d9dde5",
        "checkbox_background_color_selected": "#8ab4ff",
        "color_accent": "#8ab4ff",
        "color_accent_soft": "#1d2636",
        "slider_color": "#8ab4ff",
        "panel_background_fill": "#14161b",
        "table_even_background_fill": "#14161b",
        "table_odd_background_fill": "#171a20",
    }
    theme = gr.themes.Base(
        primary_hue="blue", neutral_hue="slate", radius_size="md", text_size="sm", font=_SANS, font_mono=_MONO
    )
    known = inspect.signature(theme.set).parameters  # not every colour has a dark twin
    dark = {f"{name}_dark": value for name, value in colors.items() if f"{name}_dark" in known}
    return theme.set(**colors, **dark, block_border_width="0px", block_shadow="none", block_label_shadow="none")


CSS = """
.gradio-container { max-width: none !important; padding: 0 !important; }
main.app, .app { padding: 14px 20px 20px !important; max-width: none !important; }
footer { display: none !important; }
#heading { padding: 0 2px 2px; }
#heading h1 { font-size: 17px; font-weight: 600; margin: 0; letter-spacing: .02em; }
#heading span { color: #858d9c; font-weight: 400; margin-left: 10px; font-size: 13px; }
#stage { gap: 10px; }
#side { max-height: calc(100vh - 62px); overflow-y: auto; scrollbar-width: thin; scrollbar-color: #2b303b transparent; }
#picture { background: #07080a; border-radius: 8px; overflow: hidden; }
#picture .icon-button-wrapper { display: none; }
#status { min-height: 20px; padding: 0 4px; }
#status p { margin: 0; color: #858d9c; font-size: 13px; }
#status .problem { color: #ff9d8a; }
#command textarea { font-family: var(--font-mono); font-size: 12.5px; color: #a8b4c8; background: #0a0b0e; }
#timeline { border-radius: 8px; overflow: hidden; cursor: pointer; }
#timeline img { width: 100%; display: block; }
#drop { min-height: 92px; }
.render { padding: 8px 2px 4px; font-size: 13px; }
.render .bar { height: 4px; border-radius: 2px; background: #262b34; margin-top: 6px; overflow: hidden; }
.render .bar i { display: block; height: 100%; background: #8ab4ff; }
.render .note { color: #858d9c; float: right; }
.render .problem { color: #ff9d8a; }
#cells .grid-wrap { max-height: none; }
#cells .caption-label { font-size: 11px; background: #0d0f13cc; color: #d9dde5; }
.tabitem { padding: 8px 0 0 !important; }
"""

DARK = "<script>document.documentElement.classList.add('dark');document.addEventListener('DOMContentLoaded'," \
    "()=>document.body.classList.add('dark'));</script>"
