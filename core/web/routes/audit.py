"""The page of the audit trail, for admins: which facts there are, and whether they are sealed."""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import FactFilter, Scope
from perdure.web.rendering.pages import render_page

_FACTS: Final = 50
_MAX_CHARACTERS: Final = 200
_MAX_DIGITS: Final = 15
# In days; 0 for all that are kept.
_PERIODS: Final = {"1": "the last day", "7": "7 days", "30": "30 days", "0": "any time"}

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.ADMIN)],
)


@router.get("/audit")
async def audit_trail(request: Request, service: Service) -> HTMLResponse:
    """Show the facts of the caller's tenant, newest first."""
    asked = request.query_params
    shown = {
        name: asked.get(name, "").strip()[:_MAX_CHARACTERS] for name in ("kind", "subject", "who")
    }
    days = asked.get("days", "0")
    days = days if days in _PERIODS else "0"
    since = datetime.now(UTC) - timedelta(days=int(days)) if int(days) else None
    number = asked.get("before", "")
    is_number = number.isascii() and number.isdecimal() and len(number) <= _MAX_DIGITS
    before = int(number) if is_number else None
    criteria = FactFilter(shown["kind"], shown["subject"], shown["who"], since)
    facts = await service.stores.trail.list(criteria, limit=_FACTS, before=before)
    query = {**shown, "days": days}
    older = {**query, "before": str(facts[-1].number)} if len(facts) == _FACTS else None
    values = {
        "facts": facts,
        "shown": shown,
        "days": days,
        "periods": _PERIODS,
        "is_narrow": any(shown.values()) or since is not None or before is not None,
        "sealed_until": await service.stores.trail.sealed_until(),
        "older": f"/audit?{urlencode(older)}" if older else "",
        "newest": f"/audit?{urlencode(query)}" if before is not None else "",
    }
    return render_page(request, "audit", values)
