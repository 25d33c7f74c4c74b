"""The workflow that a schedule starts each time: it starts the goal, and those that follow it.

The goals are children, whose records are made as those of any goal are. The schedule sees this
workflow: as long as it runs, the next one overlaps with it; when it fails, the schedule may pause;
what it returned last, the next one is given.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError, ChildWorkflowError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from perdure.messages import (
        PREPARE_SCHEDULED_ACTIVITY,
        SCHEDULED_WORKFLOW_TYPE,
        GoalOutput,
        PrepareScheduledInput,
        PrepareScheduledOutput,
        ResumedStart,
        ScheduledGoals,
        ScheduledOutput,
        scheduled_goal_id,
        task_queue,
    )
    from perdure.models import Following, Goal
    from perdure.workflows.agent_goal import HEARTBEAT_TIMEOUT, AgentGoalWorkflow
    from perdure.workflows.failure_policy import RETRY, WORKFLOW_FAILURES

# In which Temporal says for which time a schedule has started a workflow, jitter left out.
_SCHEDULED_TIME = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")

PREPARE_TIMEOUT = timedelta(minutes=10)
# The stores may be away for a while; the next time may have come by then.
PREPARE_LIMIT = timedelta(hours=1)
PREPARE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10)
)


@workflow.defn(name=SCHEDULED_WORKFLOW_TYPE, failure_exception_types=WORKFLOW_FAILURES)
class ScheduledGoalWorkflow:
    """Starts the goals of one start of a schedule."""

    @workflow.run
    async def run(self, scheduled: ScheduledGoals) -> ScheduledOutput:
        """Start the goal, wait for its end, and start what follows it.

        Args:
            scheduled: What to start.

        Raises:
            ApplicationError: A goal has failed.
        """
        last = _last_output()
        start = scheduled.resumed or _own_start()
        found, follows = last.digest, start.follows or None
        for number, asked in enumerate(scheduled.goals, start.number):
            watched = scheduled.only_if_changed and number == 0
            prepared = await self._prepare(
                PrepareScheduledInput(
                    goal=asked,
                    scheduled_at=start.scheduled_at,
                    time_zone=scheduled.time_zone,
                    follows=follows,
                    watched=watched,
                    digest=last.digest if watched else "",
                )
            )
            if prepared.goal is None:
                return ScheduledOutput(digest=last.digest, unchanged=True)
            if watched:
                found = prepared.digest
            following = _following(scheduled, start, number + 1)
            goal = prepared.goal.model_copy(update={"following": following})
            follows = await _finish(goal, number, start)
            if follows is None:  # somebody has cancelled it, who wants nothing more of it
                return ScheduledOutput(digest=last.digest)
        return ScheduledOutput(digest=found)

    async def _prepare(self, asked: PrepareScheduledInput) -> PrepareScheduledOutput:
        prepared: PrepareScheduledOutput = await workflow.execute_activity(
            PREPARE_SCHEDULED_ACTIVITY,
            asked,
            result_type=PrepareScheduledOutput,
            start_to_close_timeout=PREPARE_TIMEOUT,
            schedule_to_close_timeout=PREPARE_LIMIT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=PREPARE_RETRY,
        )
        return prepared


def _last_output() -> ScheduledOutput:
    if workflow.has_last_completion_result():
        last: ScheduledOutput | None = workflow.get_last_completion_result(ScheduledOutput)
        if last is not None:
            return last
    return ScheduledOutput()


def _own_start() -> ResumedStart:
    """Return the start that this workflow is itself."""
    info = workflow.info()
    return ResumedStart(
        follows="",
        # Without a scheduled time it was not a schedule that started this.
        scheduled_at=info.typed_search_attributes.get(_SCHEDULED_TIME) or info.start_time,
        workflow_id=info.workflow_id,
        run_id=info.first_execution_run_id,
        number=0,
    )


def _following(scheduled: ScheduledGoals, start: ResumedStart, number: int) -> Following | None:
    """Return what is left from a number on: should the goal before it fail, a retry needs it."""
    goals = scheduled.goals[number - start.number :]
    if not goals:
        return None
    return Following(
        goals=goals,
        time_zone=scheduled.time_zone,
        scheduled_at=start.scheduled_at,
        workflow_id=start.workflow_id,
        run_id=start.run_id,
        number=number,
    )


async def _finish(goal: Goal, number: int, start: ResumedStart) -> str | None:
    """Run a goal to its end, and return its workflow id; ``None`` when it was cancelled.

    Raises:
        ApplicationError: It has failed.
    """
    workflow_id = scheduled_goal_id(goal.goal_id, start.workflow_id, start.run_id, number)
    try:
        output: GoalOutput = await workflow.execute_child_workflow(
            AgentGoalWorkflow.run,
            goal,
            id=workflow_id,
            task_queue=task_queue(goal.pool),
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            retry_policy=RETRY,
        )
    except ChildWorkflowError as error:
        if not is_cancelled_exception(error):
            raise ApplicationError(
                f"{workflow_id} has ended without a result: {error.cause}",
                type="GoalFailed",
                non_retryable=True,
            ) from None
        if workflow.cancellation_reason() is not None:  # this workflow is cancelled, and with it
            raise
        return None
    if output.success:
        return workflow_id
    if output.error is None:
        return None
    raise ApplicationError(
        f"{workflow_id} failed: {output.error.message}", type="GoalFailed", non_retryable=True
    )
