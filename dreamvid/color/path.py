"""The way of a frame's colors: from the source to a picture that dreams well, and its dream back into the source.

A network wants pictures as screens show them, in [0, 1]. A source of high dynamic range is more than that. So the
picture that is dreamed is a rendition of the source, and what the dream adds to it is brought back to the source's
light:

    gain      = light / screen(raw)
    result    = light + gain · (screen(dreamed) - screen(raw))

where `raw` is the rendition, `light` the source's linear light, and `screen` the light with which a screen shows a
rendition. Where that is the source's own, as in all that is darker than middle gray, the result is what the screen
shows. In highlights, which a rendition compresses, a dream changes light in the proportion that is seen, as exposure
does: what halves white on the screen halves a lamp of 60. (The inverse of the compression would turn the faintest
texture there into several stops: lamps with black holes and neon rims.) Where nothing was dreamed a pixel stays as it
was.

A dream makes a pixel brighter than diffuse white and than it was by at most one stop, and less the closer it comes to
that; the hue stays. Nor does it make light more negative than it was.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dreamvid.images.color import ColorTags, FloatImage, SceneColors

UNCHANGED = 2.0**-16
"""The largest change of a rendition, of [0, 1], that is taken for none: what 16 bits round away."""

SCENE_PEAK = 64.0
"""The light of scenes, 1 being white, that the rendition still tells from more."""

_KNEE = 0.5
_TINY = 1e-6
_BLACK = 0.01  # of light: the proportion of what is darker means little


class WorkingCurve:
    """A rendition of linear light for the dream: as screens show it (sRGB) up to middle gray, and above it a shoulder
    that ends at `peak`. White is at about 0.75. It acts on each color channel.

    The shoulder is Reinhard's (2002, equation 4), applied to display values, of which the lower half stays.
    """

    def __init__(self, peak: float) -> None:
        self._end = (float(_encode(torch.tensor(peak))) - _KNEE) / (1 - _KNEE)

    def to_work(self, light: Tensor) -> Tensor:
        """Light of any brightness in [0, 1]."""
        shown = _encode(light)
        above = ((shown - _KNEE) / (1 - _KNEE)).clamp(0, self._end)
        bent = _KNEE + (1 - _KNEE) * above * (1 + above / self._end**2) / (1 + above)
        return torch.where(shown <= _KNEE, shown, bent).clamp(0, 1)


def screen_light(work: Tensor) -> Tensor:
    """The light with which a screen shows values in [0, 1] (sRGB)."""
    return torch.where(work <= 0.04045, work / 12.92, ((work + 0.055) / 1.055) ** 2.4)


def _encode(light: Tensor) -> Tensor:
    light = light.clamp_min(0)
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


class ColorPath(ABC):
    """One source's colors on their way through a render. What acts on pixels may be called from several threads.

    Convention: frames are (H, W, C) float32. `expose` makes of a stored frame, RGB and alpha perhaps, a rendition in
    [0, 1], behind which alpha and the stored RGB go along; `develop` makes of such a frame, dreamed, what is written.
    """

    def __init__(
        self, *, tags: ColorTags | None, scene: SceneColors | None, keeps_coding: bool, ceiling: float = float("inf")
    ) -> None:
        """`tags` are of a film that is written, `scene` of an EXR; `keeps_coding`: what is written is coded as the
        source is. `ceiling` is the brightest light that a dream may make of what is not as bright."""
        self.tags, self.scene = tags, scene
        self.keeps_coding = keeps_coding
        self._ceiling = ceiling

    @property
    @abstractmethod
    def description(self) -> str:
        """All that the colors depend on."""

    @property
    def fingerprint(self) -> str:
        """Tells this way from others, on any machine."""
        return hashlib.sha256(self.description.encode()).hexdigest()[:16]

    @abstractmethod
    def to_light(self, stored: Tensor) -> Tensor:
        """Stored values, (H, W, 3), as linear light, 1 being diffuse white."""

    @abstractmethod
    def to_work(self, light: Tensor) -> Tensor:
        """The rendition in [0, 1]."""

    def screen(self, work: Tensor) -> Tensor:
        """The light with which a screen shows a rendition, in the primaries of `to_light`."""
        return screen_light(work)

    @abstractmethod
    def to_stored(self, light: Tensor) -> Tensor:
        """Light as it is written."""

    def expose(self, frame: FloatImage) -> FloatImage:
        """The rendition of a stored frame, with all that is needed to come back: (H, W, 6), or 7 with alpha."""
        stored = np.ascontiguousarray(frame[..., :3])
        work = self.to_work(self.to_light(torch.from_numpy(stored)))
        return np.concatenate([work.numpy(), frame[..., 3:], stored], axis=-1)

    def develop(self, frame: FloatImage) -> FloatImage:
        """What is written of a dreamed frame: RGB, and alpha if it has some."""
        dreamed, alpha, stored = (_tensor(part) for part in np.split(frame, (3, frame.shape[2] - 3), axis=2))
        light = self.to_light(stored)
        raw = self.to_work(light)
        changed = (dreamed - raw).abs().amax(-1, keepdim=True) > UNCHANGED
        if bool(changed.any()):
            light = torch.where(changed, self._dreamed_light(light, raw, dreamed), light)
        written = self.to_stored(light)
        if self.keeps_coding:
            written = torch.where(changed, written, stored)
        return np.ascontiguousarray(torch.cat([written, alpha], dim=-1).numpy())

    def _dreamed_light(self, light: Tensor, raw: Tensor, dreamed: Tensor) -> Tensor:
        """The rule at the head of this page; all are (H, W, 3)."""
        before, after = self.screen(raw), self.screen(dreamed)
        peak = light.amax(-1, keepdim=True)
        gain = (light.clamp_min(0) + _BLACK) / (before.clamp_min(0) + _BLACK)
        result = torch.maximum(light + gain * (after - before), light.clamp_max(0))
        return result * self._share(result.amax(-1, keepdim=True), peak)

    def _share(self, brightest: Tensor, was: Tensor) -> Tensor:
        """What remains of a pixel's light, whose brightest channel `was` darker: (H, W, 1) in (0, 1]."""
        kept = was.clamp_min(1)
        room = torch.minimum(kept, (self._ceiling - kept).clamp_min(_TINY))
        above = (brightest - kept).clamp_min(0)
        return torch.where(above > 0, (kept + above / (1 + above / room)) / brightest.clamp_min(_TINY), 1.0)


def _tensor(pixels: npt.NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels))
