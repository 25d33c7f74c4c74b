"""Drawing pictures with Altair; imported in the thread that draws, for it takes a moment."""

import json
from datetime import date
from typing import Final

import altair as alt
import vl_convert

from perdure_analysis.profile.chart_choice import Picture

_BLUE: Final = "#2f6db3"
_RED: Final = "#c8553d"
_GREY: Final = "#6b7280"
_WIDTH: Final = 560
_ROW: Final = 22
_CELL: Final = 58
_FEW_CELLS: Final = 8
_DARK: Final = 0.6
_MANY_DAYS: Final = 200
_MANY_YEARS: Final = 366 * 10

Chart = alt.Chart | alt.LayerChart | alt.FacetChart


def draw(picture: Picture) -> bytes:
    """Draw a picture as SVG."""
    chart = _FORMS[picture.form](picture)
    title = alt.TitleParams(picture.title, subtitle=[picture.note] if picture.note else [])
    finished = (
        chart.properties(title=title, background="white", padding=12)
        .configure(font="Helvetica, Arial, sans-serif")
        .configure_title(
            anchor="start", fontSize=15, subtitleColor=_GREY, subtitleFontSize=11, offset=12
        )
        .configure_axis(
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            titleColor=_GREY,
            gridColor="#e8eaed",
            domainColor="#b9bec6",
            tickColor="#b9bec6",
            labelLimit=260,
        )
        .configure_view(stroke=None)
    )
    return vl_convert.vegalite_to_svg(finished.to_dict()).encode()


def _chart(values: list[dict[str, object]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=values))  # type: ignore[no-untyped-call]


def _bars(picture: Picture) -> Chart:
    # The place, not the label, names a row: two labels may have been cut to the same text.
    values: list[dict[str, object]] = [
        {"place": place, "label": bar.label, "value": bar.value}
        for place, bar in enumerate(picture.bars)
    ]
    labels = [bar.label for bar in picture.bars]
    chart: alt.Chart = (
        _chart(values)
        .properties(width=_WIDTH, height=alt.Step(_ROW))
        .mark_bar(color=_BLUE)
        .encode(
            x=alt.X("value:Q", title=picture.x, axis=alt.Axis(tickCount=6)),
            y=alt.Y(
                "place:O",
                title=picture.y or None,
                axis=alt.Axis(
                    labelExpr=f"{json.dumps(labels)}[datum.value]",
                    ticks=False,
                    domain=False,
                    labelPadding=6,
                ),
            ),
        )
    )
    return chart


def _histogram(picture: Picture) -> Chart:
    whole = picture.spans[0].low % 1 == 0.5
    values: list[dict[str, object]] = [
        {"low": one.low, "high": one.high, "count": one.count} for one in picture.spans
    ]
    chart: alt.Chart = (
        _chart(values)
        .properties(width=_WIDTH, height=220)
        .mark_bar(color=_BLUE, stroke="white", strokeWidth=1)
        .encode(
            x=alt.X(
                "low:Q",
                bin=alt.BinParams(binned=True),
                title=picture.x,
                scale=alt.Scale(zero=False, nice=False),
                axis=alt.Axis(tickCount=8, tickMinStep=1 if whole else 0),
            ),
            x2="high:Q",
            y=alt.Y("count:Q", title=picture.y, axis=alt.Axis(tickMinStep=1)),
        )
    )
    return chart


def _line(picture: Picture) -> Chart:
    values: list[dict[str, object]] = [
        {"when": one.when, "value": one.value, "line": one.line, "complete": one.complete}
        for one in picture.moments
    ]
    base = (
        _chart(values)
        .properties(width=_WIDTH, height=260)
        .encode(
            # A date alone is read as UTC: on a scale of local time the days would shift.
            x=alt.X(
                "when:T",
                title=picture.x,
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format=_date_format(picture), tickCount=8, labelFlush=False),
            )
        )
    )
    followed = base.mark_line(color=_BLUE, strokeWidth=2).encode(
        y=alt.Y("value:Q", title=picture.y)
    )
    points = base.mark_point(size=36, strokeWidth=1.5, color=_BLUE, opacity=1).encode(
        y="value:Q",
        fill=alt.condition("datum.complete", alt.value(_BLUE), alt.value("white")),
    )
    layers = [followed, points]
    if any(one.line is not None for one in picture.moments):
        trend = base.mark_line(color=_RED, strokeDash=[6, 4], strokeWidth=1.5)
        layers.append(trend.encode(y="line:Q"))
    return alt.layer(*layers)


def _date_format(picture: Picture) -> str:
    first, last = (date.fromisoformat(picture.moments[place].when) for place in (0, -1))
    days = (last - first).days
    if days > _MANY_YEARS:
        return "%Y"
    return "%b %Y" if days > _MANY_DAYS else "%d %b %Y"


def _heatmap(picture: Picture) -> Chart:
    order = list(picture.order)
    values: list[dict[str, object]] = [
        {"x": one.label, "y": one.second, "r": one.value} for one in picture.bars
    ]
    edge = _CELL if len(order) <= _FEW_CELLS else _CELL - 16
    base = (
        _chart(values)
        .properties(width=alt.Step(edge), height=alt.Step(edge))
        .encode(
            x=alt.X("x:N", sort=order, title=None, axis=alt.Axis(labelAngle=-40, ticks=False)),
            y=alt.Y("y:N", sort=order, title=None, axis=alt.Axis(ticks=False)),
        )
    )
    cells = base.mark_rect(stroke="white", strokeWidth=2).encode(
        color=alt.Color(
            "r:Q",
            scale=alt.Scale(domain=[-1, 0, 1], range=[_RED, "#f3f4f6", _BLUE]),
            legend=None,
        )
    )
    numbers = base.mark_text(fontSize=11).encode(
        text=alt.Text("r:Q", format=".2f"),
        color=alt.condition(f"abs(datum.r) > {_DARK}", alt.value("white"), alt.value("#1f2933")),
    )
    return alt.layer(cells, numbers)


_FORMS: Final = {"bars": _bars, "histogram": _histogram, "line": _line, "heatmap": _heatmap}
