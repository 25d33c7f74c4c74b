"""Making sense of a PDF's lines: which are headings, paragraphs, lists and tables."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from perdure_document.facts import Block
from perdure_document.formatting import even, flat
from perdure_document.lines import Line

_BULLET: Final = re.compile(r"^(?:([•▪◦·‣●○■*\uf0b7\u2013-])|\(?(\d{1,2})[.)])\s+(\S.*)$")
_LARGER: Final = 1.1
_HEADING_WORDS: Final = 20
_LEADING: Final = 1.75
_COLUMNS: Final = 2
_REPEATED_PAGES: Final = 2
_DEEPEST: Final = 6
_PAGE_NUMBER: Final = re.compile(r"^(?:page\s+|seite\s+)?#(?:\s*(?:/|of|von)\s*#)?$", re.IGNORECASE)


def without_running_lines(lines: Sequence[Line]) -> tuple[list[Line], int]:
    """Drop the lines at the head or foot that most pages repeat, page numbers among them.

    Returns:
        The lines that stay, and how many were dropped.
    """
    pages: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        pages[line.page].append(line)
    if len(pages) < _REPEATED_PAGES:
        return list(lines), 0
    largest = _body_size(lines) * _LARGER
    edges = {
        number: {
            id(one): _shape(one)
            for one in (min(page, key=_base), max(page, key=_base))
            if one.size <= largest
        }
        for number, page in pages.items()
    }
    seen = Counter(shape for page in edges.values() for shape in set(page.values()))
    dropped = {
        name
        for page in edges.values()
        for name, shape in page.items()
        if seen[shape] > len(pages) / 2
        and seen[shape] >= _REPEATED_PAGES
        and (seen[shape] > _REPEATED_PAGES or _PAGE_NUMBER.match(shape[0]) or "#" in shape[0])
    }
    return [line for line in lines if id(line) not in dropped], len(dropped)


def blocks_of(lines: Sequence[Line]) -> Iterator[Block]:
    """Yield the blocks that lines make, in their order."""
    if not lines:
        return
    levels = _levels(lines, _body_size(lines))
    place = 0
    while place < len(lines):
        end = _end_of_table(lines, place)
        if end > place:
            rows = even([piece.text for piece in line.pieces] for line in lines[place:end])
            yield Block(type="table", rows=rows, total_rows=len(rows), part=lines[place].page)
        else:
            end = _end_of_block(lines, place, levels)
            yield _block(lines[place:end], levels)
        place = end


def _body_size(lines: Sequence[Line]) -> float:
    """Return the size that most of the text is set in."""
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    return max(weights, key=lambda size: (weights[size], size))


def _base(line: Line) -> float:
    return line.base


def _shape(line: Line) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text.strip()), round(line.base / 4)


def _style(line: Line) -> tuple[float, bool]:
    return line.size, line.bold


def _levels(lines: Sequence[Line], body: float) -> dict[tuple[float, bool], int]:
    """Give every style that headings are set in its level: the largest is 1."""
    bold_body = sum(len(line.text) for line in lines if _style(line) == (body, True))
    plain_body = sum(len(line.text) for line in lines if _style(line) == (body, False))
    styles = {_style(line) for line in lines if line.size > body * _LARGER}
    if bold_body < plain_body / 3:
        styles.add((body, True))
    ordered = sorted(styles, reverse=True)
    sizes: list[tuple[float, bool]] = []
    levels: dict[tuple[float, bool], int] = {}
    for style in ordered:
        if not sizes or style[0] < sizes[-1][0] - 0.3 or style[0] == body:
            sizes.append(style)
        levels[style] = min(len(sizes), _DEEPEST)
    return levels


def _is_heading(line: Line, levels: dict[tuple[float, bool], int]) -> bool:
    text = line.text
    return (
        _style(line) in levels
        and len(text.split()) <= _HEADING_WORDS
        and any(character.isalpha() for character in text)
        and not text.endswith((".", ";", ","))
        and len(line.pieces) == 1
    )


def _end_of_table(lines: Sequence[Line], place: int) -> int:
    """Return where a table that begins here ends; ``place`` when none begins."""
    first = lines[place]
    if len(first.pieces) < _COLUMNS:
        return place
    end = place + 1
    while end < len(lines) and _same_columns(lines[end - 1], lines[end]):
        end += 1
    enough = end - place >= 2 + (len(first.pieces) == _COLUMNS)
    return end if enough else place


def _same_columns(upper: Line, lower: Line) -> bool:
    return (
        upper.page == lower.page
        and upper.base > lower.base
        and len(upper.pieces) == len(lower.pieces)
        and all(
            above.left < below.right and below.left < above.right
            for above, below in zip(upper.pieces, lower.pieces, strict=True)
        )
    )


def _end_of_block(lines: Sequence[Line], place: int, levels: dict[tuple[float, bool], int]) -> int:
    heading = _is_heading(lines[place], levels)
    end = place + 1
    while end < len(lines):
        upper, line = lines[end - 1], lines[end]
        if (
            _is_heading(line, levels) != heading
            or (heading and _style(line) != _style(upper))
            or _BULLET.match(line.text)
            or not _continues(upper, line)
            or _end_of_table(lines, end) > end
        ):
            break
        end += 1
    return end


def _continues(upper: Line, line: Line) -> bool:
    ended = upper.text.rstrip().endswith((".", "!", "?", ":"))
    if line.page != upper.page:
        return not ended and line.text[:1].islower() and abs(line.size - upper.size) < 0.5
    gap = upper.base - line.base
    if gap < 0:  # the next column
        return not ended and line.text[:1].islower()
    return gap < _LEADING * max(upper.size, line.size) * (0.75 if ended else 0.95)


def _block(lines: Sequence[Line], levels: dict[tuple[float, bool], int]) -> Block:
    text = _joined(lines)
    page = lines[0].page
    if _is_heading(lines[0], levels):
        return Block(type="heading", text=text, level=levels[_style(lines[0])], part=page)
    if bullet := _BULLET.match(text):
        return Block(type="item", text=bullet[3], ordered=bullet[2] is not None, part=page)
    return Block(type="paragraph", text=text, part=page)


def _joined(lines: Sequence[Line]) -> str:
    text = ""
    for line in lines:
        if text.endswith("\xad") or (
            re.search(r"[^\W\d]-$", text) and line.text[:1].islower() and len(text) > 1
        ):
            text = text[:-1] + line.text
        else:
            text = f"{text} {line.text}"
    return flat(text.replace("\xad", ""))
