"""Reading Markdown: enough of it to know headings, lists, tables, quotes and code apart."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import even, flat
from perdure_document.plaintext import text_of

_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_ITEM: Final = re.compile(r"^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_RULE: Final = re.compile(r"^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_TABLE_RULE: Final = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_SETEXT: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD: Final = re.compile(r"^([A-Za-z][\w -]{0,40}):[ \t]*(\S.*)$")
_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK: Final = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])")
_STRONG: Final = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS: Final = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])(.+?)(?<=[^\s*_])\1(?![\w*])")
_CODE: Final = re.compile(r"(`+)(.+?)\1")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


def read_markdown(source: Source, file: Path) -> Document:
    """Read a Markdown file; simple front matter becomes metadata."""
    text = _COMMENT.sub("", text_of(source, file))
    metadata: dict[str, str] = {}
    if front := _FRONT.match(text):
        for line in front[1].split("\n"):
            if field := _FIELD.match(line):
                metadata[field[1].strip().lower()] = field[2].strip().strip("\"'")
        text = text[front.end() :]
    blocks = tuple(_blocks(text.split("\n")))
    first = next((block.text for block in blocks if block.type == "heading"), "")
    title = metadata.pop("title", "") or first or source.stem
    return Document(title=title, kind="markdown", metadata=metadata, blocks=blocks)


def plain(markdown: str) -> str:
    """Return inline Markdown as the text that a reader sees."""
    text = _TAG.sub("", _PICTURE.sub(r"\1", markdown))
    text = _LINK.sub(r"\1", text)
    text = _STRONG.sub(r"\2", text)
    text = _EMPHASIS.sub(r"\2", text)
    return flat(_ESCAPE.sub(r"\1", _CODE.sub(r"\2", text)))


def _blocks(lines: list[str]) -> Iterator[Block]:
    place = 0
    while place < len(lines):
        line = lines[place]
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if fence := _FENCE.match(line):
            end = _end_of_code(lines, place, fence[1])
            yield Block(type="code", text="\n".join(lines[place + 1 : end]))
            place = end + 1
        elif heading := _HEADING.match(line):
            yield from _heading(heading[2] or "", len(heading[1]))
            place += 1
        elif "|" in line and _TABLE_RULE.match(following) and "-" in following:
            end = _end(lines, place + 2, lambda one: "|" in one)
            yield from _table([line, *lines[place + 2 : end]])
            place = end
        elif not line.strip() or _RULE.match(line):
            place += 1
        else:
            end = _end_of_paragraph(lines, place)
            underline = _SETEXT.match(lines[end]) if end < len(lines) else None
            if underline:
                yield from _heading(
                    " ".join(lines[place:end]), 1 if underline[1].startswith("=") else 2
                )
                end += 1
            else:
                yield from _paragraph(lines[place:end])
            place = end


def _end_of_code(lines: list[str], place: int, fence: str) -> int:
    for number in range(place + 1, len(lines)):
        if lines[number].strip().startswith(fence):
            return number
    return len(lines)


def _end(lines: list[str], place: int, belongs: Callable[[str], bool]) -> int:
    while place < len(lines) and belongs(lines[place]):
        place += 1
    return place


def _end_of_paragraph(lines: list[str], place: int) -> int:
    kind = _kind(lines[place])
    for number in range(place + 1, len(lines)):
        line = lines[number]
        ends = not line.strip() or _HEADING.match(line) or _FENCE.match(line)
        if ends or _SETEXT.match(line) or _kind(line) not in {kind, ""} or _ITEM.match(line):
            return number
    return len(lines)


def _kind(line: str) -> str:
    if line.lstrip().startswith(">"):
        return "quote"
    return "item" if _ITEM.match(line) else ""


def _heading(markdown: str, level: int) -> Iterator[Block]:
    if text := plain(markdown):
        yield Block(type="heading", text=text, markdown=flat(markdown), level=level)


def _table(lines: list[str]) -> Iterator[Block]:
    rows = even([plain(value) for value in _cells(line)] for line in lines)
    if rows:
        yield Block(type="table", rows=rows, total_rows=len(rows))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [value.replace("\\|", "|") for value in re.split(r"(?<!\\)\|", inner)]


def _paragraph(lines: list[str]) -> Iterator[Block]:
    item = _ITEM.match(lines[0])
    if _kind(lines[0]) == "quote":
        joined = flat(" ".join(line.lstrip().lstrip(">") for line in lines))
        if text := plain(joined):
            yield Block(type="quote", text=text, markdown=joined)
        return
    joined = flat(" ".join([item[3] if item else lines[0], *lines[1:]]))
    text = plain(joined)
    if not text:
        return
    if item is None:
        yield Block(type="paragraph", text=text, markdown=joined)
    else:
        depth = min(len(item[1].expandtabs(4)) // 2, 5)
        ordered = item[2] is not None
        yield Block(type="item", text=text, markdown=joined, level=depth, ordered=ordered)
