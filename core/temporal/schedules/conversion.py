"""Schedules as Temporal has them, and as callers describe them."""

import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.common import Priority

from perdure.messages import SCHEDULED_WORKFLOW_TYPE, ScheduledGoals, task_queue
from perdure.models import Goal, GoalContent, beginning
from perdure.models.schedules.content import OverlapPolicy, ScheduleContent

# In which a schedule's memo, which is sealed where there are keys, holds its content as it was when
# it was created: Temporal changes no memo.
MEMO: Final = "schedule"
_CHARACTERS: Final = 16

_POLICIES: Final = {
    OverlapPolicy.SKIP: ScheduleOverlapPolicy.SKIP,
    OverlapPolicy.BUFFER_ONE: ScheduleOverlapPolicy.BUFFER_ONE,
    OverlapPolicy.BUFFER_ALL: ScheduleOverlapPolicy.BUFFER_ALL,
    OverlapPolicy.CANCEL_OTHER: ScheduleOverlapPolicy.CANCEL_OTHER,
    OverlapPolicy.TERMINATE_OTHER: ScheduleOverlapPolicy.TERMINATE_OTHER,
    OverlapPolicy.ALLOW_ALL: ScheduleOverlapPolicy.ALLOW_ALL,
}


def prefix_of(tenant: str, stores_id: str) -> str:
    """Return how the ids of a tenant's schedules begin in Temporal; they do not tell its name.

    It stays the same when encryption keys are changed: a schedule must be found again.

    Args:
        tenant: The tenant.
        stores_id: Identifies the stores: others may share the namespace.
    """
    return f"{hmac.digest(stores_id.encode(), tenant.encode(), 'sha256').hex()[:_CHARACTERS]}-"


def temporal_schedule(
    content: ScheduleContent, goals: Sequence[Goal], priority: Priority, schedule_id: str
) -> Schedule:
    """Return a schedule as Temporal takes it.

    Args:
        content: When it starts something, and how.
        goals: What: the goal and those that follow it, checked.
        priority: That of the workflow, which its goals inherit.
        schedule_id: Its id in Temporal.
    """
    intervals = []
    if content.every_seconds is not None:
        every, offset = content.every_seconds, content.offset_seconds
        intervals = [ScheduleIntervalSpec(timedelta(seconds=every), timedelta(seconds=offset))]
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SCHEDULED_WORKFLOW_TYPE,
            ScheduledGoals(
                goals=tuple(goals),
                time_zone=content.time_zone,
                only_if_changed=content.only_if_changed,
                content=listed(content),
            ),
            # Temporal adds the time.
            id=f"schedule-{schedule_id}",
            task_queue=task_queue(goals[0].pool),
            priority=priority,
        ),
        spec=ScheduleSpec(
            cron_expressions=content.cron,
            intervals=intervals,
            start_at=content.start_at,
            end_at=content.end_at,
            jitter=timedelta(seconds=content.jitter_seconds),
            time_zone_name=content.time_zone,
        ),
        policy=SchedulePolicy(
            overlap=_POLICIES[content.overlap],
            catchup_window=timedelta(seconds=content.catch_up_seconds),
            pause_on_failure=content.pause_on_failure,
        ),
    )


def overlap_by_hand(policy: OverlapPolicy) -> ScheduleOverlapPolicy:
    """Return what becomes of a start that somebody asks for while another runs: none is left out.

    It waits its turn, unless the schedule lets all run at once.
    """
    if policy is OverlapPolicy.ALLOW_ALL:
        return ScheduleOverlapPolicy.ALLOW_ALL
    return ScheduleOverlapPolicy.BUFFER_ALL


def listed(content: ScheduleContent) -> ScheduleContent:
    """Return what lists show: the beginnings of descriptions, and no parameters."""
    update = {
        "goal": _listed_goal(content.goal),
        "on_success": tuple(map(_listed_goal, content.on_success)),
    }
    return content.model_copy(update=update)


def _listed_goal(goal: GoalContent) -> GoalContent:
    return as_content(goal).model_copy(
        update={"description": beginning(goal.description), "parameters": {}}
    )


def as_content(goal: GoalContent) -> GoalContent:
    """Return what a caller says of a goal, without what the service adds."""
    return GoalContent.model_construct(
        **{name: getattr(goal, name) for name in GoalContent.model_fields}
    )


async def content_of(client: Client, described: ScheduleDescription) -> ScheduleContent:
    """Return a schedule's content, with its goals as they are started.

    Raises:
        KeyMissing: It is sealed with a key that is not given.
    """
    action = described.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    [scheduled] = await client.data_converter.decode(list(action.args), [ScheduledGoals])
    content: ScheduleContent = scheduled.content or await described.memo_value(
        MEMO, type_hint=ScheduleContent
    )
    first, *following = map(as_content, scheduled.goals)
    return content.model_copy(update={"goal": first, "on_success": tuple(following)})
