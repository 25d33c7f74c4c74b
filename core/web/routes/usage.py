"""The page of what goals have used of models, and what that cost."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.models.usage import UsageGroup, UsageGrouping, UsageReport
from perdure.schemas.access import Scope
from perdure.web.rendering.charts import bar_chart
from perdure.web.rendering.pages import render_page
from perdure.web.rendering.usage_bars import cost_by_day, dollars

PERIODS: Final = (7, 30, 90)
_DEFAULT: Final = 30
_GROUPINGS: Final[tuple[UsageGrouping, ...]] = ("agent", "day", "key", "tenant")

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/usage")
async def usage(
    request: Request, service: Service, days: int = _DEFAULT, by: UsageGrouping = "agent"
) -> HTMLResponse:
    """Show what was spent, lost and saved in the last days: by day, and by agent, key or tenant."""
    days = days if days in PERIODS else _DEFAULT
    today = datetime.now(UTC).date()
    since = datetime.combine(today - timedelta(days=days - 1), time.min, UTC)
    by = by if by in _GROUPINGS else "agent"
    by_day, grouped = await asyncio.gather(
        service.stores.usage.report(since, "day"), service.stores.usage.report(since, by)
    )
    bars = cost_by_day(by_day, today)
    label = f"US dollars spent a day, the last {days} days"
    values = {
        "days": days,
        "periods": PERIODS,
        "total": by_day.total,
        "wide_chart": bar_chart(bars, label, dollars, width=960, height=240),
        "narrow_chart": bar_chart(bars, label, dollars, width=330, height=180),
        "by": by,
        "groupings": _GROUPINGS,
        "groups": _in_order(grouped),
        "most": max((group.spent.cost or 0.0 for group in grouped.groups), default=0.0),
    }
    return render_page(request, "usage", values)


def _in_order(report: UsageReport) -> list[UsageGroup]:
    """Return the newest day first, and of all else what cost most."""
    if report.by == "day":
        return report.groups[::-1]
    return sorted(report.groups, key=lambda group: -(group.spent.cost or 0.0))
