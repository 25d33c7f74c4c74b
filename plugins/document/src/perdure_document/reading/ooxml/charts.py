"""The titles and the values of a chart, from its copy of the data or from the data itself."""

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Final

from lxml import etree

from perdure_document.facts import Block
from perdure_document.formatting import even, flat
from perdure_document.reading.number_formats.shown import shown_number
from perdure_document.reading.ooxml.package import local_name, tag

_MOST_POINTS: Final = 10_000
_NUMBERS: Final = ("c:numCache", "c:numLit")

Cells = Callable[[str], list[str]]


def chart_block(root: etree._Element, part: int = 0, cells: Cells | None = None) -> Block:
    """Return a chart as a block: its titles as text, its values as rows, a series a column.

    Args:
        root: The root of the chart's part.
        part: The page, slide or sheet that it stands on.
        cells: Returns what the cells show that a reference such as ``Data!$B$2:$B$7`` names, for a
            chart that keeps no copy of them; ``None`` where there are no cells.
    """
    return _Chart(root, cells).block(part)


class _Chart:
    def __init__(self, root: etree._Element, cells: Cells | None) -> None:
        self._root = root
        self._cells = cells
        base = root.find(tag("c:date1904"))
        self._base_1904 = base is not None and base.get("val", "1") in {"1", "true"}
        self._series = list(root.iter(tag("c:ser")))
        self._names = [self._name(one) for one in self._series]

    def block(self, part: int) -> Block:
        columns = list(self._columns())
        has_values = any(any(column[1:]) for column in columns)
        rows = even(zip_longest(*columns, fillvalue="")) if has_values else ()
        titles = self._titles()
        return Block(
            type="chart",
            text="; ".join(title for title in titles if title),
            rows=rows,
            total_rows=len(rows),
            part=part,
        )

    def _titles(self) -> list[str]:
        titles = [self._text(title) for title in self._root.iter(tag("c:title"))]
        own = self._root.find(f"{tag('c:chart')}/{tag('c:title')}")
        off = self._root.find(f"{tag('c:chart')}/{tag('c:autoTitleDeleted')}")
        deleted = off is not None and off.get("val", "1") in {"1", "true"}
        if len(self._series) == 1 and not deleted and (own is None or not titles[0]):
            # A chart of one series is called by its name.
            titles.insert(0, self._names[0])
        return titles

    def _columns(self) -> Iterator[list[str]]:
        """Yield the columns of the table, each with its header."""
        positions = [self._points(one, "c:cat", "c:xVal") for one in self._series]
        common = next(filter(None, positions), [])
        shared = all(one == common for one in positions if one)
        if shared:
            yield ["", *common]
        for name, series, own in zip(self._names, self._series, positions, strict=True):
            if not shared:
                yield [f"{name} (x)".strip(), *own]
            yield [name, *self._points(series, "c:val", "c:yVal")]
        for name, series in zip(self._names, self._series, strict=True):
            if sizes := self._points(series, "c:bubbleSize"):
                yield [f"{name} (size)".strip(), *sizes]

    def _text(self, title: etree._Element) -> str:
        runs = [node.text or "" for node in title.iter(tag("a:t"))]
        return flat("".join(runs) or " ".join(self._values(title)))

    def _name(self, series: etree._Element) -> str:
        found = series.find(tag("c:tx"))
        if found is None:
            return ""
        return flat(" ".join(self._values(found)) or found.findtext(tag("c:v")) or "")

    def _points(self, series: etree._Element, *names: str) -> list[str]:
        for name in names:
            found = series.find(tag(name))
            if found is not None:
                return self._values(found)
        return []

    def _values(self, element: etree._Element) -> list[str]:
        """Return what a reference refers to; of categories on several levels the levels."""
        points: dict[int, list[str]] = {}
        levels = list(element.iter(tag("c:lvl")))
        for holder in reversed(levels) if levels else [element]:
            for point in holder.iter(tag("c:pt")):
                place = point.get("idx", "")
                if place.isdecimal() and int(place) < _MOST_POINTS:
                    text = self._number(flat(point.findtext(tag("c:v")) or ""), point, element)
                    points.setdefault(int(place), []).append(text)
        reference = next(element.iter(tag("c:f")), None)
        if not points and reference is not None and self._cells is not None:
            return self._cells(reference.text or "")
        last = max(points, default=-1)
        return [" ".join(points.get(place, [])) for place in range(last + 1)]

    def _number(self, text: str, point: etree._Element, element: etree._Element) -> str:
        """Write a number as its format says."""
        if next(element.iter(*map(tag, _NUMBERS)), None) is None:
            return text
        try:
            value = Decimal(text)
        except InvalidOperation:
            return text
        if not value.is_finite():
            return text
        code = point.get("formatCode") or next(
            (one.text or "" for one in element.iter() if local_name(one) == "formatCode"), ""
        )
        return flat(shown_number(value, code, self._base_1904))
