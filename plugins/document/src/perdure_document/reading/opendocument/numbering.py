"""The numbers of headings and list items, counted as the styles of lists say."""

from collections.abc import Iterable
from typing import Final

from lxml import etree

from perdure_document.reading.numerals import written
from perdure_document.reading.opendocument.package import Package, attribute, count, tag

LEVELS: Final = 10
_FORMATS: Final = {
    "1": "decimal",
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
}


class Counter:
    """Counts the items of one list on all its levels.

    Args:
        levels: The elements that say how each level is numbered, whatever level they are for.
    """

    def __init__(self, levels: Iterable[etree._Element]) -> None:
        self._levels = {count(one, "text:level"): one for one in levels}
        self._counts: list[int | None] = [None] * (LEVELS + 1)

    def next(self, level: int, start: int | None = None) -> str:
        """Count an item, and return its number as it is shown; empty for a bullet.

        Args:
            level: Its level from 1.
            start: The number that the item itself begins at.
        """
        level = min(level, LEVELS)
        value = self._counts[level]
        self._counts[level] = (
            start if start is not None else self._start(level) if value is None else value + 1
        )
        self._counts[level + 1 :] = [None] * (LEVELS - level)
        return self._text(level)

    def _start(self, level: int) -> int:
        style = self._levels.get(level)
        return 1 if style is None else count(style, "text:start-value")

    def _text(self, level: int) -> str:
        style = self._levels.get(level)
        if style is None or not attribute(style, "style:num-format"):
            return ""
        numbers = []
        for place in range(max(level - count(style, "text:display-levels") + 1, 1), level + 1):
            other = self._levels.get(place)
            kind = "" if other is None else attribute(other, "style:num-format")
            value = self._counts[place]
            if kind:
                shown = self._start(place) if value is None else value
                numbers.append(written(shown, _FORMATS.get(kind, "decimal")))
        prefix, suffix = attribute(style, "style:num-prefix"), attribute(style, "style:num-suffix")
        return f"{prefix}{'.'.join(numbers)}{suffix}".strip()


class Lists:
    """The lists of a document: which goes on where another stopped."""

    def __init__(self, package: Package) -> None:
        self._styles = {
            attribute(style, "style:name"): style
            for root in (package.styles, package.content)
            for style in root.iter(tag("text:list-style"))
        }
        outline = next(package.styles.iter(tag("text:outline-style")), None)
        self.headings = Counter(() if outline is None else outline)
        self._by_style: dict[str, Counter] = {}
        self._by_name: dict[str, Counter] = {}

    def begin(self, element: etree._Element, style: str) -> Counter:
        """Return what counts the items of a list (``text:list``).

        Args:
            element: The list.
            style: The name of its style.
        """
        before = self._by_name.get(attribute(element, "text:continue-list"))
        if before is None and attribute(element, "text:continue-numbering") == "true":
            before = self._by_style.get(style)
        counter = before or Counter(self._styles.get(style, ()))
        self._by_style[style] = counter
        if name := attribute(element, "xml:id"):
            self._by_name[name] = counter
        return counter
