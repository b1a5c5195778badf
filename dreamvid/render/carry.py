"""The temporal carry: what makes a dream stay on its object from frame to frame.

What is carried is the residual r = dream - raw frame, never the dream itself (docs/how-it-works.md). It is warped
along the backward optical flow, weighted by how far the flow can be trusted, added to the next raw frame, and dreamed
on with few iterations; a governor keeps the result where it is.

What comes out from behind something is remembered: a few earlier residuals are kept, and where nothing settled comes
from the last one, the earlier ones fill in, before anything new is dreamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.config.settings import FrameSettings
from dreamvid.dream import level
from dreamvid.dream.color import luma
from dreamvid.dream.pyramid import resize
from dreamvid.motion import warp_backward, warp_pixels
from dreamvid.motion.long_range import is_needed_after
from dreamvid.motion.motion_stage import FrameMotion
from dreamvid.render.plan import FramePlan

_LOW_PASS_SHARE = 1 / 8  # of the short side: what is smoother than this is tint and brightness, not a dream
_RADIUS_WHEN_SMALL = 5  # px
SETTLING_PASSES = 4
"""Carried steps on a shot's first frame before it is shown, so that it is what the later ones will be."""
_MOST_GROWTH = 1.25  # of the residual, from one frame to the next
_RESTING_GAIN = 0.2  # how long the steps are where nothing moves, over that of a shot's first frame
_MOVING_GAIN = 0.95  # the same where something moves: resampling wears off no more, and longer ones would swim
_WEARING_MOTION = 0.5  # px a frame: by half a pixel resampling wears off as much as it can
_FRESH_GAIN = 3.0  # how much longer the steps are where content was just uncovered
_SETTLING_FRAMES = 8  # so long a new dream gives way to a remembered one: next to what hid it, flow is found late
_YIELDING_FRAMES = 2  # the last of these, in which it does so less and less
_LEAST_SHARE = 1 / 256  # of a remembered pixel: less is not seen
_BLANK_CONTRAST, _BLANK_MARGIN = 0.005, 0.04  # of luma: the noise of black and white in video
_KEPT = "residual of frame "

Earlier = Mapping[int, FrameMotion]
"""The ways back to earlier frames of a shot, by their numbers, the nearest first; in pixels of a smaller size."""

NOTHING_EARLIER: Earlier = {}

Recalled = Sequence[tuple[Tensor, FrameMotion]]
"""What is remembered of frames seen long ago or in another pass, the most trusted first: as `Carry.memory` gives it,
and the way there, in pixels of a smaller size."""


@dataclass(frozen=True, eq=False)
class Goal:
    """What a residual turns into: `share` of it before it is dreamed on, and `pull` after."""

    residual: Tensor
    share: float
    pull: float


class Carry:
    """The state of one shot: its carried residual, (1, 3, H, W) float32, or None at its start.

    With it goes for how many frames each pixel of it has been carried, (1, 1, H, W), up to those after which it has
    settled. Earlier ones are kept in half precision, both in one tensor (1, 4, H, W): six at most.

    The contrast that the residual is held at follows from strength and look alone: it depends on nothing that came
    before, so shots and chunks of shots agree in any order.
    """

    def __init__(self) -> None:
        self.residual: Tensor | None = None
        self.fresh = 1.0  # share of the last picture that could neither be carried nor remembered
        self.frames = 0  # of the shot so far
        self.is_blank = False  # the shot has shown nothing yet but black or white, of which nothing is dreamed
        self._carried_for: Tensor | None = None
        self._kept: dict[int, Tensor] = {}  # by the frame's number in the shot

    @property
    def shown(self) -> Tensor:
        """The residual of the last frame."""
        if self.residual is None:
            raise RuntimeError("a shot begins with `begin`")
        return self.residual

    @property
    def lead(self) -> int:
        """How many frames before the next one must be at hand."""
        return self.frames - min((*self._kept, max(0, self.frames - 1)))

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs besides the number of frames."""
        if self.residual is None or self._carried_for is None:
            raise RuntimeError("a shot that has not begun has no state")
        kept = {f"{_KEPT}{number}": kept for number, kept in self._kept.items()}
        return {"residual": self.residual, "carried_for": self._carried_for, **kept}

    def restore(self, state: Mapping[str, Tensor], frames: int) -> None:
        """Go on where another one was after `frames` frames of the shot.

        Journals of before there was a memory have the residual alone: it counts as settled.
        """
        self.frames = frames
        self.residual = state["residual"]
        self.is_blank = not self.residual.any()
        settled = torch.full_like(self.residual[:, :1], _SETTLING_FRAMES)
        self._carried_for = state.get("carried_for", settled)
        self._kept = {int(name.removeprefix(_KEPT)): kept for name, kept in state.items() if name.startswith(_KEPT)}

    def begin(self, raw: Tensor, plan: FramePlan[FrameSettings]) -> Tensor:
        """The residual of a shot's first frame `raw`, (1, 3, H, W) in [0, 1]: nothing that came before enters it.

        Of a black or white frame nothing is dreamed: there it is 0.
        """
        self.fresh, self.frames, self._kept = 1.0, 0, {}
        self.is_blank = is_blank(raw)
        if self.is_blank:
            self.residual, self._carried_for = torch.zeros_like(raw), torch.zeros_like(raw[:, :1])
            return self._keep(self.residual)
        residual = self._settle(plan.dreamer.dream(raw) - raw, raw, plan)
        for _ in range(SETTLING_PASSES):
            residual = self._dream_on(raw, residual, plan)
        self._carried_for = torch.full_like(raw[:, :1], _SETTLING_FRAMES)
        return self._keep(residual)

    def adopt(self, residual: Tensor) -> Tensor:
        """The residual of a shot's first frame, as another pass has left it there."""
        self.fresh, self.frames, self._kept = 0.0, 0, {}
        self.residual, self.is_blank = residual, not residual.any()
        self._carried_for = torch.full_like(residual[:, :1], _SETTLING_FRAMES)
        return self._keep(residual)

    def dream_again(self, raw: Tensor, plan: FramePlan[FrameSettings], passes: int) -> Tensor:
        """The residual of the last frame, dreamed on so many times more where it stands."""
        for _ in range(0 if self.is_blank else passes):
            self._dream_on(raw, self.shown, plan)
        return self.shown

    def memory(self) -> Tensor:
        """What there is to remember of the last frame, (1, 4, H, W): its residual, and for how many frames each pixel
        has been carried."""
        if self.residual is None or self._carried_for is None:
            raise RuntimeError("a shot begins with `begin` or `adopt`")
        return torch.cat([self.residual, self._carried_for], dim=1)

    def follow(
        self,
        raw: Tensor,
        motion: FrameMotion,
        plan: FramePlan[FrameSettings],
        earlier: Earlier = NOTHING_EARLIER,
        recalled: Recalled = (),
        goal: Goal | None = None,
    ) -> Tensor:
        """The residual of the next frame, dreamed on from the carried one; `motion` leads back from it.

        More iterations are spent the more of the picture is new, and longer steps just there; where nothing moves they
        are shorter, or the dream would boil.
        """
        if self.is_blank:
            return self._wait(raw, plan)
        carried, fresh = self._bring(motion, earlier, recalled, goal)
        look = plan.dreamer.look
        octaves = len(look.sizes((raw.shape[-2], raw.shape[-1])))
        cold, warm = (
            look.iterations_per_octave(counts, octaves) for counts in (look.iterations, plan.settings.warm_iterations)
        )
        counts = [w + max(0, round((c - w) * self.fresh)) for c, w in zip(cold, warm, strict=True)]
        dreamed = self._dream_on(raw, carried, plan, counts, step_gain(motion, fresh, plan.is_steady))
        return self._keep(self._pulled(dreamed, goal))

    def coast(
        self,
        raw: Tensor,
        motion: FrameMotion,
        plan: FramePlan[FrameSettings],
        earlier: Earlier = NOTHING_EARLIER,
        recalled: Recalled = (),
        goal: Goal | None = None,
    ) -> Tensor:
        """Move the residual along without dreaming: the frames between those of `--every N`."""
        if self.is_blank:
            return self._wait(raw, plan)
        carried, _ = self._bring(motion, earlier, recalled, goal)
        return self._keep(self._pulled(self._settle(carried, raw, plan), goal))

    def _wait(self, raw: Tensor, plan: FramePlan[FrameSettings]) -> Tensor:
        """The residual of one more frame of a shot that has shown nothing yet: it begins when something comes."""
        return self._keep(self.shown) if is_blank(raw) else self.begin(raw, plan)

    def _pulled(self, residual: Tensor, goal: Goal | None) -> Tensor:
        if goal is not None:
            residual = self.residual = torch.lerp(residual, goal.residual, goal.pull)
        return residual

    def _dream_on(
        self,
        raw: Tensor,
        residual: Tensor,
        plan: FramePlan[FrameSettings],
        counts: Sequence[int] | None = None,
        gain: Tensor | None = None,
    ) -> Tensor:
        carried = plan.settings.blend * residual
        iterations = plan.settings.warm_iterations if counts is None else counts
        dreamed = plan.dreamer.dream(raw, iterations=iterations, carried=carried, gain=gain)
        return self._settle(dreamed - raw + _clipped_off(raw, carried), raw, plan)

    def _bring(
        self, motion: FrameMotion, earlier: Earlier, recalled: Recalled, goal: Goal | None
    ) -> tuple[Tensor, Tensor]:
        """The residual as it comes from the last frame and, where that gives nothing settled, from earlier ones; and
        how far each pixel is fresh nevertheless."""
        if self.residual is None or self._carried_for is None:
            raise RuntimeError("a shot begins with `begin`")
        reliability = motion.reliability.contiguous()
        carried = warp_backward(self.residual, motion.flow) * reliability
        carried_for = warp_backward(self._carried_for, motion.flow, mode="bilinear") * reliability
        fresh = 1 - reliability
        for number, way in earlier.items():
            if number in self._kept:
                _fill_in(self._kept[number], way, carried, carried_for, fresh)
        for remembered, way in recalled:
            _fill_in(remembered, way, carried, carried_for, fresh)
        if goal is not None:
            carried = torch.lerp(carried, goal.residual, goal.share)
        self._carried_for = (carried_for + 1).clamp_max(_SETTLING_FRAMES)
        self.fresh = float(fresh.mean())
        return carried, fresh

    def _keep(self, residual: Tensor) -> Tensor:
        """Count the frame, and keep what later ones look back to."""
        number = self.frames
        self._kept = {one: kept for one, kept in self._kept.items() if is_needed_after(one, number)}
        if self._carried_for is not None and is_needed_after(number, number):
            self._kept[number] = torch.cat([residual, self._carried_for], dim=1).half()
        self.frames += 1
        return residual

    def _settle(self, residual: Tensor, raw: Tensor, plan: FramePlan[FrameSettings]) -> Tensor:
        """The governor: take out the residual's low frequencies and bring it to its contrast, then keep it."""
        residual = residual - 0.5 * _low_pass(residual)
        self.residual = level(residual, raw, plan.contrast, most=_MOST_GROWTH)
        return self.residual


def is_blank(raw: Tensor) -> bool:
    """Whether a frame, (1, 3, H, W) in [0, 1], is black or white and nothing else, as before a fade and after it."""
    light = luma(raw)
    return bool(light.std() < _BLANK_CONTRAST and (light - 0.5).abs().mean() > 0.5 - _BLANK_MARGIN)


def _openness(carried_for: Tensor) -> Tensor:
    """How far what has been carried for so long gives way to what is remembered, in [0, 1]."""
    openness: Tensor = ((_SETTLING_FRAMES - carried_for) / _YIELDING_FRAMES).clamp(0, 1)
    return openness


def _fill_in(kept: Tensor, way: FrameMotion, carried: Tensor, carried_for: Tensor, fresh: Tensor) -> None:
    """Write what `kept` remembers into the other three, where they are open to it and the way there is reliable.

    Only there it is fetched: that is a small part of the picture.
    """
    size = (fresh.shape[-2], fresh.shape[-1])
    share = _enlarge(way.reliability, size) * _openness(carried_for)
    pixels = (share.flatten() > _LEAST_SHARE).nonzero().flatten()
    if not len(pixels):
        return
    scale = way.flow.new_tensor([size[1] / way.flow.shape[-1], size[0] / way.flow.shape[-2]])[None, :, None, None]
    there = warp_pixels(kept, _enlarge(way.flow, size) * scale, pixels)
    remembered, remembered_for = there[:3], there[3:].clamp(0, _SETTLING_FRAMES)
    taken = share.flatten()[pixels] * (1 - _openness(remembered_for))
    for field, value in ((carried, remembered), (carried_for, remembered_for), (fresh, torch.zeros_like(taken))):
        flat = field.view(field.shape[1], -1)
        flat[:, pixels] += taken * (value - flat[:, pixels])


def _enlarge(field: Tensor, size: tuple[int, int]) -> Tensor:
    """A field measured on smaller frames, at each pixel of frames of `size`."""
    if tuple(field.shape[-2:]) == size:
        return field
    return F.interpolate(field, size=size, mode="bilinear", align_corners=False)


def step_gain(motion: FrameMotion, fresh: Tensor, is_steady: bool) -> Tensor:
    """What a carried frame's steps are multiplied by, (1, 1, H, W).

    They renew what resampling has worn off; only where what is dreamed changes they must move the dream at rest, too.
    """
    rest, moving = (_RESTING_GAIN, _MOVING_GAIN) if is_steady else (1.0, 1.0)
    worn = (motion.flow.norm(dim=1, keepdim=True) / _WEARING_MOTION).clamp_max(1)
    gain = rest + (moving - rest) * worn
    longer: Tensor = gain + (_FRESH_GAIN - gain) * fresh
    return longer


def _clipped_off(raw: Tensor, carried: Tensor) -> Tensor:
    """What of the carried residual the display's range has no room for.

    It is carried on unseen: else one white or black frame would cost half of the dream.
    """
    wished = raw + carried
    return wished - wished.clamp(0, 1)


def _low_pass(image: Tensor) -> Tensor:
    """Two box filters of an eighth of the short side, reflecting at the borders.

    What they leave is smooth, so they work on a picture that is a few times smaller: a fifteenth of the time.
    """
    size = (image.shape[-2], image.shape[-1])
    radius = max(1, round(min(size) * _LOW_PASS_SHARE / 2))
    shrink = max(1, radius // _RADIUS_WHEN_SMALL)
    small = resize(image, (-(-size[0] // shrink), -(-size[1] // shrink)))
    radius = max(1, round(((2 * radius + 1) / shrink - 1) / 2))
    for _ in range(2):
        padded = F.pad(small, (radius,) * 4, mode="reflect")
        small = F.avg_pool2d(F.avg_pool2d(padded, (2 * radius + 1, 1), 1), (1, 2 * radius + 1), 1)
    return resize(small, size)
