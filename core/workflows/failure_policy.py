"""What a failed attempt means for the goal: tried again, waited for, or the end."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutError,  # noqa: A004 -- Temporal's own word
    TimeoutType,
)

with workflow.unsafe.imports_passed_through():
    from perdure.messages import STORES_AWAY, WorkflowState
    from perdure.models import Failure, FailureKind

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=10)
LONGEST_THROTTLE = timedelta(hours=1)


class Cause(StrEnum):
    """Whose fault it is that an attempt came to nothing."""

    AGENT = "agent"
    LOST_WORKER = "lost worker"
    DEAD_WORKER = "dead worker"
    STORES_AWAY = "stores away"
    THROTTLED = "throttled"


# Only the agent's own failures use up its attempts: what the installation or a provider does to a
# goal is borne much longer, and each cause for itself.
MAX_FAILURES = {
    Cause.AGENT: 3,
    Cause.LOST_WORKER: 20,
    # A process that was seen to die was killed, or the agent kills it: then the goal must end.
    Cause.DEAD_WORKER: 50,
    Cause.STORES_AWAY: 60,
    Cause.THROTTLED: 500,
}
_CAUSES = {
    FailureKind.LOST_WORKER: Cause.LOST_WORKER,
    FailureKind.STORES_AWAY: Cause.STORES_AWAY,
    FailureKind.THROTTLED: Cause.THROTTLED,
}


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that came to nothing.

    Attributes:
        failure: Why.
        cause: Whose fault it is.
        cleaned: Whether the agent's clean-up is done.
    """

    failure: Failure
    cause: Cause
    cleaned: bool = False

    def ends_the_goal(self, state: WorkflowState) -> bool:
        """Return whether the goal is given up."""
        return self.failure.permanent or state.endured[self.cause] >= MAX_FAILURES[self.cause]


def failed_attempt(
    error: ActivityError, state: WorkflowState
) -> tuple[WorkflowState, FailedAttempt]:
    """Count a failed attempt, and return where the run stands with it."""
    failed = _read(error)
    endured = state.endured | {failed.cause.value: state.endured.get(failed.cause, 0) + 1}
    # An execution that was lost, or that only waited, is the same attempt going on.
    counts = state.prepared and failed.cause is Cause.AGENT
    update = {
        "endured": endured,
        "attempt": state.attempt + counts,
        "sequence": state.sequence + state.prepared,
        "after": "failure",
    }
    return state.model_copy(update=update), failed


def returned(state: WorkflowState, *, lost: bool) -> WorkflowState:
    """Count an execution that returned.

    One that came to an end of its own is the end of what the installation did to it before.
    """
    kept = {Cause.AGENT.value: state.endured.get(Cause.AGENT, 0)}
    deaths = state.endured.get(Cause.DEAD_WORKER, 0) + 1
    endured = state.endured | {Cause.DEAD_WORKER.value: deaths} if lost else kept
    return state.model_copy(update={"sequence": state.sequence + 1, "endured": endured})


def deadly(state: WorkflowState) -> Failure | None:
    """Return why a goal is given up under which one worker after another died."""
    deaths = state.endured.get(Cause.DEAD_WORKER, 0)
    if deaths < MAX_FAILURES[Cause.DEAD_WORKER]:
        return None
    return Failure(
        type="DeadWorker",
        message=f"{deaths} workers died one after another while they ran it: see whether the agent"
        " uses up the memory or ends its process, then retry it",
        permanent=True,
        kind=FailureKind.LOST_WORKER,
    )


def pause_before(failed: FailedAttempt, state: WorkflowState) -> timedelta:
    """Return how long to wait before the next attempt.

    Doubling from one second to ten, of which at least half, drawn evenly: goals that failed
    together do not come back together. When a provider asks for a time, that time.
    """
    chance = workflow.random().random()
    if failed.failure.retry_after is not None:
        asked = timedelta(seconds=failed.failure.retry_after)
        return min(asked, LONGEST_THROTTLE) + FIRST_PAUSE * chance
    doubled = FIRST_PAUSE * 2.0 ** min(state.endured[failed.cause] - 1, 10)
    return min(doubled, LONGEST_PAUSE) * (0.5 + chance / 2)


def _read(error: ActivityError) -> FailedAttempt:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return _told(cause)
    if isinstance(cause, TimeoutError) and cause.type == TimeoutType.HEARTBEAT:
        failure = Failure(
            type="LostWorker",
            message="the worker that ran the agent stopped answering: see that workers stay up,"
            " then hand the goal in again",
            kind=FailureKind.LOST_WORKER,
        )
        return FailedAttempt(failure, Cause.LOST_WORKER)
    if isinstance(cause, TimeoutError):
        failure = Failure(
            type="TimeoutError",
            message=f"{error.activity_type} did not finish in its time: split the goal into"
            " smaller ones",
        )
        return FailedAttempt(failure, Cause.AGENT)
    failure = Failure(type=type(cause or error).__name__, message=str(cause or error))
    return FailedAttempt(failure, Cause.AGENT)


def _told(error: ApplicationError) -> FailedAttempt:
    details = error.details[0] if error.details else None
    if isinstance(details, dict) and "failure" in details:
        failure = Failure.model_validate(details["failure"])
        cause = _CAUSES.get(failure.kind, Cause.AGENT)
        return FailedAttempt(failure, cause, bool(details.get("cleaned", False)))
    failure = Failure(
        type=error.type or "ApplicationError",
        message=error.message,
        permanent=error.non_retryable,
    )
    is_away = error.type == STORES_AWAY
    return FailedAttempt(failure, Cause.STORES_AWAY if is_away else Cause.AGENT)
