"""The spans of the activities that prepare a goal, clean up after it and store how it ended.

Each has one, however often it is tried: a try that another one follows has none of its own, and the
span of the last one begins with the first. Those of executions are made where these are.
"""

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from perdure.messages import EXECUTE_ACTIVITY
from perdure.telemetry.traces.recording import activity as recorded_activity
from perdure.temporal.worker.interceptors.goal_of import goal_of


class ActivitySpansInterceptor(Interceptor):
    """Records activities other than executions."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        """Record each of them."""
        return _Recorded(next)


class _Recorded(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 -- the SDK's name
        info, found = activity.info(), goal_of(input.args)
        if found is None or info.activity_type == EXECUTE_ACTIVITY:
            return await super().execute_activity(input)
        with recorded_activity(
            found.goal,
            info.workflow_id or "",
            info.workflow_run_id or "",
            info.activity_type,
            info.activity_id,
            info.attempt,
            info.scheduled_time,
        ) as span:
            try:
                output = await super().execute_activity(input)
            except BaseException as error:
                if _is_repeated(error, info):
                    span.repeated()
                elif isinstance(error, ApplicationError):
                    span.fail(error.type or "ApplicationError", error.message)
                raise
            if output is None and info.is_local:
                span.repeated()  # it was not quick: the ordinary activity follows
            return output


def _is_repeated(error: BaseException, info: activity.Info) -> bool:
    """Return whether another try follows the one that has ended with this error."""
    if isinstance(error, asyncio.CancelledError):
        details = activity.cancellation_details()
        return details is None or not details.cancel_requested
    if isinstance(error, ApplicationError) and error.non_retryable:
        return False
    most = info.retry_policy.maximum_attempts if info.retry_policy is not None else 0
    return not most or info.attempt < most
