"""Splitting plain text and Markdown into blocks, each a piece of the text as it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from perdure_research.facts import Block

_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r" {0,3}(=|-|~|\^)\1{2,}[ \t]*$")
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(?=\S)")
_QUOTE: Final = re.compile(r"[ \t]*(?:>[ \t]?)+")
_FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")
_RULE: Final = re.compile(r"[ \t]*([-*_=])([ \t]*\1){2,}[ \t]*$")
_TABLE_RULE: Final = re.compile(r"[ \t]*\|?[ \t:|-]*-[ \t:|-]*$")
_FRONT_MATTER: Final = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_TITLE: Final = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_LONGEST_HEADING: Final = 100
_UNDERLINES: Final = "=-~^"


@dataclass(slots=True)
class _Reader:
    """Where the reading stands."""

    markdown: bool
    headings: list[tuple[int, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    first: int = 0

    def under(self, level: int, text: str) -> None:
        """Begin a section."""
        self.headings = [known for known in self.headings if known[0] < level]
        self.headings.append((level, text))

    def add(self, number: int, line: str) -> None:
        """Take a line into the block under way."""
        if not self.lines:
            self.first = number
        self.lines.append(line)

    def take(self) -> Iterator[Block]:
        """Yield the block under way, if there is one."""
        if text := "\n".join(self.lines).strip():
            heading = tuple(text for _, text in self.headings)
            yield Block(text=text, heading=heading, line=self.first)
        self.lines = []


def read_plain(text: str, *, markdown: bool) -> tuple[str, tuple[Block, ...]]:
    """Return the title, empty when there is none, and the blocks.

    Code blocks are left out: they do not answer in sentences.
    """
    title, skipped = "", 0
    if markdown and (front := _FRONT_MATTER.match(text)):
        skipped = front.group().count("\n")
        named = _TITLE.search(front[1])
        title = named[1].strip("\"'") if named else ""
    reader = _Reader(markdown)
    lines = text.split("\n")
    blocks = tuple(_blocks(lines, skipped, reader))
    return title or _first_heading(blocks), blocks


def _first_heading(blocks: tuple[Block, ...]) -> str:
    return next((block.heading[0] for block in blocks if block.heading), "")


def _blocks(lines: list[str], skipped: int, reader: _Reader) -> Iterator[Block]:
    fence = ""
    for number, line in enumerate(lines[skipped:], skipped + 1):
        following = lines[number] if number < len(lines) else ""
        if reader.markdown and (mark := _FENCE.match(line)):
            yield from reader.take()
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = ""
        elif fence:
            continue
        elif reader.markdown and (heading := _HEADING.match(line)):
            yield from reader.take()
            reader.under(len(heading[1]), heading[2])
        elif not reader.lines and _is_underlined(line, following):
            reader.under(1 + _UNDERLINES.index(following.strip()[0]), line.strip())
        elif not reader.markdown and not reader.lines and _is_shouted(line, following):
            reader.under(1, line.strip())
        else:
            yield from _body_line(number, line, reader)
    yield from reader.take()


def _body_line(number: int, line: str, reader: _Reader) -> Iterator[Block]:
    if not line.strip() or _RULE.match(line):
        yield from reader.take()
    elif line.lstrip().startswith("|"):
        yield from reader.take()
        if not _TABLE_RULE.match(line):
            reader.add(number, line)
            yield from reader.take()
    elif item := _ITEM.match(line):
        yield from reader.take()
        reader.add(number, line[item.end() :])
    elif not reader.lines and (quote := _QUOTE.match(line)):
        reader.add(number, line[quote.end() :])
    else:
        reader.add(number, line)


def _is_underlined(line: str, following: str) -> bool:
    return (
        0 < len(line.strip()) <= _LONGEST_HEADING
        and not _RULE.match(line)
        and not line.lstrip().startswith(("|", ">"))
        and bool(_UNDERLINE.match(following))
    )


def _is_shouted(line: str, following: str) -> bool:
    bare = line.strip()
    return (
        3 < len(bare) <= _LONGEST_HEADING
        and bare.isupper()
        and not bare.endswith((".", ",", ";"))
        and not following.strip()
    )
