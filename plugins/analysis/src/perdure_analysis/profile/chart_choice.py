"""Which pictures a report has, and what each shows; drawing them is another module's matter."""

import re
import unicodedata
from typing import Final, Literal

from perdure_analysis.facts import Breakdown, Columns, Fact, Loaded, Relations, Trend, Trends
from perdure_analysis.profile.findings import period

_DISTRIBUTIONS: Final = 6
_COUNTS: Final = 3
_BREAKDOWNS: Final = 3
_HEATMAP_COLUMNS: Final = 3
_WIDE: Final = 40
_ENOUGH_POINTS: Final = 3
_ENOUGH_BARS: Final = 2


class Bar(Fact):
    """One bar, or a heat map's cell when it has a second label."""

    label: str
    value: float
    second: str = ""


class Span(Fact):
    """One bar of a histogram."""

    low: float
    high: float
    count: int


class Moment(Fact):
    """One point in time: the value, ``None`` for a gap, and the line's value."""

    when: str
    value: float | None
    line: float | None = None
    complete: bool = True


class Picture(Fact):
    """A picture: a form, what is written on it, and the values in it.

    Attributes:
        name: The artifact's name, such as ``charts/revenue-by-region.svg``.
        form: How the values are drawn.
        section: Where in the report it stands.
        title: Above the picture.
        note: Below the title, in small.
        x: Written at the horizontal axis.
        y: Written at the vertical axis.
        bars: For ``bars`` (longest first) and ``heatmap``.
        spans: For ``histogram``.
        moments: For ``line``.
        order: The labels of a heat map in their order.
    """

    name: str
    form: Literal["bars", "histogram", "line", "heatmap"]
    section: Literal["answers", "time", "categories", "numbers", "relations", "columns"]
    title: str
    note: str = ""
    x: str = ""
    y: str = ""
    bars: tuple[Bar, ...] = ()
    spans: tuple[Span, ...] = ()
    moments: tuple[Moment, ...] = ()
    order: tuple[str, ...] = ()


def choose_pictures(
    loaded: Loaded, columns: Columns, relations: Relations, trends: Trends
) -> list[Picture]:
    """Choose the pictures that say something about a table, in the report's order."""
    pictures = [
        *(_over_time(trend) for trend in trends.trends if len(trend.points) >= _ENOUGH_POINTS),
        *_breakdowns(relations),
        *_counts(columns, relations),
        *_distributions(columns),
        *_heatmap(columns, relations),
        *_missing(loaded, columns),
    ]
    return _with_single_names(pictures)


def _over_time(trend: Trend) -> Picture:
    title = "Rows" if trend.verb == "rows" else f"{trend.verb.capitalize()} of {trend.column}"
    partial = [period(point.start, trend) for point in trend.points if not point.complete]
    notes = []
    if trend.clear:
        notes.append("dashed: straight line through the complete periods")
    if partial:
        notes.append("hollow: covered only in part")
    return Picture(
        name=_name(f"{title} by {trend.unit}"),
        form="line",
        section="time",
        title=f"{title} by {trend.unit}",
        note="; ".join(notes),
        x=trend.dates,
        y="rows" if trend.verb == "rows" else f"{trend.verb} of {trend.column}",
        moments=tuple(
            Moment(
                when=point.start,
                value=point.value,
                line=trend.intercept + trend.slope * number
                if trend.clear and trend.intercept is not None and trend.slope is not None
                else None,
                complete=point.complete,
            )
            for number, point in enumerate(trend.points)
        ),
    )


def _breakdowns(relations: Relations) -> list[Picture]:
    measure = relations.measure
    if measure is None:
        return []
    return [
        Picture(
            name=_name(f"{measure.column} by {breakdown.category}"),
            form="bars",
            section="categories",
            title=f"{measure.verb.capitalize()} of {measure.column} by {breakdown.category}",
            note=_others(breakdown),
            x=f"{measure.verb} of {measure.column}",
            y=breakdown.category,
            bars=tuple(Bar(label=_label(one.value), value=one.measure) for one in breakdown.groups),
        )
        for breakdown in relations.breakdowns[:_BREAKDOWNS]
        if len(breakdown.groups) >= _ENOUGH_BARS
    ]


def _others(breakdown: Breakdown) -> str:
    return f"{breakdown.others:,} smaller ones are not drawn" if breakdown.others else ""


def _counts(columns: Columns, relations: Relations) -> list[Picture]:
    shown = {breakdown.category for breakdown in relations.breakdowns[:_BREAKDOWNS]}
    chosen = [
        column
        for column in columns.of("category", "boolean")
        if column.name not in shown and len(column.top) >= _ENOUGH_BARS
    ]
    return [
        Picture(
            name=_name(f"rows by {column.name}"),
            form="bars",
            section="categories",
            title=f"Rows by {column.name}",
            note=f"{column.distinct - len(column.top):,} rarer values are not drawn"
            if column.distinct > len(column.top)
            else "",
            x="rows",
            y=column.name,
            bars=tuple(Bar(label=_label(one.value), value=one.count) for one in column.top),
        )
        for column in chosen[:_COUNTS]
    ]


def _distributions(columns: Columns) -> list[Picture]:
    pictures = []
    for column in columns.of("number"):
        numbers = column.numbers
        if numbers is None or len(numbers.bins) < _ENOUGH_BARS:
            continue
        beyond = numbers.beyond_bins
        are = "value lies" if beyond == 1 else "values lie"
        pictures.append(
            Picture(
                name=_name(f"distribution of {column.name}"),
                form="histogram",
                section="numbers",
                title=f"Distribution of {column.name}",
                note=f"{beyond:,} {are} far outside and not drawn" if beyond else "",
                x=column.name,
                y="rows",
                spans=tuple(
                    Span(low=one.low, high=one.high, count=one.count) for one in numbers.bins
                ),
            )
        )
    return pictures[:_DISTRIBUTIONS]


def _heatmap(columns: Columns, relations: Relations) -> list[Picture]:
    pairs = relations.correlations
    named = {name for pair in pairs for name in (pair.first, pair.second)}
    order = [column.name for column in columns.columns if column.name in named]
    if len(order) < _HEATMAP_COLUMNS:
        return []
    labels = dict(zip(order, _distinct([_label(name) for name in order]), strict=True))
    cells = [Bar(label=label, second=label, value=1.0) for label in labels.values()]
    for pair in pairs:
        first, second = labels[pair.first], labels[pair.second]
        cells.append(Bar(label=first, second=second, value=pair.pearson))
        cells.append(Bar(label=second, second=first, value=pair.pearson))
    return [
        Picture(
            name=_name("correlations"),
            form="heatmap",
            section="relations",
            title="Correlations (Pearson's r)",
            bars=tuple(sorted(cells, key=lambda one: (one.label, one.second))),
            order=tuple(labels.values()),
        )
    ]


def _missing(loaded: Loaded, columns: Columns) -> list[Picture]:
    gaps = sorted(
        (column for column in columns.columns if column.missing),
        key=lambda column: -column.missing,
    )
    if len(gaps) < _ENOUGH_BARS:
        return []
    return [
        Picture(
            name=_name("missing values"),
            form="bars",
            section="columns",
            title="Missing values by column",
            note=f"{len(gaps) - _WIDE:,} further columns are not drawn"
            if len(gaps) > _WIDE
            else "",
            x="missing (% of the rows)",
            y="",
            bars=tuple(
                Bar(label=_label(one.name), value=round(100 * one.missing / loaded.rows, 3))
                for one in gaps[:_WIDE]
            ),
        )
    ]


def _label(text: str) -> str:
    flat = " ".join(text.split()) or "(blank)"
    return flat if len(flat) <= _WIDE else flat[: _WIDE - 1] + "…"


def _distinct(labels: list[str]) -> list[str]:
    return [
        f"{label} ({labels[:place].count(label) + 1})" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    ]


def _name(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")
    return f"charts/{words or 'picture'}.svg"


def _with_single_names(pictures: list[Picture]) -> list[Picture]:
    taken: set[str] = set()
    named = []
    for picture in pictures:
        name, number = picture.name, 2
        while name in taken:
            name, number = f"{picture.name.removesuffix('.svg')}-{number}.svg", number + 1
        taken.add(name)
        named.append(picture.model_copy(update={"name": name}))
    return named
