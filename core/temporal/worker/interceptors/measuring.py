"""What activities record counts for their goal, and executions are measured."""

import time

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from perdure.messages import EXECUTE_ACTIVITY, ExecuteInput
from perdure.models import FailureKind
from perdure.telemetry.metrics import recording
from perdure.temporal.worker.interceptors.goal_of import goal_of


class MeasuringInterceptor(Interceptor):
    """Measures executions: how long they wait and take, and how they fail."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        """Measure each activity that executes an agent."""
        return _Measured(next)


class _Measured(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 -- the SDK's name
        found = goal_of(input.args)
        if found is None or recording.instruments() is None:
            return await super().execute_activity(input)
        with recording.of_goal(found.goal.agent_type, found.goal.tenant):
            match input.args:
                case [ExecuteInput() as task] if activity.info().activity_type == EXECUTE_ACTIVITY:
                    return await self._measure(input, task)
            return await super().execute_activity(input)

    async def _measure(self, input: ExecuteActivityInput, task: ExecuteInput) -> object:  # noqa: A002 -- the SDK's name
        info = activity.info()
        # Both are the server's: this machine's clock may be another.
        waited = info.started_time - info.current_attempt_scheduled_time
        recording.execution_begun(waited.total_seconds(), is_retry=task.after == "failure")
        started = time.monotonic()
        kind: str | None = None
        try:
            return await super().execute_activity(input)
        except ApplicationError as error:
            kind = _kind_of(error)
            raise
        finally:
            recording.execution_ended(time.monotonic() - started, kind)


def _kind_of(error: ApplicationError) -> str:
    """Return the kind of the failure in an error that an execution reports."""
    details = error.details[0] if error.details else None
    failure = details.get("failure") if isinstance(details, dict) else None
    kind = failure.get("kind") if isinstance(failure, dict) else None
    return str(kind or FailureKind.LOST_WORKER)
