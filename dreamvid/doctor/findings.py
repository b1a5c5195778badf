"""What an examination finds: facts in sections, what is broken, and what is slow; as a page and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dreamvid.doctor.privacy import without_names
from dreamvid.errors import printable

_WIDTH = 110  # columns of the page
_NAME_WIDTH = 22  # columns, at least


@dataclass(frozen=True)
class Fact:
    """One line of a section.

    Attributes:
        name: what it is about.
        text: what a person reads.
        data: the same for programs, of JSON's types; None: the text.
    """

    name: str
    text: str
    data: Any = None


@dataclass
class Findings:
    """All that was found. Names of people, machines and folders are taken out as it is read.

    Attributes:
        sections: facts by title, in order.
        broken: what keeps dreamvid from working, and what to do about it; a line each.
        slow: what makes it slower than this machine could be, or than others are; a line each.
    """

    sections: dict[str, list[Fact]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """All of it as JSON's types."""
        sections = {
            title: {fact.name: fact.text if fact.data is None else fact.data for fact in facts}
            for title, facts in self.sections.items()
        }
        cleaned = _cleaned({"broken": self.broken, "slow": self.slow, **sections})
        assert isinstance(cleaned, dict)  # noqa: S101 - for the type checker: it was one
        return cleaned

    def as_text(self) -> str:
        """All of it as a page of plain text."""
        return "\n".join(without_names(printable(line)) for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for title, facts in self.sections.items():
            yield title
            width = max([_NAME_WIDTH, *(len(fact.name) + 4 for fact in facts)])
            for fact in facts:
                yield from _wrapped(f"  {fact.name}".ljust(width), fact.text)
            yield ""
        yield "broken" if self.broken else "nothing is broken"
        for text in self.broken:
            yield from _wrapped("  - ", text)
        yield ""
        yield "slow here" if self.slow else "nothing is slower than it has to be"
        for text in self.slow:
            yield from _wrapped("  - ", text)


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]  # fmt: skip


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_names(printable(value))
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, (list, tuple)) else value
