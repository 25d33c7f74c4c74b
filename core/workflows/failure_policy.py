"""What follows from a failure: of an attempt, and of the workflow itself.

A failed attempt of a goal is followed by another after a pause, or ends the goal. The goal then
has a result that says why, and its workflow *completes*: nothing that an agent, a provider or a
lost worker does fails a workflow. :data:`WORKFLOW_FAILURES` do, which are faults of ours: workflow
code that raises, input that cannot be read, and a history that the code of a later version no
longer replays. Temporal would repeat such a workflow task for ever. So the workflow fails, and
:data:`RETRY` starts another from the beginning: it finds the journal of the first, so every
recorded step is answered from it and nothing is paid twice.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutError,  # noqa: A004 -- Temporal's own word
    TimeoutType,
)

with workflow.unsafe.imports_passed_through():
    from perdure.messages import STORES_AWAY, WorkflowState
    from perdure.models import Failure, FailureKind

INITIAL_DELAY = timedelta(seconds=1)
MAX_DELAY = timedelta(seconds=10)
MAX_THROTTLE_DELAY = timedelta(hours=1)


class FailureCause(StrEnum):
    """What made an attempt fail."""

    AGENT = "agent"
    LOST_WORKER = "lost worker"
    DEAD_WORKER = "dead worker"
    STORES_AWAY = "stores away"
    SEALED = "sealed"
    THROTTLED = "throttled"


# Only the agent's own failures use up its attempts: those of the installation or of a provider have
# much higher limits, each cause its own.
MAX_FAILURES = {
    FailureCause.AGENT: 3,
    FailureCause.LOST_WORKER: 20,
    # A process that was seen to die was killed, or the agent kills it: then the goal must end.
    FailureCause.DEAD_WORKER: 50,
    FailureCause.STORES_AWAY: 60,
    # About a day: workers are given the missing key one after another.
    FailureCause.SEALED: 10_000,
    FailureCause.THROTTLED: 500,
}
RETRY = RetryPolicy(
    initial_interval=INITIAL_DELAY,
    backoff_coefficient=2.0,
    maximum_interval=MAX_DELAY,
    maximum_attempts=MAX_FAILURES[FailureCause.AGENT],
)
# Cancellation and continue-as-new are no Exceptions.
WORKFLOW_FAILURES = (Exception,)
# What a worker reports that was given something which its keys do not open.
_SEALED = frozenset({"KeyMissing", "Tampered"})
_CAUSES = {
    FailureKind.LOST_WORKER: FailureCause.LOST_WORKER,
    FailureKind.STORES_AWAY: FailureCause.STORES_AWAY,
    FailureKind.THROTTLED: FailureCause.THROTTLED,
}


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that failed.

    Attributes:
        failure: What happened.
        cause: What made it fail.
        cleaned: Whether the agent's clean-up is done.
    """

    failure: Failure
    cause: FailureCause
    cleaned: bool = False

    def is_final(self, state: WorkflowState) -> bool:
        """Return whether the goal fails with it."""
        return self.failure.permanent or state.failures[self.cause] >= MAX_FAILURES[self.cause]


def record_failure(
    error: ActivityError, state: WorkflowState
) -> tuple[WorkflowState, FailedAttempt]:
    """Count a failed attempt.

    Returns:
        The new state, and the attempt.
    """
    failed = _failed_attempt(error)
    failures = state.failures | {failed.cause.value: state.failures.get(failed.cause, 0) + 1}
    # An execution that was lost, or that only waited, belongs to the same attempt.
    counts = state.prepared and failed.cause is FailureCause.AGENT
    update = {
        "failures": failures,
        "attempt": state.attempt + counts,
        "sequence": state.sequence + state.prepared,
        "after": "failure",
    }
    return state.model_copy(update=update), failed


def record_execution(state: WorkflowState, *, lost: bool, gated: bool = False) -> WorkflowState:
    """Count an execution that completed its activity.

    One that ended by itself resets the counts of the installation's failures.

    Args:
        state: The state before it.
        lost: Whether it was completed for a worker that died.
        gated: Whether it had to wait, and executed nothing: then it resets no count.
    """
    if gated:
        return state.model_copy(update={"sequence": state.sequence + 1})
    agent_failures = {FailureCause.AGENT.value: state.failures.get(FailureCause.AGENT, 0)}
    deaths = state.failures.get(FailureCause.DEAD_WORKER, 0) + 1
    with_death = state.failures | {FailureCause.DEAD_WORKER.value: deaths}
    failures = with_death if lost else agent_failures
    return state.model_copy(update={"sequence": state.sequence + 1, "failures": failures})


def dead_worker_failure(state: WorkflowState) -> Failure | None:
    """Return the failure of a goal whose workers died too often in a row; ``None`` otherwise."""
    deaths = state.failures.get(FailureCause.DEAD_WORKER, 0)
    if deaths < MAX_FAILURES[FailureCause.DEAD_WORKER]:
        return None
    return Failure(
        type="DeadWorker",
        message=f"{deaths} workers died one after another while they ran it: see whether the agent"
        " uses up the memory or ends its process, then retry it",
        permanent=True,
        kind=FailureKind.LOST_WORKER,
    )


def retry_delay(failed: FailedAttempt, state: WorkflowState) -> timedelta:
    """Return how long to wait before the next attempt.

    Exponential backoff from one second to ten with jitter of up to half: goals that failed
    together are not retried together. When a provider asks for a time, that time.
    """
    jitter = workflow.random().random()
    if failed.failure.retry_after is not None:
        requested = timedelta(seconds=failed.failure.retry_after)
        return min(requested, MAX_THROTTLE_DELAY) + INITIAL_DELAY * jitter
    delay = INITIAL_DELAY * 2.0 ** min(state.failures[failed.cause] - 1, 10)
    return min(delay, MAX_DELAY) * (0.5 + jitter / 2)


def _failed_attempt(error: ActivityError) -> FailedAttempt:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return _from_application_error(cause)
    if isinstance(cause, TimeoutError) and cause.type == TimeoutType.HEARTBEAT:
        failure = Failure(
            type="LostWorker",
            message="the worker that ran the agent stopped answering: see that workers stay up,"
            " then hand the goal in again",
            kind=FailureKind.LOST_WORKER,
        )
        return FailedAttempt(failure, FailureCause.LOST_WORKER)
    if isinstance(cause, TimeoutError):
        failure = Failure(
            type="TimeoutError",
            message=f"{error.activity_type} did not finish in its time: split the goal into"
            " smaller ones",
        )
        return FailedAttempt(failure, FailureCause.AGENT)
    failure = Failure(type=type(cause or error).__name__, message=str(cause or error))
    return FailedAttempt(failure, FailureCause.AGENT)


def _from_application_error(error: ApplicationError) -> FailedAttempt:
    if isinstance(error.cause, ApplicationError) and error.cause.type in _SEALED:
        # Raised by the SDK before the activity begins, around the sentence that says which key.
        failure = Failure(type=error.cause.type, message=error.cause.message)
        return FailedAttempt(failure, FailureCause.SEALED)
    details = error.details[0] if error.details else None
    if isinstance(details, dict) and "failure" in details:
        failure = Failure.model_validate(details["failure"])
        cause = _CAUSES.get(failure.kind, FailureCause.AGENT)
        return FailedAttempt(failure, cause, bool(details.get("cleaned", False)))
    failure = Failure(
        type=error.type or "ApplicationError",
        message=error.message,
        permanent=error.non_retryable,
    )
    is_away = error.type == STORES_AWAY
    return FailedAttempt(failure, FailureCause.STORES_AWAY if is_away else FailureCause.AGENT)
