"""Requests of admins: the keys of their tenant, and who did what."""

from collections.abc import Sequence
from datetime import datetime

from perdure.client.requests.request import Request, get, parser, path, post
from perdure.schemas.access import (
    AuditPage,
    FactPage,
    KeyList,
    KeyRecord,
    KeyRequest,
    NewKey,
    Scope,
)


def list_keys() -> Request[KeyList]:
    """List the keys of the tenant, newest first."""
    return get(("api", "keys"), KeyList)


def create_key(
    name: str,
    scopes: Sequence[Scope | str] = (Scope.READ, Scope.SUBMIT),
    *,
    expires_at: datetime | None = None,
) -> Request[NewKey]:
    """Make a key; the response is the only one that has it.

    Args:
        name: Whose it is, or what for.
        scopes: What it may do; ``admin`` includes the others.
        expires_at: When it ends by itself, with its time zone.
    """
    body = KeyRequest(name=name, scopes=[Scope(scope) for scope in scopes], expires_at=expires_at)
    return post(("api", "keys"), NewKey, body)


def revoke_key(key_id: str) -> Request[KeyRecord]:
    """Revoke a key: it opens nothing any more."""
    return Request("DELETE", path("api", "keys", key_id), parser(KeyRecord), repeatable=True)


def list_audit(
    *,
    action: str | None = None,
    who: str | None = None,
    subject: str | None = None,
    limit: int = 50,
    before: int | None = None,
) -> Request[AuditPage]:
    """List who did what, newest first: one page of it.

    Args:
        action: Such as ``goal.start``.
        who: The name of a key or a person.
        subject: The id of a run, an approval, a key.
        limit: How many at most, up to 500.
        before: ``before`` of the previous page.
    """
    return get(
        ("api", "audit"),
        AuditPage,
        action=action,
        who=who,
        subject=subject,
        limit=limit,
        before=before,
    )


def list_facts(
    *,
    kind: str | None = None,
    subject: str | None = None,
    who: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    before: int | None = None,
) -> Request[FactPage]:
    """List facts of the audit trail, newest first: one page of it.

    Args:
        kind: Such as ``approval.decided``.
        subject: The id of a run, an approval, a key.
        who: The name of a key or a person.
        since: Only from then on, with its time zone.
        until: Only before then.
        limit: How many at most, up to 500.
        before: ``before`` of the previous page.
    """
    return get(
        ("api", "audit", "facts"),
        FactPage,
        kind=kind,
        subject=subject,
        who=who,
        since=since,
        until=until,
        limit=limit,
        before=before,
    )


def export_audit() -> Request[bytes]:
    """Return what is sealed of the audit trail, as ``perdure audit verify`` takes it."""
    return Request("GET", path("api", "audit", "export"), bytes, repeatable=True)
