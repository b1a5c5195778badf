"""Color profiles of other spaces than RGB: pictures are read as RGB, so these are applied and not kept.

A profile of RGB stays with the picture as it is.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

_SMALLEST = 132  # bytes: a head and the number of tags
_MODES = {"CMYK": "CMYK", "Lab": "LAB"}
"""Pillow's for the spaces of profiles that it can apply."""


def profile_space(profile: bytes | None) -> str:
    """The space that an ICC profile is for, such as "RGB", "CMYK", "GRAY" or "Lab"; empty without one."""
    return (profile or b"")[16:20].decode("ascii", "replace").strip()


def rgb_profile(profile: bytes | None) -> bytes | None:
    """The profile if it is one of RGB: another says nothing about RGB pixels, and viewers stumble over it.

    What follows its end goes, and one that is cut short is none.
    """
    if profile is None or profile_space(profile) != "RGB":
        return None
    size = int.from_bytes(profile[:4], "big")
    return profile[:size] if _SMALLEST <= size <= len(profile) else None


def to_rgb(image: Image.Image, mode: str) -> Image.Image:
    """A picture of 8 bits as "RGB" or "RGBA": by its profile, where that is one of CMYK or Lab, into sRGB.

    Raises one of `header.DAMAGED` where it cannot be decoded.
    """
    profile = image.info.get("icc_profile")
    fits = _MODES.get(profile_space(profile)) == image.mode
    if not fits and image.mode != "LAB":
        return image.convert(mode)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b"")) if fits else ImageCms.createProfile("LAB")
        made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:  # a damaged profile is no reason to lose a picture
        made = None
    return (image if made is None else made).convert(mode)


def gray_curve(profile: bytes | None) -> npt.NDArray[np.float32] | None:
    """What a profile of gray makes of the values from 0 to 1, evenly spaced, in sRGB; None where there is none."""
    if profile_space(profile) != "GRAY":
        return None
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        made = ImageCms.profileToProfile(ramp, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:
        return None
    return None if made is None else np.asarray(made, np.float32)[0, :, 1] / np.float32(255)


def apply_gray(pixels: npt.NDArray[np.float32], profile: bytes | None) -> npt.NDArray[np.float32]:
    """Bring gray pixels, (height, width, 3 or 4) with three equal colors, into sRGB by a profile of gray.

    What is not gray stays: the profile does not belong to it.
    """
    curve = gray_curve(profile)
    if curve is None or not (pixels[..., :1] == pixels[..., 1:3]).all():
        return pixels
    gray = np.interp(pixels[..., :1], np.linspace(0, 1, len(curve)), curve).astype(np.float32)
    return np.concatenate([gray, gray, gray, pixels[..., 3:]], axis=-1)
