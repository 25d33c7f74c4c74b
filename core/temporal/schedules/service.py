"""The service behind the API and the command line for schedules: creates and controls them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Schedule,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleListDescription,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from perdure.activities.schedules.inputs import can_change
from perdure.agents.plugins.registry import InstalledAgent
from perdure.models import DEFAULT_TENANT, Goal, GoalContent
from perdure.models.base import first_problem
from perdure.models.schedules.content import NAME, ScheduleContent, in_zone
from perdure.schemas.schedules.records import ScheduleRecord
from perdure.schemas.schedules.requests import MAX_BACKFILLED, ScheduleChanges
from perdure.stores.database.errors import InputRefused
from perdure.temporal.client.connection import RPC_TIMEOUT, is_away, unavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.client.workflow_gateway import fairness_key
from perdure.temporal.schedules.conversion import (
    MEMO,
    content_of,
    listed,
    overlap_by_hand,
    prefix_of,
    temporal_schedule,
)
from perdure.temporal.schedules.errors import ScheduleExists, UnknownSchedule
from perdure.temporal.schedules.starts import starts_of

# Temporal describes schedules to the second, and a backfill begins a moment before.
_MOMENT: Final = timedelta(milliseconds=1)
# Temporal asks the schedule's own workflow, which answers once it has done what it does.
_QUERY_TIMEOUT: Final = timedelta(seconds=20)
# Temporal keeps a note with each pause, in the clear. After a failure it is Temporal's own.
_BY_HAND: Final = "by hand"
_DESCRIBED_AT_ONCE: Final = 8


class ScheduleService:
    """The schedules of a tenant. Temporal keeps them: nothing of one is in the stores.

    Each call raises TemporalUnavailable when the server does not answer, and all that names a
    schedule UnknownSchedule when the tenant has none of that name.
    """

    def __init__(self, service: GoalService) -> None:
        """Bind it to the service of goals, as a tenant has it.

        Args:
            service: Checks the goals; one that is of all tenants has the default tenant's
                schedules.
        """
        self._service = service
        self._client = service.client
        self._tenant = service.stores.tenant or DEFAULT_TENANT
        self._prefix = prefix_of(self._tenant, service.stores.stores_id)

    async def create(self, content: ScheduleContent) -> ScheduleRecord:
        """Create a schedule.

        Raises:
            ScheduleExists: There is one of that name.
            UnknownAgent: No installed agent has the name that a goal gives.
            ParametersRefused: The parameters of a goal do not fit its agent.
            InputRefused: It never starts anything, its cron cannot be read, a goal holds an API
                key, or it watches files and its goal names none.
        """
        schedule = await self._temporal_schedule(content)
        with self._translated_errors(content.name):
            try:
                handle = await self._client.create_schedule(
                    self.id_of(content.name),
                    schedule,
                    memo={MEMO: listed(content)},
                    rpc_timeout=RPC_TIMEOUT,
                )
            except ScheduleAlreadyRunningError:
                raise ScheduleExists(content.name) from None
            described = await handle.describe(rpc_timeout=_QUERY_TIMEOUT)
            if not described.info.next_action_times:
                await handle.delete(rpc_timeout=RPC_TIMEOUT)
                raise InputRefused(_never(content.name))
        return await self._record(described)

    async def update(self, name: str, changes: ScheduleChanges) -> ScheduleRecord:
        """Change a schedule; what it has started, and whether it is paused, stays as it is.

        Raises:
            UnknownSchedule: There is none of that name.
            UnknownAgent: No installed agent has the name that a goal gives.
            ParametersRefused: The parameters of a goal do not fit its agent.
            InputRefused: It would be none any more, or never start anything.
        """
        described = await self._describe(name)
        try:
            content = changes.applied_to(await content_of(self._client, described))
        except ValidationError as error:
            raise InputRefused(
                f"schedule {name!r} cannot be changed so: {first_problem(error)}"
            ) from error
        schedule = await self._temporal_schedule(content)
        updated = await self._put(name, schedule)
        if not updated.info.next_action_times:
            await self._put(name, described.schedule)
            raise InputRefused(_never(name))
        return await self._record(updated)

    async def get(self, name: str) -> ScheduleRecord:
        """Return a schedule, with its last starts."""
        return await self._record(await self._describe(name))

    async def list(self) -> Sequence[ScheduleRecord]:
        """Return the tenant's schedules, in the order of their names.

        One that was created or deleted a moment ago may not, or still, be among them.
        """
        with self._translated_errors(""):
            schedules = await self._client.list_schedules(
                f'ScheduleId STARTS_WITH "{self._prefix}"', rpc_timeout=RPC_TIMEOUT
            )
            found = [each async for each in schedules]
        limit = asyncio.Semaphore(_DESCRIBED_AT_ONCE)

        async def record_of(each: ScheduleListDescription) -> ScheduleRecord | None:
            async with limit:
                return await self._listed_record(each)

        records = await asyncio.gather(*map(record_of, found))
        return sorted(
            (record for record in records if record is not None),
            key=lambda record: record.schedule.name,
        )

    async def pause(self, name: str) -> ScheduleRecord:
        """Pause a schedule: it starts nothing by itself until it is resumed."""
        with self._translated_errors(name):
            await self._handle(name).pause(note=_BY_HAND, rpc_timeout=RPC_TIMEOUT)
        return await self.get(name)

    async def resume(self, name: str) -> ScheduleRecord:
        """Resume a schedule; what it would have started meanwhile is left out."""
        with self._translated_errors(name):
            await self._handle(name).unpause(note=_BY_HAND, rpc_timeout=RPC_TIMEOUT)
        return await self.get(name)

    async def trigger(self, name: str) -> ScheduleRecord:
        """Have a schedule start its goal now, or once the one that runs has ended."""
        content = await self._content(name)
        with self._translated_errors(name):
            await self._handle(name).trigger(
                overlap=overlap_by_hand(content.overlap), rpc_timeout=RPC_TIMEOUT
            )
        return await self.get(name)

    async def backfill(self, name: str, start_at: datetime, end_at: datetime) -> Sequence[datetime]:
        """Have a schedule start what it would have started in a time that is over.

        Args:
            name: The schedule.
            start_at: The beginning; a start at it counts.
            end_at: The end; a start at it counts.

        Returns:
            For which times, in its time zone.

        Raises:
            InputRefused: It would have started nothing then, or too much, or the time is not over.
        """
        if end_at > datetime.now(UTC):
            raise InputRefused(
                f"{end_at.isoformat()} is yet to come: a schedule starts by itself what is due then"
            )
        content = await self._content(name)
        times = await self._times(name, start_at, end_at)
        if not times:
            raise InputRefused(
                f"schedule {name!r} has no start between {start_at.isoformat()} and"
                f" {end_at.isoformat()}: perdure schedules show {name} says when it has"
            )
        if len(times) > MAX_BACKFILLED:
            raise InputRefused(
                f"schedule {name!r} has more than {MAX_BACKFILLED} starts between"
                f" {start_at.isoformat()} and {end_at.isoformat()}: backfill a shorter time first"
            )
        span = ScheduleBackfill(start_at, end_at, overlap_by_hand(content.overlap))
        with self._translated_errors(name):
            await self._handle(name).backfill(span, rpc_timeout=RPC_TIMEOUT)
        return [in_zone(time, content.time_zone) for time in times]

    async def delete(self, name: str) -> None:
        """Delete a schedule; goals that it has started go on."""
        with self._translated_errors(name):
            await self._handle(name).delete(rpc_timeout=RPC_TIMEOUT)

    def id_of(self, name: str) -> str:
        """Return the id of a schedule in Temporal.

        Raises:
            UnknownSchedule: None can have that name.
        """
        if NAME.fullmatch(name) is None:
            raise UnknownSchedule(name)
        return f"{self._prefix}{name}"

    def _handle(self, name: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(self.id_of(name))

    async def _checked(self, goal: GoalContent) -> tuple[Goal, InstalledAgent]:
        content = {name: getattr(goal, name) for name in GoalContent.model_fields}
        return await self._service.check(Goal.model_construct(**content))

    async def _temporal_schedule(self, content: ScheduleContent) -> Schedule:
        """Return a schedule as Temporal takes it, with its goals checked."""
        checked = [await self._checked(goal) for goal in (content.goal, *content.on_success)]
        goals = [goal.model_copy(update={"schedule": content.name}) for goal, _ in checked]
        if content.only_if_changed:
            _check_watches(*checked[0])
        codec = self._client.data_converter.payload_codec
        priority = Priority(
            priority_key=goals[0].priority, fairness_key=fairness_key(self._tenant, codec)
        )
        return temporal_schedule(content, goals, priority, self.id_of(content.name))

    async def _put(self, name: str, schedule: Schedule) -> ScheduleDescription:
        """Put a schedule in place of the one of that name, and return what has become of it.

        Whether it is paused is not changed by that.
        """
        handle = self._handle(name)

        def changed(now: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(replace(schedule, state=now.description.schedule.state))

        with self._translated_errors(name):
            await handle.update(changed, rpc_timeout=RPC_TIMEOUT)
            return await handle.describe(rpc_timeout=_QUERY_TIMEOUT)

    async def _listed_record(self, each: ScheduleListDescription) -> ScheduleRecord | None:
        """Return a schedule as lists show it; ``None`` when it is deleted by now."""
        name = each.id.removeprefix(self._prefix)
        try:
            # What Temporal lists has the memo that it was created with, and no goals.
            content = listed(await self._content(name))
        except UnknownSchedule:
            return None
        recent = each.info.recent_actions if each.info else ()
        upcoming = each.info.next_action_times if each.info else ()
        state = each.schedule.state if each.schedule else None
        return ScheduleRecord(
            schedule=content,
            paused=state is not None and state.paused,
            note=(state.note or "") if state is not None and state.paused else "",
            next_times=[in_zone(time, content.time_zone) for time in upcoming],
            last_time=recent[-1].started_at if recent else None,
        )

    async def _describe(self, name: str) -> ScheduleDescription:
        with self._translated_errors(name):
            return await self._handle(name).describe(rpc_timeout=_QUERY_TIMEOUT)

    async def _content(self, name: str) -> ScheduleContent:
        return await content_of(self._client, await self._describe(name))

    async def _times(self, name: str, start_at: datetime, end_at: datetime) -> Sequence[datetime]:
        request = ListScheduleMatchingTimesRequest(
            namespace=self._client.namespace, schedule_id=self.id_of(name)
        )
        request.start_time.FromDatetime(start_at - _MOMENT)
        request.end_time.FromDatetime(end_at)
        with self._translated_errors(name):
            answer = await self._client.workflow_service.list_schedule_matching_times(
                request, retry=True, timeout=_QUERY_TIMEOUT
            )
        return [time.ToDatetime(UTC) for time in answer.start_time]

    async def _record(self, described: ScheduleDescription) -> ScheduleRecord:
        content = await content_of(self._client, described)
        info, state = described.info, described.schedule.state
        starts = await starts_of(described, content.name, self._client, self._service.stores)
        return ScheduleRecord(
            schedule=content,
            paused=state.paused,
            note=(state.note or "") if state.paused else "",
            next_times=[in_zone(time, content.time_zone) for time in info.next_action_times],
            last_time=starts[0].started_at if starts else None,
            created_at=info.created_at,
            started=info.num_actions,
            skipped=info.num_actions_skipped_overlap,
            missed=info.num_actions_missed_catchup_window,
            starts=starts,
        )

    @contextmanager
    def _translated_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        # A lazy client that cannot connect raises RuntimeError.
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError):
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise UnknownSchedule(name) from error
                if error.status is RPCStatusCode.INVALID_ARGUMENT:
                    raise InputRefused(
                        f"schedule {name!r} cannot be as it is described: {error.message}"
                    ) from error
                if not is_away(error):
                    raise
            raise unavailable(self._client.service_client.config.target_host, error) from error


def _check_watches(goal: Goal, agent: InstalledAgent) -> None:
    if not can_change(agent.spec, goal.parameters):
        raise InputRefused(
            f"{goal.goal_id} names nothing that could change: give a file or a web address as a"
            " parameter, or do not ask for a start only if something has changed"
        )


def _never(name: str) -> str:
    return (
        f"schedule {name!r} would never start anything: no day and time from now on fits its cron,"
        " start and end"
    )
