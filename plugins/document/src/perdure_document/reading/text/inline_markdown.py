"""The text that readers see of inline Markdown."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from lxml.html import defs
from markdown_it.tree import SyntaxTreeNode

from perdure_document.formatting import flat
from perdure_document.reading.exponents import with_mark

_TAG: Final = re.compile(r"<(/?)([A-Za-z][\w-]*)")
_HTML_TAGS: Final = frozenset(defs.tags) | {
    *("main", "nav", "header", "footer", "section", "article", "aside", "figure", "figcaption"),
    *("details", "summary", "mark", "time", "wbr", "ruby", "rt", "rp", "picture", "video"),
    *("audio", "source", "template", "svg", "math", "dialog", "data", "bdi", "u"),
}


def plain_text(nodes: Iterable[SyntaxTreeNode]) -> str:
    """Return what inline Markdown shows, on one line.

    Raised figures keep a mark, as ``10^3``. A tag that HTML does not know, such as that in
    ``List<String>``, is text that somebody forgot to mark as code.
    """
    pieces: list[str] = []
    _gather(nodes, pieces)
    return flat("".join(pieces))


def _gather(nodes: Iterable[SyntaxTreeNode], pieces: list[str]) -> None:
    raised: list[int] = []
    for node in nodes:
        match node.type:
            case "softbreak" | "hardbreak":
                pieces.append(" ")
            case "image":
                if node.children:
                    _gather(node.children, pieces)
                else:
                    pieces.append(node.content)
            case "html_inline":
                _tag(node.content, pieces, raised)
            case "footnote_ref":
                pieces.append(f"[{node.meta.get('label') or int(node.meta.get('id', 0)) + 1}]")
            case _ if node.children:
                _gather(node.children, pieces)
            case _:
                pieces.append(node.content)


def _tag(content: str, pieces: list[str], raised: list[int]) -> None:
    """Follow a tag: the text between ``<sup>`` and its end is raised."""
    found = _TAG.match(content)
    if found is None:
        return
    name = found[2].lower()
    if name == "sup" and not found[1]:
        raised.append(len(pieces))
    elif name == "sup" and raised:
        start = raised.pop()
        before = next(filter(None, islice(reversed(pieces), len(pieces) - start, None)), "")
        pieces[start:] = [with_mark(before, "".join(pieces[start:]))]
    elif name == "br":
        pieces.append(" ")
    elif name not in _HTML_TAGS:
        pieces.append(content)
