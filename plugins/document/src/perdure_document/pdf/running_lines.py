"""The lines that pages repeat at their head and foot, page numbers among them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from perdure_document.formatting import flat
from perdure_document.pdf.content import Line, Page

_EDGE_LINES: Final = 3
_SAME_HEIGHT: Final = 8.0
_NUMBER: Final = re.compile(r"\d+")
_ROMAN: Final = re.compile(r"^[ivxlc]{1,8}$")
_WORD: Final = re.compile(r"[^\W\d_]+")
_PAGE_WORDS: Final = frozenset(
    "page pages p pg of seite seiten s von pagina p\u00e1gina sur de di da strona z sida av".split()  # noqa: SIM905 -- words are read more easily so
)
_NAMED_NUMBER: Final = re.compile(
    r"[\s|\-\u2013\u2014\u00b7\u2022,]*\b(?:page|seite|pagina|p\u00e1gina|strona|sida|side|p\.|s\.)"
    r"\s*\d+(?:\s*(?:/|of|von|de|di|sur|z|av)\s*\d+)?[\s|\-\u2013\u2014\u00b7\u2022,]*",
    re.IGNORECASE,
)
_SET_APART: Final = re.compile(
    r"^\d+(?:\s{2,}|\s*[|\-\u2013\u2014\u00b7\u2022/])|(?:\s{2,}|[|\-\u2013\u2014\u00b7\u2022/]\s*)\d+$"
)
_FARTHEST: Final = 60
_GAP: Final = 1.5
_LEVEL: Final = 0.5  # lines so near each other stand beside each other
_ROMAN_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


class RunningLine(NamedTuple):
    """A line that pages repeat.

    Attributes:
        text: Its text on the first of them, without the number of the page.
        page: Which one that is.
        head: Whether it stands at the head of pages, not at their foot.
    """

    text: str
    page: int
    head: bool


class RunningLines(NamedTuple):
    """What pages repeat.

    Attributes:
        dropped: The lines to leave out: pages and the places of lines among theirs.
        shown: Those that say more than a page's number, each once.
        numbers: How many say no more than the number of their page.
    """

    dropped: set[tuple[int, int]]
    shown: list[RunningLine]
    numbers: int


class _Edge(NamedTuple):
    page: int
    place: int
    line: Line
    head: bool
    height: float
    apart: bool


def running_lines(pages: Sequence[Page], body_size: float) -> RunningLines:
    """Find the lines at head and foot that pages repeat.

    Two lines are the same when they stand at the same height, say the same, and differ in nothing
    but a number that counts with the page. Sums, dates and other figures do not count so.

    Args:
        pages: The pages.
        body_size: The size that most text is set in: what is much larger is a heading.
    """
    groups: dict[tuple[str, bool], list[_Edge]] = defaultdict(list)
    edges: list[_Edge] = []
    for page in pages:
        for edge in _edges(page):
            edges.append(edge)
            if edge.line.size <= 1.15 * body_size:
                groups[_shape(edge.line.text), edge.head].append(edge)
    total = sum(bool(page.lines) for page in pages)
    parts: list[list[_Edge]] = []
    for group in groups.values():
        for alike in _same_height(group):
            if _only_number(alike[0]):
                parts += _numbered_alike(alike)
            elif _is_repeated(alike, total):
                parts.append(alike)
    attached = _attached(edges, {(edge.page, edge.place) for part in parts for edge in part})
    found = RunningLines(set(), [], 0)
    numbers = 0
    for part in parts:
        only_number = _only_number(part[0])
        if not only_number and any((edge.page, edge.place) in attached for edge in part):
            continue
        found.dropped.update((edge.page, edge.place) for edge in part)
        numbers += len(part) if only_number else 0
        first = min(part)
        text = "" if only_number else flat(_NAMED_NUMBER.sub(" ", first.line.text))
        if text:
            found.shown.append(RunningLine(text, first.page, first.head))
    return found._replace(numbers=numbers)


def _attached(edges: Sequence[_Edge], repeated: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the lines that follow, as lines of one paragraph do, one that is not repeated.

    The last line of an address may be the same on every page, and is part of each.
    """
    attached: set[tuple[int, int]] = set()
    for outer, inner in pairwise(sorted(edges, key=lambda one: (one.page, one.head, one.height))):
        if (outer.page, outer.head) != (inner.page, inner.head):
            continue
        near = inner.height - outer.height <= _GAP * max(outer.line.size, inner.line.size)
        level = inner.height - outer.height < _LEVEL * inner.line.size
        place = outer.page, outer.place
        if near and not level and (place not in repeated or place in attached):
            attached.add((inner.page, inner.place))
    return attached


def _edges(page: Page) -> Iterator[_Edge]:
    """Yield the lines that may be running: the outermost, and those on one line with them."""
    if not page.lines:
        return
    tops = sorted((line.base, place) for place, line in enumerate(page.lines))
    above, below = _apart(page, tops), _apart(page, list(reversed(tops)))
    table_top = min((table.box.top for _, table in page.tables), default=page.height)
    table_bottom = max((table.box.bottom for _, table in page.tables), default=0.0)
    seen: set[int] = set()
    for number, (base, place) in enumerate(tops[:_EDGE_LINES]):
        if base < 0.2 * page.height and base < table_top:
            seen.add(place)
            yield _Edge(page.number, place, page.lines[place], True, base, number < above)
    for number, (base, place) in enumerate(reversed(tops[-_EDGE_LINES:])):
        if base > 0.8 * page.height and base > table_bottom and place not in seen:
            line, height = page.lines[place], page.height - base
            yield _Edge(page.number, place, line, False, height, number < below)


def _apart(page: Page, ordered: Sequence[tuple[float, int]]) -> int:
    """Return how many of the outermost lines a gap sets apart from the others."""
    count = 0
    for number, (one, other) in enumerate(pairwise(ordered[: _EDGE_LINES + 1]), 1):
        size = max(page.lines[one[1]].size, page.lines[other[1]].size)
        if abs(other[0] - one[0]) > _GAP * size:
            count = number
    return count if len(ordered) > 1 else 1


def _shape(text: str) -> str:
    text = text.strip()
    return "#" if _ROMAN.match(text) else _NUMBER.sub("#", text)


def _same_height(group: Sequence[_Edge]) -> Iterator[list[_Edge]]:
    """Yield the lines of a group that stand at the same height, one a page."""
    ordered = sorted(group, key=lambda edge: (edge.height, edge.page))
    alike: list[_Edge] = []
    for edge in ordered:
        if alike and edge.height - alike[0].height > _SAME_HEIGHT:
            yield alike
            alike = []
        if all(edge.page != other.page for other in alike[-1:]):
            alike.append(edge)
    if alike:
        yield alike


def _is_repeated(alike: Sequence[_Edge], total: int) -> bool:
    """Say whether lines of one height and shape are one line, repeated."""
    if len(alike) < 2:
        return False
    numbers = [_numbers(edge) for edge in alike]
    counting = False
    for place in range(len(numbers[0])):
        if len({values[place] for values in numbers}) == 1:
            continue
        distances = {values[place] - edge.page for values, edge in zip(numbers, alike, strict=True)}
        if len(distances) > 1 or abs(min(distances)) > _FARTHEST:
            return False
        counting = True
    if sum(edge.apart for edge in alike) < (1 if counting else 0.8) * len(alike):
        return False
    if counting and all(_NAMED_NUMBER.search(edge.line.text) for edge in alike):
        return True
    if counting and not all(_SET_APART.search(edge.line.text.strip()) for edge in alike):
        return False  # a number that is part of a name: Room 1, Room 2, Room 3
    # Left and right pages may differ: a third of all pages is enough, but at least three.
    return len(alike) >= 3 and len(alike) >= total / 3


def _numbered_alike(alike: Sequence[_Edge]) -> list[list[_Edge]]:
    """Part lines that are only numbers by how far these are from the number of their page."""
    seen: Counter[tuple[int, int]] = Counter(
        (place, number - edge.page) for edge in alike for place, number in enumerate(_numbers(edge))
    )
    parts: dict[tuple[int, int], list[_Edge]] = defaultdict(list)
    for edge in alike:
        if not edge.apart:
            continue
        marks = [(place, number - edge.page) for place, number in enumerate(_numbers(edge))]
        parts[max(marks, key=lambda mark: seen[mark])].append(edge)
    return [part for mark, part in parts.items() if len(part) > 1 and seen[mark] > 1]


def _only_number(edge: _Edge) -> bool:
    """Say whether a line says no more than which page it is on."""
    text = edge.line.text.casefold()
    if _roman(edge):
        return True
    return bool(_NUMBER.search(text)) and all(word in _PAGE_WORDS for word in _WORD.findall(text))


def _numbers(edge: _Edge) -> list[int]:
    if roman := _roman(edge):
        return [roman]
    return [int(number[:12]) for number in _NUMBER.findall(edge.line.text)]


def _roman(edge: _Edge) -> int:
    text = edge.line.text.strip()
    if not _ROMAN.match(text):
        return 0
    value = 0
    digits = [_ROMAN_VALUES[letter] for letter in text]
    for digit, after in zip(digits, [*digits[1:], 0], strict=True):
        value += -digit if digit < after else digit
    return value
