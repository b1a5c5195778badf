"""The last step of a film: its encoded picture, and what goes with it, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from dreamvid.config.timecode import ClipTimecode
from dreamvid.errors import MediaError
from dreamvid.media.codecs import SUBTITLE_CODECS, TEXT_SUBTITLES
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.probe import ClipInfo, read_metadata
from dreamvid.media.sound import SoundPlan, shifted
from dreamvid.media.tags import tag_input, timecode_arguments, write_tags

# A subtitle that is already shown where the film begins starts there, and earlier ones go: a negative time would
# move the whole film.
_FROM_THE_START = "noise=drop=lte(pts+d\\,0),setts=pts=max(PTS\\,0):dts=max(DTS\\,0):duration=DURATION+min(PTS\\,0)"
_CONTAINERS_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
_TIMECODE_TAG = "timecode"  # the film has its own


@dataclass(frozen=True)
class Original:
    """The source of a film whose tags, chapters and subtitles are kept.

    Attributes:
        start: when in it the film begins, in seconds.
        metadata: its tags, but for those that describe the file that holds it.
    """

    info: ClipInfo
    start: Fraction = Fraction(0)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, info: ClipInfo, start: Fraction = Fraction(0)) -> Original:
        """Read the tags of what `info` describes, now: it may be gone by the end. Raises MediaError."""
        tags = read_metadata(info.path) if info.kind == "video" else {}
        left_out = {*_CONTAINERS_TAGS, _TIMECODE_TAG}
        return cls(info, start, {key: value for key, value in tags.items() if key not in left_out})

    def lost_subtitles(self, target: Path) -> list[str]:
        """The codecs of those subtitles that do not go into a film of that name."""
        return [codec for codec in self.info.subtitle_codecs if _subtitle_codec(codec, target) is None]


def mux(
    picture: Sequence[str],
    target: Path,
    *,
    seconds: Fraction,
    sound: SoundPlan | None,
    original: Original | None,
    metadata: Mapping[str, str],
    timecode: ClipTimecode | None = None,
) -> list[str]:
    """Join the encoded `picture`, ffmpeg's arguments for an input, and what goes with it into `target`.

    It lasts `seconds`, the picture's length. Pictures are copied, sound is stored as planned, and subtitles that are
    text are made into the container's own. `metadata` comes before the original's; `timecode` is that of the first
    frame.

    Returns lines about what had to be left out after all: a picture that took hours is not lost for its sound. Raises
    MediaError where not even the picture can be put there.
    """
    tags = dict(metadata) if original is None else {**original.metadata, **metadata}
    attempts: list[tuple[SoundPlan | None, Original | None, str]] = [(sound, original, "")]
    if original is not None:
        attempts.append((sound, None, "chapters and subtitles are left out"))
    if sound is not None:
        attempts.append((None, None, "sound, chapters and subtitles are left out"))
    reasons: list[str] = []
    for kept_sound, kept_original, left_out in attempts:
        reason = _mux_once(picture, target, seconds, kept_sound, kept_original, tags, timecode)
        if reason is None:
            return [f"{left_out}: they cannot be added to the video ({reasons[0]})"] if reasons else []
        reasons.append(reason)
    raise MediaError(
        f"{target}: its parts cannot be joined ({reasons[0]}); check the free disk space and run the same command again"
    )


def _mux_once(
    picture: Sequence[str],
    target: Path,
    seconds: Fraction,
    sound: SoundPlan | None,
    original: Original | None,
    tags: Mapping[str, str],
    timecode: ClipTimecode | None,
) -> str | None:
    """Why it failed; None: it is done."""
    inputs, maps, chapters = [*picture], ["-map", "0:v", "-c:v", "copy"], "-1"
    if sound is not None:
        number = inputs.count("-i")
        inputs += input_arguments(sound.path, *shifted(sound.begin))
        for place, track in enumerate(sound.tracks):
            maps += ["-map", f"{number}:a:{track.number}", *track.arguments(place)]
        # Seeking lands on a key frame of the picture: sound copied from there on would lie before our first frame.
        maps += ["-copypriorss:a", "0"] if sound.begin > 0 else []
    if original is not None:
        number = inputs.count("-i")
        subtitles = _subtitles(original, target, number)
        if subtitles or original.info.has_chapters:
            inputs += input_arguments(original.info.path, *shifted(original.start + original.info.first_frame_time))
            maps += subtitles
            chapters = str(number) if original.info.has_chapters else "-1"
    listing = target.with_name(f"{target.stem}.ffmetadata")
    try:
        write_tags(listing, tags)
        # Not -shortest: it would end the picture with the sound.
        code, _, stderr = run_ffmpeg(
            [*inputs, *tag_input(listing), *maps, "-map_metadata", str(inputs.count("-i")), "-map_chapters", chapters,
             *timecode_arguments(timecode, target),
             "-t", f"{float(seconds):.6f}", *container_options(target), "-y", file_url(target)]
        )  # fmt: skip
    except OSError as error:
        return str(error.strerror)
    finally:
        listing.unlink(missing_ok=True)
    return failure_reason(stderr.splitlines()) if code else None


def container_options(target: Path) -> list[str]:
    """ffmpeg's options for the container: the index first, and tags of any name."""
    return ["-movflags", "+faststart+use_metadata_tags"] if target.suffix.lower() in (".mp4", ".mov") else []


def _subtitles(original: Original, target: Path, number: int) -> list[str]:
    """ffmpeg's arguments for those of the subtitles of its input `number` that the container can hold."""
    arguments: list[str] = []
    taken = 0
    for index, codec in enumerate(original.info.subtitle_codecs):
        written = _subtitle_codec(codec, target)
        if written is not None:
            arguments += ["-map", f"{number}:s:{index}", f"-c:s:{taken}", written]
            taken += 1
    return [*arguments, "-bsf:s", _FROM_THE_START] if taken else []


def _subtitle_codec(codec: str, target: Path) -> str | None:
    """ffmpeg's codec for subtitles of a codec in a container; None where they do not fit."""
    own, accepted = SUBTITLE_CODECS.get(target.suffix.lower(), (None, frozenset()))
    if codec in accepted:
        return "copy"
    return own if codec in TEXT_SUBTITLES else None
