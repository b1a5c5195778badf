"""Text of strangers: what is taken, what is not, and that it costs nothing to find out."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dreamvid.config.settings import make_settings
from dreamvid.errors import DreamvidError, MediaError, SettingsError, printable, shown
from dreamvid.runtime.documents import DocumentError, parse_json, parse_yaml, read_json, read_text, read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)

MERGING = "a: &a {x: 1}\n" + "".join(
    f"{after}: &{after} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@contextmanager
def cheap(seconds: float = 1.0, megabytes: float = 100) -> Iterator[None]:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - began < seconds
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < megabytes


def test_plain_values_are_what_they_look_like() -> None:
    text = "a: 5\nb: -1.5\nc: 1e3\nd: true\ne:\nf: [1, two]\ng: {h: '5'}\ni: &i 3\nj: *i\n"
    text += "k: &k {l: 1}\nm: {<<: *k, n: 2}"
    assert parse_yaml(text) == {
        "a": 5, "b": -1.5, "c": 1000.0, "d": True, "e": None, "f": [1, "two"], "g": {"h": "5"}, "i": 3, "j": 3,
        "k": {"l": 1}, "m": {"l": 1, "n": 2},
    }  # fmt: skip


def test_switches_take_the_words_that_people_use() -> None:
    for word, meaning in {"yes": True, "off": False, "true": True, "False": False}.items():
        assert make_settings(parse_yaml(f"keep-color: {word}")).keep_color is meaning


@pytest.mark.parametrize(
    "text",
    ["yes", "off", "2020-99-99", "2001-01-01", "10:00:00:12", "1:02.5", "0b_", "0x10", "0o17", "1_000", "9" * 5000],
)
def test_what_only_looks_like_another_kind_is_text(text: str) -> None:
    assert parse_yaml(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "too many values"),
        (MERGING, "too many values"),
        ("a: " + "[" * 3000, "too deeply"),
        ("a: " + "[" * 3000 + "]" * 3000, "too deeply"),
        ("a: " + "{a: " * 3000, "too deeply"),
        ("- " * 3000, "too deeply"),
        ("&a [*a]", "alias"),
        ("*a", "alias"),
        ("a: !!python/object/apply:os.system ['true']", "tag"),
        ("a: !!timestamp 2020-99-99", "tag"),
        ("a: !x 5", "tag"),
        ("a: 1e999", "not finite"),
        ("[a]: 5", "not valid YAML"),
        ("a: \0", "not valid YAML"),
        ("a: \ud800", "not valid YAML"),
        ("--- a\n--- b", "not valid YAML"),
        ("a: [", "not valid YAML"),
        ("a: [" + "1," * 200_000 + "]", "too many values"),
    ],
)
def test_hostile_yaml_is_one_cheap_line(text: str, reason: str) -> None:
    with cheap(), pytest.raises(DocumentError, match=reason) as caught:
        parse_yaml(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        ("[" * 100_000, "too deeply"),
        ("[" * 200 + "]" * 200, "too deeply"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1e999}', "not finite"),
        ("9" * 4000, "4000 digits"),
        ("9" * 5000, "5000 digits"),
        ("[" + "1," * 200_000 + "1]", "too many values"),
    ],
)
def test_hostile_json_is_one_cheap_line(text: str | bytes, reason: str) -> None:
    with cheap(), pytest.raises(DocumentError, match=reason) as caught:
        parse_json(text)
    assert str(caught.value).isprintable()


def test_a_reader_of_its_own_may_take_more() -> None:
    assert len(parse_json("[" + "1," * 200_000 + "1]", most=10**6)) == 200_001


def test_files_that_cannot_be_read_say_what_they_were_to_be(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    (tmp_path / "bad.json").write_text("{")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in {
        "latin.yaml": "UTF-8", "large.yaml": "too large", ".": "is a folder", "pipe": "is a pipe",
        "missing": "no such job file", "x" * 300: "cannot be read", "a\0b": "is not a valid name",
    }.items():  # fmt: skip
        with pytest.raises(SettingsError, match=reason) as caught:
            read_yaml(tmp_path / name, "job file")
        assert str(caught.value).isprintable()
    with pytest.raises(MediaError, match=r"bad\.json: is not valid JSON"):
        read_json(tmp_path / "bad.json", "sidecar", error=MediaError)
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbfone")
    assert read_text(tmp_path / "marked.txt", "list") == "one"


def test_a_message_is_one_printable_line_whatever_it_quotes() -> None:
    assert str(DreamvidError("a\nb\x1b[31m\udcff")) == "a b\\x1b[31m\\udcff"
    assert shown(10**5000) == "a number with about 4983 digits"
    assert shown([1, ["x\n"]]) == "1,x "
    assert len(shown({"k" * 10**6: 1})) < 70
    assert printable("abcdef", 3) == "abc…"
