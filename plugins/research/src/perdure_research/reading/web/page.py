"""Reading the text of a web page, without its menus and banners."""

import re
from typing import Final

from lxml import etree, html  # type: ignore[import-untyped, unused-ignore]

from perdure_research.reading.about.dates import date_in_text
from perdure_research.reading.reading import Reading, TextBuilder
from perdure_research.reading.web.metadata import canonical_of, date_of, site_of, title_of
from perdure_research.reading.web.tables import is_layout, rows_of
from perdure_research.reading.web.visibility import (
    Element,
    is_list_of_links,
    main_part,
    remove_unseen,
)
from perdure_research.sources.source import Form, SourceText

_BLOCKS: Final = frozenset(
    """
    address article aside blockquote body caption center dd details dir div dl dt fieldset
    figcaption figure footer form header hgroup hr html legend li main menu nav ol p pre section
    summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6
    """.split()  # noqa: SIM905 -- one word a line reads worse
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
_NOTE_MARK: Final = re.compile(
    r"\[?(?:\d{1,3}|[a-z]|[*†‡]|note \d+|citation needed)\]?$", re.IGNORECASE
)
_FIGURE: Final = re.compile(r"[-−+]?\d+$")  # noqa: RUF001
_DEEPEST: Final = 200


def read_page(text: str) -> Reading:
    """Return the reading of a page; its archived text is put together of its blocks."""
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        tree = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # there is no element in it
        return Reading(format="html", content=SourceText(text="", blocks=()))
    title, date, canonical = title_of(tree), date_of(tree), canonical_of(tree)
    body = tree.find("body")
    body = tree if body is None else body
    remove_unseen(body)
    flow = _Flow()
    flow.walk(main_part(body), "paragraph", 0)
    flow.flush("paragraph")
    content = flow.builder.build()
    return Reading(
        format="html",
        title=title,
        site=site_of(tree, title),
        date=date or date_in_text(content.text),
        canonical=canonical,
        content=content,
    )


class _Flow:
    """Walks through a page and puts its blocks together.

    Attributes:
        builder: Takes the blocks.
    """

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._inline: list[str] = []
        self._headings: list[tuple[int, str]] = []

    def walk(self, element: Element, form: Form, depth: int) -> None:
        """Add what is in an element; text without a block of its own is part of the next one."""
        self._inline.append(element.text or "")
        for child in element:
            self._child(child, form, depth)
            self._inline.append(child.tail or "")

    def flush(self, form: Form) -> None:
        """Add the text that has come together as a block."""
        text = _tidy("".join(self._inline))
        self._inline = []
        for piece in re.split(r"\n{2,}", text):
            self.builder.add(piece, form, heading=self._path())

    def _child(self, child: Element, form: Form, depth: int) -> None:
        tag = child.tag
        if not isinstance(tag, str) or depth > _DEEPEST:
            return
        if tag == "br":
            self._inline.append("\v")
        elif tag in {"sup", "sub"}:
            self._inline.append(_raised(child, "".join(self._inline[-2:])))
        elif tag == "math":
            self._inline.append(child.get("alttext") or " ".join(child.itertext()))
        elif tag not in _BLOCKS:
            self.walk(child, form, depth + 1)
        else:
            self.flush(form)
            self._block(child, form, depth + 1)

    def _block(self, element: Element, form: Form, depth: int) -> None:
        tag = element.tag
        if tag in _HEADINGS:
            self._heading(int(tag[1]), _text(element))
        elif tag == "pre":
            self.builder.add(_preformatted(element), _form_of_pre(element), heading=self._path())
        elif tag == "table" and not is_layout(element):
            self._table(element)
        elif tag == "dl":
            self._definitions(element, depth)
        elif tag in {"ul", "ol", "menu", "dir"} and is_list_of_links(element):
            return
        else:
            inner: Form = "item" if tag == "li" else form
            self.walk(element, inner, depth)
            self.flush(inner)

    def _heading(self, level: int, text: str) -> None:
        text = text.rstrip("¶# ")
        self._headings = [known for known in self._headings if known[0] < level]
        self.builder.add(text, "heading", heading=self._path())
        if text:
            self._headings.append((level, text))

    def _table(self, table: Element) -> None:
        caption = table.find("caption")
        if caption is not None:
            self.builder.add(_text(caption), heading=self._path())
        columns: tuple[str, ...] = ()
        rows = rows_of(table, _text)
        for number, (header, cells) in enumerate(rows):
            text = " | ".join(cells).strip(" |")
            self.builder.add(text, "row", heading=self._path(), columns=columns)
            if header or (number == 0 and len(rows) > 2 and not any(map(_has_figure, cells))):
                columns = tuple(cells)

    def _definitions(self, element: Element, depth: int) -> None:
        """Add each term with what is said of it, where that is short; else walk through it."""
        parts = [part for part in element.iter("dt", "dd") if _list_of(part) is element]
        if any(next(part.iterdescendants(*_BLOCKS), None) is not None for part in parts):
            self.walk(element, "item", depth)
            self.flush("item")
            return
        group: list[Element] = []
        for part in parts:
            if part.tag == "dt" and group and group[-1].tag == "dd":
                self.builder.add(_lines(group), "item", heading=self._path())
                group = []
            group.append(part)
        self.builder.add(_lines(group), "item", heading=self._path())

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._headings)


def _list_of(part: Element) -> Element:
    return next(part.iterancestors("dl"), None)


def _lines(parts: list[Element]) -> str:
    return "\n".join(filter(None, map(_text, parts)))


def _text(element: Element) -> str:
    """Return the text of an element on one line, as a browser shows it."""
    pieces = [element.text or ""]

    def add(parent: Element, depth: int) -> None:
        for child in parent:
            if isinstance(child.tag, str) and depth < _DEEPEST:
                if child.tag in {"sup", "sub"}:
                    pieces.append(_raised(child, "".join(pieces[-2:])))
                else:
                    apart = child.tag == "br" or child.tag in _BLOCKS
                    pieces.append(" " if apart else "")
                    pieces.append(child.text or "")
                    add(child, depth + 1)
                    pieces.append(" " if apart else "")
            pieces.append(child.tail or "")

    add(element, 0)
    return " ".join(_SPACES.sub(" ", "".join(pieces)).split(" ")).strip()


def _raised(element: Element, before: str) -> str:
    """Return what stands above or below the line: 10^3 is no 103, and marks of notes are none."""
    text = " ".join("".join(element.itertext()).split())
    linked = element.find(".//a") is not None or "reference" in (element.get("class") or "")
    if element.tag == "sup" and linked and _NOTE_MARK.match(text):
        return ""
    if element.tag == "sup" and _FIGURE.match(text) and before[-1:].isalnum():
        return f"^{text}"
    return text


def _tidy(text: str) -> str:
    """Return text with the white space that a browser shows; a vertical tab is a line break."""
    text = _SPACES.sub(" ", text)
    return "\n".join(line.strip(" ") for line in text.split("\v")).strip("\n ")


def _preformatted(element: Element) -> str:
    for forced in list(element.iter("br")):
        forced.tail = "\n" + (forced.tail or "")
    return "".join(element.itertext()).strip("\n").rstrip()


def _form_of_pre(element: Element) -> Form:
    """Say what preformatted text is: code, unless it reads like prose, as letters and poems do."""
    if element.find(".//code") is not None or element.get("class"):
        return "code"
    text = "".join(element.itertext())
    marks = sum(text.count(mark) for mark in "{}();=<>$#_")
    return "code" if marks * 40 > len(text) else "paragraph"


def _has_figure(cell: str) -> bool:
    return any(map(str.isdecimal, cell))
