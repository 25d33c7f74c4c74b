"""Which execution the current task is part of, where its trace is recorded."""

from contextvars import ContextVar
from datetime import datetime
from typing import Final

from perdure.telemetry.traces.goal_trace import GoalTrace, id_of

SECOND: Final = 1_000_000_000
"""In nanoseconds."""


class TracedExecution:
    """An execution of a goal.

    Attributes:
        trace: The goal's span.
        workflow_id: The run.
    """

    def __init__(self, trace: GoalTrace, workflow_id: str, run_id: str, attempt: int) -> None:
        self.trace = trace
        self.workflow_id = workflow_id
        # The attempt, since only another one repeats a step that has an outcome.
        self._steps = trace.digest("step", run_id, attempt)

    def step_id(self, name: str, identity: tuple[object, ...]) -> int:
        """Return the id of a step's span, the same in every execution of the attempt."""
        digest = self._steps.copy()
        digest.update("\0".join(("", name, *map(str, identity))).encode(errors="replace"))
        return id_of(digest)


execution: Final[ContextVar[TracedExecution | None]] = ContextVar("traced_execution", default=None)


def nanoseconds(at: datetime) -> int:
    """Return a time in nanoseconds since 1970."""
    return int(at.timestamp() * 1_000_000) * 1_000
