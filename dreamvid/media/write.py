"""Opening what frames are written to: a video with its sound, a numbered sequence, or a still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from dreamvid.config.passes import PassName
from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.images.color import BT709, ColorTags, SceneColors
from dreamvid.images.header import ImageTags, is_image, read_image_tags
from dreamvid.images.write import ALPHA_SUFFIXES, IMAGE_DEPTHS, check_image_target, tags_that_fit
from dreamvid.media.animation import Animation, AnimationWriter
from dreamvid.media.codecs import (
    AnimationCodec,
    animation_codec,
    codec_at_hand,
    find_codec,
    picture_suffix,
    video_codec,
    video_codecs,
)
from dreamvid.media.mastering import Mastering
from dreamvid.media.mux import Original
from dreamvid.media.probe import ClipInfo
from dreamvid.media.sequence import list_sequence
from dreamvid.media.sound import SoundTrack, plan_sound
from dreamvid.media.target import check_target, output_pattern
from dreamvid.media.write_images import ImageWriter, SequenceWriter, StillWriter, check_resumed
from dreamvid.media.write_passes import PassFile, open_pass_writer
from dreamvid.media.write_video import VideoWriter
from dreamvid.media.writer import Writer
from dreamvid.runtime.events import Notice, Tell, ignore, run_to_end


def open_writer(
    target: Path | str,
    *,
    width: int,
    height: int,
    rate: Fraction | None,
    codec: str = "h264",
    crf: int | None = None,
    bit_depth: int | None = None,
    quality: int | None = None,
    alpha: bool = False,
    color: ColorTags | None = None,
    scene: SceneColors | None = None,
    mastering: Mastering | None = None,
    keeps_profile: bool = True,
    sound: SoundTrack | None = None,
    original: Original | None = None,
    metadata: Mapping[str, str] | None = None,
    sample_aspect: Fraction = Fraction(1),
    overwrite: bool = False,
    protected: Sequence[Path | str] = (),
    first_number: int = 1,
    resume: int | None = None,
    timecode: ClipTimecode | None = None,
    passes: Sequence[PassName] = (),
    compression: str | None = None,
    tell: Tell = ignore,
) -> Writer:
    """Open a video, an image, or a numbered sequence (`out/%05d.png`) for writing; the name says which.

    `codec` is the name of one of `CODECS` and `crf` its quality (None: the codec's default); they, `rate` in frames per
    second, `color` (None: BT.709), `sound` and `sample_aspect` concern videos only, `quality` JPEG and WebP,
    `compression` EXR. A codec of pictures only says what the name says. `bit_depth` is of a component; None is the
    format's own. ffv1 keeps RGB exactly, the other codecs store limited range. Where chroma comes in pairs, an odd size
    grows by one pixel that repeats the edge. With `alpha` frames have a fourth channel; where the format cannot hold
    it, it is dropped; `tell` hears what of the source cannot be kept. `sound` is stored as `plan_sound` finds it can
    be, and cut to the length of the picture. `metadata` comes back from `read_metadata`. Of `original` its own tags,
    chapters and subtitles are kept, in an image its EXIF and, with `keeps_profile`, its color profile. `timecode` is
    that of the first frame of a film, or of a sequence, in which EXR files hold it. With `scene` frames for an EXR are
    light, of any brightness, which is written as it is. `mastering` is what HDR was made on, for codecs that can say
    so. Where `passes` are given, the target is an EXR that holds these as layers, and takes frames with their layers.

    A sequence starts at `first_number`, and its folder is created if its parent exists. With `resume`, that many
    frames have already been written by an earlier writer that was stopped; they are kept, and writing continues.

    Everything is first written to hidden files next to the target. `protected` are the files, patterns and
    folders that must never be overwritten, under any name. Raises before any work: SettingsError for an
    unknown codec, a crf out of range or a depth that the codec does not support; MediaError for an unsuitable
    extension, an existing output without `overwrite`, a protected file, a folder that is missing or not writable,
    or unreadable sound.
    """
    path = target if isinstance(target, Path) else Path(target)  # a `OneFile` stays one
    metadata = dict(metadata or {})
    guarded = [Path(item) for item in (*protected, *([sound.path] if sound else []))]
    files = output_pattern(path)
    writer: Writer
    moves = rate is not None and files is None and animation_codec(path) is not None
    if (files is not None or is_image(path)) and not moves:
        check_image_target(path, bit_depth)
        _check_image_codec(path, codec)
        check_target(path, files, overwrite=overwrite or resume is not None, protected=guarded)
        tags, lost = tags_that_fit(path, _kept_tags(original, keeps_profile=keeps_profile), metadata)
        if passes:
            writer = open_pass_writer(
                [PassFile(path, tuple(passes))], width=width, height=height, alpha=alpha, bit_depth=bit_depth,
                compression=compression, metadata=metadata, scene=scene, overwrite=overwrite, protected=guarded,
                first_number=first_number, resume=resume, timecode=timecode,
            )  # fmt: skip
        elif files is None:
            writer = StillWriter(
                path, width, height, alpha=alpha, bit_depth=bit_depth, quality=quality,
                metadata=metadata, tags=tags, scene=scene, overwrite=overwrite, compression=compression,
            )  # fmt: skip
        else:
            check_resumed(files, first_number, resume or 0)
            writer = SequenceWriter(
                path, width, height, files=files, first_number=first_number, resume=resume, alpha=alpha,
                bit_depth=bit_depth, quality=quality, metadata=metadata, tags=tags, scene=scene, overwrite=overwrite,
                timecode=timecode, compression=compression,
            )  # fmt: skip
        run_to_end(map(Notice, lost), tell)
    else:
        chosen = find_codec(codec_for(path, codec), path, width, height, crf, bit_depth)
        if rate is None:
            raise MediaError(f"{path}: a still picture has no frame rate; write an image, or give a rate")
        check_target(path, None, overwrite=overwrite, protected=guarded)
        chosen, replaced = codec_at_hand(chosen)
        encoding = chosen.encoding(bit_depth, alpha=alpha)
        if encoding is None:
            raise MediaError(
                f"{path}: codec {codec} does not support transparency at {bit_depth} bits; leave out --bit-depth"
            )
        if isinstance(chosen, AnimationCodec):
            return _open_animation(
                path, width, height, rate=rate, animation=Animation(chosen, encoding, quality), alpha=alpha,
                sample_aspect=sample_aspect, overwrite=overwrite, has_sound=sound is not None, tell=tell,
            )  # fmt: skip
        original = original if original is not None and original.info.kind == "video" else None
        plan = None if sound is None else plan_sound(sound, path)
        writer = VideoWriter(
            path, width, height, rate=rate, codec=chosen, encoding=encoding, crf=crf, alpha=alpha,
            color=color or BT709, mastering=mastering, sound=plan, original=original, metadata=metadata,
            sample_aspect=sample_aspect, overwrite=overwrite, tell=tell, timecode=timecode,
        )  # fmt: skip
        run_to_end(map(Notice, () if plan is None else plan.notices), tell)
        if replaced:
            tell(Notice(f"{path}: {replaced}"))
        if original is not None and (lost := original.lost_subtitles(path)):
            tell(
                Notice(
                    f"{path}: bitmap subtitles ({', '.join(lost)}) cannot be stored in this format and are left out; "
                    "use .mkv to keep them"
                )
            )
    if alpha and not writer.keeps_alpha:
        tell(Notice(f"{path}: does not support transparency, which is left out; {_alpha_remedy(writer)}"))
    return writer


def _open_animation(
    path: Path,
    width: int,
    height: int,
    *,
    rate: Fraction,
    animation: Animation,
    alpha: bool,
    sample_aspect: Fraction,
    overwrite: bool,
    has_sound: bool,
    tell: Tell,
) -> Writer:
    if has_sound:
        tell(Notice(f"{path}: has no sound; use .mp4 to keep it"))
    run_to_end(map(Notice, animation.lost_by(path, rate)), tell)
    return AnimationWriter(
        path, width, height, animation=animation, rate=rate, alpha=alpha, color=BT709, sound=None, original=None,
        metadata={}, sample_aspect=sample_aspect, overwrite=overwrite, tell=tell,
    )  # fmt: skip


def codec_for(target: Path, codec: str, *, pieces: bool = False) -> str:
    """The codec that a film of that name is written with, or its `pieces`: the one that is asked for, but that of a
    picture that moves, whose name says it."""
    moving = animation_codec(target)
    if moving is None:
        return codec
    return moving.pieces if pieces else moving.name


def depth_to_keep(target: Path | str, codec: str, info: ClipInfo) -> int | None:
    """The bit depth in which `target` keeps what a source of more than 8 bits has; None: the format's own will do.

    That is 16 where storing is lossless and 8 the default: PNG, TIFF and ffv1.
    """
    path = Path(target)
    if is_image(path):
        lossless = 16 in IMAGE_DEPTHS.get(path.suffix.lower(), ())
    else:
        chosen = video_codec(codec)
        lossless = chosen is not None and chosen.lossless
    return 16 if lossless and info.bit_depth > 8 else None


def _alpha_remedy(writer: Writer) -> str:
    if isinstance(writer, ImageWriter):
        return f"use {', '.join(sorted(ALPHA_SUFFIXES))} to keep it"
    films = [codec for codec in video_codecs() if not isinstance(codec, AnimationCodec)]
    able = [f"{codec.name} ({codec.suffixes[0]})" for codec in films if codec.holds_alpha]
    return f"to keep it, use codec {' or '.join(able)}, or pictures such as {writer.target.stem}/%05d.png"


def _check_image_codec(path: Path, codec: str) -> None:
    suffix = picture_suffix(codec)
    if suffix is not None and path.suffix.lower() != suffix:
        raise MediaError(f"{path}: codec {codec} writes {suffix} files; change the name, or leave out --codec")


def _kept_tags(original: Original | None, *, keeps_profile: bool) -> ImageTags:
    """What an image keeps of a source that is images."""
    if original is None or original.info.kind == "video":
        return ImageTags()
    path = original.info.path
    tags = read_image_tags((list_sequence(path) or [path])[0])
    return tags if keeps_profile else replace(tags, icc_profile=None)
