"""What the page may be given, and what it may read: nothing but what a person has handed to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from pathlib import Path

from dreamvid.config.fields import input_files
from dreamvid.config.settings import Settings, key_of
from dreamvid.errors import MediaError, SettingsError
from dreamvid.images.header import holds_image
from dreamvid.media import ClipInfo
from dreamvid.media.probe import probe_sound
from dreamvid.studio.limits import Limits, check_picture, check_size

_SIGNATURES = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"RIFF",
    b"FORM",
    b"OggS",
    b"fLaC",
    b"FLV",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf2",
    b"\xff\xf1",
    b"\xff\xf9",
    b"\x00\x00\x01\xba",  # MPEG program and video streams
    b"\x00\x00\x01\xb3",
    b"0&\xb2u",  # ASF: wmv, wma
    b"\x06\x0e+4",  # MXF
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"v/1\x01",  # OpenEXR
    b"YUV4MPEG2",
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # MP4 and QuickTime, after a length
_TRANSPORT_SYNC, _TRANSPORT_PACKETS = 0x47, (188, 192)


def check_upload(path: Path, limits: Limits) -> ClipInfo:
    """Look at a picture or film that somebody has handed in. Raises `MediaError` where it is not to be used.

    Lists of other files, which ffmpeg would follow to wherever they point, are none of the kinds that are taken.
    """
    check_kind(path, limits)
    return check_picture(path, limits)


def is_song(path: Path) -> bool:
    """Whether a file that `check_kind` has passed is all sound. Raises `MediaError` where it cannot be read."""
    if holds_image(path):
        return False
    sound = probe_sound(path)
    return bool(sound.codecs) and not sound.has_picture


def check_kind(path: Path, limits: Limits) -> None:
    """Raise `MediaError` unless a file begins as a film, song or picture does and is not too large."""
    check_size(path, limits.size)
    with path.open("rb") as file:
        head = file.read(_TRANSPORT_PACKETS[-1] + 5)
        if head.startswith(b"ID3"):  # what follows it decides: ffmpeg looks there, too
            file.seek(_length_of_tags(head))
            head = file.read(4)
    if not (head.startswith(_SIGNATURES) or head[4:8] in _BOXES or _is_transport_stream(head)):
        raise MediaError(f"{path.name}: not a video, song or picture that the studio supports")


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > first + packet and head[first] == head[first + packet] == _TRANSPORT_SYNC
        for packet, first in zip(_TRANSPORT_PACKETS, (0, 4), strict=True)
    )


def _length_of_tags(head: bytes) -> int:
    """Where the sound begins behind an ID3v2 header: four bytes of seven bits."""
    return 10 + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(head[6:10])))


def check_files(settings: Settings, handed: Collection[Path]) -> None:
    """Raise `SettingsError` where `settings` name a file that nobody has handed to the studio."""
    for name, path in input_files(settings).items():
        if path not in handed:
            raise SettingsError(f"--{key_of(name)}: {path.name} was not uploaded to the studio; drop it in")


def check_host(host: str, password: str | None) -> None:
    """Raise `SettingsError` where others could reach the page without a password."""
    if not is_local(host) and not password:
        raise SettingsError(
            f"--host {host}: others could reach the studio at this address; also give a --password, or leave out --host"
        )


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
