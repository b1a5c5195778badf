"""A contact sheet of a clip's shots: the middle frame of each, with its number and where it begins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dreamvid.config.timecode import ClipTimecode, timecode_of
from dreamvid.errors import MediaError
from dreamvid.images.read import quantize
from dreamvid.images.write import publish, temporary_beside
from dreamvid.media import ClipInfo
from dreamvid.runtime.frames import Frame
from dreamvid.shots.shots import Shot

Size = tuple[int, int]
"""(width, height) in pixels."""

_LARGEST_SIDE, _SMALLEST_SIDE = 240, 64  # of a picture
_MOST_PIXELS = 16_000_000  # of all pictures together, as long as they are larger than the smallest
_MARGIN, _GUTTER, _GAP = 20, 14, 5
_LETTERS = 14  # their size, and
_LABEL = 20  # that of their line
_SHAPE = 1.5  # of the sheet: width over height
_BACK, _EMPTY, _WHITE, _GREY = (22, 23, 27), (34, 35, 40), (236, 236, 232), (158, 160, 168)


def picture_size(info: ClipInfo, shots: int) -> Size:
    """The size of each picture on a sheet of so many shots: smaller the more there are; with square pixels."""
    width, height = float(info.width * info.sample_aspect), float(info.height)
    side = min(_LARGEST_SIDE, math.sqrt(_MOST_PIXELS / shots * max(width, height) / min(width, height)))
    scale = max(_SMALLEST_SIDE, side) / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def draw_shots(
    frames: Iterable[Frame], shots: Sequence[Shot], rate: Fraction, size: Size, timecode: ClipTimecode | None = None
) -> Image.Image:
    """Draw the sheet while a clip's frames go by, from its first on; those after the last picture are not asked for.

    frames: (H, W, 3) float32 RGB in [0, 1], of `size`; rate: in frames per second; timecode: that of the clip's first
    frame. In memory are the sheet, at 8 bits, and a frame. A shot whose middle never comes keeps an empty place.
    """
    font = ImageFont.load_default(_LETTERS)
    codes = [timecode_of(shot.first, rate, timecode) for shot in shots]
    number_width = math.ceil(max(font.getlength(str(shot.number)) for shot in shots))
    code_width = math.ceil(max(map(font.getlength, codes)))
    cell = max(size[0], number_width + _GUTTER + code_width), size[1] + _GAP + _LABEL
    columns = min(len(shots), max(1, round(math.sqrt(_SHAPE * len(shots) * cell[1] / cell[0]))))
    rows = math.ceil(len(shots) / columns)
    sheet = Image.new("RGB", (_extent(columns, cell[0]), _extent(rows, cell[1])), _BACK)
    pen = ImageDraw.Draw(sheet)
    places = {}
    for place, (shot, code) in enumerate(zip(shots, codes, strict=True)):
        left = _MARGIN + place % columns * (cell[0] + _GUTTER)
        top = _MARGIN + place // columns * (cell[1] + _GUTTER)
        pen.rectangle((left, top, left + size[0] - 1, top + size[1] - 1), fill=_EMPTY)
        pen.text((left, top + size[1] + _GAP), str(shot.number), fill=_WHITE, font=font)
        pen.text((left + cell[0], top + size[1] + _GAP), code, fill=_GREY, font=font, anchor="ra")
        places[shot.middle] = left, top
    last = max(places)
    for number, frame in enumerate(frames):
        if number in places:
            sheet.paste(Image.fromarray(quantize(frame, 8)), places[number])
        if number == last:
            break
    return sheet


def write_sheet(path: Path, sheet: Image.Image, *, overwrite: bool = False) -> None:
    """Write the sheet as a picture; the file appears whole or not at all. Raises `MediaError`."""
    temporary = temporary_beside(path)
    try:
        sheet.save(temporary)
        publish(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); check the folder and the disk") from error
    finally:
        temporary.unlink(missing_ok=True)


def _extent(count: int, side: int) -> int:
    return 2 * _MARGIN + count * side + (count - 1) * _GUTTER
