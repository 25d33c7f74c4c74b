"""Charts as SVG, made on the server: colours come from the stylesheet, by class."""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from perdure.web.rendering.visible import visible

_LEFT: Final = 44
_RIGHT: Final = 16
_BOTTOM: Final = 20
_TOP: Final = 8
_GAP: Final = 0.3
_MOST_LABELS: Final = 7
_LABEL_WIDTH: Final = 64
_STEPS: Final = (1, 2, 2.5, 5, 10)


class Bar(NamedTuple):
    """One bar of a chart.

    Attributes:
        label: What stands below it.
        value: How high it is; what is not known has none.
        lost: How much of it was lost, drawn in another way.
        title: What is said of it when a reader points at it.
    """

    label: str
    value: float | None
    lost: float
    title: str


def bar_chart(
    bars: Sequence[Bar],
    label: str,
    show: Callable[[float], str],
    *,
    width: int = 720,
    height: int = 200,
) -> Markup:
    """Return bars side by side, with three lines behind them that say how high they are.

    Args:
        bars: The bars, from left to right.
        label: What the chart shows, for those who do not see it.
        show: Returns a value as text, with its unit.
        width: Of the picture, which is scaled to the place it has.
        height: The same.
    """
    top = _round_up(max((bar.value or 0.0 for bar in bars), default=0.0))
    inner = height - _TOP - _BOTTOM
    parts = [
        Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" '
            'preserveAspectRatio="xMidYMid meet">'
        ).format(width, height, visible(label))
    ]
    for share in (0.0, 0.5, 1.0):
        y = _TOP + inner * (1 - share)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="scale" x="{}" y="{:.1f}">{}</text>'
            ).format(_LEFT, width - _RIGHT, y, y, _LEFT - 8, y + 4, show(top * share))
        )
    inner_width = width - _LEFT - _RIGHT
    slot = inner_width / max(len(bars), 1)
    labelled = max(1, math.ceil(len(bars) / min(_MOST_LABELS, inner_width // _LABEL_WIDTH)))
    for number, bar in enumerate(bars):
        x = _LEFT + slot * (number + _GAP / 2)
        parts.append(_bar(bar, x, slot * (1 - _GAP), inner, top))
        if (len(bars) - 1 - number) % labelled == 0:
            parts.append(
                Markup('<text class="under" x="{:.1f}" y="{}">{}</text>').format(
                    x + slot * (1 - _GAP) / 2, height - 5, visible(bar.label)
                )
            )
    return Markup("").join([*parts, Markup("</svg>")])


def _bar(bar: Bar, x: float, width: float, inner: float, top: float) -> Markup:
    shapes = Markup("")
    height = inner * (bar.value or 0.0) / top
    lost = min(height, inner * bar.lost / top)
    for kind, tall, from_below in (("bar", height - lost, 0.0), ("bar lost", lost, height - lost)):
        if tall > 0:
            shapes += Markup(
                '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>'
            ).format(kind, x, _TOP + inner - from_below - tall, width, max(tall, 1.0))
    if bar.value is None:
        shapes += Markup('<text class="unknown" x="{:.1f}" y="{:.1f}">?</text>').format(
            x + width / 2, _TOP + inner - 4
        )
    # A bar of no height can be pointed at too.
    return Markup(
        '<g><title>{}</title><rect class="reach" x="{:.1f}" y="{}" width="{:.1f}" height="{:.1f}"/>'
        "{}</g>"
    ).format(visible(bar.title), x, _TOP, width, inner, shapes)


def _round_up(value: float) -> float:
    """Return the next number that reads well on a scale: 1, 2, 2.5, 5 or 10 times a power of 10."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if value <= step * power * (1 + 1e-9))
