"""What `dreamvid studio` says where it cannot serve."""

from __future__ import annotations

import importlib.util

import pytest

from dreamvid.cli.main import run


def test_without_the_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert run(["studio"]) == 1
    assert capsys.readouterr().err == (
        "dreamvid: the studio needs gradio; install it with: pip install 'dreamvid[studio]'\n"
    )
