"""From the lines and tables of pages to the blocks of a document."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from perdure_document.facts import Block, Box, Picture
from perdure_document.formatting import flat
from perdure_document.pdf import content
from perdure_document.pdf.content import Comment, Line, Page, Table
from perdure_document.pdf.headings import Headings, style_of
from perdure_document.pdf.paragraphs import PlacedLine, Spacing, continues, joined
from perdure_document.pdf.tables.joining import continued, header_rows
from perdure_document.tables import Cell, grid_of, table_block

_ITEM: Final = re.compile(
    r"^(?:(?P<bullet>[•▪◦·‣●○■□➢✓❖*\uf0b7\uf0a7\u2013-])"
    r"|(?P<number>\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]))\s+(?P<text>\S.*)$"
)
_SAME_DEPTH: Final = 4.0
_DEEPEST: Final = 8


class PlacedTable(NamedTuple):
    """A table and the number of the page where it begins."""

    page: int
    table: Table


class PlacedPicture(NamedTuple):
    """A picture and the number of its page."""

    page: int
    picture: content.Picture


class PlacedComment(NamedTuple):
    """A comment and the number of its page."""

    page: int
    comment: Comment


Element = PlacedLine | PlacedTable | PlacedPicture | PlacedComment


def elements_of(
    pages: Sequence[Page],
    dropped: set[tuple[int, int]],
    pictures: dict[int, list[content.Picture]],
) -> list[Element]:
    """Return what stands on pages in the order of reading, tables over several pages as one.

    Args:
        pages: The pages.
        dropped: Pages, and the places of lines on them, to leave out.
        pictures: The pictures to keep, by page.
    """
    elements: list[Element] = []
    for page in pages:
        here = list(_of_page(page, dropped, pictures.get(page.number, [])))
        if here and elements and isinstance(here[0], PlacedTable):
            last = elements[-1]
            if isinstance(last, PlacedTable):
                whole = continued(last.table, here[0].table)
                if whole is not None:
                    elements[-1] = last._replace(table=whole._replace(extents=last.table.extents))
                    del here[0]
        elements += here
    return elements


def blocks_of(elements: Sequence[Element], headings: Headings, spacing: Spacing) -> Iterator[Block]:
    """Yield the blocks that elements make, in their order."""
    for is_line, group in groupby(elements, key=lambda one: isinstance(one, PlacedLine)):
        if is_line:
            yield from _blocks_of_lines(
                [one for one in group if isinstance(one, PlacedLine)], headings, spacing
            )
        else:
            yield from (_block_of(one) for one in group)


def _of_page(
    page: Page, dropped: set[tuple[int, int]], pictures: Sequence[content.Picture]
) -> Iterator[Element]:
    tables = list(page.tables)
    beside = sorted(
        [(one.box.top, 0, one) for one in pictures] + [(one.top, 1, one) for one in page.comments],
        key=lambda one: one[:2],
    )
    for place in range(len(page.lines) + 1):
        while tables and tables[0][0] <= place:
            yield PlacedTable(page.number, tables.pop(0)[1])
        if place == len(page.lines):
            break
        if (page.number, place) in dropped:
            continue
        line = page.lines[place]
        while beside and beside[0][0] < line.box.top - 1:
            yield _beside(page.number, beside.pop(0)[2])
        yield PlacedLine(page.number, line)
    for _, _, one in beside:
        yield _beside(page.number, one)


def _beside(page: int, one: content.Picture | Comment) -> Element:
    if isinstance(one, Comment):
        return PlacedComment(page, one)
    return PlacedPicture(page, one)


def _block_of(element: Element) -> Block:
    if isinstance(element, PlacedTable):
        return _table(element)
    if isinstance(element, PlacedPicture):
        picture = element.picture
        return Block(
            type="picture",
            picture=Picture(
                reference=f"page {element.page}, picture {picture.number + 1}",
                media_type="image/jpeg" if picture.jpeg else "image/png",
            ),
            part=element.page,
            box=Box(**picture.box._asdict()),
        )
    assert isinstance(element, PlacedComment)
    comment = element.comment
    quoted = f"\u201c{flat(comment.quote)}\u201d: " if comment.quote else ""
    return Block(
        type="comment", text=quoted + flat(comment.text), author=comment.author, part=element.page
    )


def _table(placed: PlacedTable) -> Block:
    table = placed.table
    heads = header_rows(table)
    rows: list[list[Cell]] = [[] for _ in range(table.rows)]
    for cell in sorted(table.cells):
        rows[cell.row].append(
            Cell(cell.text, cell.rows, cell.columns, cell.row < heads, cell.column)
        )
    block = table_block(grid_of(rows), part=placed.page)
    return block.model_copy(update={"box": Box(**table.box._asdict())})


def _blocks_of_lines(
    lines: Sequence[PlacedLine], headings: Headings, spacing: Spacing
) -> Iterator[Block]:
    depths: list[float] = []
    place = 0
    while place < len(lines):
        end = _end_of_block(lines, place, headings, spacing)
        block = _block_of_lines(lines[place:end], headings, spacing, depths)
        if block.text:
            yield block
        place = end


def _end_of_block(
    lines: Sequence[PlacedLine], place: int, headings: Headings, spacing: Spacing
) -> int:
    first = lines[place]
    level = headings.level(first)
    is_item = _ITEM.match(first.line.text) is not None
    end = place + 1
    while end < len(lines):
        upper, lower = lines[end - 1], lines[end]
        if first.line.fixed or lower.line.fixed:
            goes_on = _is_code(upper, lower)
        elif level:
            goes_on = (
                headings.level(lower) == level
                and style_of(lower.line) == style_of(first.line)
                and continues(upper, lower, spacing, filled=False)
            )
        else:
            goes_on = (
                not headings.level(lower)
                and not _ITEM.match(lower.line.text)
                and continues(upper, lower, spacing, hangs=end == place + 1 and is_item)
            )
        if not goes_on:
            break
        end += 1
    return end


def _is_code(upper: PlacedLine, lower: PlacedLine) -> bool:
    above, line = upper.line, lower.line
    return (
        above.fixed
        and line.fixed
        and upper.page == lower.page
        and 0 < line.base - above.base < 2.6 * line.size
    )


def _block_of_lines(
    lines: Sequence[PlacedLine], headings: Headings, spacing: Spacing, depths: list[float]
) -> Block:
    first = lines[0]
    box = first.line.box
    for placed in lines[1:]:
        if placed.page == first.page:
            box = box.around(placed.line.box)
    where = {"part": first.page, "box": Box(**box._asdict())}
    if first.line.fixed and len(lines) > 1:
        return Block(type="code", text=_code([placed.line for placed in lines]), **where)
    text = joined((placed.line for placed in lines), spacing)
    if level := headings.level(first):
        del depths[:]
        return Block(type="heading", text=text, level=level, **where)
    if item := _ITEM.match(text):
        return Block(
            type="item",
            text=item["text"],
            ordered=item["number"] is not None,
            number=item["number"] or "",
            level=_depth(first.line, depths),
            **where,
        )
    del depths[:]
    return Block(type="paragraph", text=text, **where)


def _depth(line: Line, depths: list[float]) -> int:
    """Return how deep a list's item is, by where it begins below the items before it."""
    while depths and line.box.left < depths[-1] - _SAME_DEPTH:
        depths.pop()
    if not depths or line.box.left > depths[-1] + _SAME_DEPTH:
        depths.append(line.box.left)
    return min(len(depths) - 1, _DEEPEST)


def _code(lines: Sequence[Line]) -> str:
    """Return lines of a program with their indents and the blank lines among them."""
    left = min(line.box.left for line in lines)
    texts: list[str] = []
    before: Line | None = None
    for line in lines:
        width = line.box.width / max(len(line.text), 1)
        if before is not None and line.base - before.base > 1.9 * line.size:
            texts.append("")
        indent = round((line.box.left - left) / width) if width > 0 else 0
        texts.append(" " * min(indent, 80) + line.text.replace("\xad", "-"))
        before = line
    return "\n".join(texts)
