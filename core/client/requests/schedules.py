"""Requests of schedules: create, list, show, update, pause, resume, trigger, backfill, delete."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict, Unpack

from pydantic import JsonValue

from perdure.client.requests.request import Request, get, nothing, parser, path, post
from perdure.models import GoalContent
from perdure.models.schedules.content import OverlapPolicy
from perdure.schemas.goals import GoalRequest
from perdure.schemas.schedules.records import ScheduleList, ScheduleRecord
from perdure.schemas.schedules.requests import (
    BackfillRequest,
    BackfillResponse,
    GoalChanges,
    ScheduleChanges,
    ScheduleRequest,
)


def create(
    name: str,
    goal: GoalContent,
    *,
    cron: str | Sequence[str] = (),
    every_seconds: int | None = None,
    offset_seconds: int = 0,
    time_zone: str = "UTC",
    jitter_seconds: int = 0,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    overlap: OverlapPolicy | str = OverlapPolicy.SKIP,
    catch_up_seconds: int = 86_400,
    pause_on_failure: bool = False,
    only_if_changed: bool = False,
    on_success: Sequence[GoalContent] = (),
) -> Request[ScheduleRecord]:
    """Create a schedule, which starts a goal by the clock, again and again.

    Args:
        name: Its name.
        goal: What it starts; its description may hold ``{scheduled_time}``.
        cron: When: a cron expression, or several.
        every_seconds: When: every so many seconds, counted from 1970 in UTC.
        offset_seconds: So many seconds after each of these.
        time_zone: The time zone of cron, such as ``Europe/Berlin``.
        jitter_seconds: Each start is put off by a chance part of this.
        start_at: Nothing is started before.
        end_at: Nothing is started after.
        overlap: What becomes of a start while the one before it runs: ``skip``, ``buffer-one``,
            ``buffer-all``, ``cancel-other``, ``terminate-other`` or ``allow-all``.
        catch_up_seconds: How late a start may be, as after the server was down.
        pause_on_failure: Pause it when a goal of it fails.
        only_if_changed: Start nothing when the files and web pages that the goal names are
            as they were.
        on_success: What is started next when the goal has completed; descriptions may hold
            ``{result}``.
    """
    body = ScheduleRequest(
        name=name,
        goal=_request(goal),
        cron=(cron,) if isinstance(cron, str) else tuple(cron),
        every_seconds=every_seconds,
        offset_seconds=offset_seconds,
        time_zone=time_zone,
        jitter_seconds=jitter_seconds,
        start_at=start_at,
        end_at=end_at,
        overlap=OverlapPolicy(overlap),
        catch_up_seconds=catch_up_seconds,
        pause_on_failure=pause_on_failure,
        only_if_changed=only_if_changed,
        on_success=tuple(map(_request, on_success)),
    )
    return post(("api", "schedules"), ScheduleRecord, body)


def _request(goal: GoalContent) -> GoalRequest:
    return GoalRequest.model_validate(goal.model_dump(include=set(GoalContent.model_fields)))


def list_schedules() -> Request[ScheduleList]:
    """List the schedules, in the order of their names."""
    return get(("api", "schedules"), ScheduleList)


def show(name: str) -> Request[ScheduleRecord]:
    """Show a schedule: when it starts something next, and what became of its last ten starts."""
    return get(("api", "schedules", name), ScheduleRecord)


class ScheduleFields(TypedDict, total=False):
    """What can be different in a schedule, as for :func:`create`.

    Attributes:
        goal: What is to be different in its goal.
        cron: When: cron expressions.
        every_seconds: When: every so many seconds.
        offset_seconds: So many seconds after each of these.
        time_zone: The time zone of cron.
        jitter_seconds: Each start is put off by a chance part of this.
        start_at: Nothing is started before; ``None`` for no such time.
        end_at: Nothing is started after; likewise.
        overlap: What becomes of a start while the one before it runs.
        catch_up_seconds: How late a start may be.
        pause_on_failure: Pause it when a goal of it fails.
        only_if_changed: Start nothing when what the goal names is as it was.
        on_success: What is started next when the goal has completed.
    """

    goal: GoalChanges | Mapping[str, JsonValue] | None
    cron: Sequence[str]
    every_seconds: int | None
    offset_seconds: int
    time_zone: str
    jitter_seconds: int
    start_at: datetime | None
    end_at: datetime | None
    overlap: OverlapPolicy | str
    catch_up_seconds: int
    pause_on_failure: bool
    only_if_changed: bool
    on_success: Sequence[GoalContent]


def update(name: str, **changes: Unpack[ScheduleFields]) -> Request[ScheduleRecord]:
    """Change a schedule: what is given, and nothing else.

    Args:
        name: The schedule.
        **changes: What is to be different; ``cron`` takes the place of ``every_seconds``, and the
            other way round.
    """
    given: dict[str, object] = {**changes}
    if "on_success" in changes:
        given["on_success"] = tuple(map(_request, changes["on_success"]))
    body = ScheduleChanges.model_validate(given)
    sent: JsonValue = body.model_dump(mode="json", exclude_unset=True)
    return Request("PATCH", path("api", "schedules", name), parser(ScheduleRecord), body=sent)


def pause(name: str) -> Request[ScheduleRecord]:
    """Pause a schedule: it starts nothing by itself until it is resumed."""
    return post(("api", "schedules", name, "pause"), ScheduleRecord, repeatable=True)


def resume(name: str) -> Request[ScheduleRecord]:
    """Resume a schedule; what it would have started meanwhile is left out."""
    return post(("api", "schedules", name, "resume"), ScheduleRecord, repeatable=True)


def trigger(name: str) -> Request[ScheduleRecord]:
    """Have a schedule start its goal now, or once the one that runs has ended."""
    return post(("api", "schedules", name, "trigger"), ScheduleRecord)


def backfill(name: str, *, start_at: datetime, end_at: datetime) -> Request[BackfillResponse]:
    """Have a schedule start what it would have started in a time that is over, 500 at most.

    Args:
        name: The schedule.
        start_at: The beginning, with its time zone; a start at it counts.
        end_at: The end; a start at it counts.
    """
    body = BackfillRequest(start_at=start_at, end_at=end_at)
    return post(("api", "schedules", name, "backfill"), BackfillResponse, body)


def delete(name: str) -> Request[None]:
    """Delete a schedule; goals that it has started go on."""
    return Request("DELETE", path("api", "schedules", name), nothing)
