"""What goals have used, as the bars of charts."""

from datetime import date, timedelta
from typing import Final

from perdure.models.usage import UsageGroup, UsageReport
from perdure.timelines.figures import money
from perdure.web.rendering.charts import Bar
from perdure.web.rendering.figures import score, tokens

_SCORES: Final = 3


def cost_by_day(report: UsageReport, today: date) -> list[Bar]:
    """Return a bar for each day of a report by day: what was spent, and what of that was lost."""
    groups = {group.key: group for group in report.groups}
    day = report.since.date()
    bars: list[Bar] = []
    while day <= today:
        group = groups.get(day.isoformat(), UsageGroup(key=day.isoformat()))
        bars.append(
            Bar(
                label=f"{day:%-d %b}",
                value=group.spent.cost,
                lost=group.thrown_away.cost or 0.0,
                title=f"{day:%-d %B}: {_told(group)}",
            )
        )
        day += timedelta(days=1)
    return bars


def _told(group: UsageGroup) -> str:
    sent = group.spent.input_tokens + group.spent.output_tokens
    parts = [
        f"{group.goals:,} goal{'' if group.goals == 1 else 's'}",
        money(group.spent.cost),
        tokens(sent),
    ]
    if group.thrown_away.cost:
        parts.append(f"{money(group.thrown_away.cost)} lost")
    if group.saved.cost:
        parts.append(f"{money(group.saved.cost)} not paid twice")
    parts += [
        f"{score_.name} {score(score_.average)} on average"
        for score_ in sorted(group.scores, key=lambda one: -one.count)[:_SCORES]
        if score_.average is not None
    ]
    return ", ".join(parts)


def dollars(value: float) -> str:
    """Return a round number of dollars, for a scale."""
    return f"${value:,g}"
