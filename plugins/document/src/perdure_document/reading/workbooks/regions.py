"""Which cells of a sheet make a table of their own."""

import re
from collections.abc import Iterable, Iterator, Set
from itertools import pairwise
from typing import Final, NamedTuple

from perdure_document.reading.workbooks.cells import Place, Range, Sheet

_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_DEEPEST: Final = 50
_MOST_CORNERS: Final = 50
_MOST_COVERED: Final = 2_000_000
_LONGEST_TITLE: Final = 300

Rows = dict[int, set[int]]


class Region(NamedTuple):
    """A table on a sheet, or a text that stands alone.

    Attributes:
        range: Where it is.
        titles: The rows above its header that hold one text each.
        header_rows: How many rows below those are headers.
        name: Its name, when people defined it as a table.
    """

    range: Range
    titles: tuple[int, ...] = ()
    header_rows: int = 1
    name: str = ""


class _Hidden(NamedTuple):
    """What follows the rows and the columns that hidden ones follow."""

    rows: dict[int, int]
    columns: dict[int, int]


class DefinedTable(NamedTuple):
    """A table that people defined: its name, its range, how many rows of that are headers."""

    name: str
    range: Range
    header_rows: int


def regions_of(sheet: Sheet, defined: Iterable[DefinedTable]) -> list[Region]:
    """Tell the tables of a sheet apart, in reading order.

    Tables that people defined are as they say. Otherwise blank rows and columns divide, but for a
    blank row within a table, and a blank column between a column of labels and its figures.
    """
    rows = _occupied(sheet)
    regions: list[Region] = []
    for table in defined:
        inside = _cut_out(rows, table.range)
        if inside:
            found = _extent(inside)
            header = table.header_rows if found.top == table.range.top else 0
            regions.append(Region(found, (), header, table.name))
    hidden = _Hidden(_beyond(sheet.hidden_rows), _beyond(sheet.hidden_columns))
    blocks = _joined(sheet, _blocks(rows, hidden, 0))
    regions.extend(_titled(sheet, _extent(block), block) for block in blocks)
    return sorted(regions, key=lambda one: (one.range.top, one.range.left))


def _occupied(sheet: Sheet) -> Rows:
    """Return the columns in use by row, those among them that merged cells cover."""
    rows: Rows = {}
    for row, column in sheet.texts:
        rows.setdefault(row, set()).add(column)
    if not rows:
        return rows
    extent = _extent(rows)
    left = _MOST_COVERED
    for merged in sheet.merged:
        covered = range(merged.top, min(merged.bottom, extent.bottom) + 1)
        columns = range(merged.left, min(merged.right, extent.right) + 1)
        cells = len(covered) * len(columns)
        if (merged.top, merged.left) in sheet.texts and cells <= left:
            left -= cells
            for row in covered:
                rows.setdefault(row, set()).update(columns)
    return rows


def _beyond(hidden: Set[int]) -> dict[int, int]:
    """Return what follows the rows or columns that hidden ones follow: these divide nothing."""
    return {run[0] - 1: run[-1] + 1 for run in _runs(hidden, {})}


def _cut_out(rows: Rows, where: Range) -> Rows:
    """Take the cells in a range out of those in use, and return them."""
    inside: Rows = {}
    for row in [row for row in rows if where.top <= row <= where.bottom]:
        columns = {column for column in rows[row] if where.left <= column <= where.right}
        if columns:
            inside[row] = columns
            rows[row] -= columns
            if not rows[row]:
                del rows[row]
    return inside


def _extent(rows: Rows) -> Range:
    columns = set().union(*rows.values())
    return Range(min(rows), min(columns), max(rows), max(columns))


def _blocks(rows: Rows, hidden: _Hidden, depth: int) -> list[Rows]:
    """Divide cells at blank rows, then at blank columns, as long as there are any."""
    bands = [part for band in _bands(rows, hidden) for part in _diagonal(band)]
    if depth >= _DEEPEST:
        return bands
    blocks: list[Rows] = []
    for band in bands:
        parts = list(_side_by_side(band, hidden))
        if len(parts) == 1:
            blocks.append(band)
        else:
            for part in parts:
                blocks += _blocks(part, hidden, depth + 1)
    return blocks


def _bands(rows: Rows, hidden: _Hidden) -> Iterator[Rows]:
    for group in _runs(set(rows), hidden.rows):
        yield {row: rows[row] for row in group}


def _diagonal(rows: Rows) -> Iterator[Rows]:
    """Divide tables that touch at a corner only: no column of the one is in the other."""
    ordered = sorted(rows)
    start = tried = 0
    for end, (row, following) in enumerate(pairwise(ordered), 1):
        if rows[row] & rows[following] or tried >= _MOST_CORNERS:
            continue
        tried += 1
        above = {one: rows[one] for one in ordered[start:end]}
        below = {one: rows[one] for one in ordered[end:]}
        columns, others = set().union(*above.values()), set().union(*below.values())
        if min(map(len, (above, below, columns, others))) > 1 and not columns & others:
            yield above
            start = end
    yield {one: rows[one] for one in ordered[start:]}


def _side_by_side(rows: Rows, hidden: _Hidden) -> Iterator[Rows]:
    groups = _runs(set().union(*rows.values()), hidden.columns)
    if len(groups) == 1:
        yield rows
        return
    for group in groups:
        inside = set(group)
        yield {row: columns & inside for row, columns in rows.items() if columns & inside}


def _runs(numbers: Set[int], beyond: dict[int, int]) -> list[list[int]]:
    """Group numbers that follow each other, at once or with hidden ones between them."""
    ordered = sorted(numbers)
    runs = [[ordered[0]]] if ordered else []
    for one, following in pairwise(ordered):
        if following in {one + 1, beyond.get(one)}:
            runs[-1].append(following)
        else:
            runs.append([following])
    return runs


def _joined(sheet: Sheet, blocks: list[Rows]) -> list[Rows]:
    """Join what blank rows and columns divide although it is one table."""
    joined: list[Rows] = []
    for block in sorted(blocks, key=lambda one: (min(one), _extent(one).left)):
        for before in reversed(joined[-8:]):
            if _are_figures_of(sheet, before, block) or _goes_on(sheet, before, block):
                for row, columns in block.items():
                    before.setdefault(row, set()).update(columns)
                break
        else:
            joined.append(block)
    return joined


def _are_figures_of(sheet: Sheet, labels: Rows, figures: Rows) -> bool:
    """Say whether a block belongs to the labels on its left, beyond a blank column."""
    left, right = _extent(labels), _extent(figures)
    if right.left != left.right + 2 or right.top > left.bottom or right.bottom < left.top:
        return False
    if left.left == left.right and labels.keys() == figures.keys():
        # A column of labels and what they name, line by line.
        return True
    body = [row for row in figures if row in labels]
    if len(body) * 2 < len(figures) or left.top > right.top + 1 or len(figures) == 1:
        return False
    own_labels = sum(
        (row, right.left) in sheet.texts and (row, right.left) not in sheet.numbers
        for row in sorted(figures)[1:]
    )
    return own_labels == 0


def _goes_on(sheet: Sheet, above: Rows, below: Rows) -> bool:
    """Say whether a block is the rest of the table above a blank row: no header, same columns."""
    first, second = _extent(above), _extent(below)
    if second.top != first.bottom + 2 or second.left < first.left or second.right > first.right:
        return False
    if first.left == first.right or len(above) < 2:
        return False
    last, row = max(above), second.top
    numbers = {column for column in above[last] if (last, column) in sheet.numbers}
    same = [sheet.texts[row, column] for column in numbers if (row, column) in sheet.numbers]
    # Years are numbers that stand in headers.
    return bool(same) and not (len(below) > 1 and all(map(_YEAR.fullmatch, same)))


def _titled(sheet: Sheet, where: Range, rows: Rows) -> Region:
    """Set the titles above a table apart, and see how many rows are its header."""
    titles: list[int] = []
    ordered = sorted(rows)
    for row in ordered[:-1]:
        texts = [column for column in rows[row] if (row, column) in sheet.texts]
        if len(texts) != 1 or where.left == where.right:
            break
        place = row, texts[0]
        title = sheet.texts[place]
        if place in sheet.numbers or texts[0] != where.left or len(title) > _LONGEST_TITLE:
            break
        titles.append(row)
    # A row of one cell above another such row is no title: the whole may be a list.
    if titles and len(titles) == len(ordered) - 1 and len(rows[ordered[-1]]) == 1:
        titles = []
    header = where.top + len(titles)
    return Region(where, tuple(titles), _header_rows(sheet, where, header))


def _header_rows(sheet: Sheet, where: Range, first: int) -> int:
    """Count the rows of a header: a second one below cells that cover several columns."""
    wide = any(
        merged.top == first and merged.right > merged.left and where.holds((first, merged.left))
        for merged in sheet.merged
    )
    return 2 if wide and first + 1 < where.bottom and _is_words(sheet, where, first + 1) else 1


def _is_words(sheet: Sheet, where: Range, row: int) -> bool:
    places: list[Place] = [(row, column) for column in range(where.left, where.right + 1)]
    return any(place in sheet.texts for place in places) and not any(
        place in sheet.numbers for place in places
    )
