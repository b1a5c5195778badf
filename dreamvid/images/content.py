"""What kind of file something is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path

_HEAD = 64
_CHUNKS_SEEN = 1000  # of a PNG, in search of its first pixels

_PNG = b"\x89PNG\r\n\x1a\n"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (_PNG, "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x76\x2f\x31\x01", "exr"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
)
_WEBP_MOVES = 0x02  # among the flags of its extended header
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_FILM_STARTS = (b"\x1a\x45\xdf\xa3", b"GIF8", b"RIFF", b"OggS", b"FLV\x01", b"\x30\x26\xb2\x75")
_FILM_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot")
_FILMS_OF_JPEGS = frozenset({".mjpg", ".mjpeg"})


def image_format(path: Path) -> str | None:
    """The format of the picture in a file: png, jpeg, webp, tiff, bmp, exr, heif, avif, pnm or jpeg2000; else None.

    A PNG or WebP that moves is none of them: it is read as the film that it is.
    """
    head = _first_bytes(path, _HEAD)
    found = next((name for start, name in _STARTS if head.startswith(start)), None)
    if found == "png" and _moves(path):
        return None
    if found == "jpeg" and path.suffix.lower() in _FILMS_OF_JPEGS:
        return None
    if found is not None:
        return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return None if is_moving_webp(path) else "webp"
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # reserved
        return "bmp"
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "pnm"
    if head[4:8] == b"ftyp":
        brands = {head[8:12]} | {head[at : at + 4] for at in range(16, min(len(head), head[3]), 4)}
        if head[8:12] in _AVIF_BRANDS or (head[8:12] in _HEIF_BRANDS and brands & _AVIF_BRANDS):
            return "avif"
        if head[8:12] in _HEIF_BRANDS:
            return "heif"
    return None


def is_moving_webp(path: Path) -> bool:
    """Whether a file is an animated WebP."""
    head = _first_bytes(path, _HEAD)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20:21] and head[20] & _WEBP_MOVES)


def begins_as_film(path: Path) -> bool:
    """Whether a file that is no picture begins as a container of films does."""
    head = _first_bytes(path, _HEAD)
    if head.startswith(_PNG):
        return _moves(path)
    return head.startswith(_FILM_STARTS) or head[4:8] in _FILM_BOXES


def _moves(path: Path) -> bool:
    """Whether a PNG says before its first pixels that it is animated."""
    with path.open("rb") as file:
        at = 8
        for _ in range(_CHUNKS_SEEN):
            file.seek(at)
            head = file.read(8)
            if head[4:] in (b"acTL", b"IDAT", b""):
                return head[4:] == b"acTL"
            at += 12 + int.from_bytes(head[:4], "big")
    return False


def _first_bytes(path: Path, count: int) -> bytes:
    """As many as there are; none where there is no file to read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:  # who wants to read it hears of that
        return b""
