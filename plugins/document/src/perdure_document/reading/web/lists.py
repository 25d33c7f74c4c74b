"""The numbers of a list's items, as a page shows them."""

import re
from typing import Final

from lxml import etree

from perdure_document.reading.numerals import written

_STYLE: Final = re.compile(r"list-style(?:-type)?\s*:\s*([\w-]+)", re.IGNORECASE)
_STYLES: Final = {
    "lower-alpha": "a",
    "lower-latin": "a",
    "upper-alpha": "A",
    "upper-latin": "A",
    "lower-roman": "i",
    "upper-roman": "I",
    "decimal": "1",
    "decimal-leading-zero": "01",
    "none": "",
}


class ListNumbers:
    """Counts the items of a numbered list.

    Args:
        element: The list.
    """

    def __init__(self, element: etree._Element) -> None:
        self._kind = _kind(element, "1")
        self._step = -1 if "reversed" in element.attrib else 1
        items = sum(child.tag == "li" for child in element)
        first = items if self._step < 0 else 1
        self._number = _whole(element.get("start"), first)

    def next(self, item: etree._Element) -> str:
        """Return the next item's number with its point: ``3.``, ``c.``, ``iv.``."""
        number = _whole(item.get("value"), self._number)
        self._number = number + self._step
        return _number(number, _kind(item, self._kind))


def _kind(element: etree._Element, inherited: str) -> str:
    if found := _STYLE.search(element.get("style", "")):
        return _STYLES.get(found[1].lower(), inherited)
    kind = element.get("type", "")
    return kind if kind in {"1", "a", "A", "i", "I"} else inherited


def _number(number: int, kind: str) -> str:
    if not kind:
        return ""
    if kind == "01":
        return f"{number:02d}."
    if kind in {"a", "A"} and number > 0:
        text = _letters(number)
    elif kind in {"i", "I"} and number > 0:
        text = written(number, "lowerRoman")
    else:
        return f"{number}."
    return f"{text.upper() if kind.isupper() else text}."


def _letters(number: int) -> str:
    """Return a number from 1 in letters: a, b, … z, aa."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(97 + rest) + text
    return text


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default
