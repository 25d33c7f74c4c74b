"""The text of a paragraph as a reader sees it."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from perdure_document.formatting import escaped, flat
from perdure_document.reading.exponents import with_mark
from perdure_document.reading.opendocument.package import Package, attribute, count, tag

_BLANKS: Final = re.compile(r"[ \t\r\n]+")
_SILENT: Final = frozenset(
    map(
        tag,
        [
            *("office:annotation-end", "text:tracked-changes", "text:script"),
            *("office:forms", "svg:title", "svg:desc", "text:list-style"),
        ],
    )
)


@dataclass
class Inline:
    """What stands in a paragraph.

    Attributes:
        pieces: Its text, each piece with whether it is the mark of a note.
        notes: The notes that it refers to (``text:note``).
        objects: Frames and shapes in it.
        comments: Comments on it (``office:annotation``).
    """

    pieces: list[tuple[bool, str]] = field(default_factory=list)
    notes: list[etree._Element] = field(default_factory=list)
    objects: list[etree._Element] = field(default_factory=list)
    comments: list[etree._Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text, a line for each that the author broke; notes as ``[1]``."""
        joined = "".join(f"[{piece}]" if mark else piece for mark, piece in self.pieces)
        return "\n".join(filter(None, map(flat, joined.split("\n"))))

    @property
    def markdown(self) -> str:
        """The text as Markdown, when it refers to notes; else empty."""
        if not self.notes:
            return ""
        return flat("".join(f"[^{one}]" if mark else escaped(one) for mark, one in self.pieces))


class TextReader:
    """Reads paragraphs.

    Args:
        package: The document's parts.
        left_out: Counts what is not shown.
    """

    def __init__(self, package: Package, left_out: Counter[str]) -> None:
        self._package, self._left_out = package, left_out

    def read(self, paragraph: etree._Element) -> Inline:
        """Return what stands in a paragraph."""
        inline = Inline()
        self._walk(paragraph, inline, "")
        return inline

    def _walk(self, element: etree._Element, inline: Inline, raised: str) -> None:
        self._add(element.text, inline, raised)
        for child in element:
            if isinstance(child.tag, str) and child.tag not in _SILENT:
                self._child(child, inline, raised)
            self._add(child.tail, inline, raised)

    def _child(self, child: etree._Element, inline: Inline, raised: str) -> None:
        if child.tag == tag("text:s"):
            inline.pieces.append((False, " " * min(count(child, "text:c"), 1000)))
        elif child.tag == tag("text:tab"):
            inline.pieces.append((False, "\t"))
        elif child.tag == tag("text:line-break"):
            inline.pieces.append((False, "\n"))
        elif child.tag == tag("text:note"):
            mark = flat("".join(_texts(child.find(tag("text:note-citation")))))
            inline.pieces.append((True, mark or "*"))
            inline.notes.append(child)
        elif child.tag == tag("office:annotation"):
            inline.comments.append(child)
        elif child.tag == tag("text:ruby"):
            base, reading = (
                flat("".join(_texts(child.find(tag(name)))))
                for name in ("text:ruby-base", "text:ruby-text")
            )
            inline.pieces.append((False, f"{base}({reading})" if reading else base))
        elif etree.QName(child).namespace in _DRAWN:
            inline.objects.append(child)
        elif self._hidden(child):
            self._left_out["passage of hidden text"] += any(map(str.strip, _texts(child)))
        else:
            position = self._package.style_value(
                attribute(child, "text:style-name"), "style:text-properties", "style:text-position"
            )
            self._walk(child, inline, position or raised)

    def _hidden(self, element: etree._Element) -> bool:
        if attribute(element, "text:is-hidden") == "true":
            return True
        if element.tag != tag("text:span"):
            return attribute(element, "text:display") == "none"
        style = attribute(element, "text:style-name")
        return self._package.style_value(style, "style:text-properties", "text:display") == "none"

    def _add(self, text: str | None, inline: Inline, raised: str) -> None:
        if not text:
            return
        text = _BLANKS.sub(" ", text)
        before = inline.pieces[-1] if inline.pieces else (False, "")
        above = raised.startswith("super") or (raised[:1].isdecimal() and raised[:2] != "0%")
        if above and not before[0]:
            text = with_mark(before[1], text)
        inline.pieces.append((False, text))


def _texts(element: etree._Element | None) -> Iterator[str]:
    yield from () if element is None else map(str, element.itertext())


_DRAWN: Final = {
    etree.QName(tag("draw:frame")).namespace,
    "urn:oasis:names:tc:opendocument:xmlns:dr3d:1.0",
}
