"""What was measured of looks, kept between programs: calibration takes seconds, and finds the same every time."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from dreamvid.errors import SettingsError
from dreamvid.runtime.documents import read_json


class MeasuredLooks(MutableMapping[str, float]):
    """Numbers by name, each in a file of its own in the cache folder, beside torch's downloads (so TORCH_HOME counts).

    A cache and no more: what cannot be read is measured again, and what cannot be written is kept for this program.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None: the usual one."""
        self._folder = folder
        self._known: dict[str, float] = {}

    @property
    def folder(self) -> Path:
        """Where the files lie, or would lie."""
        if self._folder is None:
            import torch

            self._folder = Path(torch.hub.get_dir()).parent / "dreamvid" / "measured"
        return self._folder

    def __getitem__(self, name: str) -> float:
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def __setitem__(self, name: str, value: float) -> None:
        self._known[name] = value
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.folder, prefix=".", delete=False) as file:
                json.dump(value, file)
            Path(file.name).replace(self._path(name))
        except OSError:
            return  # a full disk or a read-only home: then it is measured again next time

    def __delitem__(self, name: str) -> None:
        del self._known[name]
        self._path(name).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.json"

    def _read(self, name: str) -> float:
        try:
            value = read_json(self._path(name), "measurement")
        except SettingsError:
            raise KeyError(name) from None
        if not isinstance(value, float) or not 0 <= value < 1e6:
            raise KeyError(name)
        return value
