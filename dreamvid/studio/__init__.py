"""The studio: a local web page for finding a look interactively. Requires the extra `studio` (gradio)."""
