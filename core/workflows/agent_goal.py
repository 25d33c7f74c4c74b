"""The workflow that sees one goal through: prepare, execute, store.

It holds references, never contents, and nothing of any agent: histories replay whatever is
installed.
"""

import asyncio
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutError,  # noqa: A004 -- Temporal's own word
    TimeoutType,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ValidationError

    from holdfast.models import (
        EXECUTE_ACTIVITY,
        PREPARE_ACTIVITY,
        STORE_ACTIVITY,
        STORES_AWAY,
        WORKFLOW_TYPE,
        Executed,
        ExecuteInput,
        Failure,
        Goal,
        GoalOutput,
        GoalStatus,
        Prepared,
        ResultReference,
        StoreInput,
    )

T = TypeVar("T", bound=BaseModel)

PREPARE_TIMEOUT = timedelta(minutes=5)
EXECUTE_TIMEOUT = timedelta(minutes=30)
HEARTBEAT_TIMEOUT = timedelta(seconds=30)
STORE_TIMEOUT = timedelta(minutes=2)

MAXIMUM_ATTEMPTS = 3


class Cause(StrEnum):
    """Whose fault it is that an attempt came to nothing."""

    AGENT = "agent"
    LOST_WORKER = "lost worker"
    STORES_AWAY = "stores away"


# Only the agent's own failures use up its attempts: what the installation does to a goal is borne
# much longer, and each cause for itself.
ENDURED = {Cause.AGENT: MAXIMUM_ATTEMPTS, Cause.LOST_WORKER: 10, Cause.STORES_AWAY: 60}
RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=MAXIMUM_ATTEMPTS,
)
ONCE = RetryPolicy(maximum_attempts=1)
# A finished goal is never given up because the place for its result is full or away.
UNTIL_STORED = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
)


@workflow.defn(name=WORKFLOW_TYPE, failure_exception_types=[ValidationError])
class AgentGoalWorkflow:
    """Sees one goal through."""

    @workflow.run
    async def run(self, goal: Goal) -> GoalOutput:
        """Prepare, execute, store.

        Returns:
            Whether the agent delivered, where its result lies, and how long it took.

        Raises:
            CancelledError: The run was cancelled; what was made by then is stored.
        """
        started = workflow.now()
        try:
            error = await self._carry_out(goal)
        except BaseException as cancelled:
            if not is_cancelled_exception(cancelled):
                raise
            await _store(goal, GoalStatus.CANCELLED, None, _seconds_since(started))
            raise
        status = GoalStatus.FAILED if error else GoalStatus.COMPLETED
        execution_time = _seconds_since(started)
        result = await _store(goal, status, error, execution_time)
        return GoalOutput(
            success=error is None, result=result, execution_time=execution_time, error=error
        )

    async def _carry_out(self, goal: Goal) -> Failure | None:
        attempt = 1
        prepared = False
        endured = dict.fromkeys(Cause, 0)
        while True:
            try:
                if not prepared:
                    await _quickly(PREPARE_ACTIVITY, goal, Prepared, PREPARE_TIMEOUT, RETRY)
                    prepared = True
                executed = await workflow.execute_activity(
                    EXECUTE_ACTIVITY,
                    ExecuteInput(goal=goal, attempt=attempt),
                    result_type=Executed,
                    start_to_close_timeout=EXECUTE_TIMEOUT,
                    heartbeat_timeout=HEARTBEAT_TIMEOUT,
                    retry_policy=ONCE,
                    cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                failure, cause = _failure(error), _cause(error)
                endured[cause] += 1
                if failure.permanent or endured[cause] >= ENDURED[cause]:
                    return failure
                attempt += prepared
                await workflow.sleep(min(2.0 ** (endured[cause] - 1), 10.0))
            else:
                if not executed.yielded:
                    return None
                attempt += 1


async def _store(
    goal: Goal, status: GoalStatus, error: Failure | None, execution_time: float
) -> ResultReference:
    ended = StoreInput(goal=goal, status=status, error=error, execution_time=execution_time)
    storing = asyncio.create_task(
        _quickly(STORE_ACTIVITY, ended, ResultReference, STORE_TIMEOUT, UNTIL_STORED)
    )
    try:
        return await asyncio.shield(storing)
    except asyncio.CancelledError:
        # Too late to cancel: the run has ended, and how it ended must not be lost.
        return await storing


def _seconds_since(started: datetime) -> float:
    return round((workflow.now() - started).total_seconds(), 6)


async def _quickly(
    activity: str, argument: BaseModel, result: type[T], limit: timedelta, retry: RetryPolicy
) -> T:
    """Run an activity inside the workflow task when it is quick, as an ordinary one when not.

    As a local activity it never raises: it answers with its value, or with nothing for "later".
    Steering by its exceptions would break replay, which gives other exceptions than the live run.
    """
    answer = await workflow.execute_local_activity(
        activity,
        argument,
        result_type=result | None,  # type: ignore[arg-type]  # a union is a type to the converter
        start_to_close_timeout=limit,
        retry_policy=ONCE,
    )
    if answer is not None:
        return answer  # type: ignore[no-any-return]
    return await workflow.execute_activity(  # type: ignore[no-any-return]
        activity,
        argument,
        result_type=result,
        start_to_close_timeout=limit,
        retry_policy=retry,
    )


def _cause(error: ActivityError) -> Cause:
    if _is_lost_worker(error):
        return Cause.LOST_WORKER
    if isinstance(error.cause, ApplicationError) and error.cause.type == STORES_AWAY:
        return Cause.STORES_AWAY
    return Cause.AGENT


def _is_lost_worker(error: ActivityError) -> bool:
    return isinstance(error.cause, TimeoutError) and error.cause.type == TimeoutType.HEARTBEAT


def _failure(error: ActivityError) -> Failure:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return Failure(
            type=cause.type or "ApplicationError",
            message=cause.message,
            permanent=cause.non_retryable,
        )
    if _is_lost_worker(error):
        return Failure(
            type="LostWorker",
            message="the worker that ran the agent stopped answering: see that workers stay up,"
            " then hand the goal in again",
        )
    if isinstance(cause, TimeoutError):
        return Failure(
            type="TimeoutError",
            message=f"{error.activity_type} did not finish in its time: split the goal into"
            " smaller ones",
        )
    return Failure(type=type(cause or error).__name__, message=str(cause or error))
