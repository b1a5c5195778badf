"""How one frame of a clip is dreamed: with the settings, the sound, the guide and the mask of its time."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dreamvid.config.settings import FrameSettings, Settings
from dreamvid.dream import DreamCore
from dreamvid.explore.still_frame import Still
from dreamvid.render.plan import STILL, Clock, FramePlan, Planner
from dreamvid.render.preparation import listen
from dreamvid.render.side_input import open_film_depth, open_guide, open_mask
from dreamvid.runtime.frames import to_tensor

if TYPE_CHECKING:
    from dreamvid.audio import SoundAnalysis

Sounds = dict[frozenset[str], "SoundAnalysis | None"]
"""What has been heard of one sound track, by what was asked of it."""


def plan_still(
    still: Still, dreamer: DreamCore, settings: Settings, layers: Sequence[int | None], sounds: Sounds
) -> FramePlan[FrameSettings]:
    """The plan of `still`, not governed; `layers` says which of the settings' layers each target is (None: a class).

    `sounds` are those that have been listened to; what is heard now is added to them. Raises `MediaError` or
    `SettingsError` for a guide, mask or sound that cannot be used.
    """
    reader = still.reader
    clock = STILL
    if reader.rate is not None:
        hear_still(still, settings, sounds)
        clock = Clock(reader.rate, reader.info.frame_count, sounds[settings.needs_sound])
    with contextlib.ExitStack() as closing:
        guide = open_guide(settings, closing)
        size, shape = still.size[::-1], (reader.info.width, reader.info.height)
        mask = open_mask(settings.mask, size, shape, closing)
        depths = open_film_depth(settings, size, shape, closing, str(dreamer.device))
        planner = Planner(
            dreamer, settings, clock, layer_of_target=layers, governed=False, guide=guide, mask=mask, depths=depths
        )
        return planner.at(still.index, picture=to_tensor(still.frame, dreamer.device))


def hear_still(still: Still, settings: Settings, sounds: Sounds) -> None:
    """Listen to what the settings react to, and add it to `sounds` if it is not there. Raises `MediaError`."""
    needed = settings.needs_sound
    rate = still.reader.rate
    if rate is not None and needed not in sounds:
        sounds[needed] = listen(settings, still.source if still.reader.info.audio_codec else None, rate)
