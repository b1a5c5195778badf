"""Drawing a contact sheet: one picture to look at, and one page to copy flags from."""

from __future__ import annotations

import base64
import functools
import io
import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dreamvid.errors import MediaError
from dreamvid.images.write import publish, temporary_beside

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One dream of a sheet.

    Attributes:
        picture: the dream.
        flags: what sets it apart, as typed; may be empty.
        command: the whole command that dreams so.
        note: a few words beside the flags.
    """

    picture: Pixels
    flags: str
    command: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """Cells under a heading, which may be empty."""

    heading: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A contact sheet. With headings of `columns` every section is one row of so many cells; without, cells flow.

    Attributes:
        title: the name of what was dreamed.
        facts: lines about it.
        frame: the frame as it is; the cells' pictures have its size.
        sections: from top to bottom.
        columns: headings from left to right.
    """

    title: str
    facts: tuple[str, ...]
    frame: Pixels
    sections: tuple[Section, ...]
    columns: tuple[str, ...] = ()


def write_sheet(sheet: Sheet, picture: Path, page: Path, *, side: int, overwrite: bool) -> None:
    """Write the sheet as a PNG, its pictures with a longer side of `side` pixels, and as an HTML page.

    Both files appear whole, and only once both are made. Raises `MediaError` where they cannot be written, or were
    there already and `overwrite` is off.
    """
    made = [(picture, temporary_beside(picture)), (page, temporary_beside(page))]
    try:
        draw_sheet(sheet, side).save(made[0][1])
        made[1][1].write_bytes(make_page(sheet, side).encode("utf-8", "replace"))
        for path, temporary in made:
            publish(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise MediaError(f"{picture}: cannot be written ({error.strerror}); check the folder and the disk") from error
    finally:
        for _, temporary in made:
            temporary.unlink(missing_ok=True)


# The picture.

_MARGIN, _GUTTER, _GAP = 28, 18, 8
_TITLE, _HEADING, _TEXT, _FLAG = 26, 18, 15, 14  # sizes of letters, in pixels
_LEADING = 1.35  # from line to line, over the size of the letters
_NARROWEST = 360  # of the text in the head of a sheet
_SHAPE = 1.5  # of a sheet whose cells flow: width over height
_BACK, _WHITE, _GREY, _AMBER = (22, 23, 27), (236, 236, 232), (158, 160, 168), (255, 206, 120)
_FACES = {  # what there may be on Linux, macOS and Windows; else Pillow's own, which knows little beyond ASCII
    "text": ("DejaVuSans.ttf", "Helvetica.ttc", "segoeui.ttf"),
    "flags": ("DejaVuSansMono.ttf", "Menlo.ttc", "consola.ttf"),
}
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Color = tuple[int, int, int]


def draw_sheet(sheet: Sheet, side: int) -> Image.Image:
    """Draw the sheet with pictures of a longer side of at most `side` pixels. Memory: the sheet, at 8 bits."""
    width, height = _fitted(sheet.frame, side)
    counts = [len(section.cells) for section in sheet.sections]
    columns = len(sheet.columns) or flow_columns(counts, width, height + 3 * _FLAG)
    lefts = [_MARGIN + column * (width + _GUTTER) for column in range(columns)]
    right = max(lefts[-1] + width, _MARGIN + width + _GUTTER + _NARROWEST)
    layout = _Layout((width, height))
    top = _place_head(layout, sheet, right)
    for left, text in zip(lefts, sheet.columns, strict=bool(sheet.columns)):
        below = layout.put_line(text, "text", _HEADING, _WHITE, (left, top), width)
    top = below + _GAP if sheet.columns else top
    for section in sheet.sections:
        if section.heading:
            top = layout.put_line(section.heading, "text", _HEADING, _WHITE, (_MARGIN, top), right - _MARGIN) + _GAP
        for first in range(0, len(section.cells), columns):
            row = section.cells[first : first + columns]
            top = max(_place_cell(layout, cell, left, top) for left, cell in zip(lefts, row, strict=False)) + _GUTTER
    return layout.draw((right + _MARGIN, top - _GUTTER + _MARGIN))


class _Layout:
    """What goes where on a picture whose height is known only at the end. Places are (left, top) in pixels."""

    def __init__(self, tile: tuple[int, int]) -> None:
        """`tile` is the (width, height) of every picture."""
        self.tile = tile
        self._pictures: list[tuple[Pixels, tuple[int, int]]] = []
        self._lines: list[tuple[str, _Font, _Color, tuple[int, int]]] = []

    def put_picture(self, picture: Pixels, place: tuple[int, int]) -> int:
        """Place a picture; return where it ends below."""
        self._pictures.append((picture, place))
        return place[1] + self.tile[1]

    def put_line(
        self, text: str, face: str, size: int, color: _Color, place: tuple[int, int], width: int
    ) -> int:
        """Place a line of letters of `size` pixels, shortened to `width`; return where it ends below."""
        font = _font(face, size)
        self._lines.append((_shortened(_drawable(text, font), font, width), font, color, place))
        return place[1] + round(size * _LEADING)

    def put_text(
        self, text: str, face: str, size: int, color: _Color, place: tuple[int, int], width: int
    ) -> int:
        """Place a text in as many lines as it needs within `width`; return where it ends below."""
        left, top = place
        font = _font(face, size)
        for line in wrap(_drawable(text, font), font.getlength, width):
            top = self.put_line(line, face, size, color, (left, top), width)
        return top

    def draw(self, size: tuple[int, int]) -> Image.Image:
        """Draw it all on a ground of (width, height) pixels."""
        image = Image.new("RGB", size, _BACK)
        for picture, place in self._pictures:
            tile = Image.fromarray(picture)
            image.paste(tile if tile.size == self.tile else tile.resize(self.tile, Image.Resampling.LANCZOS), place)
        pen = ImageDraw.Draw(image)
        for text, font, color, place in self._lines:
            pen.text(place, text, fill=color, font=font)
        return image


def _place_head(layout: _Layout, sheet: Sheet, right: int) -> int:
    """The frame as it is, and beside it what the sheet is about; returns where the cells begin."""
    under = layout.put_picture(sheet.frame, (_MARGIN, _MARGIN))
    place = (_MARGIN, under + _GAP)
    under = layout.put_line("original frame", "text", _FLAG, _GREY, place, layout.tile[0])
    left = _MARGIN + layout.tile[0] + _GUTTER
    beside = layout.put_line(sheet.title, "text", _TITLE, _WHITE, (left, _MARGIN), right - left) + _GAP
    for fact in sheet.facts:
        beside = layout.put_text(fact, "text", _TEXT, _GREY, (left, beside), right - left)
    return max(under, beside) + _GUTTER


def _place_cell(layout: _Layout, cell: Cell, left: int, top: int) -> int:
    width = layout.tile[0]
    top = layout.put_picture(cell.picture, (left, top)) + _GAP
    top = layout.put_text(cell.flags, "flags", _FLAG, _AMBER, (left, top), width)
    return layout.put_text(cell.note, "text", _FLAG, _GREY, (left, top), width)


def _fitted(picture: Pixels, side: int) -> tuple[int, int]:
    """The (width, height) of a picture shrunk to a longer side of `side`."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def flow_columns(counts: Sequence[int], width: int, height: int) -> int:
    """How many cells of a size go side by side: a sheet of pleasant shape, with few holes at the ends of sections."""

    def fault(columns: int) -> float:
        rows = sum(math.ceil(count / columns) for count in counts)
        holes = columns * rows - sum(counts)
        return abs(math.log(columns * width / (rows * height) / _SHAPE)) + holes / sum(counts)

    return min(range(1, max(counts) + 1), key=fault)


@functools.lru_cache(maxsize=16)
def _font(kind: str, size: int) -> _Font:
    for name in _FACES[kind]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:  # Pillow's word for a font that is not installed
            continue
    return ImageFont.load_default(size)


def _drawable(text: str, font: _Font) -> str:
    """`text` without what the font of last resort shows as boxes: "café" becomes "cafe"."""
    if isinstance(font, ImageFont.FreeTypeFont) and isinstance(font.path, str):
        return text
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def wrap(text: str, measure: Callable[[str], float], width: float) -> list[str]:
    """Break a text into lines that `measure` as no wider than `width`: between words, or within one that is wider."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if measure(joined) <= width:
            lines[-1] = joined
            continue
        lines.append(word)
        while measure(lines[-1]) > width and len(lines[-1]) > 1:
            rest = lines.pop()
            kept = _fitting(rest, measure, width)
            lines += [rest[:kept], rest[kept:]]
    return [line for line in lines if line]


def _shortened(text: str, font: _Font, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    return text[: _fitting(text, lambda part: font.getlength(part + "…"), width)] + "…"


def _fitting(text: str, measure: Callable[[str], float], width: float) -> int:
    """How many letters of a text that is too wide find room; at least one."""
    return next((count for count in range(len(text) - 1, 1, -1) if measure(text[:count]) <= width), 1)


# The page.

_STYLE = """
:root { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 3vw, 3rem); background: #16171b; color: #ececec;
  font: 16px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-bottom: 2rem; }
header figure { flex: 0 1 SIDEpx; }
header div { flex: 1 1 18rem; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .75rem; font-size: 1.1rem; }
p { margin: .15rem 0; color: #a4a6ae; overflow-wrap: anywhere; }
.cells { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, SIDEpx), 1fr)); }
.table { overflow-x: auto; }
.table .cells { grid-template-columns: repeat(COLUMNS, minmax(min(14rem, SIDEpx), 1fr)); }
.table h3 { margin: 0; font-size: 1rem; }
figure { margin: 0; min-width: 0; }
.open { display: block; width: 100%; padding: 0; border: 0; background: none; cursor: zoom-in; }
img { display: block; width: 100%; height: auto; border-radius: 4px; }
figcaption { margin-top: .4rem; font-size: .875rem; color: #a4a6ae; }
.copied { display: flex; align-items: flex-start; gap: .5rem; margin: .2rem 0; }
code { flex: 1; font: .875rem/1.45 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; color: #ffce78;
  overflow-wrap: anywhere; user-select: all; }
summary { cursor: pointer; }
.copy { flex: none; padding: .1rem .5rem; border: 1px solid #4a4c55; border-radius: 4px; background: #24262c;
  color: inherit; font: inherit; font-size: .8rem; cursor: pointer; }
.copy:hover, .copy:focus-visible { border-color: #ffce78; color: #ffce78; }
:focus-visible { outline: 2px solid #ffce78; outline-offset: 2px; }
dialog { width: min(96vw, 140vh); max-width: none; max-height: 97vh;
  padding: 1rem; overflow: hidden auto; border: 0; border-radius: 8px; background: #0d0e10;
  color: inherit; }
dialog::backdrop { background: rgb(0 0 0 / .8); }
dialog img { max-height: 82vh; object-fit: contain; cursor: zoom-out; }
"""

_SCRIPT = """
const box = document.querySelector("dialog");
const openers = [...document.querySelectorAll(".open")];
let shown = 0;

function show(index) {
  shown = (index + openers.length) % openers.length;
  const figure = openers[shown].closest("figure");
  box.querySelector("img").src = figure.querySelector("img").src;
  box.querySelector("code").textContent = (figure.querySelector("details code") || {textContent: ""}).textContent;
  box.querySelector(".copied").hidden = !box.querySelector("code").textContent;
  if (!box.open) box.showModal();
}

async function copy(button) {
  const code = button.parentElement.querySelector("code");
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    document.execCommand("copy");
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && button.matches(".copy")) copy(button);
  else if (button && button.matches(".open")) show(openers.indexOf(button));
  else if (event.target === box || event.target.matches("dialog img")) box.close();
});
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});
"""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def make_page(sheet: Sheet, side: int) -> str:
    """The sheet as a page that needs nothing else: pictures are inside, at their full size, flags can be copied."""
    style = _STYLE.replace("SIDE", str(side)).replace("COLUMNS", str(len(sheet.columns)))
    facts = "\n".join(f"<p>{escape(fact)}</p>" for fact in sheet.facts)
    frame = _figure(sheet.frame, "original frame", "<figcaption>original frame</figcaption>")
    headings = "".join(f"<h3>{escape(text)}</h3>" for text in sheet.columns)
    body = "\n".join(map(_section, sheet.sections))
    if sheet.columns:
        body = f'<div class="table">\n<div class="cells">{headings}</div>\n{body}\n</div>'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(sheet.title)}: dreamvid explore</title>
<style>{style}</style>
</head>
<body>
<header>
{frame}
<div>
<h1>{escape(sheet.title)}</h1>
{facts}
</div>
</header>
<main>
{body}
</main>
<dialog><img alt="">{_copied("")}</dialog>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _section(section: Section) -> str:
    heading = f"<h2>{escape(section.heading)}</h2>\n" if section.heading else ""
    cells = "\n".join(_figure(cell.picture, cell.flags, _page_caption(cell)) for cell in section.cells)
    return f'<section>\n{heading}<div class="cells">\n{cells}\n</div>\n</section>'


def _page_caption(cell: Cell) -> str:
    flags = _copied(cell.flags) if cell.flags else ""
    note = f"<p>{escape(cell.note)}</p>" if cell.note else ""
    return (
        f"<figcaption>{flags}{note}<details><summary>full command</summary>"
        f"{_copied(cell.command)}</details></figcaption>"
    )


def _copied(text: str) -> str:
    return f'<div class="copied"><code>{escape(text)}</code><button type="button" class="copy">copy</button></div>'


def _figure(picture: Pixels, name: str, caption: str) -> str:
    height, width = picture.shape[:2]
    image = f'<img src="{_data_uri(picture)}" width="{width}" height="{height}" alt="{escape(name)}">'
    return f'<figure><button type="button" class="open" title="enlarge">{image}</button>{caption}</figure>'


def _data_uri(picture: Pixels) -> str:
    """The picture as a JPEG of high quality, inside an address."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=92, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
