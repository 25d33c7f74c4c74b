"""Plain text as blocks, and which kind of document a text file is."""

import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

from perdure_document.facts import Block, Document, Kind, Source
from perdure_document.formatting import flat
from perdure_document.reading.encodings import text_of, unreadable
from perdure_document.tables import MOST_COLUMNS, MOST_ROWS, Cell, grid_of, table_block

_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_PAGES: Final = {".html", ".htm", ".xhtml"}
_MARKUP: Final = re.compile(r"<|&#?\w+;")
_MARKDOWN_SIGNS: Final = (
    re.compile(r"^#{1,6} \S", re.MULTILINE),
    re.compile(r"^\|?[ \t]*:?-{3,}:?[ \t]*\|", re.MULTILINE),
    re.compile(r"^(```|~~~)", re.MULTILINE),
    re.compile(r"\[[^\]\n]+\]\([^)\s]+\)"),
    re.compile(r"^[-*+] \S", re.MULTILINE),
    re.compile(r"\*\*\S[^*\n]*\*\*"),
)
_CERTAIN_SIGNS: Final = 2
_ITEM: Final = re.compile(
    r"^(\s*)(?:([-*+•·▪◦‣●○\u2013])|(\(?(?:\d{1,3}|[a-z]|[ivx]{2,5})[.)]))\s+(\S.*)$"
)
_UNDERLINE: Final = re.compile(r"^\s*(=|-|~|\*)\1{2,}\s*$")
_RECORD: Final = re.compile(
    r"^\s*(?:[^\W_][^:=\uff1a]{0,40}(?::\s|\uff1a|:$|\s=\s)|[\w.-]{1,40}=\S)"
)
_RUNS_ON: Final = re.compile(r"[.,;!?…。、\uff0c\uff1b\uff01\uff1f]['\"\u201d\u2019»)]*\s*$|-\s*$")
_TAB: Final = re.compile(r"\t")
_GAP: Final = re.compile(r"\s{2,}")
_LOWER: Final = re.compile(r"[a-zß-öø-ÿ(]")
_LONGEST_HEADING: Final = 80
# Nobody wraps lines to fewer characters: shorter ones end where their writer wanted.
_NARROW: Final = 45
_FEWEST_VERSES: Final = 4
_NO_WRAPPING: Final = 30
_UNSPACED: Final = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u0e00-\u0eff]")


def kind_of_text(head: str, suffix: str) -> Kind:
    """Say whether text is HTML, Markdown or neither, by what it looks like; then by its name."""
    if _HTML.match(head) or (suffix in _PAGES and _MARKUP.search(head)):
        return "html"
    if suffix in {".md", ".markdown"}:
        return "markdown"
    signs = sum(sign.search(head) is not None for sign in _MARKDOWN_SIGNS)
    return "markdown" if signs >= _CERTAIN_SIGNS else "text"


def read_text(source: Source, file: Path) -> Document:
    """Read plain text: paragraphs between blank lines, lists, records, underlined headings."""
    text = text_of(source, file)
    blocks = tuple(blocks_of(text))
    title = source.stem
    if blocks and blocks[0].type == "heading":
        title = blocks[0].text
    return Document(
        title=title,
        kind="text",
        blocks=blocks,
        left_out=unreadable(text),
    )


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the blocks of plain text with plain line ends."""
    for chunk in re.split(r"\n[^\S\n]*\n", text):
        lines = [line for line in chunk.split("\n") if line.strip()]
        if not lines:
            continue
        if len(lines) > 1 and _UNDERLINE.match(lines[1]) and len(lines[0]) <= _LONGEST_HEADING:
            level = 1 if lines[1].strip().startswith("=") else 2
            yield Block(type="heading", text=flat(lines[0]), level=level)
            lines = lines[2:]
        for quoted, group in groupby(lines, lambda line: line.lstrip().startswith(">")):
            if quoted:
                text = flat(" ".join(line.lstrip(" >") for line in group))
                yield from [Block(type="quote", text=text)] if text else []
            else:
                yield from _group(list(group))


def _group(lines: list[str]) -> Iterator[Block]:
    """Yield lines as a table when they all have the same columns, else as text."""
    records = sum(_RECORD.match(line) is not None for line in lines)
    are_records = records > 1 and records * 2 > len(lines)
    if not are_records and 1 < len(lines) <= MOST_ROWS:
        for divider in (_TAB, _GAP):
            rows = [divider.split(line.strip(" \n")) for line in lines]
            if (
                1 < len(rows[0]) <= MOST_COLUMNS
                and len({len(row) for row in rows}) == 1
                and _are_cells(rows)
            ):
                grid = grid_of([Cell(value) for value in row] for row in rows)
                yield table_block(grid)
                return
    yield from _lines(lines, are_records)


def _are_cells(rows: list[list[str]]) -> bool:
    """Say whether the texts between gaps are cells rather than sentences, and some say something.

    Two blanks after a full stop make no column.
    """
    first = [value for row in rows for value in row[:-1]]
    return any(map(str.strip, first)) and not any(_RUNS_ON.search(value) for value in first)


def _lines(lines: list[str], are_records: bool) -> Iterator[Block]:
    """Put lines together that one sentence runs through; lines that stand for themselves stay."""
    pending: list[str] = []
    item: re.Match[str] | None = None
    width = max(map(len, lines))
    are_verses = _are_ended(lines, width)
    for line in lines:
        begins = _ITEM.match(line)
        hangs = item is not None and _indent(line) > _indent(item[0])
        stands_alone = are_verses or (are_records and _RECORD.match(line))
        goes_on = hangs or (_LOWER.match(line.lstrip()) and not stands_alone)
        ends = pending and (are_records or are_verses or _ends(pending[-1], line, width))
        if pending and (begins or (ends and not goes_on)):
            yield _made(pending, item)
            pending, item = [], None
        if begins:
            item, pending = begins, [begins[4]]
        else:
            pending.append(line)
    if pending:
        yield _made(pending, item)


def _are_ended(lines: list[str], width: int) -> bool:
    """Say whether most lines end where the next word had room, or are too short to be wrapped.

    Verses are such lines, although they begin in lower case and end with a comma.
    """
    if len(lines) < _FEWEST_VERSES or _UNSPACED.search("".join(lines)):
        return False
    ended = sum(_has_room(line, after, width) for line, after in pairwise(lines))
    return width < _NO_WRAPPING or ended * 2 > len(lines) - 1


def _has_room(line: str, following: str, width: int) -> bool:
    return len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) <= width


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _ends(line: str, following: str, width: int) -> bool:
    """Say whether a line was ended on purpose, although the next word had room on it."""
    if _RUNS_ON.search(line):
        return False
    if _UNSPACED.match(following.lstrip()):
        # Text without blanks is broken anywhere: a full line goes on.
        return len(line.rstrip()) < max(width, _NARROW // 3) - 2
    return _has_room(line, following, max(width, _NARROW))


def _made(lines: list[str], item: re.Match[str] | None) -> Block:
    text = flat(lines[0])
    for line in map(flat, lines[1:]):
        unspaced = _UNSPACED.match(text[-1:]) and _UNSPACED.match(line)
        text += line if unspaced else f" {line}"
    if item is None:
        return Block(type="paragraph", text=text)
    return Block(
        type="item",
        text=text,
        level=min(len(item[1].expandtabs(4)) // 2, 5),
        ordered=bool(item[3]),
        number=item[3] or "",
    )
