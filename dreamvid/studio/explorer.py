"""The gallery of looks: the frame under every layer, channel or preset, to choose from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from dreamvid.config.fields import fields_of
from dreamvid.config.presets import describe_preset, list_presets, read_preset
from dreamvid.config.settings import Settings, key_of
from dreamvid.config.types import LayerTarget
from dreamvid.errors import DreamvidError
from dreamvid.studio.preview import CELL_SIDE
from dreamvid.studio.session import STYLE_KEYS, Session
from dreamvid.studio.studio import DEFAULT_LOOK, Studio, merge
from dreamvid.studio.telling import status, told
from dreamvid.studio.turns import NoLongerWantedError

_CELLS = 12
_LONGEST = 600.0  # seconds


class Explorer:
    """What happens on the tab of that name."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @told
    def explore(self, what: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Fill the gallery with looks of the frame: (gallery, status)."""
        session = self.studio.session(request)
        ticket, end = session.new_ticket(), time.monotonic() + _LONGEST
        cells: list[tuple[Any, str]] = []
        offers = session.offers = []  # another list for each time: an older one may still be filled
        anew = STYLE_KEYS if what == "presets" else ()

        def wanted() -> bool:
            return session.is_wanted(ticket) and time.monotonic() < end

        try:
            still = session.still(self.studio.previewer, CELL_SIDE)
            yield [], status("", "exploring …")
            for caption, offer in self._offers(what, session):
                if not wanted():
                    raise NoLongerWantedError
                try:
                    trial = session.trial(offer, anew=anew)
                    cells.append((self.studio.previewer.cell(still, trial, wanted), caption))
                except DreamvidError:  # such as a layer that needs more pixels than a cell has
                    continue
                offers.append(offer)
                yield list(cells), status("", "exploring …")
        except DreamvidError as error:
            yield gr.skip(), status(str(error))
            return
        except NoLongerWantedError:
            if session.is_wanted(ticket):
                yield list(cells), status("stopped after ten minutes; use fewer --iterations for exploring")
            return
        yield list(cells), status("", "click a picture to use its settings")

    def _offers(self, what: str, session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
        settings = session.settings
        if what == "presets":
            yield DEFAULT_LOOK, {}
            for name, path in list_presets().items():
                if describe_preset(path).command in ("", "dream"):
                    yield name, read_preset(name, "dream")
        elif what == "channels":
            still = session.still(self.studio.previewer, CELL_SIDE)
            for target in self.studio.previewer.rank_channels(still, settings, _CELLS):
                yield _caption(target), _only(str(target))
        else:
            for name in self.studio.previewer.layers_worth_a_look(settings):
                yield name, _only(name)

    @told
    def take(self, what: str, request: gr.Request, event: gr.SelectData) -> Any:
        """A cell was clicked: (status)."""
        session = self.studio.session(request)
        index = int(event.index)
        if index >= len(session.offers):
            return gr.skip()
        return merge(session, session.offers[index], anew=STYLE_KEYS if what == "presets" else ())


def _only(layer: str) -> dict[str, Any]:
    """What makes a layer, as `--layer` takes it, all that is dreamed of."""
    targets: dict[str, Any] = {key_of(name): None for name, _, facts in fields_of(Settings) if facts.is_target}
    targets["layer"] = [layer]
    return targets


def _caption(target: LayerTarget) -> str:
    return f"{target.name} {target.channels[0]}" if target.channels else target.name
