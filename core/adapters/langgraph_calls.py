"""Calls of chat models and tools within a graph, made steps of the run that executes it.

Nodes are anybody's functions, and the models and tools they use are out of sight. So LangChain's
own entry points are replaced, once a process: outside of a run they do what they did before.

A call is known by the task of the graph that makes it, its input, and how often the task has made
the same one. A task that is executed again, because it was cut off or because it waited for an
answer, takes what it was answered before.
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

from langchain_core.runnables.config import ensure_config
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_ai.models import Model
from pydantic_core import to_jsonable_python

from perdure.adapters.asking import ModelRequestOf, ask
from perdure.agents import PermanentError, Run, Usage
from perdure.agents.steps.encoding import digest_of

T = TypeVar("T")

_SERIALIZER: Final = JsonPlusSerializer()
_NOW: Final[ContextVar["Calls | None"]] = ContextVar("calls", default=None)


def _is_of_arguments(error: ValidationError) -> bool:
    """Return whether what a tool was called with does not fit it: its body was never entered."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name == "_parse_input" for frame in frames)


class Settling(Protocol):
    """What has to be durable before a call is made."""

    async def settled(self) -> None:
        """Wait until it is."""


class _Outcome(BaseModel):
    """What a call of a tool came to; ``again`` when it has to be called again to know."""

    again: bool = False
    type: str = ""
    value: str = ""


class Call(BaseModel):
    """A call that was answered.

    Attributes:
        usage: What it has used of a paid model.
        step: The name of the step that it is.
        given: That step's input.
    """

    usage: Usage = Usage()
    step: str
    given: JsonValue


class Calls:
    """The calls of one pass of a run.

    Attributes:
        run: The run.
        done: Those that were answered, in this pass or an earlier one, by what identifies them.
    """

    def __init__(self, run: Run, before: Settling) -> None:
        """Bind calls to a run.

        Args:
            run: The run.
            before: Waited for before each call: a call is known by its task, which has to be the
                same task on the next pass.
        """
        self.run = run
        self.done: dict[str, Call] = {}
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._times: Counter[str] = Counter()
        self._making: dict[str, asyncio.Future[Any]] = {}
        self._across: set[Future[Any]] = set()
        try:
            self._chosen: Model | PermanentError = run.model.wrapped
        except PermanentError as error:
            self._chosen = error  # of interest to whoever asks for it

    @property
    def chosen(self) -> Model:
        """The model that ``PERDURE_MODEL`` names, not yet durable; in any thread.

        Raises:
            PermanentError: None is named, or it cannot be used.
        """
        if isinstance(self._chosen, PermanentError):
            raise self._chosen
        return self._chosen

    @contextmanager
    def execution(self) -> Iterator[None]:
        """Execute the graph in the block: each of its tasks at most once."""
        self._times.clear()
        token = _NOW.set(self)
        try:
            yield
        finally:
            _NOW.reset(token)
            for waiting in tuple(self._across):
                waiting.cancel()

    async def retrace(self) -> None:
        """Ask for the steps of finished tasks, which were not executed again in this pass.

        A step that no pass asks for any more would look as if it had been done for nothing.
        """
        steps = self.run.steps
        for identity, call in self.done.items():
            if identity not in self._making:
                while await steps.answered(steps.key(call.step, call.given)) is not None:
                    pass  # and those of its calls that ended in an interrupt

    async def close(self) -> None:
        """Let go of the calls that are under way."""
        making = [call for call in self._making.values() if not call.done()]
        for call in making:
            call.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def model(self, request: ModelRequestOf) -> JsonValue:
        """Answer a model request; see :func:`~perdure.adapters.asking.ask`."""
        identity, number = self._identify(["model", request.model, request.shown])
        request.shown = {"task": _task(), "number": number, "shown": request.shown}

        async def make() -> JsonValue:
            made = await ask(self.run, request)
            self.done[identity] = Call(usage=made.usage, step=made.step, given=made.given)
            return made.content

        content: JsonValue = await self._made(identity, make)
        return content

    async def tool(
        self, name: str, given: object, call_id: str | None, call: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Return what a call of a tool returns, which is journaled.

        What a graph steers itself with, such as an interrupt, is raised and not journaled; nor are
        arguments that do not fit the tool.

        Raises:
            StepFailed: The call failed.
        """
        what: list[JsonValue] = [
            _task(),
            call_id or digest_of(_plain(given), what="the input of a tool"),
        ]
        identity, number = self._identify(["tool", name, what])
        raised: list[Exception] = []

        async def body(_what: object, _number: int) -> _Outcome:
            try:
                type_, value = _SERIALIZER.dumps_typed(await call())
            except (GraphBubbleUp, ValidationError) as error:
                if isinstance(error, ValidationError) and not _is_of_arguments(error):
                    raise  # the body's own: what it has done is not done again
                raised.append(error)
                return _Outcome(again=True)
            return _Outcome(type=type_, value=base64.b64encode(value).decode())

        async def make() -> Any:
            while True:
                outcome = await self.run.step(f"tool {name}", body, what, number)
                if raised:
                    raise raised[0]
                if not outcome.again:
                    self.done[identity] = Call(step=f"tool {name}", given=[[what, number], {}])
                    value = base64.b64decode(outcome.value)
                    return _SERIALIZER.loads_typed((outcome.type, value))

        return await self._made(identity, make)

    def across(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Await a call from a thread that is not the event loop's.

        Raises:
            PermanentError: It is the event loop's.
        """
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 -- without an error for none
            raise PermanentError(
                f"{what} is called in a way that blocks the event loop: call it with await and"
                " ainvoke in a node that is async"
            )
        waiting: Future[T] = asyncio.run_coroutine_threadsafe(_awaited(call), self._loop)
        self._across.add(waiting)
        try:
            return waiting.result()
        finally:
            self._across.discard(waiting)

    async def _made(self, identity: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call, unless it is made already or still under way.

        A graph lets go of a task when another one fails or waits. What the task has begun is seen
        through, and is there when the task is executed again.
        """
        making = self._making.get(identity)
        if making is None or _is_in_vain(making):
            making = asyncio.ensure_future(self._when_settled(make))
            making.add_done_callback(_is_in_vain)  # a failure that nobody waits for is no news
            self._making[identity] = making
        return await asyncio.shield(making)

    async def _when_settled(self, make: Callable[[], Awaitable[Any]]) -> Any:
        await self._before.settled()
        return await make()

    def _identify(self, call: object) -> tuple[str, int]:
        digest = digest_of([_task(), call], what="a call")
        number = self._times[digest]
        self._times[digest] += 1
        return f"{digest}:{number}", number


def calls_now() -> Calls | None:
    """Return the calls of the run that executes a graph here; ``None`` when none does."""
    return _NOW.get()


def _is_in_vain(making: "asyncio.Future[Any]") -> bool:
    return making.done() and (making.cancelled() or making.exception() is not None)


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _task() -> str:
    """Return what identifies the task of the graph that is executed here."""
    configurable = ensure_config().get("configurable", {})
    return str(configurable.get("checkpoint_ns", ""))


def _plain(given: object) -> JsonValue:
    plain: JsonValue = to_jsonable_python(given, fallback=lambda other: type(other).__qualname__)
    return plain
