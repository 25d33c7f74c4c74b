"""Calls of chat models and tools within a graph, as steps of the run that executes it.

Nodes are anybody's functions, and the models and tools they use are out of sight. So LangChain's
own entry points are replaced, once a process: outside of a run they do what they did before.

A call is known by the task of the graph that makes it, its input, and how often the task has made
the same one. A task that is executed again, because it was cut off or because it waited for an
answer, gets the answers that it had before.
"""

import asyncio
import base64
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar

from langchain_core.messages import ToolMessage
from langchain_core.runnables.config import ensure_config
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_ai.models import Model
from pydantic_core import to_jsonable_python

from perdure.adapters.conversion.model_requests import ForeignRequest, ask_model
from perdure.adapters.conversion.tool_calls import ToolCall
from perdure.agents import PermanentError, Run, Usage
from perdure.agents.steps.encoding import digest_of

T = TypeVar("T")

_SERIALIZER: Final = JsonPlusSerializer()
_CURRENT: Final[ContextVar["GraphCalls | None"]] = ContextVar("calls", default=None)


def _is_argument_error(error: ValidationError) -> bool:
    """Return whether a tool's arguments do not fit it, so that its body was never entered."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name == "_parse_input" for frame in frames)


class Flushable(Protocol):
    """Whose writes have to be durable before a call is made."""

    async def flush(self) -> None:
        """Wait until they are."""


class _ToolOutcome(BaseModel):
    """The outcome of a call of a tool; ``again`` when it has to be called again to know."""

    again: bool = False
    type: str = ""
    value: str = ""


class CallRecord(BaseModel):
    """The record of a call that was answered, as the journal keeps it.

    Attributes:
        usage: What it has used of a paid model.
        step: The name of the step that it is.
        given: That step's input.
    """

    usage: Usage = Usage()
    step: str
    given: JsonValue


class GraphCalls:
    """The calls of models and tools that a graph makes in one execution.

    Attributes:
        run: The run.
        records: Those that were answered, in this execution or an earlier one, by their identity.
    """

    def __init__(self, run: Run, checkpoints: Flushable) -> None:
        """Bind calls to a run.

        Args:
            run: The run.
            checkpoints: Flushed before each call: a call is known by its task, which has to be
                the same task in the next execution.
        """
        self.run = run
        self.records: dict[str, CallRecord] = {}
        self._checkpoints = checkpoints
        self._loop = asyncio.get_running_loop()
        self._call_counts: Counter[str] = Counter()
        self._tasks: dict[str, asyncio.Future[Any]] = {}
        self._thread_waits: set[Future[Any]] = set()
        try:
            self._configured: Model | PermanentError = run.model.wrapped
        except PermanentError as error:
            self._configured = error  # raised when it is asked for

    @property
    def configured_model(self) -> Model:
        """The model that ``PERDURE_MODEL`` names, not yet durable; in any thread.

        Raises:
            PermanentError: None is named, or it cannot be used.
        """
        if isinstance(self._configured, PermanentError):
            raise self._configured
        return self._configured

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make steps of the graph's calls in the block, which executes each task at most once."""
        self._call_counts.clear()
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            for waiting in tuple(self._thread_waits):
                waiting.cancel()

    async def replay_finished(self) -> None:
        """Ask for the steps of finished tasks, which were not executed again this time.

        A step that is not asked for any more would look as if it had been done for nothing.
        """
        steps = self.run.steps
        for identity, call in self.records.items():
            if identity not in self._tasks:
                while await steps.recorded_outcome(steps.key(call.step, call.given)) is not None:
                    pass  # and those of its calls that ended in an interrupt

    async def close(self) -> None:
        """Cancel the calls that are in flight."""
        in_flight = [call for call in self._tasks.values() if not call.done()]
        for call in in_flight:
            call.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)

    async def call_model(self, request: ForeignRequest) -> JsonValue:
        """Answer a model request, as ``ask_model`` does."""
        identity, number = self._identify(["model", request.model, request.payload])
        # The key stays as it is in journals: a step is found by its inputs.
        request.payload = {"task": _task_id(), "number": number, "shown": request.payload}

        async def make() -> JsonValue:
            answer = await ask_model(self.run, request)
            self.records[identity] = CallRecord(
                usage=answer.usage, step=answer.step, given=answer.inputs
            )
            return answer.content

        content: JsonValue = await self._call_once(identity, make)
        return content

    async def call_tool(
        self, name: str, tool_input: object, call_id: str | None, call: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Return what a call of a tool returns, which is journaled.

        What a graph steers itself with, such as an interrupt, is raised and not journaled; nor are
        arguments that do not fit the tool.

        Raises:
            StepFailed: The call failed.
        """
        what: list[JsonValue] = [
            _task_id(),
            call_id or digest_of(_as_json(tool_input), what="the input of a tool"),
        ]
        identity, number = self._identify(["tool", name, what])
        raised: list[Exception] = []
        tool_call = ToolCall(self.run, name, call_id, _as_json(tool_input))

        async def body(_what: object, _number: int) -> _ToolOutcome:
            try:
                type_, value = _SERIALIZER.dumps_typed(await call())
            except (GraphBubbleUp, ValidationError) as error:
                if isinstance(error, ValidationError) and not _is_argument_error(error):
                    raise  # the body's own: what it has done is not done again
                raised.append(error)
                return _ToolOutcome(again=True)
            return _ToolOutcome(type=type_, value=base64.b64encode(value).decode())

        async def make() -> Any:
            while True:
                outcome = await tool_call.step(body, what, number)
                if raised:
                    raise raised[0]
                if not outcome.again:
                    self.records[identity] = CallRecord(
                        step=f"tool {name}", given=[[what, number], {}]
                    )
                    serialized = base64.b64decode(outcome.value)
                    value = _SERIALIZER.loads_typed((outcome.type, serialized))
                    shown, failed = _shown(value)
                    await tool_call.report(shown, failed=failed)
                    return value

        return await self._call_once(identity, make)

    def run_from_thread(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Run a call from a thread that is not the event loop's, and wait for it.

        Raises:
            PermanentError: It is the event loop's.
        """
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 -- without an error for none
            raise PermanentError(
                f"{what} is called in a way that blocks the event loop: call it with await and"
                " ainvoke in a node that is async"
            )
        waiting: Future[T] = asyncio.run_coroutine_threadsafe(_await(call), self._loop)
        self._thread_waits.add(waiting)
        try:
            return waiting.result()
        finally:
            self._thread_waits.discard(waiting)

    async def _call_once(self, identity: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call, unless it is made already or still in flight.

        A graph cancels a task when another one fails or waits. A call that the task has begun goes
        on, and its answer is there when the task is executed again.
        """
        task = self._tasks.get(identity)
        if task is None or _has_failed(task):
            task = asyncio.ensure_future(self._after_flush(make))
            task.add_done_callback(_has_failed)  # retrieved, so that asyncio does not log it
            self._tasks[identity] = task
        return await asyncio.shield(task)

    async def _after_flush(self, make: Callable[[], Awaitable[Any]]) -> Any:
        await self._checkpoints.flush()
        return await make()

    def _identify(self, call: object) -> tuple[str, int]:
        digest = digest_of([_task_id(), call], what="a call")
        number = self._call_counts[digest]
        self._call_counts[digest] += 1
        return f"{digest}:{number}", number


def current_calls() -> GraphCalls | None:
    """Return the calls of the run that executes a graph here; ``None`` when none does."""
    return _CURRENT.get()


def _has_failed(task: "asyncio.Future[Any]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


async def _await(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _task_id() -> str:
    """Return what identifies the task of the graph that is executed here."""
    configurable = ensure_config().get("configurable", {})
    return str(configurable.get("checkpoint_ns", ""))


def _shown(value: object) -> tuple[object, bool]:
    """Return what readers are shown of a tool's value, and whether it is a failure."""
    if isinstance(value, ToolMessage):
        return str(value.text), value.status == "error"
    return value, False


def _as_json(value: object) -> JsonValue:
    plain: JsonValue = to_jsonable_python(value, fallback=lambda other: type(other).__qualname__)
    return plain
