"""Joining encoded pieces of a film without encoding them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.media.ffmpeg import failure_reason, file_url, input_arguments, run_ffmpeg
from dreamvid.media.sound import SoundTrack, add_sound, check_sound
from dreamvid.media.still import publish, temporary_beside


def join_segments(
    segments: Sequence[Path],
    target: Path,
    *,
    seconds: Fraction,
    sound: SoundTrack | None,
    metadata: Mapping[str, str],
    overwrite: bool,
) -> None:
    """Join `segments`, films of one kind in one folder, and `sound` into `target`, which lasts `seconds`.

    `metadata` comes back from `read_metadata`. `target` appears whole or not at all. Raises MediaError.
    """
    container = ["-movflags", "+faststart+use_metadata_tags"] if target.suffix.lower() in (".mp4", ".mov") else []
    picture, joined = temporary_beside(target), temporary_beside(target)
    tags = [part for key, value in metadata.items() for part in ("-metadata", f"{key}={value}")]
    listing = segments[0].with_name("segments.ffconcat")
    # The names are the journal's own and plain; ffmpeg looks for them beside the list.
    listing.write_text("ffconcat version 1.0\n" + "".join(f"file {path.name}\n" for path in segments))
    try:
        code, _, stderr = run_ffmpeg(
            ["-protocol_whitelist", "file", "-f", "concat", "-safe", "1", "-i", file_url(listing),
             "-map", "0:v", "-c", "copy", "-map_metadata", "-1", *tags, *container, "-y", file_url(picture)]
        )  # fmt: skip
        if code:
            raise MediaError(
                f"{target}: its parts cannot be joined ({failure_reason(stderr.splitlines())}); "
                "check the space on the disk and give the same command again"
            )
        done = picture
        info = check_sound(sound) if sound is not None else None
        if sound is not None and info is not None and info.codecs:
            add_sound(picture, sound, info, joined, seconds, container)
            done = joined
        try:
            publish(done, target, overwrite=overwrite)
        except OSError as error:
            raise MediaError(f"{target}: cannot be put in place ({error.strerror}); check the folder") from error
    finally:
        picture.unlink(missing_ok=True)
        joined.unlink(missing_ok=True)
        listing.unlink(missing_ok=True)


def packet_sizes(path: Path) -> list[int]:
    """Return the size of every encoded frame of a video, in bytes. Raises MediaError."""
    code, listing, stderr = run_ffmpeg(
        [*input_arguments(path), "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    )
    if code:
        raise MediaError(f"{path}: its frames cannot be listed ({failure_reason(stderr.splitlines())})")
    rows = [line.split(",") for line in listing.decode().splitlines() if not line.startswith("#")]
    return [int(row[4]) for row in rows]
