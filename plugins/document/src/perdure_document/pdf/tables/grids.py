"""Grids of ruling lines, and the cells that they make."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.drawings import Rule

_MOST = 700
_SAME = 1.6
_TOUCH = 3.0
_SHORTEST = 5.0
_COVERED = 0.6


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid.

    Attributes:
        xs: Where its columns begin, and where the last one ends.
        ys: The same of its rows.
        cells: The first row and column of each cell, and those after its last.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    cells: tuple[tuple[int, int, int, int], ...]

    @property
    def box(self) -> Box:
        """Where it stands."""
        return Box(self.xs[0], self.ys[0], self.xs[-1], self.ys[-1])

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Return row and column of the elementary cell at a point of its box."""
        row = min(max(bisect_right(self.ys, y) - 1, 0), len(self.ys) - 2)
        column = min(max(bisect_right(self.xs, x) - 1, 0), len(self.xs) - 2)
        return row, column


def grids_of(rules: Sequence[Rule]) -> list[Grid]:
    """Return the grids of at least two columns and two cells that lines make."""
    level, upright = (
        merged([one for one in rules if one.level]),
        merged([one for one in rules if not one.level]),
    )
    if not level or not upright or len(level) > _MOST or len(upright) > _MOST:
        return []
    grids = []
    for rows, columns in _connected(level, upright):
        grid = _grid(rows, columns)
        if grid is not None:
            grids.append(grid)
    return grids


def merged(rules: Iterable[Rule]) -> list[Rule]:
    """Put lines of one direction together that continue each other, and drop the short ones."""
    lanes: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda one: one.at):
        if lanes and rule.at - lanes[-1][0].at <= _SAME:
            lanes[-1].append(rule)
        else:
            lanes.append([rule])
    whole: list[Rule] = []
    for lane in lanes:
        at = sum(one.at for one in lane) / len(lane)
        start: float | None = None
        end = 0.0
        for rule in sorted(lane, key=lambda one: one.start):
            if start is None:
                start, end = rule.start, rule.end
            elif rule.start <= end + _TOUCH:
                end = max(end, rule.end)
            else:
                whole.append(Rule(rule.level, at, start, end))
                start, end = rule.start, rule.end
        if start is not None:
            whole.append(Rule(lane[0].level, at, start, end))
    return [one for one in whole if one.end - one.start >= _SHORTEST]


def _connected(level: list[Rule], upright: list[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Return the lines of each figure: those that touch or cross each other."""
    parent = list(range(len(level) + len(upright)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for number, row in enumerate(level):
        for other, column in enumerate(upright, len(level)):
            if (
                row.start - _TOUCH <= column.at <= row.end + _TOUCH
                and column.start - _TOUCH <= row.at <= column.end + _TOUCH
            ):
                parent[root(number)] = root(other)
    figures: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for number, rule in enumerate([*level, *upright]):
        figures.setdefault(root(number), ([], []))[0 if rule.level else 1].append(rule)
    found = [figure for figure in figures.values() if len(figure[0]) >= 2 and figure[1]]
    return sorted(found, key=lambda figure: (figure[0][0].at, figure[0][0].start))


def _grid(level: list[Rule], upright: list[Rule]) -> Grid | None:
    xs = _clustered(
        [one.at for one in upright], [end for one in level for end in (one.start, one.end)]
    )
    ys = _clustered(
        [one.at for one in level], [end for one in upright for end in (one.start, one.end)]
    )
    if len(xs) < 3 or len(ys) < 2:
        return None
    rows, columns = len(ys) - 1, len(xs) - 1
    parent = list(range(rows * columns))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for row in range(rows):
        for column in range(columns):
            here = row * columns + column
            if column + 1 < columns and not _covers(upright, xs[column + 1], ys[row], ys[row + 1]):
                parent[root(here + 1)] = root(here)
            if row + 1 < rows and not _covers(level, ys[row + 1], xs[column], xs[column + 1]):
                parent[root(here + columns)] = root(here)
    groups: dict[int, list[int]] = {}
    for node in range(rows * columns):
        groups.setdefault(root(node), []).append(node)
    cells = []
    for nodes in groups.values():
        top, bottom = min(nodes) // columns, max(nodes) // columns + 1
        left = min(node % columns for node in nodes)
        right = max(node % columns for node in nodes) + 1
        if (bottom - top) * (right - left) == len(nodes):
            cells.append((top, left, bottom, right))
        else:  # no rectangle: each elementary cell for itself
            cells += [
                (node // columns, node % columns, node // columns + 1, node % columns + 1)
                for node in nodes
            ]
    if len({cell[1] for cell in cells}) < 2:
        return None
    return Grid(tuple(xs), tuple(ys), tuple(sorted(cells)))


def _clustered(places: list[float], ends: list[float]) -> list[float]:
    """Return where lines stand, and the outermost ends of the lines across where none stands."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > _TOUCH:
            found.append(place)
    for end in (min(ends), max(ends)):
        if all(abs(end - place) > 2 * _TOUCH for place in found):
            found.append(end)
    return sorted(found)


def _covers(rules: list[Rule], at: float, start: float, end: float) -> bool:
    """Say whether lines cover most of a border."""
    covered = sum(
        max(0.0, min(one.end, end) - max(one.start, start))
        for one in rules
        if abs(one.at - at) <= _TOUCH
    )
    return covered >= _COVERED * (end - start)
