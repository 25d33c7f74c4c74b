"""The words that Office formats themselves are written with, such as the names of their styles."""

import io
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import docx
import openpyxl
from lxml import etree

_SHORTEST: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+")
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@cache
def built_in_values() -> frozenset[str]:
    """Return the attributes' values of empty documents: names of styles, fonts, kinds of parts."""
    return frozenset(
        str(value) for element in _elements() for value in element.attrib.values() if value
    )


@cache
def own_words() -> frozenset[str]:
    """Return the words of these values and of the names beside them, in lower case."""
    words: set[str] = set()
    for element in _elements():
        names = [etree.QName(element).localname]
        names += [etree.QName(name).localname for name in element.attrib]
        for text in (*names, *element.attrib.values()):
            words.add(str(text).casefold())
            words.update(word.casefold() for word in _WORD.findall(str(text)))
            words.update(word.casefold() for word in _CAMEL.findall(str(text)))
    return frozenset(words)


def is_usual_name(part: str) -> bool:
    """Say whether a part's name is made of the formats' own words only."""
    words = _WORD.findall(part.casefold())
    return all(word in own_words() or len(word) < _SHORTEST for word in words)


def _elements() -> Iterator[etree._Element]:
    template = Path(docx.__file__).parent / "templates" / "default.docx"
    workbook = io.BytesIO()
    openpyxl.Workbook().save(workbook)
    for file in (template, workbook):
        with zipfile.ZipFile(file) as package:
            for name in package.namelist():
                if name.endswith((".xml", ".rels")):
                    yield from etree.fromstring(package.read(name)).iter(etree.Element)
