"""Reading the text of a web page, without its menus and advertisements."""

from collections.abc import Iterator
from typing import Final

from lxml import etree, html  # type: ignore[import-untyped, unused-ignore]

from perdure_research.facts import Block

_HEADINGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_NO_TEXT: Final = "//script|//style|//noscript|//template|//nav|//footer|//form|//svg|//iframe"
_BLOCKS: Final = ("p", "li", "dd", "dt", "blockquote", "figcaption", "td", "caption")
_CELL_WORDS: Final = 5


def read_page(text: str) -> tuple[str, tuple[Block, ...]]:
    """Return the title, empty when there is none, and the blocks of a page's main text."""
    import trafilatura

    document = trafilatura.bare_extraction(
        text, with_metadata=True, include_comments=False, include_tables=True, favor_recall=True
    )
    blocks: tuple[Block, ...] = ()
    title = ""
    if document is not None and not isinstance(document, dict):
        title = " ".join((document.title or "").split())
        blocks = tuple(_main_text(document.body))
    if len(blocks) < 2:
        # On very short pages trafilatura gives up, or runs menu and text together into one piece
        # that no reader of the page would find; then each paragraph of the page is its text.
        tree = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8"))
        title = title or " ".join(tree.xpath("string(//title)").split())
        blocks = tuple(_everything(tree))
    return title, blocks


def _main_text(body: etree._Element) -> Iterator[Block]:
    headings: list[tuple[int, str]] = []
    for element in body.iter("head", "p", "item", "quote", "cell"):
        if element.tag == "head":
            _under(headings, element.get("rend", "h2"), _text(element))
        elif element.tag == "cell" and len(_text(element).split()) < _CELL_WORDS:
            continue
        elif next(element.iterdescendants("p", "item", "list", "cell"), None) is None:
            yield from _block(element, headings)
        elif element.text and element.text.strip():
            yield Block(text=element.text.strip(), heading=_path(headings))


def _everything(tree: etree._Element) -> Iterator[Block]:
    for unwanted in tree.xpath(_NO_TEXT):
        unwanted.drop_tree()
    headings: list[tuple[int, str]] = []
    found = False
    for element in tree.iter(*_HEADINGS, *_BLOCKS):
        if element.tag in _HEADINGS:
            _under(headings, str(element.tag), _text(element))
        elif next(element.iterdescendants(*_BLOCKS), None) is None:
            found = True
            yield from _block(element, headings)
    body = tree.find("body")
    if not found and body is not None:
        for piece in body.itertext():
            if piece.strip():
                yield Block(text=piece.strip(), heading=_path(headings))


def _block(element: etree._Element, headings: list[tuple[int, str]]) -> Iterator[Block]:
    if text := _text(element):
        yield Block(text=text, heading=_path(headings))


def _under(headings: list[tuple[int, str]], level: str, text: str) -> None:
    depth = int(level[1:]) if level[1:].isdigit() else 2
    headings[:] = [known for known in headings if known[0] < depth]
    if text:
        headings.append((depth, text))


def _path(headings: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(text for _, text in headings)


def _text(element: etree._Element) -> str:
    """Return what a browser shows: any white space is one space, a forced line break too."""
    for forced in list(element.iter("lb", "br")):
        if not (forced.tail or "").startswith((" ", "\n")):
            forced.tail = "\n" + (forced.tail or "")
    return " ".join("".join(element.itertext()).split())
