"""Executions whose worker is gone have a span all the same: the next activity records it.

The workflow knows of them, and may export nothing: it is replayed. So it says so, in a header, to
the activity that it starts next. A header is no part of what a replay compares.
"""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from temporalio import activity, workflow
from temporalio.converter import default as default_converter
from temporalio.exceptions import ActivityError, TimeoutError, TimeoutType  # noqa: A004
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from perdure.messages import EXECUTE_ACTIVITY, ExecuteInput, ExecuteOutput, Message
from perdure.telemetry.traces.recording import execution_lost
from perdure.temporal.worker.interceptors.goal_of import goal_of

HEADER: Final = "perdure-lost-executions"


class LostExecution(Message):
    """An execution that has ended without a word.

    Attributes:
        run_id: The Temporal run.
        sequence: Which of its executions it was.
        began: When it was scheduled, in nanoseconds since 1970.
        ended: When that was noticed, likewise.
    """

    run_id: str
    sequence: int
    began: int
    ended: int


_LOST: Final = TypeAdapter(list[LostExecution])


class TracingInterceptor(Interceptor):
    """Has the executions of lost workers recorded."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        """Record those that an activity is told of."""
        return _RecordLost(next)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 -- the SDK's name
    ) -> type[WorkflowInboundInterceptor]:
        """Note in each workflow which executions were lost."""
        return _NoteLost


class _RecordLost(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 -- the SDK's name
        payload, found = input.headers.get(HEADER), goal_of(input.args)
        if payload is not None and found is not None:
            workflow_id = activity.info().workflow_id or ""
            text: str = default_converter().payload_converter.from_payload(payload, str)
            for lost in _LOST.validate_json(text):
                execution_lost(
                    found.goal, workflow_id, lost.run_id, lost.sequence, lost.began, lost.ended
                )
        return await super().execute_activity(input)


class _NoteLost(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_PassLostOn(outbound))


class _PassLostOn(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor) -> None:  # noqa: A002 -- the SDK's name
        super().__init__(next)
        self._lost: list[LostExecution] = []

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 -- the SDK's name
        self._pass_on(input)
        handle = super().start_activity(input)
        if input.activity == EXECUTE_ACTIVITY:
            self._watch(handle, input.args)
        return handle

    def start_local_activity(
        self,
        input: StartLocalActivityInput,  # noqa: A002 -- the SDK's name
    ) -> workflow.ActivityHandle[Any]:
        self._pass_on(input)
        return super().start_local_activity(input)

    def _pass_on(self, input: StartActivityInput | StartLocalActivityInput) -> None:  # noqa: A002
        if self._lost:
            text = _LOST.dump_json(self._lost).decode()
            payload = default_converter().payload_converter.to_payload(text)
            input.headers = {**input.headers, HEADER: payload}
            self._lost = []

    def _watch(self, handle: workflow.ActivityHandle[Any], arguments: Sequence[Any]) -> None:
        match arguments:
            case [ExecuteInput(sequence=sequence)]:
                run_id, began = workflow.info().run_id, workflow.time_ns()
            case _:
                return

        def note(ended: workflow.ActivityHandle[Any]) -> None:
            if _is_lost(ended):
                times = {"began": began, "ended": workflow.time_ns()}
                self._lost.append(LostExecution(run_id=run_id, sequence=sequence, **times))

        handle.add_done_callback(note)


def _is_lost(ended: workflow.ActivityHandle[Any]) -> bool:
    if ended.cancelled():
        return False
    error = ended.exception()
    if error is None:
        output = ended.result()
        return isinstance(output, ExecuteOutput) and output.lost
    cause = error.cause if isinstance(error, ActivityError) else None
    return isinstance(cause, TimeoutError) and cause.type == TimeoutType.HEARTBEAT
