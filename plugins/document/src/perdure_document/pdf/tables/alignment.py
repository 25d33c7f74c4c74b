"""Tables whose columns only line up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from perdure_document.pdf.content import Cell, Table
from perdure_document.pdf.pages.drawings import Rule
from perdure_document.pdf.pages.rows import Row
from perdure_document.pdf.pages.segments import Segment, segment_of
from perdure_document.pdf.tables.cells import joined_lines, usual_size

_MARK = re.compile(
    r"^(?:[•▪◦·‣●○■□➢✓❖*\uf0b7\uf0a7\u2013-]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]|\[\d+\]|\d+(?:\.\d+)+\.?)$"
)
_FIGURE = re.compile(r"^[^\w]*[\d][\d\s.,:/%€$£+\-\u2013()]*[^\w]*\w{0,3}$")
_STROKES = frozenset("|/\\+-=_")
_FARTHEST = 3.2
_FIRST_ROWS = 4
_SAME_EDGE = 2.5
_LEAST_GAP = 0.5


@dataclass(slots=True)
class Columns:
    """The columns that a table's rows have so far, as pairs of edges, from left to right.

    Attributes:
        edges: Where each begins and ends.
    """

    edges: list[list[float]] = field(default_factory=list)

    def touched(self, segment: Segment) -> list[int]:
        """Return the columns that a segment shares some width with."""
        return [
            number
            for number, (left, right) in enumerate(self.edges)
            if segment.box.left < right - 0.5 and segment.box.right > left + 0.5
        ]

    def fit(self, row: Row) -> bool:
        """Say whether all segments of a row begin, end or have their middle where a column has."""
        return all(
            any(
                min(
                    abs(left - segment.box.left),
                    abs(right - segment.box.right),
                    abs(left + right - segment.box.left - segment.box.right) / 2,
                )
                < _SAME_EDGE
                for left, right in self.edges
            )
            for segment in row.segments
        )

    def take(self, row: Row) -> bool:
        """Widen the columns by a row's segments; change nothing when these do not fit."""
        edges = [list(edge) for edge in self.edges]
        used: set[int] = set()
        for segment in row.segments:
            touched = self.touched(segment)
            if len(touched) > 1 or (touched and touched[0] in used):
                return False
            if touched:
                used.add(touched[0])
                edge = edges[touched[0]]
                edge[0] = min(edge[0], segment.box.left)
                edge[1] = max(edge[1], segment.box.right)
            else:
                edges.append([segment.box.left, segment.box.right])
        edges.sort()
        if any(after[0] - before[1] < 0.35 * row.size for before, after in pairwise(edges)):
            return False
        self.edges = edges
        return True


def aligned_table(
    rows: Sequence[Row], start: int, rules: Sequence[Rule]
) -> tuple[Table | None, int]:
    """Return the table that begins at a row, and the row after it; ``None`` when none begins.

    Args:
        rows: Of one column of the page.
        start: The row.
        rules: The page's horizontal lines.
    """
    grown = _grown(rows, start)
    if grown is not None:
        columns, body = grown
        return _table(body, columns, rules), start + len(body)
    if start + 1 < len(rows) and rows[start + 1].base - rows[start].base < 2.5 * rows[start].size:
        grown = _grown(rows, start + 1)
        if grown is not None and _heads(rows[start], grown[0]):
            columns, body = grown
            return _table([rows[start], *body], columns, rules), start + 1 + len(body)
    return None, start


def _grown(rows: Sequence[Row], start: int) -> tuple[Columns, list[Row]] | None:
    """Return the columns and the rows of the table that begins at a row."""
    if len(rows[start].segments) < 2:
        return None
    columns = Columns()
    body: list[Row] = []
    full = 0  # rows down to the last one that fills several columns
    pitch = 0.0
    fullest = max(rows[start : start + _FIRST_ROWS], key=lambda row: len(row.segments))
    for number, given in enumerate(rows[start:]):
        row = given
        if row.is_led:
            break
        if body and row.base - body[-1].base > max(_FARTHEST * row.size, 1.6 * pitch):
            break
        if body and not 0.8 < row.size / body[0].size < 1.25:
            break
        if full > 1 and _is_apart(body, row, columns):
            break
        if number < _FIRST_ROWS and len(row.segments) < len(fullest.segments):
            row = _parted(row, _gaps([[*one.box[::2]] for one in fullest.segments]))
        if not columns.take(row):
            row = _parted(row, _gaps(columns.edges))
            near = not pitch or row.base - body[-1].base <= 1.2 * pitch
            if not near or not columns.take(row):
                break
        if len(row.segments) > 1:
            if full:
                pitch = max(pitch, row.base - body[full - 1].base)
            full = number + 1
        body.append(row)
    body = body[: _with_continuation(body, full, columns, pitch)]
    return (columns, body) if _is_table(body, columns) else None


def _is_apart(body: Sequence[Row], row: Row, columns: Columns) -> bool:
    """Say whether a row stands so far below a table's lines that it is none of them."""
    step = max(lower.base - upper.base for upper, lower in pairwise(body))
    gap = row.base - body[-1].base
    return gap > 2.2 * step or (gap > 1.7 * step and not columns.fit(row))


def _gaps(edges: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    return [(before[1], after[0]) for before, after in pairwise(edges)]


def _parted(row: Row, gaps: Sequence[tuple[float, float]]) -> Row:
    """Part a row's segments between words where other rows have a gap of their columns."""
    segments: list[Segment] = []
    for segment in row.segments:
        parts = [[segment.words[0]]]
        for before, word in pairwise(segment.words):
            space = word.box.left - before.box.right
            if space >= _LEAST_GAP * segment.size and any(
                max(before.box.right, left) < min(word.box.left, right) for left, right in gaps
            ):
                parts.append([])
            parts[-1].append(word)
        segments += [segment_of(part) for part in parts]
    return Row(segments)


def _heads(row: Row, columns: Columns) -> bool:
    """Say whether a row's segments stand over several columns each, as a header of headers."""
    touched = [columns.touched(segment) for segment in row.segments]
    every = [column for one in touched for column in one]
    if len(columns.edges) < 3 or not all(touched) or len(every) != len(set(every)):
        return False
    return len(row.segments) > 1 or (0 not in every and len(every) > 1)


def _with_continuation(rows: Sequence[Row], after: int, columns: Columns, pitch: float) -> int:
    """Return where a table ends: lines below its last row that continue one of its cells count."""
    stop = after
    reach = max(
        (row.segments[0].box.right for row in rows[:after] if len(row.segments) > 1), default=0.0
    )
    while 0 < stop < len(rows):
        row = rows[stop]
        gap = row.base - rows[stop - 1].base
        if columns.touched(row.segments[0]) == [0]:
            # A name without any value goes on at the rows' distance, a name's second line nearer.
            regular = abs(gap - pitch) <= 0.1 * pitch and row.box.right <= reach + row.size
            goes_on = regular or gap <= min(0.85 * pitch, 1.45 * row.size)
        else:
            goes_on = gap <= 1.45 * row.size
        if not goes_on:
            break
        stop += 1
    return stop


def _is_table(rows: Sequence[Row], columns: Columns) -> bool:
    full = [row for row in rows if len(row.segments) > 1]
    count = len(columns.edges)
    if count < 2 or len(full) < 2 or _is_program(rows, full):
        return False
    if count == 2 and (len(full) < 3 and not _is_short(rows, full)):
        return False
    if count == 2 and (_is_list(full, columns) or sum(map(_is_loose, full)) > 0.4 * len(full)):
        return False
    missing = sum(count - len(row.segments) for row in full)
    alone = sum(len(row.segments) == 1 and columns.touched(row.segments[0]) == [0] for row in rows)
    mean = count - missing / len(full)
    return (
        alone <= 0.5 * len(full) + 1
        and (len(full) > 2 or missing <= 1)
        and mean >= (1.9 if count == 2 else 0.5 * count)
    )


def _is_list(full: Sequence[Row], columns: Columns) -> bool:
    """Say whether rows are a list whose marks are set apart, or values after their labels."""
    first = [row.segments[0] for row in full if columns.touched(row.segments[0])[:1] == [0]]
    marks = sum(bool(_MARK.match(one.text)) or one.text.endswith(":") for one in first)
    return marks > 0.6 * max(len(first), 1)


def _is_program(rows: Sequence[Row], full: Sequence[Row]) -> bool:
    """Say whether rows are a program with remarks or numbered lines, or drawn with letters."""
    segments = [one for row in rows for one in row.segments]
    numbers = [one for row in rows for one in row.segments[:1] if one.text.isdecimal()]
    others = [one for row in rows for one in row.segments[1:]]
    if len(numbers) > 0.8 * len(rows) and all(one.fixed for one in others):
        values = [int(one.text) for one in numbers]
        return all(after == before + 1 for before, after in pairwise(values))
    if not all(one.fixed for one in segments):
        return False
    return len(full) < 0.8 * len(rows) or _is_drawn([row.segments for row in rows])


def _is_drawn(rows: Sequence[Sequence[Segment]]) -> bool:
    text = "".join(one.text for row in rows for one in row)
    return sum(character in _STROKES for character in text) > 0.25 * len(text)


def _is_short(rows: Sequence[Row], full: Sequence[Row]) -> bool:
    """Say whether rows are a table of two columns that has a blank cell: a header, then figures."""
    header, *body = [row.segments[-1].text for row in full]
    return len(rows) > 2 and not _FIGURE.match(header) and all(map(_FIGURE.match, body))


def _is_loose(row: Row) -> bool:
    """Say whether a row is but a line of text whose words were set far apart to fill it."""
    inner = [
        after.box.left - before.box.right
        for segment in row.segments
        for before, after in pairwise(segment.words)
    ]
    outer = min(after.box.left - before.box.right for before, after in pairwise(row.segments))
    return bool(inner) and max(inner) > 0.5 * row.size and outer < 1.6 * max(inner)


def _table(rows: Sequence[Row], columns: Columns, rules: Sequence[Rule]) -> Table:
    groups = _grouped(rows, columns, rules)
    cells: list[Cell] = []
    for number, group in enumerate(groups):
        lines: dict[int, list[str]] = {}
        widths: dict[int, int] = {}
        for row in group:
            for segment in row.segments:
                touched = columns.touched(segment)
                lines.setdefault(touched[0], []).append(segment.text)
                widths[touched[0]] = max(widths.get(touched[0], 1), len(touched))
        cells += [
            Cell(number, column, 1, widths[column], joined_lines(texts))
            for column, texts in sorted(lines.items())
        ]
    box = rows[0].box
    for row in rows[1:]:
        box = box.around(row.box)
    return Table(
        cells=tuple(cells),
        rows=len(groups),
        columns=len(columns.edges),
        box=box,
        size=usual_size([word for row in rows for one in row.segments for word in one.words]),
        extents=tuple((left, right) for left, right in columns.edges),
    )


def _grouped(rows: Sequence[Row], columns: Columns, rules: Sequence[Rule]) -> list[list[Row]]:
    """Put lines together that are one row of the table, since a cell has several."""
    pitches = [
        lower.base - upper.base
        for upper, lower in pairwise(rows)
        if len(upper.segments) > 1 and len(lower.segments) > 1
    ]
    usual = median(pitches) if pitches else 0.0
    groups = [[rows[0]]]
    for upper, row in pairwise(rows):
        head = len(groups) == 1 and row.base - upper.base < 0.85 * usual
        if _is_parted(upper, row, rules) or not (
            head or _continues(groups[-1], row, columns, usual)
        ):
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def _is_parted(upper: Row, lower: Row, rules: Sequence[Rule]) -> bool:
    """Say whether a line is drawn between two rows."""
    box = upper.box.around(lower.box)
    return any(
        upper.base < rule.at < lower.base - 0.3 * lower.size
        and min(rule.end, box.right) - max(rule.start, box.left) > 0.6 * box.width
        for rule in rules
    )


def _figure_below_figure(upper: Row, lower: Row, columns: Columns) -> bool:
    """Say whether a figure stands below a figure: no cell goes on so, but the next row does."""
    figures = [
        {
            column
            for segment in row.segments
            if _FIGURE.match(segment.text)
            for column in columns.touched(segment)
        }
        for row in (upper, lower)
    ]
    return bool(figures[0] & figures[1])


def _continues(group: list[Row], row: Row, columns: Columns, usual: float) -> bool:
    gap = row.base - group[-1].base
    if gap > 1.6 * row.size:
        return False
    filled = {
        column for one in group for segment in one.segments for column in columns.touched(segment)
    }
    here = {column for segment in row.segments for column in columns.touched(segment)}
    if gap < 0.8 * row.size:  # between two lines: a cell that is centred beside one of several
        return True
    if not here <= filled:
        return False
    if len(here) > 1 and (0 in here or _figure_below_figure(group[-1], row, columns)):
        return False
    if gap < 0.85 * usual:
        return True
    return (
        0 not in here
        and len(here) == 1
        and not all(_FIGURE.match(segment.text) for segment in row.segments)
    )
