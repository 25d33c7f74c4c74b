"""The charts of newer kinds, such as waterfalls, treemaps and funnels: their titles and values."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Final

from lxml import etree

from perdure_document.facts import Block
from perdure_document.formatting import even, flat
from perdure_document.reading.number_formats.shown import shown_number

URI: Final = "http://schemas.microsoft.com/office/drawing/2014/chartex"
_MOST_POINTS: Final = 10_000


def extended_chart_block(root: etree._Element, part: int = 0) -> Block:
    """Return a chart as a block: its titles as text, its values as rows, a series a column.

    Args:
        root: The root of the chart's part.
        part: The page, slide or sheet that it stands on.
    """
    data = {one.get("id", ""): one for one in root.iter("{*}data")}
    columns: list[list[str]] = []
    for series in root.iter("{*}series"):
        reference = next(series.iter("{*}dataId"), None)
        found = data.get(reference.get("val", "")) if reference is not None else None
        if found is not None:
            categories = _dimension(found, "{*}strDim")
            if not columns:
                columns.append(["", *categories])
            columns.append([_name(series), *_dimension(found, "{*}numDim")])
    rows = even(zip_longest(*columns, fillvalue="")) if columns else ()
    return Block(
        type="chart",
        text="; ".join(filter(None, map(_text, root.iter("{*}title")))),
        rows=rows,
        total_rows=len(rows),
        part=part,
    )


def _text(title: etree._Element) -> str:
    runs = "".join(one.text or "" for one in title.iter("{*}t"))
    return flat(runs or " ".join(one.text or "" for one in title.iter("{*}v")))


def _name(series: etree._Element) -> str:
    name = next(series.iter("{*}tx"), None)
    return _text(name) if name is not None else ""


def _dimension(data: etree._Element, name: str) -> list[str]:
    """Return the points of the categories or the values; of several levels the outer first."""
    points: dict[int, list[str]] = {}
    dimension = next(data.iter(name), None)
    levels = list(dimension.iter("{*}lvl")) if dimension is not None else []
    for level in reversed(levels):
        for place, text in _points(level):
            points.setdefault(place, []).append(text)
    last = max(points, default=-1)
    return [" ".join(points.get(place, [])) for place in range(last + 1)]


def _points(level: etree._Element) -> Iterator[tuple[int, str]]:
    code = level.get("formatCode", "")
    for point in level.iter("{*}pt"):
        place, text = point.get("idx", ""), flat(point.text or "")
        if not place.isdecimal() or int(place) >= _MOST_POINTS:
            continue
        if code and text:
            try:
                value = Decimal(text)
            except InvalidOperation:
                value = Decimal("NaN")
            text = flat(shown_number(value, code)) if value.is_finite() else text
        yield int(place), text
