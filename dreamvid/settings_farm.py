"""The settings of `dreamvid farm`: where it runs, and how long shots are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.settings import explain_fault, key_of
from dreamvid.settings_groups import Group, setting


def _parse_chunk(value: Any) -> Any:
    """`auto`, `none`, or a number of frames."""
    text = shown(value).strip().lower()
    if text in ("auto", "none"):
        return text
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**9:
        raise ValueError(f"'{shown(value)}' is neither auto nor none nor a number of frames")
    return int(text)


Chunk = Annotated[int | str, BeforeValidator(_parse_chunk)]


class FarmSettings(Group):
    """On how many machines, and in what pieces."""

    address: str = setting(
        "auto",
        "Ray cluster. auto: the one that this machine belongs to, else this machine alone; local: this machine alone; "
        "or the HOST:PORT that `ray start --head` has said",
        "auto|local|HOST:PORT",
    )
    workers: int | None = setting(
        None,
        "How many; one for each GPU, or for every four processor cores where there are none",
        "N",
        ge=1,
        le=100_000,
    )
    chunk: Chunk = setting(
        "auto",
        "Split long shots. auto: where the farm would wait for one; none: never, the film is then exactly that of one "
        "machine; or after so many frames",
        "auto|none|FRAMES",
    )
    # Measured (benchmarks/run_in.py): after 24 frames the dream is as strong as if it had begun long before. It is
    # never the same dream again where the picture moves, however long the run-in: that is what the fade is for.
    run_in: int = setting(
        24, "Frames dreamed before a chunk's first, so that the dream has settled", "N", ge=0, le=10_000
    )
    fade: int = setting(12, "Frames over which the dreams of two chunks are faded into each other", "N", ge=0, le=1000)
    tries: int = setting(3, "How often a shot is tried before the farm goes on without it", "N", ge=1, le=100)


def make_farm_settings(*layers: Mapping[str, Any]) -> FarmSettings:
    """Settings of the farm from mappings of values, later ones winning. Raises `SettingsError` for the first fault."""
    known = {key_of(name): name for name in FarmSettings.model_fields}
    merged: dict[str, Any] = {}
    for layer in layers:
        for text, value in layer.items():
            key = key_of(str(text))
            if key not in known:
                raise SettingsError(f"there is no setting '{shown(key)}' of the farm{did_you_mean(key, known)}")
            merged[known[key]] = value
    try:
        return FarmSettings(**merged)
    except ValidationError as error:
        raise explain_fault(error) from None
