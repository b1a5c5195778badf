"""The passes of a render: which there are, and where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dreamvid.config.passes import LOSSY, PASSES, PassName
from dreamvid.config.settings import DreamSettings, key_of
from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import SettingsError
from dreamvid.images.color import Colors, SceneColors
from dreamvid.media.write_passes import PassWriter, open_pass_writer, pass_files_beside
from dreamvid.runtime.events import Notice, Tell


def check_passes(target: Path, settings: DreamSettings, tell: Tell, colors: Colors | None = None) -> None:
    """Raise `SettingsError` where the passes that are asked for cannot be; `tell` where they are not exact. `colors` is
    the way of the frames' colors, where that is not the usual one."""
    if settings.passes is not None and colors is not None and colors.scene is None:
        raise SettingsError(
            "--passes: hold linear light, but with --ocio and --hdr that is of an output in EXR alone; write "
            f"-o {target.stem}.%04d.exr"
        )
    for name in settings.passes or ():
        needed = PASSES[name].needed
        if needed is not None and getattr(settings, needed) is None:
            raise SettingsError(f"--passes: {name} needs --{key_of(needed)}; give it, or leave out {name}")
    bits = settings.bit_depth
    if _is_exr(target) and None not in (bits, settings.exr_depth) and bits != settings.exr_depth:
        raise SettingsError(
            f"--exr-depth: is {settings.exr_depth}, but --bit-depth is {bits}, and {target.name} is an EXR; give one"
        )
    if settings.exr_compression in LOSSY and "dream" in (settings.passes or ()):
        tell(
            Notice(
                f"--exr-compression: {settings.exr_compression} is lossy, so source plus dream is not exactly the "
                "beauty; use zip or piz where it has to be"
            )
        )


def target_depth(target: Path, settings: DreamSettings) -> int | None:
    """The bits of a component that were asked for in the output itself; None: none were."""
    return (settings.exr_depth if _is_exr(target) else None) or settings.bit_depth


def pass_depth(target: Path, settings: DreamSettings) -> int | None:
    """The bits of the floats in passes beside the output; None: the format's own."""
    return settings.exr_depth or (settings.bit_depth if _is_exr(target) else None)


def own_passes(target: Path, settings: DreamSettings) -> tuple[PassName, ...]:
    """The passes that are layers of the output's own files; none where it is no EXR. Its picture is one of them."""
    if settings.passes is None or settings.passes_as != "layers" or not _is_exr(target):
        return ()
    return tuple(name for name in PASSES if name in settings.passes or name == "beauty")


def side_passes(target: Path, settings: DreamSettings) -> tuple[PassName, ...]:
    """The passes that go beside the output. One that is an EXR is the beauty itself."""
    if settings.passes is None or own_passes(target, settings):
        return ()
    return tuple(name for name in settings.passes if name != "beauty" or not _is_exr(target))


def open_side_passes(
    target: Path,
    settings: DreamSettings,
    *,
    size: tuple[int, int],
    is_still: bool,
    alpha: bool,
    metadata: Mapping[str, str],
    overwrite: bool,
    scene: SceneColors | None = None,
    protected: Sequence[Path],
    first_number: int,
    resume: int | None,
    timecode: ClipTimecode | None = None,
) -> PassWriter | None:
    """The writer of the passes beside the target, of frames of (width, height) `size`, if there are any; see
    `open_writer`. Raises `MediaError` before any work."""
    outputs = pass_files_beside(target, side_passes(target, settings), settings.passes_as, is_still=is_still)
    if not outputs:
        return None
    return open_pass_writer(
        outputs,
        width=size[0],
        height=size[1],
        alpha=alpha,
        bit_depth=pass_depth(target, settings),
        compression=settings.exr_compression,
        metadata=metadata,
        scene=scene,
        overwrite=overwrite,
        protected=protected,
        first_number=first_number,
        resume=resume,
        timecode=timecode,
    )


def pass_bytes(settings: DreamSettings, target: Path) -> float:
    """What passes take on the disk, about, of each pixel."""
    names = {*own_passes(target, settings)} - {"beauty"} | {*side_passes(target, settings)}
    deep = 2 if pass_depth(target, settings) == 32 else 1
    return deep * sum(PASSES[name].bytes_per_pixel for name in names)


def _is_exr(target: Path) -> bool:
    return target.suffix.lower() == ".exr"
