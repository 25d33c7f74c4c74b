"""What workbooks need beside their texts: numbers and dates in cells, formulas, names."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from lxml import etree
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.datetime import from_excel

from perdure_document.recognition.codes import is_phone_label
from perdure_document.redaction.finder import Finder, replace
from perdure_document.redaction.packages.xml_parts import FILL, local, texts_of

_RUNNING_LINE: Final = re.compile(r"^(?:odd|even|first)(?:Header|Footer)$")
_LINE_CODE: Final = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f]{6}|\d+|.)')
_LARGEST_SERIAL: Final = 2_958_465


class WorkbookRedactor:
    """Redacts the parts of a workbook in which text is not all there is."""

    def __init__(self, styles: etree._Element | None, shared: etree._Element | None) -> None:
        """Look at what cells refer to.

        Args:
            styles: The part ``styles.xml``.
            shared: The part ``sharedStrings.xml``, as it was before.
        """
        self._formats = list(_formats(styles)) if styles is not None else []
        self._shared = [texts_of(one).strip() for one in shared] if shared is not None else []

    def __call__(self, root: etree._Element, finder: Finder) -> Counter[str]:
        """Redact a part, by what it is."""
        kind = local(root)
        if kind in {"worksheet", "chartsheet", "dialogsheet"}:
            return self._redact_cells(root, finder) + _redact_running_lines(root, finder)
        if kind == "workbook":
            return _redact_names(root, finder)
        return Counter()

    def _redact_cells(self, root: etree._Element, finder: Finder) -> Counter[str]:
        counts: Counter[str] = Counter()
        headers: dict[str, str] = {}
        lost_formulas: set[str] = set()
        cells = [element for element in root.iter() if local(element) == "c"]
        for cell in cells:
            parts = {local(child): child for child in cell}
            value, formula = parts.get("v"), parts.get("f")
            column = (cell.get("r") or "").rstrip("0123456789")
            text = value.text or "" if value is not None else ""
            if cell.get("t") == "s" and text.isdigit():
                headers.setdefault(column, self._shared_text(int(text)))
            readings = self._readings(cell, text, headers.get(column, ""))
            found = [one for reading in readings for one in finder.find(reading)]
            in_formula = finder.find(formula.text or "") if formula is not None else []
            if not found and not in_formula:
                continue
            counts.update(one.what for one in (found[:1] or in_formula[:1]))
            if formula is not None:
                if formula.get("si") is not None:
                    lost_formulas.add(formula.get("si") or "")
                cell.remove(formula)
            if found and value is not None:
                cell.set("t", "str")
                value.text = FILL
        for cell in cells:
            for child in list(cell):
                if local(child) == "f" and child.get("si") in lost_formulas:
                    cell.remove(child)
        return counts

    def _shared_text(self, number: int) -> str:
        return self._shared[number] if number < len(self._shared) else ""

    def _readings(self, cell: etree._Element, text: str, header: str) -> Iterator[str]:
        """Yield what a cell's value may be read as; its shared text is redacted where it is."""
        kind = cell.get("t") or "n"
        if kind in {"str", "e", "d"}:
            yield text
        if kind != "n" or not text:
            return
        yield text
        try:
            number = float(text)
        except ValueError:
            return
        style = int(cell.get("s") or 0)
        code = self._formats[style] if style < len(self._formats) else "General"
        if is_date_format(code) and 0 < number <= _LARGEST_SERIAL:
            yield from _dates(number)
            return
        yield f"{number:,.2f}"
        yield f"{number:.2f}"
        if number == int(number) and abs(number) < 1e18:
            whole = int(number)
            yield f"{whole}"
            yield f"{whole:,}"
            if set(code) == {"0"}:
                yield f"{whole:0{len(code)}}"
            if is_phone_label(header):
                yield f"tel. +{whole}"


def _formats(styles: etree._Element) -> Iterator[str]:
    """Yield the number format of each cell style, by its number."""
    own = {
        element.get("numFmtId"): element.get("formatCode") or ""
        for element in styles.iter()
        if local(element) == "numFmt"
    }
    for element in styles.iter():
        if local(element) == "cellXfs":
            for style in element:
                identifier = style.get("numFmtId") or "0"
                built_in = BUILTIN_FORMATS.get(int(identifier), "General")
                yield own.get(identifier, built_in)


def _dates(serial: float) -> Iterator[str]:
    moment = from_excel(serial)
    if isinstance(moment, datetime):
        day: date = moment.date()
    elif isinstance(moment, date):
        day = moment
    else:
        return
    yield day.isoformat()
    for form in (
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%y",
        "%d %B %Y",
        "%B %d, %Y",
        "%d %b %Y",
    ):
        yield day.strftime(form)
    yield f"{day.day}.{day.month}.{day.year}"
    yield f"{day.day} {day:%B} {day.year}"
    yield f"{day:%B} {day.day}, {day.year}"
    yield f"{day.month}/{day.day}/{day.year}"


def _redact_running_lines(root: etree._Element, finder: Finder) -> Counter[str]:
    """Redact the lines at the head and foot of printed pages, where codes stand before words."""
    counts: Counter[str] = Counter()
    for element in root.iter():
        if _RUNNING_LINE.search(local(element)):
            text = element.text or ""
            words = _LINE_CODE.sub(lambda code: "\n" * len(code[0]), text)
            if found := finder.find(words):
                element.text = replace(text, found, FILL)
                counts.update(one.what for one in found)
    return counts


def _redact_names(root: etree._Element, finder: Finder) -> Counter[str]:
    """Remove defined names that say what is to go, and keep the names of sheets apart."""
    counts: Counter[str] = Counter()
    for element in list(root.iter()):
        if local(element) == "definedName":
            found = finder.find(f"{element.get('name') or ''}\n{element.text or ''}")
            parent = element.getparent()
            if found and parent is not None:
                parent.remove(element)
                counts.update(one.what for one in found)
        elif local(element) == "definedNames" and not len(element):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
    redacted = 0
    for element in root.iter():
        if local(element) == "sheet" and (found := finder.find(element.get("name") or "")):
            redacted += 1
            element.set("name", f"{FILL} {redacted}")
            counts.update(one.what for one in found)
    return counts
