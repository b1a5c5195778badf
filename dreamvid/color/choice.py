"""Which way the colors of a source take, by the settings, by what the source says and by what is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dreamvid.color.hdr import HdrPath
from dreamvid.color.ocio import OcioConfig, OcioPath
from dreamvid.color.path import ColorPath
from dreamvid.color.primaries import PRIMARIES, name_of
from dreamvid.color.transfer import HLG, PQ, SRGB, WHITE_NITS, Gamma24, Linear, Transfer
from dreamvid.config.checked import key_of
from dreamvid.config.color import ColorSettings
from dreamvid.config.fields import fields_of
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.color import BT709, HDR_TRANSFERS, ColorTags, SceneColors, kept_tags
from dreamvid.images.content import image_format
from dreamvid.images.exr import read_exr_chromaticities
from dreamvid.images.header import is_image, read_header
from dreamvid.media import ClipInfo, list_sequence, video_codec
from dreamvid.media.codecs import video_codecs


def choose_colors(
    settings: ColorSettings,
    info: ClipInfo,
    target: Path,
    *,
    codec: str = "",
    bit_depth: int | None = None,
    tonemap: str | None = None,
) -> ColorPath | None:
    """The way from the source `info` to `target`; None: the usual one, of display values in [0, 1].

    `codec`, `bit_depth` and `tonemap` are those of the settings. Raises `SettingsError` where the settings do not fit
    together, the source or the target, `MediaError` where the source cannot be read.
    """
    _check(settings, tonemap)
    if settings.hdr is not None:
        path: ColorPath = _hdr_path(settings.hdr, info, target)
    elif settings.ocio is not None:
        path = _ocio_path(settings, OcioConfig(settings.ocio), info, target)
    else:
        return None
    if path.tags is not None and path.tags.transfer in HDR_TRANSFERS:
        _check_codec(target, codec, bit_depth, "--out-space" if settings.hdr is None else "--hdr")
    return path


def guide_colors(settings: ColorSettings, guide: ClipInfo) -> ColorPath | None:
    """The way of a guide's colors to the same rendition as the film's; `settings` are the film's."""
    if settings.hdr is not None:
        coding, primaries, _ = _coding_of(guide)
        return HdrPath(coding, Linear(), primaries, primaries, tags=None, scene=None)
    if settings.ocio is not None:
        config = OcioConfig(settings.ocio)
        source = _space_of_source(config, guide)
        work = _space_to_work_in(config, settings, source)
        return OcioPath(config, source, work, source, tags=None, scene=None)
    return None


def _check(settings: ColorSettings, tonemap: str | None) -> None:
    named = [name for name, _, facts in fields_of(ColorSettings) if facts.names_color_space and getattr(settings, name)]
    if settings.ocio is None and named:
        option = f"--{key_of(named[0])}"
        raise SettingsError(f"{option}: names a space of an OpenColorIO configuration; add --ocio builtin, or a file")
    if settings.hdr is not None and settings.ocio is not None:
        raise SettingsError("--hdr: --ocio converts colors, too; leave one of them out")
    if tonemap is not None and (settings.hdr or settings.ocio):
        option = "--hdr" if settings.hdr else "--ocio"
        raise SettingsError(f"--tonemap: {option} keeps what is brighter than white; leave one of them out")


def _hdr_path(wanted: str, info: ClipInfo, target: Path) -> HdrPath:
    source, primaries, chromaticities = _coding_of(info)
    if is_image(target):
        if target.suffix.lower() != ".exr":
            raise SettingsError(f"--hdr: {target.suffix} pictures hold no HDR; use --codec exr, or an output in .exr")
        if wanted != "keep":
            raise SettingsError(f"--hdr: an EXR holds linear light; use --hdr keep instead of {wanted}")
        white = WHITE_NITS if isinstance(source, PQ) else None
        scene = SceneColors(chromaticities or primaries, white)
        return HdrPath(source, Linear(), primaries, primaries, tags=None, scene=scene)
    to: Transfer = {"keep": source, "pq": PQ(), "hlg": HLG()}[wanted]
    if to.tag not in HDR_TRANSFERS:
        what = "linear light, which films do not hold" if isinstance(source, Linear) else "not HDR"
        raise SettingsError(f"--hdr: {info.path} is {what}; use --hdr pq or --hdr hlg to make it HDR")
    if type(to) is type(source):
        tags, out = _hdr_tags(info), primaries
    else:
        tags, out = kept_tags("bt2020nc", "bt2020", to.tag), PRIMARIES["bt2020"]
    brightest = None if info.mastering is None else info.mastering.max_luminance
    return HdrPath(source, to, primaries, out, tags=tags, scene=None, brightest_nits=brightest)


def _hdr_tags(info: ClipInfo) -> ColorTags:
    """The tags of a film that is coded as an HDR source is; a matrix that cannot be written is that of BT.2020."""
    tags = kept_tags(info.color_space, info.color_primaries or "bt2020", info.color_transfer)
    kept = tags.matrix == info.color_space or tags.primaries != "bt2020"
    return tags if kept else tags._replace(matrix="bt2020nc")


def _coding_of(info: ClipInfo) -> tuple[Transfer, tuple[float, ...], tuple[float, ...] | None]:
    """How a source is coded: transfer, primaries, and an EXR's own chromaticities."""
    if _is_exr(info):
        own = read_exr_chromaticities(_first_file(info))
        return Linear(), own or PRIMARIES["bt709"], own
    transfers: dict[str | None, Callable[[], Transfer]] = {one.tag: one for one in (PQ, HLG, Linear, SRGB)}
    made: Transfer = Gamma24() if info.kind == "video" else SRGB()
    if info.color_transfer in transfers:
        made = transfers[info.color_transfer]()
    elif info.kind != "video" and (coded := read_header(_first_file(info)).hdr_transfer) is not None:
        made = {"PQ": PQ, "HLG": HLG}[coded]()
    return made, PRIMARIES.get(info.color_primaries or "", PRIMARIES[made.primaries]), None


def _ocio_path(settings: ColorSettings, config: OcioConfig, info: ClipInfo, target: Path) -> OcioPath:
    source = _named(config, settings.in_space, "in-space") or _space_of_source(config, info)
    work = _space_to_work_in(config, settings, source)
    to = _named(config, settings.out_space, "out-space") or _space_of_target(config, source, info, target)
    is_film = not is_image(target)
    tags = config.tags_of(to) or (info.color if to == source else None)
    scene = None
    if target.suffix.lower() == ".exr":
        own = read_exr_chromaticities(_first_file(info)) if to == source and _is_exr(info) else None
        scene = SceneColors(own or PRIMARIES.get(config.primaries_of(to) or ""))
    return OcioPath(config, source, work, to, tags=tags if is_film else None, scene=scene)


def _named(config: OcioConfig, name: str | None, option: str) -> str | None:
    return None if name is None else config.find(name, option)


def _space_to_work_in(config: OcioConfig, settings: ColorSettings, source: str) -> str | None:
    """The space that is named; a standard picture's own, which dreams well as it is; else None, the working curve."""
    named = _named(config, settings.work_space, "work-space")
    return source if named is None and config.is_display(source) else named


def _space_of_source(config: OcioConfig, info: ClipInfo) -> str:
    if _is_exr(info):
        chromaticities = read_exr_chromaticities(_first_file(info))
        known = "bt709" if chromaticities is None else name_of(chromaticities)
        found, what = None if known is None else config.linear_space(known), "the chromaticities of the EXR"
    else:
        tags = info.color or BT709
        found, what = config.coded_space(tags if info.kind == "video" else None), "the colors of the source"
    if found is None:
        raise SettingsError(f"--in-space: {config.name} has no space that is known to have {what}; name one")
    return found


def _space_of_target(config: OcioConfig, source: str, info: ClipInfo, target: Path) -> str:
    """That of the source where what is written can hold it, else linear light in an EXR, and what a screen shows."""
    is_exr = target.suffix.lower() == ".exr"
    if is_exr == _is_exr(info) or (is_exr and config.is_linear(source)):
        return source
    found = config.linear_space(None) if is_exr else config.screen(None if is_image(target) else BT709)
    if found is None:
        raise SettingsError(f"--out-space: {config.name} does not say what {target.suffix} files are to hold; name one")
    return found


def _check_codec(target: Path, name: str, bit_depth: int | None, option: str) -> None:
    codec = video_codec(name)
    if codec is None or is_image(target):
        return
    able = [one.name for one in video_codecs() if one.holds_hdr]
    if not codec.holds_hdr:
        raise SettingsError(f"{option}: HDR in {name} plays hardly anywhere; use --codec {', '.join(able)}")
    if bit_depth is not None and bit_depth < 10:
        raise SettingsError(f"--bit-depth: HDR needs at least 10 bits, not {bit_depth}")


def _is_exr(info: ClipInfo) -> bool:
    return info.kind != "video" and image_format(_first_file(info)) == "exr"


def _first_file(info: ClipInfo) -> Path:
    found = list_sequence(info.path) or [info.path]
    if not found:
        raise MediaError(f"{info.path}: there is no picture")
    return found[0]
