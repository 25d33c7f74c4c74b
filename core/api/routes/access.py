"""Routes for admins: the keys of the caller's tenant, who did what, and the audit trail."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from perdure.api.access.requirements import Audited, Caller, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import (
    AuditPage,
    FactFilter,
    FactPage,
    KeyList,
    KeyRecord,
    KeyRequest,
    NewKey,
    Scope,
)
from perdure.schemas.times import WrittenOut
from perdure.stores.objects.content_store import streamed

_LINES: Final = "application/jsonl"
_EXPORT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A line of JSON for each fact and each seal.",
        "content": {_LINES: {"schema": {"type": "string"}}},
    }
}
_MAX_NUMBER: Final = 2**53

router = APIRouter(prefix="/api")


@router.get("/keys", tags=["keys"], dependencies=[requires(Scope.ADMIN)])
async def list_keys(service: Service, caller: Caller) -> KeyList:
    """List the keys of the caller's tenant."""
    return KeyList(keys=await service.stores.access.keys.list(caller.tenant))


@router.post(
    "/keys",
    tags=["keys"],
    status_code=201,
    dependencies=[requires(Scope.ADMIN, "key.create")],
)
async def create_key(
    key_request: KeyRequest, service: Service, caller: Caller, audited: Audited
) -> NewKey:
    """Make a key of the caller's tenant."""
    key, record = await service.stores.access.keys.create(
        key_request.name,
        key_request.scopes,
        tenant=caller.tenant,
        expires_at=key_request.expires_at,
    )
    audited.subject = record.key_id
    audited.details = {"name": record.name, "scopes": [*record.scopes]}
    return NewKey(key=key, record=record)


@router.delete(
    "/keys/{key_id}",
    tags=["keys"],
    dependencies=[requires(Scope.ADMIN, "key.revoke")],
    responses=problems(ProblemType.UNKNOWN_KEY),
)
async def revoke_key(key_id: str, service: Service, caller: Caller) -> KeyRecord:
    """Revoke a key of the caller's tenant: it opens nothing any more, nor do its sessions.

    What was started with it goes on.
    """
    return await service.stores.access.keys.revoke(key_id, caller.tenant)


@router.get("/audit", tags=["audit"], dependencies=[requires(Scope.ADMIN)])
async def list_audit(
    service: Service,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[
        int | None, Query(ge=0, le=_MAX_NUMBER, description="`before` of the previous page.")
    ] = None,
    action: Annotated[str | None, Query(description="Such as `goal.start`.")] = None,
    who: Annotated[str | None, Query(description="The name of a key or a person.")] = None,
    subject: Annotated[str | None, Query(description="The id of a run, approval, key.")] = None,
) -> AuditPage:
    """List who did what in the caller's tenant, and what was refused."""
    entries = await service.stores.access.audit.list(
        caller.tenant, limit=limit, before=before, action=action, who=who, subject=subject
    )
    next_page = entries[-1].number if len(entries) == limit else None
    return AuditPage(entries=entries, before=next_page)


@router.get("/audit/facts", tags=["audit"], dependencies=[requires(Scope.ADMIN)])
async def list_facts(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[
        int | None, Query(ge=0, le=_MAX_NUMBER, description="`before` of the previous page.")
    ] = None,
    kind: Annotated[str, Query(description="Such as `approval.decided`.")] = "",
    subject: Annotated[str, Query(description="The id of a run, approval, key.")] = "",
    who: Annotated[str, Query(description="The name of a key or a person.")] = "",
    since: Annotated[AwareDatetime | None, WrittenOut, Query(description="From then on.")] = None,
    until: Annotated[AwareDatetime | None, WrittenOut, Query(description="Before then.")] = None,
) -> FactPage:
    """List the facts of the caller's tenant in the audit trail, newest first."""
    criteria = FactFilter(kind, subject, who, since, until)
    facts = await service.stores.trail.list(criteria, limit=limit, before=before)
    return FactPage(
        facts=facts,
        sealed_until=await service.stores.trail.sealed_until(),
        before=facts[-1].number if len(facts) == limit else None,
    )


@router.get(
    "/audit/export",
    tags=["audit"],
    dependencies=[requires(Scope.ADMIN, "audit.export")],
    responses=_EXPORT,
    response_class=StreamingResponse,
)
async def export_audit(service: Service) -> StreamingResponse:
    """Download what is sealed of the audit trail, as `perdure audit verify` takes it.

    Of the facts of other tenants it has the hashes alone.
    """
    # An error of the first seal still has a status to tell it with.
    return StreamingResponse(
        await streamed(service.stores.trail.export()),
        media_type=_LINES,
        headers={"Content-Disposition": 'attachment; filename="audit-trail.jsonl"'},
    )
