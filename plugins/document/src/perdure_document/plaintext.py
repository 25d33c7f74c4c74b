"""Text files: their encoding, which kind they are, and plain text as blocks."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perdure_document.facts import Block, Document, Kind, Source
from perdure_document.formatting import flat

_CHUNK_BYTES: Final = 1 << 20
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DECLARED: Final = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]+)""", re.IGNORECASE
)
_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_MARKDOWN_SIGNS: Final = (
    re.compile(r"^#{1,6} \S", re.MULTILINE),
    re.compile(r"^\|?\s*:?-{3,}:?\s*\|", re.MULTILINE),
    re.compile(r"^(```|~~~)", re.MULTILINE),
    re.compile(r"\[[^\]\n]+\]\([^)\s]+\)"),
    re.compile(r"^[-*+] \S", re.MULTILINE),
    re.compile(r"\*\*\S[^*\n]*\*\*"),
)
_CERTAIN_SIGNS: Final = 2
_ITEM: Final = re.compile(r"^(\s*)(?:([-*+•·▪◦\u2013])|(\d{1,3})[.)])\s+(\S.*)$")
_UNDERLINE: Final = re.compile(r"^\s*(=|-|~|\*){3,}\s*$")
_LONGEST_HEADING: Final = 80


def encoding_of(file: Path, head: bytes) -> str:
    """Return the encoding of a text file; empty when it holds binary data.

    Args:
        file: The file.
        head: Its first bytes.
    """
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return ""
    if _decodes(file, "utf-8"):
        return "utf-8"
    declared = _DECLARED.search(head)
    for name in (declared[1].decode("ascii") if declared else "", "cp1252"):
        if name and _known(name) and _decodes(file, name):
            return name
    return "latin-1"


def kind_of_text(head: str, suffix: str) -> Kind:
    """Say whether text is HTML, Markdown or neither, by what it looks like; then by its name."""
    if _HTML.match(head) or (suffix in {".html", ".htm", ".xhtml"} and "<" in head):
        return "html"
    if suffix in {".md", ".markdown"}:
        return "markdown"
    signs = sum(sign.search(head) is not None for sign in _MARKDOWN_SIGNS)
    return "markdown" if signs >= _CERTAIN_SIGNS else "text"


def text_of(source: Source, file: Path) -> str:
    """Return a text file's content with plain line ends; bytes that are no text become U+FFFD."""
    text = file.read_text(encoding=source.encoding, errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(source: Source, file: Path) -> Document:
    """Read plain text: paragraphs between blank lines, lists, underlined headings."""
    text = text_of(source, file)
    blocks = tuple(_blocks(text))
    title = source.stem
    if blocks and blocks[0].type == "heading":
        title = blocks[0].text
    return Document(title=title, kind="text", blocks=blocks)


def _blocks(text: str) -> Iterator[Block]:
    for chunk in re.split(r"\n\s*\n", text):
        lines = [line for line in chunk.split("\n") if line.strip()]
        if not lines:
            continue
        if len(lines) > 1 and _UNDERLINE.match(lines[1]) and len(lines[0]) <= _LONGEST_HEADING:
            level = 1 if lines[1].strip().startswith("=") else 2
            yield Block(type="heading", text=flat(lines[0]), level=level)
            lines = lines[2:]
        yield from _lines(lines)


def _lines(lines: list[str]) -> Iterator[Block]:
    pending: list[str] = []
    item: re.Match[str] | None = None
    for line in [*lines, ""]:
        begins = _ITEM.match(line)
        if pending and (begins or not line):
            yield _made(pending, item)
            pending = []
        if begins:
            item, pending = begins, [begins[4]]
        elif line:
            pending.append(line)


def _made(lines: list[str], item: re.Match[str] | None) -> Block:
    text = flat(" ".join(lines))
    if item is None:
        return Block(type="paragraph", text=text)
    return Block(type="item", text=text, level=min(len(item[1]) // 2, 5), ordered=bool(item[3]))


def _known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def _decodes(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
