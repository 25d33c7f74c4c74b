"""The flow of a web page as blocks: headings, paragraphs, lists, tables, in reading order."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from lxml import etree

from perdure_document.facts import Block, BlockType, Picture
from perdure_document.formatting import flat
from perdure_document.reading.exponents import with_mark
from perdure_document.reading.web.controls import control_text
from perdure_document.reading.web.lists import ListNumbers
from perdure_document.reading.web.mathml import formula_text
from perdure_document.reading.web.tables import blocks_of_table, is_layout
from perdure_document.reading.web.visibility import Visibility

_HEADINGS: Final = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BLOCKS: Final = {
    *("address", "article", "aside", "body", "caption", "center", "details", "dialog", "div"),
    *("fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "html", "legend"),
    *("main", "nav", "noscript", "optgroup", "p", "search", "section", "summary", "hr", "tr"),
    *("td", "th", "tbody", "thead", "tfoot", "frameset"),
}
_LISTS: Final = {"ul", "ol", "menu", "dir"}
_CODE: Final = {"pre", "listing", "xmp", "plaintext"}
_CONTROLS: Final = {"input", "select", "textarea", "progress", "meter"}
# What is read as words wherever it stands.
_WORDS: Final = {"br", "img", "math", "svg", "rt", *_CONTROLS}
_LINE_END: Final = "\u2028"
_INVISIBLE: Final = dict.fromkeys([0xAD, 0x200B, 0x2060, 0xFEFF, *range(0x2061, 0x2065)])
_DEEPEST: Final = 200
_DEEPEST_ITEM: Final = 5
_LONGEST_EMOJI: Final = 4
_LEAST_PICTURE: Final = 3
_RAISED: Final = re.compile(r"vertical-align\s*:\s*super\b", re.IGNORECASE)
_LONGEST_REFERENCE: Final = 500


class _Item(NamedTuple):
    """A list item whose text is being read."""

    level: int
    ordered: bool
    number: str


@dataclass
class _State:
    """What the text that is being read will become."""

    type: BlockType = "paragraph"
    level: int = 0
    item: _Item | None = None
    # The item's block, once there is one: what follows in the item is added to it.
    begun: int = -1


class Flow:
    """Reads elements in order and gathers blocks.

    Args:
        visibility: Says what people see.
        in_cell: Whether it reads the cell of a table, whose pictures are words of its text.

    Attributes:
        blocks: The blocks so far.
        running: The menus and the page's footer, which are no part of what the page says.
    """

    def __init__(self, visibility: Visibility, in_cell: bool = False) -> None:
        self.blocks: list[Block] = []
        self.running: list[Block] = []
        self._visibility = visibility
        self._in_cell = in_cell
        self._pieces: list[str] = []
        self._pictures: list[Block] = []
        self._state = _State()
        self._depth = 0
        self._terms_level = 0

    def read(self, element: etree._Element) -> list[Block]:
        """Read an element's content, and return all blocks."""
        self._content(element)
        self._flush()
        return self.blocks

    def _content(self, element: etree._Element) -> None:
        self._add(element.text)
        for child in element:
            if isinstance(child.tag, str) and self._visibility.sees(child):
                self._depth += 1
                self._element(child, child.tag.lower())
                self._depth -= 1
            self._add(child.tail)

    def _element(self, element: etree._Element, name: str) -> None:
        if self._depth > _DEEPEST:
            self._add(f" {' '.join(map(str, element.itertext()))} ")
        elif name in _HEADINGS:
            with self._block("heading", _HEADINGS[name]):
                self._content(element)
        elif name == "table":
            self._flush()
            self._table(element)
        elif name in _LISTS:
            self._flush()
            self._list(element, name == "ol")
        elif name in {"dl", "dt", "dd", "li"}:
            self._term(element, name)
        elif name in _CODE:
            self._code(element)
        elif name == "blockquote":
            with self._block("quote"):
                self._content(element)
        elif _is_running(element, name):
            self._running_part(element, "footer" if name == "footer" else "header")
        elif name in _BLOCKS or (name not in _WORDS and self._visibility.stands_apart(element)):
            self._flush()
            self._content(element)
            self._flush()
        else:
            self._inline(element, name)

    def _inline(self, element: etree._Element, name: str) -> None:
        if name == "br":
            self._add(_LINE_END)
        elif name == "img":
            self._picture(element)
        elif name in _CONTROLS:
            self._add(f" {control_text(element, self._visibility.left_out)} ")
        elif name == "sup" or _RAISED.search(element.get("style", "")):
            self._raised(element)
        elif name == "rt":
            self._surrounded(element, "(", ")")
        elif name == "q":
            self._surrounded(element, "\u201c", "\u201d")
        elif name in {"button", "label", "option"}:
            self._surrounded(element, " ", " ")
        elif name == "math":
            self._add(f" {formula_text(element)} ")
        elif name == "svg":
            self._vector(element)
        else:
            self._content(element)

    def _add(self, text: str | None) -> None:
        if text:
            self._pieces.append(text.translate(_INVISIBLE))

    def _surrounded(self, element: etree._Element, before: str, after: str) -> None:
        self._add(before)
        self._content(element)
        self._add(after)

    def _raised(self, element: etree._Element) -> None:
        start = len(self._pieces)
        self._content(element)
        raised = "".join(self._pieces[start:])
        before = next(
            filter(None, islice(reversed(self._pieces), len(self._pieces) - start, None)), ""
        )
        self._pieces[start:] = [with_mark(before, raised)]

    def _picture(self, element: etree._Element) -> None:
        text = flat(element.get("alt", ""))
        if self._in_cell or (len(text) <= _LONGEST_EMOJI and not text.isascii()):
            # A picture for a character, such as an emoji, is a word of the text too.
            self._add(f" {text} ")
            return
        sizes = [element.get(side, "") for side in ("width", "height")]
        if any(size.isdecimal() and int(size) < _LEAST_PICTURE for size in sizes) and not text:
            return
        reference = element.get("src") or element.get("data-src") or ""
        if reference.startswith("data:") or len(reference) > _LONGEST_REFERENCE:
            reference = ""
        picture = Picture(reference=reference) if reference else None
        self._pictures.append(Block(type="picture", text=text, picture=picture))

    def _vector(self, element: etree._Element) -> None:
        texts = [
            flat("".join(map(str, one.itertext()))) for one in element.iter("text", "foreignobject")
        ]
        if any(texts):
            self._add(f" {' '.join(texts)} ")
            return
        named = element.findtext(".//title") or element.get("aria-label") or ""
        if flat(named) and not self._in_cell:
            self._pictures.append(Block(type="picture", text=flat(named)))
        else:
            self._visibility.left_out["vector drawing"] += 1

    @contextmanager
    def _block(self, kind: BlockType, level: int = 0) -> Iterator[None]:
        """Make what is read meanwhile blocks of a type."""
        self._flush()
        outer, self._state = self._state, _State(kind, level)
        yield
        self._flush()
        self._state = outer

    @contextmanager
    def _list_item(self, item: _Item) -> Iterator[None]:
        self._flush()
        outer, self._state = self._state, _State("item", item.level, item)
        yield
        self._flush()
        self._state = outer

    def _list(self, element: etree._Element, ordered: bool) -> None:
        outer = self._state.item
        level = min(outer.level + 1, _DEEPEST_ITEM) if outer else 0
        numbers = ListNumbers(element) if ordered else None
        for child in element:
            if not isinstance(child.tag, str) or not self._visibility.sees(child):
                continue
            if child.tag == "li":
                number = numbers.next(child) if numbers else ""
                with self._list_item(_Item(level, bool(number), number)):
                    self._content(child)
            else:
                with self._list_item(_Item(level, ordered, "")):
                    self._element(child, child.tag.lower())

    def _term(self, element: etree._Element, name: str) -> None:
        """Read a list of terms, one of its parts, or an item that stands in no list."""
        outer = self._state.item
        if name == "dl":
            level = outer.level + 1 if outer else 0
            before, self._terms_level = self._terms_level, level
            self._flush()
            self._content(element)
            self._flush()
            self._terms_level = before
            return
        level = self._terms_level + (name == "dd") if name != "li" else 0
        with self._list_item(_Item(min(level, _DEEPEST_ITEM), False, "")):
            self._content(element)

    def _code(self, element: etree._Element) -> None:
        self._flush()
        pieces: list[str] = []
        for event, node in etree.iterwalk(element, events=("start", "end", "comment")):
            if event == "start":
                pieces.append("\n" if node.tag == "br" else node.text or "")
            elif node is not element:
                pieces.append(node.tail or "")
        code = "".join(pieces).translate(_INVISIBLE).strip("\n")
        if code.strip():
            self.blocks.append(Block(type="code", text=code))

    def _table(self, element: etree._Element) -> None:
        if is_layout(element):
            self._content(element)
            self._flush()
            return
        flow = self._cell_flow
        self.blocks += blocks_of_table(element, self._visibility, flow)

    def _cell_flow(self, element: etree._Element) -> list[Block]:
        """Read a cell by itself."""
        inner = Flow(self._visibility, in_cell=True)
        inner._depth = self._depth + 1
        return inner.read(element)

    def _running_part(self, element: etree._Element, kind: BlockType) -> None:
        self._flush()
        inner = Flow(self._visibility, in_cell=True)
        inner._depth = self._depth
        texts = [text for block in inner.read(element) if (text := flat(block.all_text))]
        if texts:
            self.running.append(Block(type=kind, text=" | ".join(texts)))

    def _flush(self) -> None:
        """Make a block of the text that was read, and one of each picture in it."""
        text = "".join(self._pieces)
        self._pieces = []
        pictures, self._pictures = self._pictures, []
        for line in self._lines(text):
            self._write(line)
        self.blocks += pictures

    def _lines(self, text: str) -> list[str]:
        """Divide a paragraph where its writer ended lines, but not within a sentence."""
        if self._state.type != "paragraph" or self._in_cell:
            return [line] if (line := flat(text)) else []
        lines: list[str] = []
        for line in filter(None, map(flat, text.split(_LINE_END))):
            if lines and line[0].islower():
                lines[-1] = f"{lines[-1]} {line}"
            else:
                lines.append(line)
        return lines

    def _write(self, text: str) -> None:
        state = self._state
        if state.item is None:
            self.blocks.append(Block(type=state.type, text=text, level=state.level))
        elif state.begun == len(self.blocks) - 1 and state.begun >= 0:
            begun = self.blocks[-1]
            self.blocks[-1] = begun.model_copy(update={"text": f"{begun.text} {text}"})
        elif state.begun >= 0:
            self.blocks.append(Block(type="paragraph", text=text))
        else:
            item = state.item
            state.begun = len(self.blocks)
            self.blocks.append(
                Block(
                    type="item",
                    text=text,
                    level=min(item.level, _DEEPEST_ITEM),
                    ordered=item.ordered,
                    number=item.number,
                )
            )


def _is_running(element: etree._Element, name: str) -> bool:
    """Say whether an element is a menu or the page's footer rather than what the page says."""
    role = element.get("role", "").lower()
    if name not in {"nav", "footer"} and role not in {"navigation", "contentinfo"}:
        return False
    if element.find(".//h1") is not None or element.find(".//article") is not None:
        return False
    sections = {"article", "blockquote", "main", "section", "figure"}
    return name != "footer" or not any(one.tag in sections for one in element.iterancestors())
