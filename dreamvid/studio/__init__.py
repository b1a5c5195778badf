"""The studio: a local web page on which a look is found by looking. Needs the extra `studio` (gradio)."""
