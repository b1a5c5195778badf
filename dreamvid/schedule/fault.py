"""What is wrong with a text that a person typed, and where in it, in one line that is safe to print."""

from __future__ import annotations

from dreamvid.errors import printable


class Fault(ValueError):  # noqa: N818 - the text is at fault, not the program
    """What is wrong with a text, and between which two of its characters."""

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__(reason)
        self.reason, self.start, self.end = reason, start, end

    def moved(self, by: int) -> Fault:
        """The same fault in a text that has `by` characters more in front."""
        return Fault(self.reason, self.start + by, self.end + by)

    def shown_in(self, text: str) -> str:
        """One line that marks the place: `'1 + >>bogus<<(t)', column 5: there is no function 'bogus'`."""
        before, marked, after = text[: self.start], text[self.start : self.end], text[self.end :]
        before = printable(before if len(before) <= 30 else f"…{before[-30:]}")
        return f"'{before}>>{printable(marked, 40)}<<{printable(after, 30)}', column {self.start + 1}: {self.reason}"
