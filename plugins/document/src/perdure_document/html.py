"""Reading web pages: the part with the content, without menus, scripts and footers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import even, flat
from perdure_document.office_archive import reading

_LEFT_OUT: Final = {
    *("script", "style", "noscript", "template", "nav", "footer", "aside", "form", "iframe"),
    *("svg", "canvas", "button", "select", "object", "audio", "video", "head"),
}
_HEADINGS: Final = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BLOCKS: Final = {
    *("address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div"),
    *("dl", "dt", "figcaption", "figure", "header", "hgroup", "li", "main", "ol", "p", "pre"),
    *("section", "summary", "table", "ul", "hr", *_HEADINGS),
}
_DEEPEST: Final = 200
_METADATA: Final = {
    "author": "author",
    "description": "description",
    "keywords": "keywords",
    "date": "created",
    "article:published_time": "created",
    "article:modified_time": "modified",
    "article:author": "author",
}


def read_html(source: Source, file: Path) -> Document:
    """Read a web page.

    Raises:
        InputError: It cannot be parsed.
    """
    with reading(file, "html"):
        parser = HTMLParser(encoding=source.encoding.removesuffix("-sig"), huge_tree=True)
        root = document_fromstring(file.read_bytes(), parser=parser)
        blocks = tuple(_blocks(_content(root), 0))
        first = next((block.text for block in blocks if block.type == "heading"), "")
        title = flat(root.findtext(".//title") or "") or first or source.stem
        return Document(title=title, kind="html", metadata=_metadata(root), blocks=blocks)


def _metadata(root: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = str(meta.get("name") or meta.get("property") or "").lower()
        content = flat(str(meta.get("content") or ""))
        if name in _METADATA and content:
            found.setdefault(_METADATA[name], content)
    if language := root.get("lang"):
        found["language"] = str(language)
    return found


def _content(root: etree._Element) -> etree._Element:
    for path in (".//main", ".//*[@role='main']", ".//article", ".//body"):
        found = root.findall(path)
        if len(found) == 1 and _text(found[0]):
            return found[0]
    return root


def _blocks(element: etree._Element, depth: int) -> Iterator[Block]:
    """Yield the blocks in an element; text between them makes paragraphs of its own."""
    loose = [element.text or ""]
    for child in element:
        tag = _tag(child)
        if tag in _BLOCKS or (tag not in _LEFT_OUT and depth < _DEEPEST and _holds_blocks(child)):
            yield from _paragraph("".join(loose))
            loose = []
            if depth < _DEEPEST:
                yield from _block(child, tag, depth)
            else:
                yield from _paragraph(_text(child))
        elif tag == "br":
            loose.append("\n")
        elif tag and tag not in _LEFT_OUT:
            loose.append(_text(child))
        loose.append(child.tail or "")
    yield from _paragraph("".join(loose))


def _block(element: etree._Element, tag: str, depth: int) -> Iterator[Block]:
    if tag in _HEADINGS:
        if text := flat(_text(element)):
            yield Block(type="heading", text=text, level=_HEADINGS[tag])
    elif tag == "table" and element.find(".//table") is None:
        yield from _table(element)
    elif tag in {"ul", "ol"}:
        yield from _list(element, tag == "ol", 0, depth)
    elif tag == "pre":
        if code := _text(element).strip("\n"):
            yield Block(type="code", text=code)
    elif tag == "blockquote":
        if text := flat(_text(element)):
            yield Block(type="quote", text=text)
    else:
        yield from _blocks(element, depth + 1)


def _list(element: etree._Element, ordered: bool, level: int, depth: int) -> Iterator[Block]:
    for item in element:
        if not _tag(item) or _tag(item) in _LEFT_OUT:
            continue
        nested = [child for child in item if _tag(child) in {"ul", "ol"}]
        if text := flat(_text(item, without=nested)):
            yield Block(type="item", text=text, level=min(level, 5), ordered=ordered)
        for inner in nested if depth < _DEEPEST else ():
            yield from _list(inner, _tag(inner) == "ol", level + 1, depth + 1)


def _table(element: etree._Element) -> Iterator[Block]:
    caption = element.find("caption")
    if caption is not None:
        yield from _paragraph(_text(caption))
    rows = even(
        [_text(one) for one in row if _tag(one) in {"td", "th"}] for row in element.iter("tr")
    )
    if rows:
        yield Block(type="table", rows=rows, total_rows=len(rows))


def _paragraph(text: str) -> Iterator[Block]:
    if text := flat(text):
        yield Block(type="paragraph", text=text)


def _text(element: etree._Element, without: list[etree._Element] | None = None) -> str:
    """Return an element's text, blocks and line breaks in it kept apart by a blank."""
    pieces: list[str] = []
    hidden = 0
    for event, node in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        tag = _tag(node)
        gone = tag in _LEFT_OUT or any(node is one for one in without or ())
        if event == "start":
            hidden += gone
            if not hidden:
                pieces.append((" " if tag in _BLOCKS or tag == "br" else "") + (node.text or ""))
        elif event == "end":
            hidden -= gone
            if not hidden and tag in _BLOCKS:
                pieces.append(" ")
        if event != "start" and not hidden and node is not element:
            pieces.append(node.tail or "")
    return "".join(pieces)


def _holds_blocks(element: etree._Element) -> bool:
    return any(_tag(child) in _BLOCKS for child in element.iterdescendants())


def _tag(element: etree._Element) -> str:
    return element.tag if isinstance(element.tag, str) else ""
