"""Markdown as a tree of blocks and spans, for whatever writes it."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE: Final = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_DATA: Final = re.compile(r"data:image/(?:png|jpeg|gif);base64,([A-Za-z0-9+/=\s]+)\Z")
_LARGEST_PICTURE: Final = 20_000_000
# What both writers can place, by how such files begin.
_PICTURES: Final = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif"}

Alignment = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Span:
    """A run of text in one style, a line break, or a picture.

    Attributes:
        text: The text; of a picture its description.
        bold: Whether it is strong.
        italic: Whether it is emphasised.
        struck: Whether it is struck through.
        code: Whether it is code.
        link: The address it leads to; empty without one.
        is_break: Whether it is a line break.
        picture: The picture's bytes.
    """

    text: str = ""
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    link: str = ""
    is_break: bool = False
    picture: bytes = b""


Spans = tuple[Span, ...]


@dataclass(frozen=True)
class Heading:
    """A heading, its level from 1 to 6."""

    level: int
    spans: Spans


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    spans: Spans


@dataclass(frozen=True)
class Listing:
    """A list; ``start`` is its first number, ``None`` when it has none."""

    items: "tuple[tuple[Block, ...], ...]"
    start: int | None = None


@dataclass(frozen=True)
class Quote:
    """A quotation."""

    blocks: "tuple[Block, ...]"


@dataclass(frozen=True)
class Code:
    """Lines of code, in a language if that is known."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Table:
    """A table; its first row is the header, and every row is equally long."""

    rows: tuple[tuple[Spans, ...], ...]
    alignments: tuple[Alignment, ...]


@dataclass(frozen=True)
class Rule:
    """A line across."""


Block = Heading | Paragraph | Listing | Quote | Code | Table | Rule


@dataclass
class Content:
    """A Markdown document.

    Attributes:
        title: Its title; empty when it has none.
        blocks: Its content.
        left_out: What could not be carried over: how often, by what it is in the singular.
    """

    title: str
    blocks: tuple[Block, ...]
    left_out: Counter[str] = field(default_factory=Counter)


def read_content(markdown: str, folder: Path | None = None) -> Content:
    """Read Markdown.

    Args:
        markdown: The text; its front matter gives only the title.
        folder: Where pictures may lie; others, and those elsewhere, are left out and counted.
    """
    title = ""
    if front := _FRONT.match(markdown):
        named = _TITLE.search(front[1])
        title = named[1].strip().strip("\"'") if named else ""
        markdown = markdown[front.end() :]
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    reader = _Reader(folder)
    blocks = reader.blocks(tokens)
    if not title:
        first = next((block for block in blocks if isinstance(block, Heading)), None)
        title = "".join(span.text for span in first.spans) if first else ""
    return Content(title=title, blocks=blocks, left_out=reader.left_out)


class _Reader:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder is not None else None
        self.left_out: Counter[str] = Counter()

    def blocks(self, tokens: Sequence[Token]) -> tuple[Block, ...]:
        found: list[Block] = []
        place = 0
        while place < len(tokens):
            end = _end(tokens, place)
            block = self._block(tokens[place], tokens[place + 1 : end])
            found += [block] if block is not None else []
            place = end + 1
        return tuple(found)

    def _block(self, token: Token, inner: Sequence[Token]) -> Block | None:
        block: Block | None = None
        match token.type:
            case "heading_open":
                block = Heading(int(token.tag[1]), self._inline(inner))
            case "paragraph_open":
                block = Paragraph(self._inline(inner))
            case "bullet_list_open":
                block = Listing(self._items(inner))
            case "ordered_list_open":
                start = token.attrGet("start")
                block = Listing(self._items(inner), start=1 if start is None else int(start))
            case "blockquote_open":
                block = Quote(self.blocks(inner))
            case "fence" | "code_block":
                language = token.info.split()[0] if token.info.split() else ""
                block = Code(token.content.rstrip("\n"), language)
            case "table_open":
                block = self._table(inner)
            case "hr":
                block = Rule()
            case "html_block":
                text = _TAG.sub("", _COMMENT.sub("", token.content)).strip()
                block = Paragraph((Span(text),)) if text else None
        return block

    def _items(self, tokens: Sequence[Token]) -> tuple[tuple[Block, ...], ...]:
        found, place = [], 0
        while place < len(tokens):
            end = _end(tokens, place)
            found.append(self.blocks(tokens[place + 1 : end]))
            place = end + 1
        return tuple(found)

    def _table(self, tokens: Sequence[Token]) -> Table:
        rows: list[tuple[Spans, ...]] = []
        row: list[Spans] = []
        alignments: list[Alignment] = []
        for number, token in enumerate(tokens):
            if token.type in {"th_open", "td_open"}:
                row.append(self._inline(tokens[number + 1 : number + 2]))
                if token.type == "th_open":
                    alignments.append(_alignment(str(token.attrGet("style") or "")))
            elif token.type == "tr_close":
                rows.append(tuple(row))
                row = []
        return Table(tuple(rows), tuple(alignments))

    def _inline(self, tokens: Sequence[Token]) -> Spans:
        spans: list[Span] = []
        style = Span()
        styles: list[Span] = []
        for token in [child for one in tokens for child in one.children or ()]:
            if token.type.endswith("_open"):
                styles.append(style)
                style = _styled(style, token)
            elif token.type.endswith("_close"):
                style = styles.pop() if styles else Span()
            elif token.type == "image":
                spans.append(self._picture(style, token))
            elif token.type == "html_inline":
                if token.content.lower().startswith("<br"):
                    spans.append(Span(is_break=True))
            elif token.type == "hardbreak":
                spans.append(Span(is_break=True))
            else:
                text = " " if token.type == "softbreak" else token.content
                spans.append(replace(style, text=text, code=token.type == "code_inline"))
        return tuple(span for span in spans if span.text or span.is_break or span.picture)

    def _picture(self, style: Span, token: Token) -> Span:
        address = str(token.attrGet("src") or "")
        content = self._picture_bytes(address)
        if not content:
            self.left_out["picture"] += 1
            return replace(style, text=token.content or address, italic=True)
        return replace(style, text=token.content, picture=content)

    def _picture_bytes(self, address: str) -> bytes:
        """Return a picture beside the document, or in the address itself; empty when neither."""
        content = b""
        if data := _DATA.match(address):
            try:
                content = base64.b64decode(data[1])
            except (binascii.Error, ValueError):
                return b""
        elif self._folder is not None and "://" not in address:
            try:
                file = (self._folder / unquote(address)).resolve()
                if file.is_relative_to(self._folder) and file.stat().st_size <= _LARGEST_PICTURE:
                    content = file.read_bytes()
            except (OSError, ValueError):
                return b""
        return content if picture_ending(content) else b""


def picture_ending(content: bytes) -> str:
    """Return the ending of a picture's name by how it begins; empty when it cannot be placed."""
    return next((end for start, end in _PICTURES.items() if content.startswith(start)), "")


def _styled(style: Span, token: Token) -> Span:
    match token.type:
        case "strong_open":
            return replace(style, bold=True)
        case "em_open":
            return replace(style, italic=True)
        case "s_open":
            return replace(style, struck=True)
        case "link_open":
            return replace(style, link=str(token.attrGet("href") or ""))
    return style


def _alignment(style: str) -> Alignment:
    return "right" if "right" in style else "center" if "center" in style else "left"


def _end(tokens: Sequence[Token], place: int) -> int:
    """Return the place of the token that closes one; a token that opens nothing closes itself."""
    depth = 0
    for number in range(place, len(tokens)):
        depth += tokens[number].nesting
        if depth <= 0:
            return number
    return len(tokens) - 1
