"""The workflow that sees one goal through: prepare, execute (again after each wait), store.

It holds references, never contents, and nothing of any agent: histories replay whatever is
installed.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from perdure.messages import (
        CLEAN_UP_ACTIVITY,
        EXECUTE_ACTIVITY,
        PAUSE_SIGNAL,
        PREPARE_ACTIVITY,
        RESUME_SIGNAL,
        SCHEDULED_WORKFLOW_TYPE,
        STORE_ACTIVITY,
        WAKE_SIGNAL,
        WORKFLOW_TYPE,
        ExecuteInput,
        ExecuteOutput,
        GoalOutput,
        PrepareOutput,
        ResumedStart,
        ScheduledGoals,
        StoreInput,
        Wait,
        WorkflowState,
        task_queue,
    )
    from perdure.models import Failure, FailureKind, Following, Goal, GoalStatus, ResultReference
    from perdure.workflows.failure_policy import (
        MAX_FAILURES,
        RETRY,
        WORKFLOW_FAILURES,
        FailureCause,
        dead_worker_failure,
        record_execution,
        record_failure,
        retry_delay,
    )
    from perdure.workflows.waiting import Waits

T = TypeVar("T", bound=BaseModel)

PREPARE_TIMEOUT = timedelta(minutes=5)
EXECUTE_TIMEOUT = timedelta(minutes=30)
HEARTBEAT_TIMEOUT = timedelta(seconds=30)
STORE_TIMEOUT = timedelta(minutes=2)
CLEAN_UP_TIMEOUT = timedelta(minutes=2)

# A run whose history is longer continues as new.
MAX_HISTORY_EVENTS = 4_000
# A run that waits for something else in every execution never takes an outcome, and never ends.
MAX_IDLE_WAITS = 5

NO_RETRY = RetryPolicy(maximum_attempts=1)
# A result is stored however long the disk is full or the stores are away.
STORE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
)


@workflow.defn(name=WORKFLOW_TYPE, failure_exception_types=WORKFLOW_FAILURES)
class AgentGoalWorkflow:
    """Prepares, executes and stores one goal."""

    def __init__(self) -> None:
        self._waits = Waits()
        self._paused = False
        self._cleaned = False
        self._executed = False

    @workflow.signal(name=WAKE_SIGNAL)
    def wake(self, ids: list[str]) -> None:
        """Mark waits as over; their outcomes are in the stores."""
        self._waits.woken.update(ids)

    @workflow.signal(name=PAUSE_SIGNAL)
    def pause(self) -> None:
        """Start no further execution until :meth:`resume`."""
        self._paused = True

    @workflow.signal(name=RESUME_SIGNAL)
    def resume(self) -> None:
        """Allow executions again."""
        self._paused = False

    @workflow.run
    async def run(self, goal: Goal, state: WorkflowState | None = None) -> GoalOutput:
        """Prepare, execute, store.

        Args:
            goal: The goal.
            state: The state of the run that this one continues as new.

        Returns:
            Whether the agent finished, where its result is stored, and how long it took.

        Raises:
            CancelledError: The run was cancelled; what was made by then is stored.
        """
        state = state or WorkflowState()
        started = state.started_at or workflow.now()
        self._waits.woken.update(state.woken)
        self._paused = self._paused or state.paused
        self._executed = state.sequence > 0
        status, error = GoalStatus.CANCELLED, None
        cancelled: BaseException | None = None
        try:
            error = await self._execute_until_done(goal, state, started)
            status = GoalStatus.FAILED if error else GoalStatus.COMPLETED
        except BaseException as reason:
            if not is_cancelled_exception(reason):
                raise
            cancelled = reason
        execution_time = _seconds_since(started)
        alone, following = _apart(goal)
        ended = StoreInput(goal=alone, status=status, error=error, execution_time=execution_time)
        result = await _shielded(self._end(ended))
        # A cancellation that was requested through the stores alone is unknown to Temporal.
        if cancelled is not None and workflow.cancellation_reason() is not None:
            raise cancelled
        if status is GoalStatus.COMPLETED and following is not None:
            await _start_following(following)
        return GoalOutput(
            success=status is GoalStatus.COMPLETED,
            result=result,
            execution_time=execution_time,
            error=error,
        )

    async def _execute_until_done(
        self, goal: Goal, state: WorkflowState, started: datetime
    ) -> Failure | None:
        while True:
            await workflow.wait_condition(lambda: not self._paused)
            self._continue_as_new_if_long(goal, state, started)
            try:
                if not state.prepared:
                    state = await self._prepare(goal, state)
                executed = await self._execute(goal, state)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                state, failed = record_failure(error, state)
                self._cleaned = failed.cleaned
                if workflow.cancellation_reason() is not None:
                    # It came while the attempt was failing, so nothing that follows is interrupted.
                    raise asyncio.CancelledError from None
                if failed.is_final(state):
                    return failed.failure
                await workflow.sleep(retry_delay(failed, state))
                continue
            state = record_execution(state, lost=executed.lost, gated=executed.gated)
            if executed.cancelled or workflow.cancellation_reason() is not None:
                # A cancellation that came while the execution ended is unknown to it.
                self._cleaned = executed.cleaned
                raise asyncio.CancelledError
            if executed.waits:
                state = await self._wait(executed, state)
                if state.idle >= MAX_IDLE_WAITS:
                    return _nothing_repeats()
            elif executed.yielded:
                if failure := dead_worker_failure(state):
                    return failure
                state = state.model_copy(update={"after": "yield"})
            else:
                self._cleaned = executed.cleaned
                return None

    async def _prepare(self, goal: Goal, state: WorkflowState) -> WorkflowState:
        prepared = await _run_quick_activity(
            PREPARE_ACTIVITY, goal, PrepareOutput, PREPARE_TIMEOUT, RETRY
        )
        if prepared.waits:
            await self._waits.wait_for_any(prepared.waits, _start_child)
            await workflow.wait_condition(lambda: not self._paused)
        return state.model_copy(update={"prepared": True, "stores_id": prepared.stores_id})

    async def _execute(self, goal: Goal, state: WorkflowState) -> ExecuteOutput:
        executed_before, self._executed = self._executed, True
        failures = state.failures.get(FailureCause.AGENT, 0)
        executed: ExecuteOutput = await workflow.execute_activity(
            EXECUTE_ACTIVITY,
            ExecuteInput(
                goal=_apart(goal)[0],
                attempt=state.attempt,
                sequence=state.sequence,
                continued_from=state.continued_from,
                last=failures + 1 >= MAX_FAILURES[FailureCause.AGENT],
                stores_id=state.stores_id,
                after=state.after,
            ),
            result_type=ExecuteOutput,
            start_to_close_timeout=EXECUTE_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=NO_RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        self._executed = executed_before or not executed.gated
        return executed

    async def _wait(self, executed: ExecuteOutput, state: WorkflowState) -> WorkflowState:
        await self._waits.wait_for_any(executed.waits, _start_child)
        if executed.gated:
            return state
        waited_for = tuple(sorted(wait.id for wait in executed.waits))
        # A wait is over, so the execution that follows it has an outcome to take. One that takes
        # none and waits for something else is idle, whatever steps it executed.
        follows = state.after == "wait"
        is_idle = follows and not executed.advanced and waited_for != state.waited_for
        update = {
            "after": "wait",
            "idle": state.idle + is_idle if is_idle or not follows else 0,
            "waited_for": waited_for,
        }
        return state.model_copy(update=update)

    def _continue_as_new_if_long(self, goal: Goal, state: WorkflowState, started: datetime) -> None:
        info = workflow.info()
        is_long = (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() > MAX_HISTORY_EVENTS
        )
        # Temporal reports the end of a child to the run that started it and to no later one.
        if not is_long or self._waits.has_children:
            return
        update = {
            "started_at": started,
            "continued_from": info.run_id,
            "woken": tuple(sorted(self._waits.woken)),
            "paused": self._paused,
        }
        workflow.continue_as_new(args=[goal, state.model_copy(update=update)], retry_policy=RETRY)

    async def _end(self, ended: StoreInput) -> ResultReference:
        if self._executed and not self._cleaned and workflow.patched("clean-up"):
            await _clean_up(ended.goal)
        await self._waits.end_children()
        return await _run_quick_activity(
            STORE_ACTIVITY, ended, ResultReference, STORE_TIMEOUT, STORE_RETRY
        )


async def _start_child(wait: Wait) -> workflow.ChildWorkflowHandle[AgentGoalWorkflow, GoalOutput]:
    assert wait.goal is not None
    assert wait.workflow_id is not None
    return await workflow.start_child_workflow(
        AgentGoalWorkflow.run,
        wait.goal,
        id=wait.workflow_id,
        task_queue=task_queue(wait.goal.pool),
        parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        retry_policy=RETRY,
    )


def _apart(goal: Goal) -> tuple[Goal, Following | None]:
    """Return a goal without what follows it, which concerns no agent, and that."""
    # Without a state beside it, the SDK hands it over as plain data.
    given: object = goal
    if isinstance(given, dict):
        if given.get("following") is None:
            return goal, None
        goal = Goal.model_validate(given)
    return goal.alone(), goal.following


async def _start_following(following: Following) -> None:
    """Start what follows a scheduled goal that was retried; else its parent does."""
    info = workflow.info()
    if info.parent is not None:
        return
    start = ResumedStart(
        follows=info.workflow_id,
        scheduled_at=following.scheduled_at,
        workflow_id=following.workflow_id,
        run_id=following.run_id,
        number=following.number,
    )
    await workflow.start_child_workflow(
        SCHEDULED_WORKFLOW_TYPE,
        ScheduledGoals(goals=following.goals, time_zone=following.time_zone, resumed=start),
        id=f"schedule-after-{info.workflow_id}",
        task_queue=task_queue(following.goals[0].pool),
        parent_close_policy=workflow.ParentClosePolicy.ABANDON,
    )


async def _clean_up(goal: Goal) -> None:
    try:
        await workflow.execute_activity(
            CLEAN_UP_ACTIVITY,
            goal,
            start_to_close_timeout=CLEAN_UP_TIMEOUT,
            schedule_to_close_timeout=CLEAN_UP_TIMEOUT * 3,
            retry_policy=RETRY,
        )
    except ActivityError as error:
        workflow.logger.warning("clean-up failed: %s", error.cause)


async def _shielded(coroutine: Coroutine[object, object, T]) -> T:
    """Await a coroutine to its end, even when the workflow is cancelled meanwhile."""
    task = asyncio.create_task(coroutine)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise


def _seconds_since(started: datetime) -> float:
    return round((workflow.now() - started).total_seconds(), 6)


def _nothing_repeats() -> Failure:
    return Failure(
        type="NothingRepeats",
        message=f"the agent waited for something else in each of its last {MAX_IDLE_WAITS}"
        " executions and never took an answer: ask the same again in every execution, with"
        " run.now(), run.random() and run.uuid() in place of the clock and chance",
        permanent=True,
        kind=FailureKind.PERMANENT,
    )


async def _run_quick_activity(
    activity: str, argument: BaseModel, result: type[T], limit: timedelta, retry: RetryPolicy
) -> T:
    """Run an activity as a local one, and as an ordinary one when it is not quick.

    As a local activity it never raises: it returns its value, or ``None`` for "later". Deciding
    by its exceptions would break replay, which raises other exceptions than the live run.
    """
    output = await workflow.execute_local_activity(
        activity,
        argument,
        result_type=result | None,  # type: ignore[arg-type]  # a union is a type to the converter
        start_to_close_timeout=limit,
        retry_policy=NO_RETRY,
    )
    if output is not None:
        return output  # type: ignore[no-any-return]
    return await workflow.execute_activity(  # type: ignore[no-any-return]
        activity,
        argument,
        result_type=result,
        start_to_close_timeout=limit,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=retry,
    )
