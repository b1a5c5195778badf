"""What the page says: a line under the picture, and what went wrong, never just that something did."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

import gradio as gr

from dreamvid.errors import DreamvidError
from dreamvid.studio.session import Session

_log = logging.getLogger("dreamvid.studio")
_LONGEST = 500  # characters
Handler = TypeVar("Handler", bound=Callable[..., Any])


def status(problem: str, text: str = "") -> str:
    """The line under the picture, in HTML."""
    if problem:
        return f'<p class="problem">{html.escape(shorten(problem))}</p>'
    return f"<p>{html.escape(text) or '&nbsp;'}</p>"


def shorten(text: str) -> str:
    """A message that fits on the page: it may quote a long text that somebody has typed."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def complain(session: Session, problem: str) -> str:
    """A line that stays while the picture is made anew after it."""
    session.problem = problem
    return status(problem)


def told(handler: Handler) -> Handler:
    """A handler of the page's events, such that whatever it raises is shown there with its cause.

    What no person can mend is logged besides, with a traceback.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def steps(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from handler(*args, **kwargs)
            except Exception as error:
                raise _shown(error) from error

        return cast(Handler, steps)

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            raise _shown(error) from error

    return cast(Handler, call)


def _shown(error: Exception) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, DreamvidError):
        return gr.Error(shorten(str(error)), title="That did not work", print_exception=False)
    _log.error("something went wrong in the studio", exc_info=error)
    kind = type(error).__name__
    cause = "out of memory" if isinstance(error, MemoryError) else shorten(f"{kind}: {error}".rstrip(": "))
    return gr.Error(
        f"{cause}. Nothing else is lost; see the studio's terminal for details",
        title="Something went wrong in the studio",
        print_exception=False,
    )
