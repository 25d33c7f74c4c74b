"""What is logged while an activity runs says for which goal, run, agent and attempt."""

from structlog.contextvars import bound_contextvars
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from perdure.models import DEFAULT_TENANT
from perdure.temporal.worker.interceptors.goal_of import goal_of


class LogContextInterceptor(Interceptor):
    """Binds what an activity is for to its task, and so to the threads of its steps."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        """Bind it around each activity."""
        return _LogContext(next)


class _LogContext(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 -- the SDK's name
        found = goal_of(input.args)
        fields: dict[str, object] = {"workflow_id": activity.info().workflow_id}
        if found is not None:
            fields |= {"goal_id": found.goal.goal_id, "agent": found.goal.agent_type}
            if found.goal.tenant != DEFAULT_TENANT:
                fields["tenant"] = found.goal.tenant
            if found.attempt is not None:
                fields["attempt"] = found.attempt
        with bound_contextvars(**fields):
            return await super().execute_activity(input)
