"""The Ray actors: a worker, with its networks loaded once, and the depot that serves the driver's files.

This module is loaded on every node before anything else is; torch only once the actor has set its environment.
The driver pulls: a worker goes on when it is asked for more, and holds one message at a time. So no worker can
flood the object store, however many there are.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamvid.farm.messages import Facts, Message, Stretch, Task
    from dreamvid.farm.plan import Unit
    from dreamvid.farm.rendering import Renderer
    from dreamvid.models import Network

_AHEAD = 2  # pieces of a file that are on their way at a time


class Worker:
    """Renders units of a film; one per GPU or share of processor cores."""

    def __init__(self, threads: int | None) -> None:
        """`threads` for the network, on a processor."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see dreamvid.cli.main
        self._threads = threads
        self._networks: dict[tuple[str, Path | None], Network] = {}
        self._renderer: Renderer | None = None
        self._messages: Iterator[Message] | None = None

    def code_version(self) -> str:
        """What runs here; asked for before anything is sent that another version might not understand."""
        from dreamvid.farm.versions import code_version

        return code_version()

    def prepare(self, task: Task, depot: Any) -> Facts:
        """Get the files of a film and load what dreams it. Raises `DreamvidError`."""
        import cv2
        import torch

        from dreamvid.farm.messages import Facts
        from dreamvid.farm.rendering import Renderer

        if self._threads is not None:
            torch.set_num_threads(self._threads)
            cv2.setNumThreads(self._threads)
        self._close()
        settings, source = _localise(task, depot)
        self._renderer = Renderer(task, settings, source, self._networks)
        renderer = self._renderer
        return Facts(
            node=socket.gethostname(),
            process=os.getpid(),
            device=renderer.device,
            precision=renderer.precision,
            networks=renderer.networks,
            notices=renderer.notices,
        )

    def begin(self, item: Unit | Stretch) -> Message:
        """Begin with a unit, and say the first that there is to say; whatever was under way is dropped."""
        from dreamvid.farm.messages import Stretch

        if self._renderer is None:
            raise RuntimeError("a worker must be prepared first")
        self._drop()
        renderer = self._renderer
        self._messages = renderer.find_cuts(item) if isinstance(item, Stretch) else renderer.render(item)
        return self.more()

    def more(self) -> Message:
        """Go on until there is something to say."""
        if self._messages is None:
            raise RuntimeError("nothing is in progress")
        return next(self._messages)

    def _drop(self) -> None:
        messages, self._messages = self._messages, None
        if messages is not None:
            messages.close()  # type: ignore[attr-defined]  # it is a generator

    def _close(self) -> None:
        self._drop()
        renderer, self._renderer = self._renderer, None
        if renderer is not None:
            renderer.close()


class Depot:
    """Serves pieces of some of the driver's files, on the driver's node, to nodes that do not see them."""

    def __init__(self) -> None:
        self._allowed: set[Path] = set()

    def allow(self, paths: list[Path]) -> None:
        """Serve these, and no others."""
        self._allowed = set(paths)

    def files_of(self, path: Path) -> list[Path]:
        """The files that a path stands for."""
        from dreamvid.farm.files import files_of

        self._check(path)
        files = files_of(path)
        self._allowed.update(files)
        return files

    def read(self, path: Path, offset: int) -> bytes:
        """A piece of a file; nothing at its end."""
        from dreamvid.farm.files import read_piece

        self._check(path)
        return read_piece(path, offset)

    def _check(self, path: Path) -> None:
        if path not in self._allowed:
            raise PermissionError(f"{path} does not belong to this film")


def _localise(task: Task, depot: Any) -> tuple[Any, Path]:
    """The task's settings and source with this machine's paths, once the files are here."""
    import ray

    from dreamvid.config.fields import moved
    from dreamvid.farm.files import bring, bring_to
    from dreamvid.farm.messages import PIECE_BYTES
    from dreamvid.models.weights import cache_path
    from dreamvid.runtime.registers import MODELS

    coming: dict[tuple[Path, int], Any] = {}

    def fetch(path: Path, offset: int) -> bytes:
        for place in range(offset, offset + _AHEAD * PIECE_BYTES, PIECE_BYTES):
            coming.setdefault((path, place), depot.read.remote(path, place))
        piece: bytes = ray.get(coming.pop((path, offset)))
        return piece

    paths = {}
    for name, file in task.files.items():
        if name.startswith("weights of "):
            cached = cache_path(MODELS[name.removeprefix("weights of ")])
            if cached is not None:
                bring_to(cached, file, fetch)
        else:
            paths[name] = bring(file, lambda path: ray.get(depot.files_of.remote(path)), fetch)
    source = paths.pop("source")
    settings = task.settings
    return settings.replace(**{name: moved(getattr(settings, name), path) for name, path in paths.items()}), source
