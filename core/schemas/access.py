"""Keys and their scopes, the audit table of who did what, and the facts of the audit trail."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, StringConstraints

from perdure.models import Model
from perdure.models.base import RequestModel
from perdure.schemas.times import WrittenOut


class Scope(StrEnum):
    """What a key or a person may do; ``admin`` includes the others."""

    READ = "read"
    SUBMIT = "submit"
    APPROVE = "approve"
    METRICS = "metrics"
    ADMIN = "admin"


MAX_NAME_CHARACTERS: Final = 200


class KeyRecord(Model):
    """What is known of a key; the key itself is not.

    Attributes:
        key_id: Its id, the part of the key that is no secret.
        name: Whose it is, or what for.
        tenant: Whose goals it is for.
        scopes: What it may do.
        created_at: When it was made.
        expires_at: When it ends by itself; ``None`` for never.
        last_used_at: When it was used last, to the minute; ``None`` for never.
        revoked_at: When it was revoked.
    """

    key_id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Return whether it may be used."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyList(BaseModel):
    """The keys of a tenant, newest first, those that were revoked or have expired too."""

    keys: list[KeyRecord]


class KeyRequest(RequestModel):
    """A key to be made.

    Attributes:
        name: Whose it is, or what for.
        scopes: What it may do; `admin` includes the others.
        expires_at: When it ends by itself.
    """

    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARACTERS),
    ]
    scopes: list[Scope] = Field(
        [Scope.READ, Scope.SUBMIT], min_length=1, max_length=len(Scope), fail_fast=True
    )
    expires_at: Annotated[AwareDatetime, WrittenOut] | None = None


class NewKey(BaseModel):
    """A key that was made; this response is the only one that has it.

    Attributes:
        key: The key: what its bearer sends as `Authorization: Bearer <key>`.
        record: What is on record of it.
    """

    key: str
    record: KeyRecord


class AuditEntry(Model):
    """What somebody did, or was refused.

    Attributes:
        at: When.
        tenant: Whose API it was done in.
        who: The name of the key or of the person; empty when nobody was recognised.
        key_id: The key.
        address: From which network address; empty for this machine's command line.
        client: With which program, as it calls itself: the `User-Agent` of a request.
        action: What, such as ``goal.start`` or ``key.revoke``.
        subject: To what: the id of a run, an approval, a key.
        status: The HTTP status that it was answered with.
        request_id: The request, as in the logs and in the response.
        details: What else matters, such as how somebody voted.
    """

    at: datetime
    tenant: str
    who: str
    key_id: str | None = None
    address: str
    client: str = ""
    action: str
    subject: str = ""
    status: int
    request_id: str = ""
    details: dict[str, JsonValue] = Field(default_factory=dict)


class StoredAuditEntry(AuditEntry):
    """An entry with its number, by which entries are ordered and paged."""

    number: int


class AuditPage(BaseModel):
    """One page of audit entries, newest first.

    Attributes:
        entries: The entries.
        before: Hand it in as ``before`` to get the next page; ``None`` when this is the last.
    """

    entries: list[StoredAuditEntry]
    before: int | None


class Fact(Model):
    """One fact of the audit trail.

    Attributes:
        number: Its number; numbers rise, with gaps.
        at: When, in UTC.
        tenant: Whose it is.
        kind: What happened: what a request did, such as `goal.start`, or the type of an event,
            such as `step.completed`; `execution.started`, `model.request`, `audit.cut`.
        subject: To what: the id of a run, an approval, a key.
        who: The name of the person or key; a digest of it once they were erased; empty where nobody
            did it.
        is_known: Whether `who` is a name.
        data: The details: words of people stand in them as digests.
        hash: SHA-256 of the fact's canonical JSON.
        is_sealed: Whether a seal covers it.
    """

    number: int
    at: datetime
    tenant: str
    kind: str
    subject: str
    who: str
    is_known: bool
    data: dict[str, JsonValue]
    hash: str
    is_sealed: bool


class FactPage(BaseModel):
    """Facts, newest first.

    Attributes:
        facts: The facts.
        sealed_until: When the last seal was made; none before the first one.
        before: Give it as `before` for the next page; none on the last one.
    """

    facts: list[Fact]
    sealed_until: datetime | None
    before: int | None


class FactFilter(NamedTuple):
    """Which facts.

    Attributes:
        kind: Only of this kind.
        subject: Only of this run, approval or key.
        who: Only of the person or key of that name, or of that digest.
        since: Only from then on.
        until: Only before then.
    """

    kind: str = ""
    subject: str = ""
    who: str = ""
    since: datetime | None = None
    until: datetime | None = None
