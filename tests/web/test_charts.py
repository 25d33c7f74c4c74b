"""Charts, and what they are made of."""

import re
from datetime import UTC, date, datetime

import pytest

from perdure.models.usage import UsageGroup, UsageReport, UsageSum
from perdure.web.rendering.charts import Bar, bar_chart
from perdure.web.rendering.usage_bars import cost_by_day, dollars


@pytest.mark.parametrize(
    ("highest", "scale"),
    [(0.0, "$1"), (0.03, "$0.05"), (1.0, "$1"), (1.2, "$2"), (31.4, "$50"), (240.0, "$250")],
)
def test_the_scale_ends_at_a_round_number(highest: float, scale: str) -> None:
    chart = bar_chart([Bar("a", highest, 0.0, "a")], "spend", dollars)
    assert re.findall('class="scale"[^>]*>([^<]*)<', chart)[-1] == scale


def test_a_chart_says_what_it_shows_and_holds_no_code() -> None:
    chart = bar_chart([Bar("<b>", 2.0, 0.5, "</title><script>")], 'a "label"', dollars)
    assert 'aria-label="a &#34;label&#34;"' in chart
    assert "<script>" not in chart
    assert "<b>" not in chart
    assert "style" not in chart
    assert chart.count('class="bar lost"') == 1


def test_what_is_not_known_has_no_height() -> None:
    chart = bar_chart([Bar("a", None, 0.0, "a: unknown")], "spend", dollars)
    assert 'class="bar"' not in chart
    assert ">?<" in chart


def test_a_day_without_goals_has_a_bar_of_no_height() -> None:
    report = UsageReport(
        by="day",
        since=datetime(2026, 3, 1, tzinfo=UTC),
        groups=[
            UsageGroup(
                key="2026-03-02",
                goals=2,
                spent=UsageSum(input_tokens=10, output_tokens=1, cost=0.5),
                thrown_away=UsageSum(cost=0.1),
                saved=UsageSum(cost=0.2),
            )
        ],
        total=UsageGroup(),
    )
    first, second, third = cost_by_day(report, date(2026, 3, 3))
    assert (first.value, first.label, third.value) == (0.0, "1 Mar", 0.0)
    assert (second.value, second.lost) == (0.5, 0.1)
    assert second.title == ("2 March: 2 goals, $0.50, 11 tokens, $0.10 lost, $0.20 not paid twice")
