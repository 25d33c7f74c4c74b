"""What a reader of Markdown sees: its text, and its tables as grids of cells."""

import re
from collections.abc import Iterator
from typing import Final

import lxml.html
from markdown_it import MarkdownIt

Grid = list[list[str]]

_FOOTNOTE: Final = re.compile(r"\[\^([^\]\s]+)\]:?")
_BLOCKS: Final = re.compile(
    "address|blockquote|br|caption|d[dlt]|div|h[1-6r]|li|[ou]l|p|pre|table|tbody|t[dhr]|thead"
)
_UNSEEN: Final = frozenset({"script", "style", "template", "head"})
_LOWERED: Final = re.compile(r"(?<=\w)~(\w+)~")
_MAX_SPAN: Final = 1000


def _page(markdown: str) -> lxml.html.HtmlElement:
    # A footnote's definition is else taken for a link's, and disappears.
    shown = _LOWERED.sub(r"\1", _FOOTNOTE.sub(r" \1 ", markdown))
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(shown)
    return lxml.html.document_fromstring(f"<html><body>{html}</body></html>")


def text_of(markdown: str) -> str:
    """Return the text that a reader of Markdown sees; the alternative texts of images are none."""
    return "".join(_texts(_page(markdown)))


def _texts(element: lxml.html.HtmlElement) -> Iterator[str]:
    if not isinstance(element.tag, str) or element.tag in _UNSEEN:  # a comment, or unseen
        return
    apart = "\n" if _BLOCKS.fullmatch(element.tag) else " " if element.tag == "sup" else ""
    yield apart
    yield _marker(element)
    yield element.text or ""
    for child in element:
        yield from _texts(child)
        yield child.tail or ""
    yield apart


def _marker(element: lxml.html.HtmlElement) -> str:
    """Return the number that a reader sees before an item of a numbered list."""
    above = element.getparent()
    if element.tag != "li" or above is None or above.tag != "ol":
        return ""
    first = int(above.get("start", "1"))
    return f"{first + list(above.iterchildren('li')).index(element)}. "


def tables_of(markdown: str) -> list[Grid]:
    """Return the tables of a Markdown text; a cell that spans stands in each place it covers."""
    return [_grid(table) for table in _page(markdown).iter("table")]


def _grid(table: lxml.html.HtmlElement) -> Grid:
    rows = [row for row in table.iter("tr") if next(row.iterancestors("table")) is table]
    cells: dict[tuple[int, int], str] = {}
    for number, row in enumerate(rows):
        column = 0
        for cell in row.iterchildren("td", "th"):
            while (number, column) in cells:
                column += 1
            text = " ".join("".join(_texts(cell)).split())
            down, across = _span(cell, "rowspan"), _span(cell, "colspan")
            for place in ((number + y, column + x) for y in range(down) for x in range(across)):
                cells[place] = text
            column += across
    width = max((column for _, column in cells), default=-1) + 1
    return [[cells.get((y, x), "") for x in range(width)] for y in range(len(rows))]


def _span(cell: lxml.html.HtmlElement, name: str) -> int:
    given = cell.get(name, "1")
    return min(max(int(given), 1), _MAX_SPAN) if given.isdecimal() else 1
