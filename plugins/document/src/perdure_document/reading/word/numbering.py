"""The numbers of headings, clauses and list items, counted as Word counts them."""

import re
from typing import Final, NamedTuple

from lxml import etree

from perdure_document.reading.numerals import written
from perdure_document.reading.ooxml.package import attribute, switched_on, tag
from perdure_document.reading.word.styles import Styles

LEVELS: Final = 9
_PLACE: Final = re.compile(r"%([1-9])")


class Numbered(NamedTuple):
    """A paragraph's number as it is shown, empty for a bullet, and its depth from 0."""

    number: str
    level: int


class _Level(NamedTuple):
    start: int
    number_format: str
    text: str
    legal: bool
    restart: int | None


class Numbering:
    """The lists of a document and how far each has counted.

    Paragraphs must be given in their order. Lists that share a definition count on together, as in
    Word, until one says that it starts anew.

    Args:
        root: The root of the part ``word/numbering.xml``; ``None`` when there is none.
        styles: The document's styles: they may number paragraphs and link to definitions.
    """

    def __init__(self, root: etree._Element | None, styles: Styles) -> None:
        self._styles = styles
        self._definitions: dict[str, etree._Element] = {}
        self._lists: dict[str, etree._Element] = {}
        if root is not None:
            for one in root.iter(tag("w:abstractNum")):
                self._definitions[attribute(one, "w:abstractNumId") or ""] = one
            for one in root.iter(tag("w:num")):
                self._lists[attribute(one, "w:numId") or ""] = one
        self._levels: dict[tuple[str, int], _Level] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._begun: set[str] = set()

    def next(self, properties: etree._Element | None, style_name: str | None) -> Numbered | None:
        """Count a paragraph; ``None`` when it has no number and no bullet.

        Args:
            properties: Its ``w:pPr``.
            style_name: The identifier of its style.
        """
        found = self._list_of(properties, style_name)
        if found is None:
            return None
        name, level = found
        definition = self._definition(name)
        if definition is None:
            return None
        counts = self._counts.setdefault(definition, [None] * LEVELS)
        if name not in self._begun:
            self._begun.add(name)
            for place in self._restarted(name):
                counts[place] = None
        current = self._level(name, level)
        value = counts[level]
        counts[level] = current.start if value is None else value + 1
        for place in range(level):
            if counts[place] is None:
                counts[place] = self._level(name, place).start
        for place in range(level + 1, LEVELS):
            restart = self._level(name, place).restart
            if restart is None or 0 < level + 1 <= restart:
                counts[place] = None
        return Numbered(self._text(name, current, counts), level)

    def _list_of(
        self, properties: etree._Element | None, style_name: str | None
    ) -> tuple[str, int] | None:
        own = None if properties is None else properties.find(tag("w:numPr"))
        style = self._styles.get(style_name)
        inherited = style.element("w:pPr", "w:numPr")
        name = _value(own, "w:numId") or _value(inherited, "w:numId")
        if not name or name == "0" or name not in self._lists:
            return None
        depth = _value(own, "w:ilvl")
        if depth is None:
            by_style = self._level_of_style(name, style.numbered_by) if inherited is not None else 0
            depth = str(by_style) if by_style else _value(inherited, "w:ilvl")
        level = int(depth) if depth and depth.isdecimal() else 0
        return name, min(level, LEVELS - 1)

    def _level_of_style(self, name: str, style: str | None) -> int:
        """Return the level that a list's definition gives to a style."""
        for level in self._elements(name):
            if style and attribute(level.find(tag("w:pStyle"))) == style:
                depth = attribute(level, "w:ilvl") or "0"
                return int(depth) if depth.isdecimal() else 0
        return 0

    def _definition(self, name: str, seen: frozenset[str] = frozenset()) -> str | None:
        """Return the identifier of a list's definition, followed through the style it links to."""
        found = _value(self._lists.get(name), "w:abstractNumId") or ""
        element = self._definitions.get(found)
        link = _value(element, "w:numStyleLink")
        if link and name not in seen:
            other = _value(self._styles.named(link).element("w:pPr", "w:numPr"), "w:numId")
            if other and other in self._lists:
                return self._definition(other, seen | {name})
        return found if element is not None else None

    def _elements(self, name: str) -> list[etree._Element]:
        definition = self._definition(name)
        return [] if definition is None else self._definitions[definition].findall(tag("w:lvl"))

    def _overrides(self, name: str) -> dict[int, etree._Element]:
        found = {}
        for one in self._lists[name].findall(tag("w:lvlOverride")):
            depth = attribute(one, "w:ilvl") or ""
            if depth.isdecimal() and int(depth) < LEVELS:
                found[int(depth)] = one
        return found

    def _restarted(self, name: str) -> list[int]:
        return [
            place
            for place, one in self._overrides(name).items()
            if one.find(tag("w:startOverride")) is not None
        ]

    def _level(self, name: str, place: int) -> _Level:
        key = (name, place)
        if key not in self._levels:
            override = self._overrides(name).get(place)
            element = None if override is None else override.find(tag("w:lvl"))
            if element is None:
                element = next(
                    (o for o in self._elements(name) if attribute(o, "w:ilvl") == str(place)), None
                )
            start = _value(override, "w:startOverride") or _value(element, "w:start") or "1"
            restart = _value(element, "w:lvlRestart")
            legal = None if element is None else element.find(tag("w:isLgl"))
            self._levels[key] = _Level(
                start=int(start) if start.isdecimal() else 1,
                number_format=_format(element),
                text=_value(element, "w:lvlText") or "",
                legal=switched_on(legal),
                restart=int(restart) if restart and restart.isdecimal() else None,
            )
        return self._levels[key]

    def _text(self, name: str, current: _Level, counts: list[int | None]) -> str:
        if current.number_format == "bullet":
            return ""

        def shown(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            level = self._level(name, place)
            kind = level.number_format
            if current.legal and kind != "decimalZero":
                kind = "decimal"
            return written(counts[place] or 0, kind)

        return _PLACE.sub(shown, current.text).strip()


def _format(element: etree._Element | None) -> str:
    if element is None:
        return "decimal"
    # A format that older programs do not know stands in a choice, with the old one beside it.
    found = next(element.iter(tag("w:numFmt")), None)
    kind = attribute(found) or "decimal"
    # Its own format shows the first numbers: "001, 002, 003, ...".
    own = (attribute(found, "w:format") or "").partition(",")[0].strip()
    return own if kind == "custom" and own.isdecimal() else kind


def _value(element: etree._Element | None, name: str) -> str | None:
    return None if element is None else attribute(element.find(tag(name)))
