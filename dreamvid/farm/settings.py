"""The settings of `dreamvid farm`: where it runs, and how long shots are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from dreamvid.config.fields import Group, setting
from dreamvid.config.settings import merge_values
from dreamvid.errors import shown


def _parse_chunk(value: Any) -> Any:
    """`auto`, `none`, or a number of frames."""
    text = shown(value).strip().lower()
    if text in ("auto", "none"):
        return text
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**9:
        raise ValueError(f"'{shown(value)}' is not auto, none or a number of frames")
    return int(text)


Chunk = Annotated[int | str, BeforeValidator(_parse_chunk)]


class FarmSettings(Group):
    """On how many machines, and in what pieces."""

    address: str = setting(
        "auto",
        "Ray cluster. auto: the cluster this machine belongs to, or else this machine alone; local: this machine "
        "alone; or the HOST:PORT printed by `ray start --head`",
        "auto|local|HOST:PORT",
        affects_frames=False,
    )
    workers: int | None = setting(
        None,
        "Number of workers [default: one per GPU, or one per four CPU cores if there is no GPU]",
        "N",
        ge=1,
        le=100_000,
        affects_frames=False,
    )
    chunk: Chunk = setting(
        "auto",
        "Split long shots. auto: where the farm would otherwise have to wait for one; none: never, so that the film "
        "is identical to one rendered on a single machine; or a maximum number of frames",
        "auto|none|FRAMES",
    )
    # Measured (benchmarks/run_in.py): after 24 frames the dream is as strong as if it had begun long before. It is
    # never the same dream again where the picture moves, however long the run-in: that is what the fade is for.
    run_in: int = setting(
        24, "Frames to dream before the first frame of a chunk, so that the dream has settled", "N", ge=0, le=10_000
    )
    fade: int = setting(12, "Frames over which to crossfade the dreams of adjacent chunks", "N", ge=0, le=1000)
    tries: int = setting(
        3,
        "Number of attempts at a shot before the farm continues without it",
        "N",
        ge=1,
        le=100,
        affects_frames=False,
    )


def make_farm_settings(*layers: Mapping[str, Any]) -> FarmSettings:
    """Settings of the farm from mappings of values, later ones winning. Raises `SettingsError` for the first fault."""
    return FarmSettings(**merge_values(layers, FarmSettings.model_fields, "the farm has no setting"))
