"""The last step of a film: its encoded picture, and what goes with it, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.media.codecs import SOUND_CODECS, SUBTITLE_CODECS, TEXT_SUBTITLES
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.probe import ClipInfo, SoundInfo, read_metadata
from dreamvid.media.sound import SoundTrack

# A subtitle that is already shown where the film begins starts there, and earlier ones go: a negative time would
# move the whole film.
_FROM_THE_START = "noise=drop=lte(pts+d\\,0),setts=pts=max(PTS\\,0):dts=max(DTS\\,0):duration=DURATION+min(PTS\\,0)"
_CONTAINERS_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})


@dataclass(frozen=True)
class Original:
    """The source of a film whose tags, chapters and subtitles are kept, and when in it the film begins, in seconds."""

    info: ClipInfo
    start: Fraction = Fraction(0)

    @property
    def metadata(self) -> dict[str, str]:
        """Its tags, but for those that describe the file that holds it. Raises MediaError."""
        return {key: value for key, value in read_metadata(self.info.path).items() if key not in _CONTAINERS_TAGS}

    def lost_subtitles(self, target: Path) -> list[str]:
        """The codecs of those subtitles that do not go into a film of that name."""
        return [codec for codec in self.info.subtitle_codecs if _subtitle_codec(codec, target) is None]


def mux(
    picture: Sequence[str],
    target: Path,
    *,
    seconds: Fraction,
    sound: SoundTrack | None,
    sound_info: SoundInfo | None,
    original: Original | None,
    metadata: Mapping[str, str],
) -> None:
    """Join the encoded `picture`, ffmpeg's arguments for an input, and what goes with it into `target`.

    It lasts `seconds`, the picture's length. Streams are copied; only a sound codec that the container does not take
    is encoded anew (AAC, or Opus for WebM), and subtitles that are text are made into its own. `metadata` comes
    before the original's. Raises MediaError.
    """
    inputs, maps, options = [*picture], ["-map", "0:v", "-c:v", "copy"], ["-map_metadata", "0", "-map_chapters", "-1"]
    if sound is not None and sound_info is not None and sound_info.codecs:
        begin = sound.start + sound_info.picture_start
        inputs += input_arguments(sound.path, *_shifted(begin))
        maps += ["-map", "1:a", *_sound_codecs(sound_info.codecs, target)]
        # Seeking lands on a key frame of the picture: sound copied from there on would lie before our first frame.
        maps += ["-copypriorss:a", "0"] if begin > 0 else []
    tags = dict(metadata)
    if original is not None:
        tags = original.metadata | tags
        number = inputs.count("-i")
        subtitles = _subtitles(original, target, number)
        if subtitles or original.info.has_chapters:
            inputs += input_arguments(original.info.path, *_shifted(original.start + original.info.first_frame_time))
            maps += subtitles
            options[-1] = str(number) if original.info.has_chapters else "-1"
    options += [part for key, value in tags.items() for part in ("-metadata", f"{key}={value}")]
    # Not -shortest: it would end the picture with the sound.
    code, _, stderr = run_ffmpeg(
        [*inputs, *maps, *options, "-t", f"{float(seconds):.6f}", *container_options(target), "-y", file_url(target)]
    )
    if code:
        reason = failure_reason(stderr.splitlines())
        remedy = "" if sound is None else f", or another sound than {sound.path}"
        raise MediaError(
            f"{target}: its parts cannot be joined ({reason}); check the space on the disk and give the same command "
            f"again{remedy}"
        )


def container_options(target: Path) -> list[str]:
    """ffmpeg's options for the container: the index first, and tags of any name."""
    return ["-movflags", "+faststart+use_metadata_tags"] if target.suffix.lower() in (".mp4", ".mov") else []


def _shifted(begin: Fraction) -> list[str]:
    """ffmpeg's options to read an input from a time on, which may lie before its beginning."""
    if not begin:
        return []
    return ["-ss", f"{float(begin):.6f}"] if begin > 0 else ["-itsoffset", f"{float(-begin):.6f}"]


def _sound_codecs(codecs: Sequence[str], target: Path) -> list[str]:
    suffix = target.suffix.lower()
    accepted = SOUND_CODECS[suffix]
    arguments: list[str] = []
    for index, codec in enumerate(codecs):
        if accepted is None or codec in accepted:
            arguments += [f"-c:a:{index}", "copy"]
        elif suffix == ".webm":
            arguments += [f"-c:a:{index}", "libopus", f"-b:a:{index}", "160k"]
        else:
            arguments += [f"-c:a:{index}", "aac", f"-b:a:{index}", "192k"]
    return arguments


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
    own, accepted = SUBTITLE_CODECS[target.suffix.lower()]
    if codec in accepted:
        return "copy"
    return own if codec in TEXT_SUBTITLES else None
