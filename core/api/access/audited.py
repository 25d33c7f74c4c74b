"""What a request leaves in the audit table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.requests import Request

from perdure.api.access.principals import Principal
from perdure.models import DEFAULT_TENANT
from perdure.schemas.access import AuditEntry
from perdure.stores.access.audit import PendingEntry

_MAX_CLIENT_CHARACTERS: Final = 200


@dataclass(slots=True)
class AuditedAction:
    """What a request does, for the audit table; a route fills in what only it knows.

    Attributes:
        action: What, such as ``goal.start``.
        subject: To which run, approval, key.
        details: What else matters.
        principal: Who does it, where the request did not say so at first, as at a sign-in.
        pending: The entry, where it is committed together with what the request does.
    """

    action: str
    subject: str = ""
    details: dict[str, JsonValue] = field(default_factory=dict)
    principal: Principal | None = None
    pending: PendingEntry | None = None


def entry_of(request: Mapping[str, Any], action: AuditedAction, status: int) -> AuditEntry:
    """Return the entry of a request's action.

    Args:
        request: The request, as ASGI has it.
        action: The action.
        status: The HTTP status that it is answered with.
    """
    state = request["state"]
    who: Principal | None = action.principal or state.get("principal")
    return AuditEntry(
        at=datetime.now(UTC),
        tenant=who.tenant if who else DEFAULT_TENANT,
        who=who.name if who else "",
        key_id=who.key_id if who else None,
        address=(request.get("client") or ("",))[0],
        client=Headers(raw=request["headers"]).get("user-agent", "")[:_MAX_CLIENT_CHARACTERS],
        action=action.action,
        subject=action.subject,
        status=status,
        request_id=state.get("request_id", ""),
        details=action.details,
    )


def entry_with_record(request: Request, action: AuditedAction, status: int) -> PendingEntry:
    """Return the entry of a request's action, to be committed together with a run's record.

    One commit waits for the disk once where two would twice.

    Args:
        request: The request.
        action: The action, with its details.
        status: The HTTP status that it is answered with once the run is on record. If it comes to
            another, that is on record too.
    """
    action.pending = PendingEntry(entry_of(request.scope, action, status))
    return action.pending
