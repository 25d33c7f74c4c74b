"""The first page: what runs, waits and failed, what it cost, and a box to start something."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from perdure.agents.description import describe_agents
from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.models import GoalStatus
from perdure.models.usage import UsageGroup
from perdure.schemas.access import Scope
from perdure.schemas.approvals import ApprovalStatus
from perdure.temporal.client.goal_service import GoalService
from perdure.web.rendering.charts import bar_chart
from perdure.web.rendering.goal_rows import goal_rows
from perdure.web.rendering.pages import render_page
from perdure.web.rendering.usage_bars import cost_by_day, dollars
from perdure.web.routes.approvals import goals_of, voter_of

_GOALS: Final = 8
_APPROVALS: Final = 3
_DAYS: Final = 14
_MOST_ASKED: Final = 100

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/")
async def home(request: Request, service: Service) -> HTMLResponse:
    """Show how things stand: goals, approvals that wait for people, spend by day."""
    agents = describe_agents(service.registry).agents
    today = datetime.combine(datetime.now(UTC).date(), time.min, UTC)
    figures, latest, waiting, spend = await asyncio.gather(
        _figures(service, today),
        _latest(service),
        _waiting(service, request),
        _spend(service, today),
    )
    values = {"agents": agents, "description": "", **figures, **latest, **waiting, **spend}
    is_part = request.headers.get("hx-target", "").endswith("#state")
    return render_page(request, "home/state" if is_part else "home/page", values)


async def _figures(service: GoalService, today: datetime) -> dict[str, object]:
    counts = await service.stores.goals.counts()
    ended = await service.stores.goals.counts(status=GoalStatus.FAILED, ended_since=today)
    return {
        "running": counts.get(GoalStatus.RUNNING, 0),
        "parked": counts.get(GoalStatus.WAITING, 0) + counts.get(GoalStatus.PAUSED, 0),
        "failed_today": ended.get(GoalStatus.FAILED, 0),
    }


async def _latest(service: GoalService) -> dict[str, object]:
    latest = await service.stores.goals.list(limit=_GOALS, delegated=False)
    return {"rows": goal_rows(latest, await service.stores.ledger.costs(latest))}


async def _waiting(service: GoalService, request: Request) -> dict[str, object]:
    waiting = await service.stores.approvals.list(limit=_MOST_ASKED, status=ApprovalStatus.OPEN)
    voter = voter_of(request)
    # Nobody is left out whose name is not known yet.
    own = [approval for approval in waiting if not voter or approval.waits_for(voter)]
    return {
        "approvals": own[:_APPROVALS],
        "open": len(waiting),
        "oldest": waiting[-1].asked_at if waiting else None,
        "goals": await goals_of(service, own[:_APPROVALS]),
        "voter": voter,
    }


async def _spend(service: GoalService, today: datetime) -> dict[str, object]:
    report = await service.stores.usage.report(today - timedelta(days=_DAYS - 1), "day")
    groups = {group.key: group for group in report.groups}
    bars = cost_by_day(report, today.date())
    label = f"US dollars spent a day, the last {_DAYS} days"
    return {
        "today": groups.get(today.date().isoformat(), UsageGroup()),
        "days": _DAYS,
        "chart": bar_chart(bars, label, dollars, width=320, height=150) if report.groups else None,
    }
