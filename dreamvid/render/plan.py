"""What each frame is dreamed with: the settings of its moment, the dreamer, its guide, its mask and its depth."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from torch import Tensor

from dreamvid.config.scheduled import LayerSchedule
from dreamvid.config.settings import (
    DreamFrameSettings,
    DreamSettings,
    FrameSettings,
    Settings,
    ZoomFrameSettings,
    ZoomSettings,
)
from dreamvid.dream import DreamCore, Extractor, Look, Target
from dreamvid.dream.color import luma
from dreamvid.render.side_input import AnySideInput
from dreamvid.render.targets import make_look
from dreamvid.runtime.frames import to_tensor
from dreamvid.schedule import Moment, Schedule
from dreamvid.space.by_depth import DepthCurve, LayersByDepth

if TYPE_CHECKING:
    from dreamvid.audio import SoundAnalysis

S = TypeVar("S", bound=DreamSettings)
F = TypeVar("F", bound=DreamFrameSettings, covariant=True)


_NOW = Fraction(0)


@dataclass(frozen=True)
class FramePlan(Generic[F]):
    """How one frame is dreamed.

    Attributes:
        dreamer: with the look and the guide of this frame.
        settings: those of its moment.
        contrast: what the residual is brought to, see `dream.level`; None: it is left as it is.
        gain: what the residual is multiplied by where it is shown; (1, 1, H, W) where that varies by pixel.
        is_steady: whether what is dreamed stays the same throughout the film, but for its strength.
        mask: (1, 1, H, W) in [0, 1] on the dreamer's device, or None: where the dream may be seen.
        depth: (1, 1, H, W) from 0 near to 1 far, where it is known.
    """

    dreamer: DreamCore
    settings: F
    contrast: float | None = None
    gain: float | Tensor = 1.0
    mask: Tensor | None = None
    is_steady: bool = True
    depth: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Heard(Mapping[str, float]):
    """What is heard of a sound in a frame, by name; each is looked up when it is asked for."""

    sound: SoundAnalysis
    seconds: float
    length: float

    def __getitem__(self, name: str) -> float:
        return self.sound.value(name, self.seconds, self.length)

    def __iter__(self) -> Iterator[str]:
        return iter((*self.sound.envelopes, *self.sound.signals))

    def __len__(self) -> int:
        return len(self.sound.envelopes) + len(self.sound.signals)


@dataclass(frozen=True)
class Clock:
    """Of the film that a plan is made for: frames per second, how many frames (None: unknown), and what is heard."""

    rate: Fraction
    frames: int | None = None
    sound: SoundAnalysis | None = None
    memory: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """What functions of the past keep; see `Timeline`."""

    @functools.cached_property
    def _grid(self) -> tuple[tuple[float, ...], ...]:
        """When the beats, bars and sections begin."""
        if self.sound is None:
            return (), (), ()
        grid = self.sound.grid
        return tuple(self.sound.beat_times.tolist()), tuple(grid.bars.tolist()), tuple(grid.sections.tolist())

    def moment(self, index: int) -> Moment:
        """The moment of a frame, with what is heard while it is shown."""
        return self._moment(index / self.rate, index, 1 / self.rate)

    def moment_at(self, seconds: Fraction, length: Fraction = _NOW) -> Moment:
        """The moment at any time, with what is heard for so long; before the start it is the first one, in silence."""
        return self._moment(seconds, math.floor(max(seconds, _NOW) * self.rate), length)

    def _moment(self, seconds: Fraction, index: int, length: Fraction) -> Moment:
        heard = {} if self.sound is None else Heard(self.sound, float(seconds), float(length))
        beats, bars, sections = self._grid
        now = max(seconds, _NOW)
        return Moment(now, index, self.frames, self.rate, heard, beats, length, self, bars, sections)

    def __getstate__(self) -> dict[str, object]:
        """What a worker on another machine needs: what was found out on the way, it finds out itself."""
        return {name: value for name, value in self.__dict__.items() if name not in ("memory", "_grid")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, memory={})


STILL = Clock(Fraction(1), 1)
"""A still is a film of one frame."""


class FilmDepths(Protocol):
    """Depths that go along with a film."""

    def depth_at(self, seconds: Fraction, picture: Tensor | None) -> Tensor | None:
        """Those at a time, of a raw picture (1, 3, H, W); (H, W) from 0 near to 1 far. None: those given last."""


class Planner(Generic[S]):
    """Makes the plan of each frame; where frame numbers fall, films that go along are opened anew.

    Frames are counted from the beginning of the source: a part is planned as it is in the whole.
    """

    def __init__(
        self,
        dreamer: DreamCore,
        settings: S,
        clock: Clock,
        *,
        layer_of_target: Sequence[int | None] = (),
        governed: bool = True,
        guide: AnySideInput | None = None,
        mask: AnySideInput | None = None,
        depths: FilmDepths | None = None,
    ) -> None:
        """`layer_of_target` says which of `settings.layers` each of the dreamer's targets is; None: a class."""
        self._dreamer = dreamer
        self.settings = settings
        self.clock = clock
        self._layer_of_target = layer_of_target
        self._governed = governed
        self._guide = guide
        self._mask = mask
        self._shown_mask: Tensor | None = None
        self._depths = depths
        self._shown_depth: Tensor | None = None
        self._by_depth = DepthCurve(settings, "strength")
        self._layers_by_depth = LayersByDepth.of(settings, layer_of_target)

    @property
    def extractor(self) -> Extractor:
        """The networks that dream."""
        return self._dreamer.extractor

    @overload
    def at(
        self: Planner[Settings],
        index: int,
        *,
        picture: Tensor | None = None,
        depth: Tensor | None = None,
        shown: bool = True,
    ) -> FramePlan[FrameSettings]: ...
    @overload
    def at(
        self: Planner[ZoomSettings],
        index: int,
        *,
        picture: Tensor | None = None,
        depth: Tensor | None = None,
        shown: bool = True,
    ) -> FramePlan[ZoomFrameSettings]: ...
    def at(
        self, index: int, *, picture: Tensor | None = None, depth: Tensor | None = None, shown: bool = True
    ) -> FramePlan[DreamFrameSettings]:
        """The plan of a frame. Raises `SettingsError` where a schedule has no value then.

        `picture` is its raw one, (1, 3, H, W), where its depth may have to be estimated; `depth` is that, (1, 1, H, W)
        from 0 near to 1 far, where it is known otherwise. Not `shown`: what only matters there is
        left out, mask and strength.
        """
        moment = self.clock.moment(index)
        settings = self.settings.at(moment)
        self._update_side_inputs(Fraction(moment.seconds), picture, shown)
        depth = self._shown_depth if depth is None else depth
        strength = self._by_depth.at(moment, depth) if shown else 0.0
        dreamer, length = self._dreamer, 1.0
        if self.settings.varies:
            look = make_look(settings, self._targets_of(settings))
            if look.step is None:
                look = replace(look, step=self._mixed(moment, lambda one: one.step))
            elif isinstance(self.settings.step, Schedule):
                length = look.step / (dreamer.step or 1.0)
            dreamer = dreamer.with_look(look)
        share = 1.0
        if self._layers_by_depth is not None:
            places, reach = self._layers_by_depth.at(moment, depth, [target.weight for target in dreamer.look.targets])
            dreamer = dreamer.placed(places, float(reach.mean()))
            share = float(reach.square().mean().sqrt())
        if not self._governed:
            # A step that was chosen is taken at its word.
            contrast = share * length * self._dreamer.nominal_contrast if self._dreamer.look.step is None else None
            return FramePlan(dreamer, settings, contrast, strength, self._shown_mask, depth=depth)
        peak = self._peak_strength
        contrast = share * peak * length * self._mixed(moment, lambda one: one.nominal_contrast)
        gain = strength / peak if peak else 0.0
        return FramePlan(dreamer, settings, contrast, gain, self._shown_mask, self._is_steady, depth)

    @property
    def _is_steady(self) -> bool:
        if self.settings.schedules.keys() - {"strength"} or isinstance(self.settings.layer, LayerSchedule):
            return False
        if self._layers_by_depth is not None:
            return False
        return self._guide is None or self._guide.rate is None

    @functools.cached_property
    def _peak_strength(self) -> float:
        """The largest strength of the whole film.

        The carried dream is kept that strong and shown weaker where less is asked for: so a beat is seen in its
        own frame, where a dream that had to grow first would be late.
        """
        if not isinstance(self.settings.strength, Schedule):
            return self.settings.strength
        return max(self.settings.at(self.clock.moment(index)).strength for index in range(self.clock.frames or 1))

    def _update_side_inputs(self, seconds: Fraction, raw: Tensor | None, shown: bool) -> None:
        device = self._dreamer.device
        if self._guide is not None:
            picture = self._guide.at(seconds)
            if picture is not None:
                self._dreamer = self._dreamer.guided_by(to_tensor(picture, device))
        if self._mask is not None and shown:
            picture = self._mask.at(seconds)
            if picture is not None:
                self._shown_mask = _mask_of(to_tensor(picture, device))
        if self._depths is not None and (shown or self._layers_by_depth is not None):
            depth = self._depths.depth_at(seconds, raw)
            if depth is not None:
                self._shown_depth = depth[None, None].to(device)

    def _targets_of(self, settings: DreamFrameSettings) -> list[Target]:
        """The dreamer's targets with the weights that the layers have in `settings`."""
        targets = self._dreamer.look.targets
        if not isinstance(self.settings.layer, LayerSchedule) or settings.layer is None:
            return list(targets)
        return [
            target if layer is None else replace(target, weight=settings.layer[layer].weight)
            for target, layer in zip(targets, self._layer_of_target, strict=True)
        ]

    def _mixed(self, moment: Moment, measure: Callable[[DreamCore], float]) -> float:
        """What is measured of the settings that do not vary, without dreaming for each moment; where layers are
        cross-faded, a mix of what each alone gives."""
        if not isinstance(self.settings.layer, LayerSchedule):
            return measure(self._dreamer)
        base = self._dreamer.look
        shares = self.settings.layer.shares(moment)
        found = [
            share * measure(self._dreamer.with_look(_only(base, layer, self._layer_of_target)))
            for layer, share in enumerate(shares)
            if share
        ]
        return sum(found) / sum(shares)


def _only(look: Look, layer: int, layer_of_target: Sequence[int | None]) -> Look:
    """The look with only one of the layers, and the classes, left in."""
    targets = zip(look.targets, layer_of_target, strict=True)
    return replace(look, targets=tuple(t if of in (None, layer) else replace(t, weight=0.0) for t, of in targets))


def _mask_of(picture: Tensor) -> Tensor:
    """(1, 3, H, W) to (1, 1, H, W). Two levels from black is black, and from white white: masks get compressed."""
    margin = 2 / 255
    return ((luma(picture) - margin) / (1 - 2 * margin)).clamp(0, 1)
