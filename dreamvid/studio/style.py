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
    known = inspect.signature(theme.set).parameters  # not every color has a dark twin
    dark = {f"{name}_dark": value for name, value in colors.items() if f"{name}_dark" in known}
    return theme.set(**colors, **dark, block_border_width="0px", block_shadow="none", block_label_shadow="none")


CSS = """
.gradio-container, .dark { --neutral-200: #2b303b; --neutral-600: #2b303b; }
.gradio-container { max-width: none !important; padding: 0 !important; }
.gradio-container main { padding: 10px 18px 18px !important; max-width: none !important; }
footer { display: none !important; }
#heading { padding: 0 2px; }
#heading h1 { font-size: 16px; font-weight: 600; margin: 0; letter-spacing: .02em; }
#heading span { color: #858d9c; font-weight: 400; margin-left: 9px; }
#all { gap: 18px; margin-top: -8px; }
.gradio-container main > .column { gap: 12px; }
#stage, #side { gap: 8px; }
#side { flex-wrap: nowrap; max-height: calc(100vh - 56px); overflow-y: auto; padding-right: 4px;
  scrollbar-width: thin; scrollbar-color: #2b303b transparent; position: sticky; top: 8px; }
#side > * { flex-shrink: 0; }
#side .tabs, #side .tabitem > .column { gap: 8px; }
#picture { background: #07080a; border-radius: 8px; overflow: hidden; }
#status, #heading { min-height: 0; }
#status, #status .html-container, #heading .html-container { padding: 0 2px !important; }
#command { padding: 6px 10px 8px; }
#render { padding: 6px; }
#status p { margin: 0; color: #858d9c; font-size: 12.5px; line-height: 18px; }
#stage [data-testid=status-tracker] { display: none !important; }
#status .problem { color: #ff9d8a; }
#playhead .head { display: none; }
#playhead { padding: 0; }
#command textarea { font-family: var(--font-mono); font-size: 12.5px; color: #a8b4c8; background: #0a0b0e; }
#timeline { border-radius: 8px; overflow: hidden; cursor: pointer; background: #14161b; min-height: 0; }
#timeline img { width: 100%; display: block; }
#drop .wrap, #load-look .wrap, #side .file-preview-holder { font-size: 13px; }
#side button.center, #side .upload-container { min-height: 0; }
#side .wrap .icon-wrap { width: 20px; margin: 0; }
#side .wrap:has(> .icon-wrap) { flex-direction: row; gap: 7px; padding: 16px 0 0; min-height: 0; line-height: 1.2;
  font-size: 13px; }
#preset-row { gap: 8px; align-items: stretch; }
#undo { height: auto; }
#side input[type=number] { width: 74px; }
#side .block { padding: 8px 10px; }
#side .info-text { font-size: 11.5px; line-height: 1.35; opacity: .8; }
#side .head > label { min-width: 0; flex: 1; }
#side .info-text code { background: none; padding: 0; font-size: 11px; }
input[type=range]::-webkit-slider-runnable-track { --neutral-200: #2b303b; }
.render { padding: 4px 2px; font-size: 13px; }
.render .bar { height: 4px; border-radius: 2px; background: #262b34; margin-top: 6px; overflow: hidden; }
.render .bar i { display: block; height: 100%; background: #8ab4ff; }
.render .note { color: #858d9c; float: right; }
.render .problem { color: #ff9d8a; }
.quiet-row { gap: 10px; align-items: center; min-height: 0; }
#cells .grid-wrap { max-height: none; overflow: visible; }
#cells .caption-label { font-size: 11px; background: #0d0f13cc; color: #d9dde5; }
"""

DARK = "<script>document.documentElement.classList.add('dark');document.addEventListener('DOMContentLoaded'," \
    "()=>document.body.classList.add('dark'));</script>"
