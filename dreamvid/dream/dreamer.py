"""Gradient ascent on a picture, over octaves: the dream itself. Knows nothing of video."""

from __future__ import annotations

import copy
import functools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dreamvid.dream.ascent import Ascent, Roll
from dreamvid.dream.budget import until_it_fits
from dreamvid.dream.calibration import CALIBRATION_SIDE, NOMINAL_CONTRAST, calibration_key, find_step
from dreamvid.dream.color import contrast
from dreamvid.dream.gradient import Extractor, image_gradient, tile_constraints
from dreamvid.dream.graphs import Move
from dreamvid.dream.look import Look
from dreamvid.dream.noise import pink_noise
from dreamvid.dream.pyramid import Size, resize
from dreamvid.dream.shared import Shared
from dreamvid.dream.tiles import Tiling
from dreamvid.errors import SettingsError
from dreamvid.runtime.memory import peak_bytes

_LEVEL = 1.0 / 255.0
_GLANCE_SIDE = 512  # px, of what is looked at to tell how far a dream has come
_MOST_MOVES = 100  # between two pauses
_SAMPLE_SIDE = 256  # of the picture whose gradient's memory is counted


class DreamCore:
    """Dreams on pictures (1, 3, H, W), float32 RGB in [0, 1], with one network, one look and perhaps a guide.

    Mordvintsev, Olah & Tyka 2015 ("Inceptionism") for octaves, jitter and the mean-|g| step. The same
    inputs give the same bytes on the same CPU, in the same tiles. Nothing is kept from picture to picture.
    """

    def __init__(
        self,
        extractor: Extractor,
        look: Look,
        device: torch.device | str = "cpu",
        shared: Shared | None = None,
        *,
        guide: Sequence[Tensor | None] = (),
        places: Sequence[Tensor | None] = (),
        pace: float = 1.0,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Make one.

        Args:
            extractor: the network.
            look: how it dreams.
            device: where the extractor is.
            shared: what is known already of this network on this device; None: nothing is.
            guide: for each tap the features of a guide, (C, M), or None; see `guided_by`.
            places, pace: see `placed`.
            pause: called before each step; see `pausing`.
        """
        self.extractor = extractor
        self.look = look
        self.device = torch.device(device)
        self.shared = Shared(self.device) if shared is None else shared
        self._constraints = tile_constraints(extractor)
        self._guide = tuple(guide) or (None,) * len(extractor.taps)
        self._places = tuple(places)
        self._pace = pace
        self._pause = pause

    def with_look(self, look: Look) -> DreamCore:
        """The same dreamer with another look."""
        return self._with(look=look)

    def pausing(self, pause: Callable[[], None]) -> DreamCore:
        """The same dreamer, which calls `pause` before each step; whatever that raises ends the dream.

        Recorded steps are replayed up to a hundred at a time.
        """
        return self._with(pause=pause)

    def guided_by(self, picture: Tensor) -> DreamCore:
        """A dreamer that draws what it sees to the features of `picture`, (1, 3, H, W) in [0, 1] of any size.

        Raises `SettingsError` where `picture` is too small for the network.
        """
        self._check_side((picture.shape[-2], picture.shape[-1]), "the guide is")
        with torch.no_grad():
            features = self.extractor(picture)
        return self._with(guide=[tap[0].flatten(1) if tap.ndim == 4 else None for tap in features])

    def placed(self, places: Sequence[Tensor | None], pace: float) -> DreamCore:
        """A dreamer of pictures (1, 3, H, W) whose targets do not count alike everywhere.

        `places` has for each target what its weight is multiplied by at each pixel, (1, 1, H, W), or None; `pace`
        multiplies all steps, whose mean length is otherwise the same however little of the picture is dreamed.
        """
        return self._with(places=places, pace=pace)

    def _with(
        self,
        *,
        look: Look | None = None,
        guide: Sequence[Tensor | None] | None = None,
        places: Sequence[Tensor | None] | None = None,
        pace: float | None = None,
        pause: Callable[[], None] | None = None,
    ) -> DreamCore:
        """Another dreamer with the same network, which shares what is known of it."""
        return DreamCore(
            self.extractor,
            self.look if look is None else look,
            self.device,
            self.shared,
            guide=self._guide if guide is None else guide,
            places=self._places if places is None else places,
            pace=self._pace if pace is None else pace,
            pause=self._pause if pause is None else pause,
        )

    def check_size(self, size: Size) -> None:
        """Raise `SettingsError` if the coarsest octave of a picture of `size` is too small for the network."""
        self._check_side(
            self.look.sizes(size)[0],
            f"{size[1]}x{size[0]} is too small: its coarsest octave is",
            "use fewer --octaves or a larger picture",
        )

    def _check_side(self, size: Size, what: str, remedy: str = "use a larger one") -> None:
        needed = self.extractor.minimum_side
        if min(size) < needed:
            taps = ", ".join(self.extractor.taps)
            raise SettingsError(
                f"{what} {size[1]}x{size[0]}, but {taps} needs at least {needed} pixels a side; {remedy}"
            )

    @property
    def step(self) -> float:
        """The length of a step, in 8-bit levels: the look's own, or else the one that gives a dream of a calibration
        picture its nominal contrast.

        Pictures of all kinds come within about 15 % of that, black and gray ones included, because of the mean-|g|
        step; it needs no look at any particular frame, nor at the guide.
        """
        if self.look.step is not None:
            return self.look.step
        steps, measured = self.shared.steps, self.shared.measured
        if self.look not in steps:
            key = calibration_key(self.extractor, self.look)
            if key not in measured:
                measured[key] = find_step(self._calibration_contrast)
            steps[self.look] = measured[key]
        return steps[self.look]

    @property
    def nominal_contrast(self) -> float:
        """The contrast, see `color.contrast`, of what a dream of strength 1 adds to a picture."""
        if self.look.step is None:
            return NOMINAL_CONTRAST
        if not self.look.step:
            return 0.0
        key = f"{calibration_key(self.extractor, self.look)} {self.look.step:.9g}"
        if key not in self.shared.measured:
            self.shared.measured[key] = self._calibration_contrast(self.look.step)
        return self.shared.measured[key]

    def _calibration_contrast(self, step: float) -> float:
        """The contrast of a dream of the calibration picture, without a guide, with steps of this length."""
        side = self._calibration_side()
        plain = self._with(look=replace(self.look, step=step), guide=(), places=(), pace=1.0)
        picture = pink_noise((side, side)).to(self.device)
        return float(contrast(plain.dream(picture) - picture))

    def _calibration_side(self) -> int:
        """Large enough for the network at the coarsest octave, and for all octaves that have a size of their own."""
        if self.look.octave_sizes is not None:
            return max(CALIBRATION_SIDE, self.extractor.minimum_side, *self.look.octave_sizes)
        if self.look.octaves is None:
            return max(CALIBRATION_SIDE, self.extractor.minimum_side)
        coarsest = self.extractor.minimum_side * self.look.octave_scale ** (self.look.octaves - 1)
        return max(CALIBRATION_SIDE, math.ceil(coarsest) + 1)

    @torch.no_grad()
    def attainment(self, picture: Tensor) -> float:
        """Return how much of what is dreamed of `picture`, (1, 3, H, W) in [0, 1], holds: see `Objective.attainment`.

        The mean over the targets, by their weights, looked at with at most 512 pixels a side: it costs one small
        pass through the network.
        """
        height, width = picture.shape[-2:]
        scale = min(1.0, _GLANCE_SIDE / max(height, width))
        scale = min(1.0, max(scale, self.extractor.minimum_side / min(height, width)))
        activations = self.extractor(resize(picture, (round(height * scale), round(width * scale))))
        found = [
            (target.weight, target.attainment(tap))
            for tap, target in zip(activations, self._guided_look.targets, strict=True)
        ]
        return sum(weight * value for weight, value in found) / (sum(abs(weight) for weight, _ in found) or 1.0)

    def dream(
        self,
        picture: Tensor,
        *,
        iterations: Sequence[int] | None = None,
        carried: Tensor | None = None,
        gain: Tensor | None = None,
        pace: float = 1.0,
    ) -> Tensor:
        """Return the dream of `picture`, (1, 3, H, W) in [0, 1].

        `iterations` per octave, coarse to fine (default: the look's). `carried` (1, 3, H, W) is a residual to start
        from: each octave begins with the carried residual at its own size plus what the coarser octave added to it.
        `gain` (1, 1, H, W) multiplies the step where new content wants longer ones, `pace` everywhere.

        Where memory runs out, the octave is begun again in smaller tiles. Raises `SettingsError` where the picture is
        too small for the network, `ResourceError` where there is too little memory for the smallest tiles.
        """
        image, added = picture, torch.zeros_like(picture)
        for image, added in self._ascend_octaves(picture, iterations, carried, gain, pace):  # noqa: B007 - the last ones are wanted
            pass
        return _at_full_size(picture, carried, image, added)

    def dream_by_octaves(self, picture: Tensor, *, iterations: Sequence[int] | None = None) -> Iterator[Tensor]:
        """Yield what `dream` has come to after each octave, at the size of `picture`; the last is what it returns.

        Raises `SettingsError` where the picture is too small for the network.
        """
        for image, added in self._ascend_octaves(picture, iterations, None, None, 1.0):
            yield _at_full_size(picture, None, image, added)

    def _ascend_octaves(
        self,
        picture: Tensor,
        iterations: Sequence[int] | None,
        carried: Tensor | None,
        gain: Tensor | None,
        pace: float,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """After each octave, at its size: the picture, and what has been added to the one that was begun with."""
        size = (picture.shape[-2], picture.shape[-1])
        self.check_size(size)
        sizes = self.look.sizes(size)
        counts = self.look.iterations_per_octave(self.look.iterations if iterations is None else iterations, len(sizes))
        step = pace * self._pace * self.step * _LEVEL
        added: Tensor | None = None
        for octave, octave_size in enumerate(sizes):
            base = resize(picture, octave_size).clamp(0, 1)
            start = base if carried is None else base + resize(carried, octave_size)
            image = start if added is None else start + resize(added, octave_size)
            local_gain = None if gain is None else resize(gain, octave_size).clamp_min(0)
            places = [None if place is None else F.adaptive_avg_pool2d(place, octave_size) for place in self._places]
            ascend = functools.partial(
                self._ascend, image.clamp(0, 1), base, counts[octave], octave, step, local_gain, places
            )
            with self.shared.threads(octave_size[0] * octave_size[1]):
                image = self._in_tiles(ascend, octave_size, size) if counts[octave] else ascend(None)
            added = image - start
            yield image, added

    def _in_tiles(self, ascend: Callable[[Tiling], Tensor], octave_size: Size, size: Size) -> Tensor:
        """`ascend` in tiles that fit into memory."""

        def smaller(failed: Tiling) -> Tiling | None:
            self.shared.graphs.clear()
            return self.shared.budget.smaller(failed, octave_size, self._constraints)

        tiling = self.shared.budget.tiling(octave_size, size, self._constraints, self._measure_bytes_per_pixel)
        return until_it_fits(ascend, tiling, smaller)

    def _measure_bytes_per_pixel(self) -> float:
        """What the gradient of a picture takes, found on a network without numbers."""
        known = self.shared.bytes_per_pixel
        if self.look not in known:
            module = self.extractor
            tensors = module.state_dict(keep_vars=True).values() if isinstance(module, nn.Module) else ()
            extractor = copy.deepcopy(module, {id(tensor): tensor.to("meta") for tensor in tensors})
            side = max(_SAMPLE_SIDE, self.extractor.minimum_side)
            picture = torch.empty(1, 3, side, side, device="meta")
            peak = peak_bytes(lambda: image_gradient(extractor, picture, self.look.targets, self.look.spread))
            known[self.look] = peak / side**2
        return known[self.look]

    def _ascend(
        self,
        image: Tensor,
        base: Tensor,
        iterations: int,
        octave: int,
        step: float,
        gain: Tensor | None,
        places: Sequence[Tensor | None],
        tiling: Tiling | None,
    ) -> Tensor:
        ascent = Ascent(self.extractor, self._guided_look, base, gain, tiling, places)
        for first in range(0, iterations, _MOST_MOVES):
            moves = [
                Move(*self._jitter_offset(octave, iteration), step * self.look.decay_at(iteration, iterations))
                for iteration in range(first, min(first + _MOST_MOVES, iterations))
            ]
            image = self._move(ascent, image, moves, tiling)
        return image

    def _move(self, ascent: Ascent, image: Tensor, moves: Sequence[Move], tiling: Tiling | None) -> Tensor:
        self._pause()
        if tiling is None or len(tiling) == 1:
            replayed = self.shared.graphs.run(ascent, image, moves)
            if replayed is not None:
                return replayed
        for dy, dx, length in moves:
            self._pause()
            image = ascent.step(image, Roll(dy, dx), length)
        return image

    def _jitter_offset(self, octave: int, iteration: int) -> tuple[int, int]:
        """The same for every frame: a sequence that went on from frame to frame would itself be flicker."""
        if self.look.jitter == 0:
            return 0, 0
        draw = random.Random(f"{self.look.seed}/{octave}/{iteration}")  # noqa: S311 - not for secrets
        reach = self.look.jitter
        return draw.randint(-reach, reach), draw.randint(-reach, reach)

    @property
    def _guided_look(self) -> Look:
        """The look, with the guide in its targets."""
        targets = zip(self.look.targets, self._guide, strict=True)
        return replace(self.look, targets=tuple(target.guided(columns) for target, columns in targets))


def _at_full_size(picture: Tensor, carried: Tensor | None, image: Tensor, added: Tensor) -> Tensor:
    """The dream of `picture` where `image` is an octave of it, and `added` what was added there."""
    if image.shape == picture.shape:
        return image
    start = picture if carried is None else picture + carried
    return (start + resize(added, (picture.shape[-2], picture.shape[-1]))).clamp(0, 1)
