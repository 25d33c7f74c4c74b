"""Routes of schedules: they are created, shown, changed, paused, triggered, deleted."""

from typing import Annotated, Final

from fastapi import APIRouter, Path

from perdure.api.access.requirements import Audited, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.schedules.service import Schedules
from perdure.schemas.access import Scope
from perdure.schemas.schedules.records import ScheduleList, ScheduleRecord
from perdure.schemas.schedules.requests import (
    BackfillRequest,
    BackfillResponse,
    ScheduleChanges,
    ScheduleRequest,
)

_PROBLEMS: Final = (ProblemType.UNKNOWN_SCHEDULE, ProblemType.TEMPORAL_UNAVAILABLE)

ScheduleNamePath = Annotated[str, Path(description="The schedule's name.")]

router = APIRouter(prefix="/api/schedules", tags=["schedules"])


@router.post(
    "",
    dependencies=[requires(Scope.SUBMIT, "schedule.create")],
    status_code=201,
    responses=problems(
        ProblemType.INVALID_REQUEST,
        ProblemType.UNKNOWN_AGENT,
        ProblemType.INVALID_PARAMETERS,
        ProblemType.SCHEDULE_EXISTS,
        ProblemType.TEMPORAL_UNAVAILABLE,
    ),
)
async def create_schedule(
    request: ScheduleRequest, schedules: Schedules, audited: Audited
) -> ScheduleRecord:
    """Create a schedule, which starts a goal by the clock, again and again.

    The goal is checked now, as one that is started; so is that the schedule ever starts anything.
    """
    audited.subject, audited.details = request.name, {"agent_type": request.goal.agent_type}
    return await schedules.create(request)


@router.get(
    "",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.TEMPORAL_UNAVAILABLE),
)
async def list_schedules(schedules: Schedules) -> ScheduleList:
    """List the schedules, in the order of their names.

    One that was created or deleted within the last second may not, or still, be listed.
    """
    return ScheduleList(schedules=[*await schedules.list()])


@router.get("/{schedule_name}", dependencies=[requires(Scope.READ)], responses=problems(*_PROBLEMS))
async def show_schedule(schedule_name: ScheduleNamePath, schedules: Schedules) -> ScheduleRecord:
    """Show a schedule: when it starts something next, and what became of its last ten starts."""
    return await schedules.get(schedule_name)


@router.patch(
    "/{schedule_name}",
    dependencies=[requires(Scope.SUBMIT, "schedule.update")],
    responses=problems(
        ProblemType.INVALID_REQUEST,
        ProblemType.UNKNOWN_AGENT,
        ProblemType.INVALID_PARAMETERS,
        *_PROBLEMS,
    ),
)
async def update_schedule(
    schedule_name: ScheduleNamePath,
    changes: ScheduleChanges,
    schedules: Schedules,
    audited: Audited,
) -> ScheduleRecord:
    """Change a schedule: what is given, and nothing else.

    It is checked as one that is created. What it has started goes on as it was, and a schedule that
    is paused stays so. Its name cannot be changed.
    """
    audited.details = {"changed": changes.changed()}
    return await schedules.update(schedule_name, changes)


@router.post(
    "/{schedule_name}/pause",
    dependencies=[requires(Scope.SUBMIT, "schedule.pause")],
    responses=problems(*_PROBLEMS),
)
async def pause_schedule(schedule_name: ScheduleNamePath, schedules: Schedules) -> ScheduleRecord:
    """Pause a schedule: it starts nothing by itself until it is resumed; goals under way go on."""
    return await schedules.pause(schedule_name)


@router.post(
    "/{schedule_name}/resume",
    dependencies=[requires(Scope.SUBMIT, "schedule.resume")],
    responses=problems(*_PROBLEMS),
)
async def resume_schedule(schedule_name: ScheduleNamePath, schedules: Schedules) -> ScheduleRecord:
    """Resume a schedule; what it would have started meanwhile is left out."""
    return await schedules.resume(schedule_name)


@router.post(
    "/{schedule_name}/trigger",
    dependencies=[requires(Scope.SUBMIT, "schedule.trigger")],
    responses=problems(*_PROBLEMS),
)
async def trigger_schedule(schedule_name: ScheduleNamePath, schedules: Schedules) -> ScheduleRecord:
    """Have a schedule start its goal now, paused or not; where one runs, once that has ended."""
    return await schedules.trigger(schedule_name)


@router.post(
    "/{schedule_name}/backfill",
    dependencies=[requires(Scope.SUBMIT, "schedule.backfill")],
    responses=problems(ProblemType.INVALID_REQUEST, *_PROBLEMS),
)
async def backfill_schedule(
    schedule_name: ScheduleNamePath,
    request: BackfillRequest,
    schedules: Schedules,
    audited: Audited,
) -> BackfillResponse:
    """Have a schedule start what it would have started in a time that is over, 500 at most.

    One follows the other, unless the schedule lets all run at once. What it started then is started
    again.
    """
    start_at, end_at = request.start_at, request.end_at
    audited.details = {"start_at": start_at.isoformat(), "end_at": end_at.isoformat()}
    times = await schedules.backfill(schedule_name, start_at, end_at)
    return BackfillResponse(name=schedule_name, times=[*times])


@router.delete(
    "/{schedule_name}",
    dependencies=[requires(Scope.SUBMIT, "schedule.delete")],
    status_code=204,
    responses=problems(*_PROBLEMS),
)
async def delete_schedule(schedule_name: ScheduleNamePath, schedules: Schedules) -> None:
    """Delete a schedule; goals that it has started go on, and stay on record."""
    await schedules.delete(schedule_name)
