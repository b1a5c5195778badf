"""Color management by OpenColorIO: spaces, displays and views of a configuration."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dreamvid.color.path import SCENE_PEAK, ColorPath, WorkingCurve
from dreamvid.color.primaries import PRIMARIES
from dreamvid.errors import SettingsError, did_you_mean, shown
from dreamvid.images.color import ColorTags, SceneColors

BUILT_IN = "builtin"
"""The configuration that comes with OpenColorIO."""

_BUILT_IN_URI = "ocio://studio-config-latest"
_ARCHIVE, _URI = ".ocioz", "ocio://"

# By aliases of the ACES configurations (https://opencolorio.org), which many others take over, and Blender's names.
_LINEAR_ALIASES = {
    "bt709": ("lin_rec709_srgb", "lin_rec709", "lin_srgb", "Utility - Linear - sRGB", "Linear Rec.709", "Linear"),
    "smpte432": ("lin_p3d65", "Utility - Linear - P3-D65", "Linear DCI-P3 D65"),
    "bt2020": ("lin_rec2020", "Utility - Linear - Rec.2020", "Linear Rec.2020"),
    "ap1": ("acescg", "lin_ap1", "ACES - ACEScg", "ACEScg"),
    "ap0": ("aces2065_1", "lin_ap0", "ACES - ACES2065-1", "ACES2065-1"),
}
_CODED_ALIASES: Mapping[ColorTags, tuple[str, ...]] = {
    ColorTags("bt709", "bt709", "bt709"): (
        "rec1886_rec709_display",
        "g24_rec709_display",
        "g24_rec709",
        "Rec.1886",
        "Rec.709",
    ),
    ColorTags("bt709", "bt709", "iec61966-2-1"): ("srgb_display", "srgb_rec709_display", "srgb_tx", "srgb_texture"),
    ColorTags("bt2020nc", "bt2020", "smpte2084"): ("rec2100_pq_display", "pq_rec2020_display"),
    ColorTags("bt2020nc", "bt2020", "arib-std-b67"): ("rec2100_hlg_display", "hlg_rec2020_display"),
    ColorTags("bt2020nc", "smpte432", "smpte2084"): ("st2084_p3d65_display", "pq_p3d65_display"),
    ColorTags("bt709", "smpte432", "iec61966-2-1"): ("displayp3_display", "srgb_p3d65_display"),
}
_PICTURE_ALIASES = ("srgb_tx", "srgb_texture", "srgb_encoded_rec709_srgb", "sRGB", "Utility - sRGB - Texture")


class OcioConfig:
    """A configuration, and what its spaces are called."""

    def __init__(self, text: str) -> None:
        """`text` is `builtin`, a URI of those that come with OpenColorIO, or a file, `.ocio` or `.ocioz`.

        Raises `SettingsError` where there is none, and where OpenColorIO is not installed.
        """
        self._ocio = _import()
        self._errors = self._ocio.Exception, self._ocio.ExceptionMissingFile
        try:
            self._config = self._ocio.Config.CreateFromFile(_BUILT_IN_URI if text == BUILT_IN else text)
        except self._errors as error:
            self._refuse(text, error)
        self.name = self._config.getName() or Path(text).name
        self.fingerprint = hashlib.sha256(self._config.serialize().encode()).hexdigest()[:16]

    def _refuse(self, text: str, error: Exception) -> None:
        if text.startswith(_URI):
            known = [f"{_URI}{name}" for name, *_ in self._ocio.BuiltinConfigRegistry().getBuiltinConfigs()]
            raise SettingsError(
                f"--ocio: {shown(text, 200)} does not come with this OpenColorIO"
                f"{did_you_mean(text, known) or f'; use {BUILT_IN}'}"
            ) from None
        if not Path(text).is_file():
            raise SettingsError(f"--ocio: {text}: there is no such file; give one, or {BUILT_IN}") from None
        reason = str(error).splitlines()[0]
        raise SettingsError(f"--ocio: {text}: is no configuration that can be read ({reason})") from None

    def find(self, name: str, option: str) -> str:
        """The canonical name of a color space, by its name, an alias or a role, or DISPLAY/VIEW.

        Raises `SettingsError`, with near names, where there is none.
        """
        if (space := self._config.getColorSpace(name)) is not None:
            return str(space.getName())
        if self._view(name) is not None:
            return name
        raise SettingsError(
            f"--{option}: '{shown(name)}' is no color space of {self.name}{did_you_mean(name, self._names())}"
        )

    def first_of(self, names: tuple[str, ...]) -> str | None:
        """The canonical name of the first of these that there is."""
        spaces = (self._config.getColorSpace(name) for name in names)
        return next((str(space.getName()) for space in spaces if space is not None), None)

    def linear_space(self, primaries: str | None) -> str | None:
        """The space of linear light with these primaries, by `PRIMARIES`; None: that of the role scene_linear."""
        names = ("scene_linear",) if primaries is None else _LINEAR_ALIASES[primaries]
        return self.first_of(names)

    def coded_space(self, tags: ColorTags | None) -> str | None:
        """The space of a film with these tags; None: of a picture."""
        if tags is None:
            return self.first_of(_PICTURE_ALIASES)
        for known, names in _CODED_ALIASES.items():
            if (known.primaries, known.transfer) == (tags.primaries, tags.transfer):
                return self.first_of(names)
        return self.first_of(_CODED_ALIASES[ColorTags("bt709", "bt709", "bt709")])

    def screen(self, tags: ColorTags | None) -> str | None:
        """DISPLAY/VIEW of what shows a scene on the usual screen of films or, without `tags`, of pictures."""
        wanted = "Rec.1886 Rec.709 - Display" if tags is not None else "sRGB - Display"
        displays = list(self._config.getDisplays())
        display = wanted if wanted in displays else self._config.getDefaultDisplay()
        view = self._config.getDefaultView(display)
        return f"{display}/{view}" if display and view else None

    def is_linear(self, name: str) -> bool:
        """Whether a space is linear light of scenes."""
        if self._view(name) is not None:
            return False
        return bool(self._config.isColorSpaceLinear(name, self._ocio.REFERENCE_SPACE_SCENE))

    def is_display(self, name: str) -> bool:
        """Whether a space is that of pictures of standard range, as screens show them."""
        space = self._config.getColorSpace(name)
        return space is not None and space.getEncoding() == "sdr-video"

    def primaries_of(self, name: str) -> str | None:
        """The primaries of a space of linear light, by `PRIMARIES`, as far as its names tell."""
        return next((one for one in PRIMARIES if self.linear_space(one) == name), None)

    def tags_of(self, name: str) -> ColorTags | None:
        """The tags of a film in a space, as far as its names tell; of DISPLAY/VIEW, those of its display."""
        view = self._view(name)
        known = name if view is None else view[0]
        for tags, names in _CODED_ALIASES.items():
            spaces = (self._config.getColorSpace(one) for one in names)
            if any(space is not None and space.getName() == known for space in spaces):
                return tags
        return None

    def processor(self, source: str, target: str) -> Processor:
        """What converts from one space, or DISPLAY/VIEW, to another. Raises `SettingsError`."""
        ocio = self._ocio
        group = ocio.GroupTransform()
        hub = self._config.getColorSpace("scene_linear")
        via = source if hub is None or self._view(source) is None else str(hub.getName())
        if (view := self._view(source)) is not None:
            group.appendTransform(self._view_transform(via, view, ocio.TRANSFORM_DIR_INVERSE))
        if (view := self._view(target)) is not None:
            group.appendTransform(self._view_transform(via, view, ocio.TRANSFORM_DIR_FORWARD))
        elif via != target:
            group.appendTransform(ocio.ColorSpaceTransform(src=via, dst=target))
        try:
            made = self._config.getProcessor(group)
            return Processor(made.getDefaultCPUProcessor(), str(made.getCacheID()))
        except self._errors as error:
            reason = " ".join(str(error).split())
            raise SettingsError(
                f"--ocio: {self.name} does not convert from {source} to {target} ({reason})"
            ) from None

    def _view_transform(self, space: str, view: tuple[str, str], direction: Any) -> Any:
        return self._ocio.DisplayViewTransform(src=space, display=view[0], view=view[1], direction=direction)

    def _view(self, name: str) -> tuple[str, str] | None:
        for display in self._config.getDisplays():
            if name.startswith(f"{display}/"):
                view = name.removeprefix(f"{display}/")
                return (display, view) if view in self._config.getViews(display) else None
        return None

    def _names(self) -> list[str]:
        config = self._config
        spaces = list(config.getColorSpaces())
        names = [space.getName() for space in spaces] + [alias for space in spaces for alias in space.getAliases()]
        views = [f"{display}/{view}" for display in config.getDisplays() for view in config.getViews(display)]
        return [*names, *config.getRoleNames(), *views]


class Processor:
    """A conversion of pixels, on the CPU, in any thread."""

    def __init__(self, cpu: Any, identity: str) -> None:
        self._cpu = cpu
        self.identity = identity

    def __call__(self, pixels: Tensor) -> Tensor:
        """(H, W, 3) float32 to a new tensor like it."""
        made: np.ndarray[Any, np.dtype[np.float32]] = pixels.contiguous().numpy().copy()
        self._cpu.applyRGB(made)
        return torch.from_numpy(made)


class OcioPath(ColorPath):
    """From a space of the source through one to dream in to one of the output."""

    def __init__(
        self,
        config: OcioConfig,
        source: str,
        work: str | None,
        target: str,
        *,
        tags: ColorTags | None,
        scene: SceneColors | None,
    ) -> None:
        """`work` None: the working curve's rendition of the source's light. Raises `SettingsError`.

        A screen shows a space of standard pictures as it is meant, a logarithmic one as if it were such.
        """
        super().__init__(tags=tags, scene=scene, keeps_coding=source == target)
        self._config = config
        self._names = f"{source} > {work} > {target}"
        light = source if config.is_linear(source) else config.linear_space(None)
        if light is None:
            raise SettingsError(f"--ocio: {config.name} has no role scene_linear; give an --in-space that is linear")
        self._to_light = None if light == source else config.processor(source, light)
        self._to_work = None if work is None else config.processor(light, work)
        self._screen = config.processor(work, light) if work is not None and config.is_display(work) else None
        self._to_stored = None if light == target else config.processor(light, target)
        self._curve = WorkingCurve(SCENE_PEAK)

    @property
    def description(self) -> str:
        used = (self._to_light, self._to_work, self._screen, self._to_stored)
        identities = " ".join("-" if one is None else one.identity for one in used)
        return f"{self._config.fingerprint} {self._names} {identities}"

    def to_light(self, stored: Tensor) -> Tensor:
        light = stored if self._to_light is None else self._to_light(stored)
        return light.nan_to_num(nan=0.0)

    def to_work(self, light: Tensor) -> Tensor:
        work = self._curve.to_work(light) if self._to_work is None else self._to_work(light)
        return work.nan_to_num(nan=0.0).clamp(0, 1)

    def screen(self, work: Tensor) -> Tensor:
        return super().screen(work) if self._screen is None else self._screen(work).nan_to_num(nan=0.0)

    def to_stored(self, light: Tensor) -> Tensor:
        return light if self._to_stored is None else self._to_stored(light)


@functools.cache
def _import() -> ModuleType:
    try:
        import PyOpenColorIO  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise SettingsError(
            "--ocio: OpenColorIO is not installed; install it with pip install 'dreamvid[ocio]'"
        ) from None
    PyOpenColorIO.SetLoggingLevel(PyOpenColorIO.LOGGING_LEVEL_NONE)  # errors are raised
    module: ModuleType = PyOpenColorIO
    return module
