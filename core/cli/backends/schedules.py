"""What commands do with schedules: the same here as on a server."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, cast

from perdure.cli.backends.audit import LocalAudit

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.client import AsyncClient
    from perdure.client.requests.schedules import ScheduleFields
    from perdure.models.schedules.content import ScheduleContent
    from perdure.schemas.schedules.records import ScheduleRecord
    from perdure.schemas.schedules.requests import ScheduleChanges
    from perdure.temporal.session import Session


class Schedules(Protocol):
    """Creates schedules and controls them; Temporal has to be there for it.

    Each method raises what the service of schedules does, or an error of the client.
    """

    async def create(self, content: "ScheduleContent") -> "ScheduleRecord":
        """Create a schedule."""

    async def all(self) -> "Sequence[ScheduleRecord]":
        """Return the schedules, in the order of their names."""

    async def show(self, name: str) -> "ScheduleRecord":
        """Return a schedule, with its last starts."""

    async def update(self, name: str, changes: "ScheduleChanges") -> "ScheduleRecord":
        """Change what is given of a schedule."""

    async def pause(self, name: str) -> "ScheduleRecord":
        """Pause a schedule."""

    async def resume(self, name: str) -> "ScheduleRecord":
        """Let a paused schedule go on."""

    async def trigger(self, name: str) -> "ScheduleRecord":
        """Have a schedule start its goal now."""

    async def backfill(
        self, name: str, start_at: datetime, end_at: datetime
    ) -> "Sequence[datetime]":
        """Have a schedule start what it would have started in a time that is over."""

    async def delete(self, name: str) -> None:
        """Delete a schedule."""


class LocalSchedules:
    """The schedules of this machine's installation, of the default tenant; see :class:`.Schedules`.

    What it does is entered into the audit table.

    Args:
        session: A session with the server.
    """

    def __init__(self, session: "Session") -> None:
        from perdure.temporal.schedules.service import ScheduleService

        self._service = ScheduleService(session.service)
        self._audit = LocalAudit(session.stores)

    async def create(self, content: "ScheduleContent") -> "ScheduleRecord":  # noqa: D102 -- as there
        details: dict[str, JsonValue] = {"agent_type": content.goal.agent_type}
        async with self._audit.doing("schedule.create", content.name, details):
            return await self._service.create(content)

    async def all(self) -> "Sequence[ScheduleRecord]":  # noqa: D102 -- as there
        return await self._service.list()

    async def show(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        return await self._service.get(name)

    async def update(  # noqa: D102 -- as there
        self, name: str, changes: "ScheduleChanges"
    ) -> "ScheduleRecord":
        details: dict[str, JsonValue] = {"changed": changes.changed()}
        async with self._audit.doing("schedule.update", name, details):
            return await self._service.update(name, changes)

    async def pause(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        async with self._audit.doing("schedule.pause", name):
            return await self._service.pause(name)

    async def resume(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        async with self._audit.doing("schedule.resume", name):
            return await self._service.resume(name)

    async def trigger(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        async with self._audit.doing("schedule.trigger", name):
            return await self._service.trigger(name)

    async def backfill(  # noqa: D102 -- as there
        self, name: str, start_at: datetime, end_at: datetime
    ) -> "Sequence[datetime]":
        details: dict[str, JsonValue] = {
            "start_at": start_at.isoformat(),
            "end_at": end_at.isoformat(),
        }
        async with self._audit.doing("schedule.backfill", name, details):
            return await self._service.backfill(name, start_at, end_at)

    async def delete(self, name: str) -> None:  # noqa: D102 -- as there
        async with self._audit.doing("schedule.delete", name):
            await self._service.delete(name)


class RemoteSchedules:
    """The schedules of a key's tenant on a server; see :class:`.Schedules`."""

    def __init__(self, client: "AsyncClient") -> None:
        self._schedules = client.schedules

    async def create(self, content: "ScheduleContent") -> "ScheduleRecord":  # noqa: D102 -- as there
        given = {name: getattr(content, name) for name in type(content).model_fields}
        return await self._schedules.create(**given)

    async def all(self) -> "Sequence[ScheduleRecord]":  # noqa: D102 -- as there
        return (await self._schedules.list()).schedules

    async def show(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        return await self._schedules.show(name)

    async def update(  # noqa: D102 -- as there
        self, name: str, changes: "ScheduleChanges"
    ) -> "ScheduleRecord":
        given = {field: getattr(changes, field) for field in changes.model_fields_set}
        return await self._schedules.update(name, **cast("ScheduleFields", given))

    async def pause(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        return await self._schedules.pause(name)

    async def resume(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        return await self._schedules.resume(name)

    async def trigger(self, name: str) -> "ScheduleRecord":  # noqa: D102 -- as there
        return await self._schedules.trigger(name)

    async def backfill(  # noqa: D102 -- as there
        self, name: str, start_at: datetime, end_at: datetime
    ) -> "Sequence[datetime]":
        return (await self._schedules.backfill(name, start_at=start_at, end_at=end_at)).times

    async def delete(self, name: str) -> None:  # noqa: D102 -- as there
        await self._schedules.delete(name)
