"""The page of the API's keys, for admins: list them, make one, revoke one."""

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from perdure.api.access.principals import Principal
from perdure.api.access.requirements import Audited, Caller, requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.stores.database.errors import InputRefused
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.pages import render_page

# In days; 0 for ever.
_LIFETIMES: Final = {"30": "30 days", "90": "90 days", "365": "a year", "0": "for ever"}
_MEANINGS: Final = {
    Scope.READ: "see goals, results and files",
    Scope.SUBMIT: "start goals, cancel, pause and retry them",
    Scope.APPROVE: "answer what goals ask people",
    Scope.METRICS: "read /metrics, for Prometheus: in the tenant default alone",
    Scope.ADMIN: "all of it, and make keys",
}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/keys", dependencies=[requires(Scope.ADMIN)])
async def keys(request: Request, service: Service, caller: Caller) -> HTMLResponse:
    """Show the keys of the caller's tenant, and the form for another."""
    return await _page(request, service, caller)


@router.post("/keys", dependencies=[requires(Scope.ADMIN, "key.create")])
async def create_key(
    request: Request, service: Service, caller: Caller, audited: Audited
) -> HTMLResponse:
    """Make a key, and show it this once."""
    form = await sent_form(request)
    scopes = [scope for scope in Scope if form.get(f"scope.{scope}") == "on"]
    days = form.get("days", "")
    problem = ""
    if not scopes:
        problem = "a key without a scope opens nothing: choose one at least"
    elif days not in _LIFETIMES:
        problem = "choose how long the key lasts"
    if problem:
        return await _page(request, service, caller, problem=problem, status=422)
    ends = datetime.now(UTC) + timedelta(days=int(days)) if int(days) else None
    try:
        key, record = await service.stores.access.keys.create(
            form.get("name", ""), scopes, tenant=caller.tenant, expires_at=ends
        )
    except InputRefused as error:
        return await _page(request, service, caller, problem=str(error), status=422)
    audited.subject = record.key_id
    audited.details = {"name": record.name, "scopes": [*record.scopes]}
    return await _page(request, service, caller, new_key=key, status=201)


@router.post("/keys/{key_id}/revoke", dependencies=[requires(Scope.ADMIN, "key.revoke")])
async def revoke_key(key_id: str, service: Service, caller: Caller) -> Response:
    """Revoke a key, and show the list."""
    await service.stores.access.keys.revoke(key_id, caller.tenant)
    return RedirectResponse("/keys", 303)


async def _page(
    request: Request,
    service: Service,
    caller: Principal,
    *,
    new_key: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    now = datetime.now(UTC)
    values = {
        "keys": [
            (record, "revoked" if record.revoked_at else "" if record.is_valid(now) else "expired")
            for record in await service.stores.access.keys.list(caller.tenant)
        ],
        "own_key": caller.key_id,
        "scopes": _MEANINGS,
        "lifetimes": _LIFETIMES,
        "new_key": new_key,
        "problem": problem,
    }
    return render_page(request, "keys", values, status)
