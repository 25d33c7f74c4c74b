"""A page as a whole: its words, tables, comments and pictures, put in order."""

import ctypes
from collections.abc import Sequence

import pypdfium2
from pypdfium2 import raw

from perdure_document.pdf.content import Box, Line, Page, Picture, Table
from perdure_document.pdf.pages.annotations import annotations_of
from perdure_document.pdf.pages.asides import flowing
from perdure_document.pdf.pages.drawings import Drawings, Rule, drawings_of, is_jpeg
from perdure_document.pdf.pages.frame import Frame, frame_of, shown_frame
from perdure_document.pdf.pages.reading_order import Item, columns_of
from perdure_document.pdf.pages.rows import Row, rows_of
from perdure_document.pdf.pages.segments import line_of, segments_of
from perdure_document.pdf.pages.visibility import hide_unseen
from perdure_document.pdf.pages.words import Word, words_of
from perdure_document.pdf.recognition.recognised import Recognised
from perdure_document.pdf.tables.alignment import aligned_table
from perdure_document.pdf.tables.direction import in_reading_direction
from perdure_document.pdf.tables.grids import merged
from perdure_document.pdf.tables.ruled import ruled_tables

_LARGE_PICTURE = 0.25
_FEW_WORDS = 4
_DRAWN_TEXT = 10  # shapes: letters that are drawn as such
_MOST_COLUMNS = 1_000
_SMALLEST_PICTURE = 16


def read_page(
    document: pypdfium2.PdfDocument, number: int, recognised: Recognised | None = None
) -> Page:
    """Read a page.

    Args:
        document: The document.
        number: The page's number, from 1.
        recognised: What was recognised in its pictures; ``None`` when that was not tried.
    """
    page = document[number - 1]
    try:
        return _read(document, page, number, recognised)
    finally:
        page.close()


def _read(
    document: pypdfium2.PdfDocument,
    page: pypdfium2.PdfPage,
    number: int,
    recognised: Recognised | None,
) -> Page:
    shown = shown_frame(page)
    words, others, turns = words_of(page, shown)
    frame = shown.turned(turns)
    drawings = drawings_of(page, frame)
    form = document.formenv.raw if document.formenv is not None else None
    added = annotations_of(page, form, frame, words)
    hide_unseen(page, frame, turns, words, drawings)
    layer = _is_layer(words, drawings)
    seen = [word for word in words if _is_seen(word, frame, drawings, layer)]
    unseen = len(words) - len(seen)
    unread = recognised is None and _may_hold_text(seen, drawings, frame)
    seen += added.words
    rules = drawings.rules
    found = recognised.words if recognised is not None else []
    if recognised is not None:
        turned = frame_of((0, -frame.height, frame.width, 0), 0).turned(recognised.turns)
        known = [turned.box(box.left, -box.bottom, box.right, -box.top) for box in _boxes(seen)]
        found = [word for word in found if not _is_known(word, known)]
    if recognised is not None and not recognised.turns:
        seen += found
        rules = [*rules, *recognised.rules]
    lines, tables = arranged(seen, rules, frame.height)
    if recognised is not None and recognised.turns:
        beside = max((line.column for line in lines), default=0) + 1
        more, further = arranged(found, recognised.rules, recognised.height)
        tables += [(len(lines) + place, table) for place, table in further]
        lines += [line._replace(column=line.column + beside) for line in more]
    for aside in others:
        column = max((line.column for line in lines), default=0) + 1
        lines += [line_of(one.words, column) for one in segments_of(aside)]
    sure = [(word.confidence, len(word.text)) for word in found]
    total = sum(length for _, length in sure)
    turned_as = turns if recognised is None or not recognised.turns else None
    return Page(
        number=number,
        turns=turned_as,
        width=round(frame.width, 1),
        height=round(frame.height, 1),
        lines=tuple(lines),
        tables=tuple(tables),
        comments=tuple(added.comments),
        fields=tuple(added.fields),
        pictures=tuple(_pictures(drawings)),
        unseen=unseen,
        unread=unread,
        layer=layer,
        confidence=(
            None
            if recognised is None
            else round(sum(one * length for one, length in sure) / total, 3)
            if total
            else 0.0
        ),
    )


def arranged(
    words: Sequence[Word], rules: Sequence[Rule], height: float
) -> tuple[list[Line], list[tuple[int, Table]]]:
    """Return the lines and the tables that words make, in the order in which they are read.

    Args:
        words: The words of a page.
        rules: Its ruling lines.
        height: The height of the page.
    """
    lines, tables = _arranged(words, rules, height)
    return lines, [(place, in_reading_direction(table)) for place, table in tables]


def _arranged(
    words: Sequence[Word], rules: Sequence[Rule], height: float
) -> tuple[list[Line], list[tuple[int, Table]]]:
    ruled, loose = ruled_tables(rules, list(words))
    items = [Item(table.box, table) for table in ruled]
    items += [Item(segment.box, segment) for segment in segments_of(loose)]
    level = merged([rule for rule in rules if rule.level])
    lines: list[Line] = []
    tables: list[tuple[int, Table]] = []
    for column, content in enumerate(columns_of(items, height)):
        _read_column(content, column, level, lines, tables)
    return lines, tables


def _read_column(
    items: Sequence[Item],
    column: int,
    level: Sequence[Rule],
    lines: list[Line],
    tables: list[tuple[int, Table]],
) -> None:
    ruled = sorted((item for item in items if isinstance(item.content, Table)), key=_top)
    segments = [item.content for item in items if not isinstance(item.content, Table)]
    start = 0
    bounds = [*(item.box.middle[1] for item in ruled), float("inf")]
    ordered = sorted(segments, key=lambda one: one.base)
    for place, bound in enumerate(bounds):
        end = start
        while end < len(ordered) and ordered[end].box.middle[1] < bound:
            end += 1
        rows = rows_of(ordered[start:end])
        row = first = 0
        while row < len(rows):
            table, after = aligned_table(rows, row, level)
            if table is not None:
                lines += _lines_of(rows[first:row], column)
                tables.append((len(lines), table))
                row = first = after
                continue
            row += 1
        lines += _lines_of(rows[first:], column)
        start = end
        if place < len(ruled):
            found = ruled[place].content
            assert isinstance(found, Table)
            tables.append((len(lines), found))


def _lines_of(rows: Sequence[Row], column: int) -> list[Line]:
    """Return the lines of a column's rows; a box beside them counts as a column of its own."""
    return [line_of(words, column + _MOST_COLUMNS * box) for box, words in flowing(rows)]


def _top(item: Item) -> float:
    return item.box.top


def _is_seen(word: Word, frame: Frame, drawings: Drawings, layer: bool) -> bool:
    """Say whether a person sees a word, or sees a picture of it above the layer of a scan.

    Text below a picture is such a layer only when most of the page's words are.
    """
    x, y = word.box.middle
    if not (0 <= x <= frame.width and 0 <= y <= frame.height):
        return False
    if not word.invisible and not word.covered:
        return True
    kept = layer or not word.covered
    return kept and any(box.holds(x, y) for box, _ in drawings.pictures)


def _is_layer(words: Sequence[Word], drawings: Drawings) -> bool:
    hidden = sum(word.invisible or word.covered for word in words)
    return hidden > 0.5 * len(words) and bool(drawings.pictures)


def _may_hold_text(words: Sequence[Word], drawings: Drawings, frame: Frame) -> bool:
    """Say whether a large picture, or all that is drawn, may be text that no word tells."""
    if not words and not drawings.pictures:
        return drawings.shapes >= _DRAWN_TEXT or not drawings.complete
    whole = Box(0, 0, frame.width, frame.height)
    for box, _ in drawings.pictures:
        if box.overlap(whole) >= _LARGE_PICTURE * frame.width * frame.height:
            within = sum(box.holds(*word.box.middle) for word in words)
            if within < _FEW_WORDS:
                return True
    return not words and bool(drawings.pictures)


def _boxes(words: Sequence[Word]) -> list[Box]:
    return [word.box for word in words]


def _is_known(word: Word, boxes: Sequence[Box]) -> bool:
    """Say whether the page's own words stand where a word was recognised."""
    area = max(word.box.width * word.box.height, 1e-6)
    return sum(word.box.overlap(box) for box in boxes) > 0.4 * area


def _pictures(drawings: Drawings) -> list[Picture]:
    pictures = []
    for number, (box, item) in enumerate(drawings.pictures):
        width, height = _pixels(item)
        if width >= _SMALLEST_PICTURE and height >= _SMALLEST_PICTURE:
            place = Box(*(round(edge, 1) for edge in box))
            pictures.append(Picture(number, place, width, height, is_jpeg(item)))
    return pictures


def _pixels(item: object) -> tuple[int, int]:
    width, height = ctypes.c_uint(), ctypes.c_uint()
    raw.FPDFImageObj_GetImagePixelSize(item, width, height)
    return width.value, height.value
