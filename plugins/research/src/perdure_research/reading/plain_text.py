"""Splitting plain text and Markdown into blocks, each a piece of the text as it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from perdure_research.reading.about.dates import date_in_front_matter, date_in_text
from perdure_research.reading.reading import Reading
from perdure_research.sources.source import Block, Form, SourceText

_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r" {0,3}(=|-|~|\^)\1{2,}[ \t]*$")
_ITEM: Final = re.compile(
    r"[ \t]*(?:[-*+•◦▪‣·]|\d{1,3}[.)]|\(\d{1,3}\)|[a-zA-Z]\)|\([a-zA-Z]\)"
    r"|\[\d{1,3}\])[ \t]+(?=\S)|[ \t]*(?=\[[\w.+-]{1,12}\][ \t]+\S)"
)
_RECORD: Final = re.compile(r"[ \t]*[^\W\d_][\w .()/-]{0,39}:[ \t]+\S")
_QUOTE: Final = re.compile(r"[ \t]*(?:>[ \t]?)+")
_FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")
_RULE: Final = re.compile(r"[ \t]*([-*_=])([ \t]*\1){2,}[ \t]*$")
_TABLE_RULE: Final = re.compile(r"[ \t]*\|?[ \t:|+=-]*[-=][ \t:|+=-]*$")
_FRONT_MATTER: Final = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_TITLE: Final = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_LONGEST_HEADING: Final = 100
_LONGEST_RECORD: Final = 200
_UNDERLINES: Final = "=-~^"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line: its number from 1, where it begins in the text, and its characters."""

    number: int
    start: int
    text: str


@dataclass(slots=True)
class _Reader:
    """Where the reading stands."""

    text: str
    markdown: bool
    headings: list[tuple[int, str]] = field(default_factory=list)
    lines: list[_Line] = field(default_factory=list)
    first: int = 0  # where the block begins in its first line
    form: Form = "paragraph"
    columns: tuple[str, ...] = ()

    def under(self, level: int, line: _Line, text: str) -> Iterator[Block]:
        """Begin a section; its heading is a block too."""
        self.headings = [known for known in self.headings if known[0] < level]
        start = line.start + max(line.text.find(text), 0)
        if text:
            yield Block(
                start=start,
                end=start + len(text),
                form="heading",
                heading=self._path(),
                line=line.number,
            )
            self.headings.append((level, text))

    def add(self, line: _Line, first: int = 0, form: Form = "paragraph") -> None:
        """Take a line into the block under way; from a character on, if it is its first."""
        if not self.lines:
            self.first, self.form = first, form
        self.lines.append(line)

    def take(self) -> Iterator[Block]:
        """Yield the block under way, if there is one."""
        if self.lines:
            start = self.lines[0].start + self.first
            end = self.lines[-1].start + len(self.lines[-1].text)
            piece = self.text[start:end]
            bare = piece.strip()
            if bare:
                start += piece.index(bare[0])
                yield from self._pieces(start, start + len(bare))
        self.lines = []

    def _pieces(self, start: int, end: int) -> Iterator[Block]:
        """Yield a block, or one for each line where every line is a record of its own."""
        lines = self.lines
        records = self.form == "paragraph" and len(lines) > 1 and all(map(_is_record, lines))
        if not records:
            number = lines[0].number + self.text.count("\n", lines[0].start, start)
            yield self._block(start, end, number, self.form)
            return
        for line in lines:
            bare = line.text.strip()
            first = line.start + line.text.index(bare[0])
            yield self._block(first, first + len(bare), line.number, "item")

    def _block(self, start: int, end: int, number: int, form: Form) -> Block:
        columns = self.columns if form == "row" else ()
        return Block(
            start=start, end=end, form=form, heading=self._path(), line=number, columns=columns
        )

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.headings)


def read_plain(text: str, *, markdown: bool) -> Reading:
    """Return the reading of a text; its archived text is the text itself."""
    title, date, skipped = "", "", 0
    if markdown and (front := _FRONT_MATTER.match(text)):
        skipped = front.group().count("\n")
        named = _TITLE.search(front[1])
        title = named[1].strip("\"'") if named else ""
        date = date_in_front_matter(front[1])
    pieces = text.split("\n")
    starts = accumulate((len(piece) + 1 for piece in pieces), initial=0)
    lines = [
        _Line(number, start, piece)
        for number, (start, piece) in enumerate(zip(starts, pieces, strict=False), 1)
    ]
    blocks = tuple(_blocks(lines[skipped:], _Reader(text, markdown)))
    first = next((one for one in blocks if one.form == "heading"), None)
    return Reading(
        format="markdown" if markdown else "text",
        title=title or (text[first.start : first.end] if first else ""),
        date=date or date_in_text(text),
        content=SourceText(text=text, blocks=blocks),
    )


def _blocks(lines: list[_Line], reader: _Reader) -> Iterator[Block]:
    fence, literal = "", False
    for index, line in enumerate(lines):
        following = lines[index + 1].text if index + 1 < len(lines) else ""
        mark = _FENCE.match(line.text) if reader.markdown else None
        if mark and (not fence or mark[1].startswith(fence)):
            yield from reader.take()
            fence = "" if fence else mark[1]
        elif fence:
            reader.add(line, form="code")
        elif literal and (not line.text.strip() or line.text[:1] in " \t"):
            if line.text.strip():
                reader.add(line, form="code")
        elif reader.markdown and (heading := _HEADING.match(line.text)):
            yield from reader.take()
            yield from reader.under(len(heading[1]), line, heading[2])
        elif not reader.lines and _is_underlined(line.text, following):
            level = 1 + _UNDERLINES.index(following.strip()[0])
            yield from reader.under(level, line, line.text.strip())
        elif not reader.markdown and not reader.lines and _is_shouted(line.text, following):
            yield from reader.under(1, line, line.text.strip())
        else:
            if literal:
                yield from reader.take()
                literal = False
            yield from _body_line(line, following, reader)
            # In reStructuredText a paragraph that ends so is followed by indented code.
            literal = not reader.markdown and line.text.rstrip().endswith("::")
            if literal:
                yield from reader.take()
    yield from reader.take()


def _body_line(line: _Line, following: str, reader: _Reader) -> Iterator[Block]:
    text = line.text
    if not text.strip() or _RULE.match(text):
        yield from reader.take()
        reader.columns = ()
    elif text.lstrip().startswith(("|", "+-", "+=")):
        yield from reader.take()
        yield from _table_line(line, following, reader)
    elif item := _ITEM.match(text):
        yield from reader.take()
        reader.add(line, item.end(), "item")
    elif not reader.lines and (quote := _QUOTE.match(text)):
        reader.add(line, quote.end())
    else:
        reader.add(line)


def _table_line(line: _Line, following: str, reader: _Reader) -> Iterator[Block]:
    if _TABLE_RULE.match(line.text):
        return
    reader.add(line, form="row")
    yield from reader.take()
    if _TABLE_RULE.match(following) and not reader.columns:
        reader.columns = tuple(cell.strip() for cell in line.text.strip().strip("|").split("|"))


def _is_record(line: _Line) -> bool:
    return len(line.text) <= _LONGEST_RECORD and _RECORD.match(line.text) is not None


def _is_underlined(line: str, following: str) -> bool:
    return (
        0 < len(line.strip()) <= _LONGEST_HEADING
        and not _RULE.match(line)
        and not line.lstrip().startswith(("|", ">", "+"))
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
