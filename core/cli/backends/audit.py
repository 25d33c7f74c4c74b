"""What is done on this machine's command line, in the audit table like what the API does."""

import getpass
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from perdure.cli.output.printing import print_message
from perdure.models import DEFAULT_TENANT

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.schemas.access import AuditEntry
    from perdure.stores import Stores
    from perdure.stores.access.audit import PendingEntry

_DONE: Final = 200
_INVALID: Final = 422
_FAILED: Final = 500


@dataclass(slots=True)
class LocalAction:
    """What a command does.

    Attributes:
        action: What, by the name that it has over the API.
        subject: To which run, approval, key.
        details: What else matters, as over the API.
        tenant: Whose it is; that of the run which is the subject when not given.
        pending: The entry, where it is committed together with what the command does.
    """

    action: str
    subject: str = ""
    details: "dict[str, JsonValue]" = field(default_factory=dict)
    tenant: str | None = None
    pending: "PendingEntry | None" = None


class LocalAudit:
    """Enters what commands do, and what they were refused, into the audit table.

    Args:
        stores: Where the table is.
    """

    def __init__(self, stores: "Stores") -> None:
        self._stores = stores

    @asynccontextmanager
    async def doing(
        self,
        action: str,
        subject: str = "",
        details: "dict[str, JsonValue] | None" = None,
        tenant: str | None = None,
    ) -> AsyncIterator[LocalAction]:
        """Enter what the block does, when it is done or fails.

        The block may complete what it is given: a goal has its workflow id once it is started.
        """
        entry = LocalAction(action, subject, {} if details is None else details, tenant)
        try:
            yield entry
        except Exception as error:
            await self._enter(entry, _status_of(error))
            raise
        await self._enter(entry, _DONE)

    @asynccontextmanager
    async def doing_to_many(self, action: str) -> AsyncIterator[list[str]]:
        """Enter what the block does to many runs: for each tenant whose runs it did it to.

        The block puts the ids of those runs into the list that it is given.
        """
        done: list[str] = []
        try:
            yield done
        except Exception as error:
            await self._enter(LocalAction(action, tenant=DEFAULT_TENANT), _status_of(error))
            raise
        for tenant, runs in (await self._by_tenant(done)).items():
            await self._enter(LocalAction(action, "", {"workflow_ids": [*runs]}, tenant), _DONE)

    async def with_record(self, action: LocalAction) -> "PendingEntry":
        """Return the entry of an action that is done once its goal is on record."""
        from perdure.stores.access.audit import PendingEntry

        action.pending = PendingEntry(await self._entry(action, _DONE))
        return action.pending

    async def _enter(self, action: LocalAction, status: int) -> None:
        from perdure.stores import StoreUnavailable

        if action.pending is not None and action.pending.is_stored_as(status):
            return
        try:
            await self._stores.access.audit.append(await self._entry(action, status))
        except StoreUnavailable as error:
            # What was done is done: a command that fails now would be given again.
            print_message(f"not in the audit table ({error}): {action.action} {action.subject}")

    async def _entry(self, action: LocalAction, status: int) -> "AuditEntry":
        from perdure.schemas.access import AuditEntry
        from perdure.version import core_version

        return AuditEntry(
            at=datetime.now(UTC),
            tenant=action.tenant or await self._tenant_of(action.subject),
            who=f"{getpass.getuser()} on the command line",
            address="",
            client=f"perdure {core_version()}",
            action=action.action,
            subject=action.subject,
            status=status,
            details=action.details,
        )

    async def _by_tenant(self, workflow_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        from perdure.stores import StoreUnavailable

        try:
            found = await self._stores.goals.by_tenant(workflow_ids)
        except StoreUnavailable:  # which entering it says
            found = {}
        return found or {DEFAULT_TENANT: workflow_ids}

    async def _tenant_of(self, workflow_id: str) -> str:
        from perdure.stores import UnknownGoal

        try:
            return (await self._stores.goals.get(workflow_id)).tenant
        except UnknownGoal:
            return DEFAULT_TENANT


def _status_of(error: Exception) -> int:
    """Return the status with which the API answers an error."""
    from perdure.agents.steps.errors import PermanentError
    from perdure.api.routes.problems import type_of

    try:
        return type_of(error).status
    except StopIteration:
        return _INVALID if isinstance(error, PermanentError) else _FAILED
