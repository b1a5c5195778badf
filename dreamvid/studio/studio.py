"""What all parts of the page share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dreamvid.errors import DreamvidError
from dreamvid.studio.controls import Control
from dreamvid.studio.preview import Previewer
from dreamvid.studio.queue import RenderQueue
from dreamvid.studio.session import Session
from dreamvid.studio.sessions import Sessions
from dreamvid.studio.telling import complain, status
from dreamvid.studio.uploads import Uploads

DEFAULT_LOOK = "plain"
"""The look of the defaults, among the presets."""


@dataclass(frozen=True)
class Studio:
    """The sessions of those who are there, and what dreams and renders for them."""

    sessions: Sessions
    uploads: Uploads
    previewer: Previewer
    queue: RenderQueue
    controls: tuple[Control, ...]

    def session(self, request: gr.Request) -> Session:
        """The session of the page that a request comes from."""
        return self.sessions.get(str(request.session_hash))

    def close(self) -> None:
        """No dream is wanted any more."""
        self.sessions.close()
        self.previewer.close()


def merge(session: Session, values: Mapping[str, Any], *, anew: Collection[str] = ()) -> str:
    """Set several things; return what to say of it."""
    try:
        session.merge(values, anew=anew)
    except DreamvidError as error:
        return complain(session, str(error))
    return status("")
