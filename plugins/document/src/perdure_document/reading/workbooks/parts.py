"""The parts of a workbook: its sheets in order, its format codes, its strings."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml import etree

from perdure_document.reading.exponents import with_mark
from perdure_document.reading.number_formats.built_in import GENERAL, built_in_code
from perdure_document.reading.ooxml.package import Package, local_name

_CODED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


class SheetPart(NamedTuple):
    """A sheet of a workbook.

    Attributes:
        name: Its name.
        part: The name of its part in the package; empty when it is missing.
        type: ``worksheet``, ``chartsheet``, or another kind of sheet.
        hidden: Whether people do not see it.
    """

    name: str
    part: str
    type: str
    hidden: bool


class Workbook(NamedTuple):
    """What all sheets share.

    Attributes:
        sheets: The sheets, in the order of their tabs.
        codes: The format code of every style, by the style's index.
        strings: The texts that cells share, by their index.
        base_1904: Whether dates count from 1904.
    """

    sheets: tuple[SheetPart, ...]
    codes: tuple[str, ...]
    strings: tuple[str, ...]
    base_1904: bool


def workbook_of(package: Package) -> Workbook:
    """Read what all sheets of a workbook share."""
    root = package.xml(package.main)
    targets = package.relationships(package.main)
    sheets = []
    for element in _named(root, "sheet"):
        reference = next(
            (str(value) for name, value in element.attrib.items() if str(name).endswith("}id")), ""
        )
        target = targets.get(reference)
        there = target is not None and package.has(target.target)
        sheets.append(
            SheetPart(
                name=element.get("name", ""),
                part=target.target if target and there else "",
                type=target.type if target else "",
                hidden=element.get("state", "visible") != "visible",
            )
        )
    base = next(_named(root, "workbookPr"), None)
    return Workbook(
        sheets=tuple(sheets),
        codes=tuple(_codes(package)),
        strings=tuple(_strings(package)),
        base_1904=base is not None and base.get("date1904") in {"1", "true"},
    )


def rich_text(element: etree._Element) -> str:
    """Return the text of a string that may have runs, without the readings above Japanese words.

    A raised number gets a mark, as in ``10^3``.
    """
    pieces: list[str] = []
    for child in element:
        name = local_name(child)
        if name == "t":
            pieces.append(child.text or "")
        elif name == "r":
            text = "".join(one.text or "" for one in child if local_name(one) == "t")
            place = next(_named(child, "vertAlign"), None)
            if place is not None and place.get("val") == "superscript":
                text = with_mark("".join(pieces), text)
            pieces.append(text)
    return decoded("".join(pieces))


def decoded(text: str) -> str:
    """Return a text with the characters that the file writes as ``_x000D_``."""
    if "_x" not in text:
        return text
    return _CODED.sub(lambda found: chr(int(found[1], 16)), text)


def _strings(package: Package) -> Iterator[str]:
    for name in package.related(package.main, "sharedStrings"):
        with package.open(name) as stream:
            for _, element in etree.iterparse(
                stream, tag="{*}si", resolve_entities=False, no_network=True
            ):
                yield rich_text(element)
                drop(element)


def _codes(package: Package) -> Iterator[str]:
    for name in package.related(package.main, "styles"):
        root = package.xml(name)
        own = {
            one.get("numFmtId"): decoded(one.get("formatCode", GENERAL))
            for formats in root
            if local_name(formats) == "numFmts"
            for one in formats
        }
        for styles in root:
            if local_name(styles) != "cellXfs":
                continue
            for style in styles:
                number = style.get("numFmtId", "0")
                built_in = built_in_code(int(number)) if number.isdecimal() else GENERAL
                yield own.get(number, built_in)


def drop(element: etree._Element) -> None:
    """Forget an element that was read, and those before it, so that a long part needs no memory."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _named(root: etree._Element, name: str) -> Iterator[etree._Element]:
    yield from root.iter(f"{{*}}{name}")
