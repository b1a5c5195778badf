from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from dreamvid.errors import MediaError
from dreamvid.graphics import contact_sheet as module
from dreamvid.graphics.contact_sheet import Cell, Section, Sheet, draw_sheet, flow_columns, make_page, wrap, write_sheet

WIDTH, HEIGHT = 90, 60
COLOURS = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (10, 250, 250), (250, 10, 250), (120, 60, 10)]


def flat(color: tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def cells(colors: list[tuple[int, int, int]], flags: str = "--layer inception{}a --step 2") -> tuple[Cell, ...]:
    return tuple(
        Cell(flat(color), flags.format(number), f"dreamvid clip.mp4 {flags.format(number)}", f"note {number}")
        for number, color in enumerate(colors)
    )


def flowing(count: int = 6) -> Sheet:
    facts = ("frame at 1.00 s", "dreamnet")
    return Sheet("clip.mp4", facts, flat((77, 77, 77)), (Section("", cells(COLOURS[:count])),))


def table() -> Sheet:
    rows = (Section("step 1", cells(COLOURS[:3])), Section("step 2", cells(COLOURS[3:])))
    return Sheet("clip.mp4", ("dreamnet",), flat((77, 77, 77)), rows, ("layer a", "layer b", "layer c"))


def box(pixels: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all that has exactly a color."""
    rows, columns = np.nonzero((pixels == color).all(2))
    assert len(rows), color
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("sheet", [flowing(), flowing(1), flowing(5), table()])
def test_every_picture_is_whole_on_the_sheet_in_reading_order(sheet: Sheet) -> None:
    pixels = np.asarray(draw_sheet(sheet, 320))
    pictures = [sheet.frame] + [cell.picture for section in sheet.sections for cell in section.cells]
    boxes = [box(pixels, tuple(picture[0, 0])) for picture in pictures]
    for (left, top, right, bottom), picture in zip(boxes, pictures, strict=True):
        assert (right - left, bottom - top) == (WIDTH, HEIGHT)
        assert np.array_equal(pixels[top:bottom, left:right], picture)
    places = [(top, left) for left, top, _, _ in boxes]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


def test_a_table_has_columns_and_rows() -> None:
    pixels = np.asarray(draw_sheet(table(), 320))
    boxes = [box(pixels, color) for color in COLOURS]
    assert [left for left, *_ in boxes[:3]] == [left for left, *_ in boxes[3:]]
    assert len({top for _, top, _, _ in boxes[:3]}) == len({top for _, top, _, _ in boxes[3:]}) == 1


def test_headings_make_room_for_themselves() -> None:
    plain = Sheet("clip", (), flat((77, 77, 77)), (Section("", cells(COLOURS[:3])), Section("", cells(COLOURS[3:]))))
    headed = Sheet("clip", (), flat((77, 77, 77)), table().sections)
    heights = [draw_sheet(sheet, 320).height for sheet in (plain, headed, table())]
    row = heights[1] - heights[0]
    assert row > 0
    assert row % 2 == 0
    assert heights[1] < heights[2]  # the columns' headings


def test_larger_pictures_are_shrunk_to_the_cell_and_smaller_ones_are_not_blown_up() -> None:
    for side, expected in ((45, (45, 30)), (1000, (WIDTH, HEIGHT))):
        left, top, right, bottom = box(np.asarray(draw_sheet(flowing(), side)), COLOURS[0])
        assert (right - left, bottom - top) == expected


@pytest.mark.parametrize("side", [32, 320])
def test_flags_stand_under_their_own_picture_and_never_over_the_edge(side: int) -> None:
    pixels = np.asarray(draw_sheet(flowing(), side)).astype(int)
    is_flag = (np.abs(pixels - module._AMBER).sum(2) < 40) & ~np.isin(pixels[..., 2], [10, 250])
    columns = np.nonzero(is_flag.any(0))[0]
    allowed: set[int] = set()
    for color in COLOURS:
        left, _, right, bottom = box(pixels, color)
        allowed |= set(range(left, right))
        assert is_flag[bottom : bottom + 30, left:right].any()
    assert set(columns) <= allowed


def test_no_line_is_wider_than_asked_and_no_word_is_lost() -> None:
    text = "--layer inception4d@55 --guide 'my own picture.jpg' --iterations 28,16,6,2"
    for width in (4, 9, 12, 20, 30, 200):
        lines = wrap(text, len, width)
        assert max(map(len, lines)) <= width
        assert "".join("".join(lines).split()) == "".join(text.split())
    assert wrap(text, len, 200) == [text]
    assert wrap("--layer inception4d --step 2", len, 20) == ["--layer inception4d", "--step 2"]
    assert wrap("", len, 10) == []
    assert wrap("abc", len, 0.5) == ["a", "b", "c"]


def test_columns_fill_the_sheet() -> None:
    assert flow_columns([1], 320, 180) == 1
    assert flow_columns([12], 320, 222) == 4
    assert flow_columns([8, 8], 320, 362) in (4, 8)
    assert flow_columns([9], 180, 362) > flow_columns([9], 320, 222) == 3
    for count in range(1, 40):
        assert 1 <= flow_columns([count], 320, 222) <= count


def test_a_machine_without_fonts_draws_too(monkeypatch: pytest.MonkeyPatch) -> None:
    load = ImageFont.truetype

    def missing(font: Any, *rest: Any, **options: Any) -> Any:
        if isinstance(font, str):
            raise OSError("cannot open resource")
        return load(font, *rest, **options)

    wanted = Sheet("", (), flat((77, 77, 77)), flowing().sections)
    named = Sheet("café 日本.mp4", (), flat((77, 77, 77)), flowing().sections)
    module._font.cache_clear()
    monkeypatch.setattr(ImageFont, "truetype", missing)
    try:
        assert draw_sheet(wanted, 320).tobytes() != draw_sheet(named, 320).tobytes()
        same = Sheet("cafe .mp4", (), flat((77, 77, 77)), flowing().sections)
        assert draw_sheet(same, 320).tobytes() == draw_sheet(named, 320).tobytes()
    finally:
        module._font.cache_clear()


class Page(HTMLParser):
    """What is in a page: tags with their attributes, and the text of every code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_holds_every_picture_and_its_flags() -> None:
    sheet = table()
    page = Page(make_page(sheet, 320))
    every = [cell for section in sheet.sections for cell in section.cells]
    codes = [text for cell in every for text in (cell.flags, cell.command)]
    assert page.texts["code"] == [*codes, ""]  # the last is the enlarged picture's
    assert page.texts["h2"] == ["step 1", "step 2"]
    assert page.texts["h3"] == list(sheet.columns)
    assert page.texts["h1"] == [sheet.title]
    images = [image for image in page.all("img") if "src" in image]
    for image, picture in zip(images, [sheet.frame, *(cell.picture for cell in every)], strict=True):
        kind, _, data = str(image["src"]).partition(",")
        assert kind == "data:image/jpeg;base64"
        decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)
        assert decoded.shape == picture.shape
        assert np.abs(decoded - picture).max() < 8
    assert [image["alt"] for image in images[1:]] == [cell.flags for cell in every]


def test_each_copy_button_stands_beside_the_text_that_it_copies() -> None:
    parts = make_page(table(), 320).split('<div class="copied">')[1:]
    for part in parts:
        inside = part.split("</div>")[0]
        assert inside.count("<code>") == inside.count('class="copy"') == 1


def test_the_page_needs_nothing_from_anywhere() -> None:
    page = Page(make_page(flowing(), 320))
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert "href" not in attributes
        assert str(attributes.get("src", "data:")).startswith("data:")
    for text in (*page.texts["style"], *page.texts["script"]):
        assert "http" not in text
        assert "url(" not in text
        assert "@import" not in text
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert str(policy).startswith("default-src 'none'")


def test_names_cannot_break_out_of_the_page() -> None:
    evil = '"><script>alert(1)</script>&amp; <b>'
    cell = Cell(flat(COLOURS[0]), evil, evil, evil)
    sheet = Sheet(evil, (evil,), flat((77, 77, 77)), (Section(evil, (cell,)),), (evil,))
    page = Page(make_page(sheet, 320))
    assert len(page.all("script")) == 1
    assert not page.all("b")
    assert page.texts["h1"] == page.texts["h2"] == page.texts["h3"] == [evil]
    assert page.texts["code"] == [evil, evil, ""]
    assert page.all("img")[1]["alt"] == evil


def test_a_cell_without_flags_offers_none_to_copy() -> None:
    sheet = Sheet("a", (), flat((77, 77, 77)), (Section("", (Cell(flat(COLOURS[0]), "", "dreamvid a.jpg"),)),))
    assert Page(make_page(sheet, 320)).texts["code"] == ["dreamvid a.jpg", ""]


def test_both_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, page = tmp_path / "a.png", tmp_path / "a.html"
    write_sheet(flowing(), picture, page, side=320, overwrite=False)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.html"}
    assert page.read_text(encoding="utf-8") == make_page(flowing(), 320)
    with Image.open(picture) as image:
        assert image.tobytes() == draw_sheet(flowing(), 320).tobytes()
    before = picture.read_bytes()
    with pytest.raises(MediaError, match=r"a\.png"):
        write_sheet(table(), picture, page, side=320, overwrite=False)
    assert picture.read_bytes() == before
    write_sheet(table(), picture, page, side=320, overwrite=True)
    assert picture.read_bytes() != before

    def fail(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "make_page", fail)
    with pytest.raises(MediaError, match="No space left"):
        write_sheet(flowing(), tmp_path / "b.png", tmp_path / "b.html", side=320, overwrite=False)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.html"}


def test_the_name_of_a_file_need_not_be_text(tmp_path: Path) -> None:
    section = Section("", cells(COLOURS[:1], "--guide \udcff{}.png"))
    odd = Sheet("clip\udcff.mp4", ("a fact",), flat((77, 77, 77)), (section,))
    write_sheet(odd, tmp_path / "x.png", tmp_path / "x.html", side=64, overwrite=False)
    assert "clip?.mp4" in (tmp_path / "x.html").read_text(encoding="utf-8")
