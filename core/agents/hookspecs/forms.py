"""The two forms of an agent: a class with three methods, or an async function."""

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import BaseModel

from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import PermanentError, no_exit
from perdure.models import Goal, Progress, Result

P = TypeVar("P", bound=BaseModel | None)
M = TypeVar("M", bound=BaseModel)

AgentFunction = (
    Callable[[Run, Goal], Awaitable[Result]] | Callable[[Run, Goal, M], Awaitable[Result]]
)
"""An async function ``(run, goal)`` or ``(run, goal, parameters)`` that returns a result."""

_GIVEN_BY_POSITION = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
}


class Agent(ABC, Generic[P]):
    """An agent, made anew for each attempt at a goal.

    Subclass it with the type of its parameters, such as ``Agent[SurveyParameters]``, or with
    ``None`` when it takes none.

    Attributes:
        run: Its surroundings: journaled steps, progress, artifacts, and the goal.
        parameters: The goal's parameters, checked; ``None`` when the agent takes none.
    """

    def __init__(self, run: Run, parameters: P) -> None:
        self.run = run
        self.parameters = parameters

    @abstractmethod
    def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Do the work, and yield how far it has come.

        Write it as ``async def`` with ``yield``. It may be run again from its first line at any
        time: do whatever costs or changes something inside ``await self.run.step(…)``.

        Args:
            description: What to achieve, in the words of the goal.
        """

    @abstractmethod
    async def get_results(self) -> Result:
        """Return what was achieved.

        After a failure or a cancellation it is called too, for what there is by then, and should
        return that without doing further work.
        """

    async def cleanup(self) -> None:
        """Release what the agent holds; called once it has ended, however it ended."""


def checked(result: object, run: Run) -> Result:
    """Return an agent's result.

    Raises:
        PermanentError: It is none.
    """
    if isinstance(result, Result):
        return result
    raise PermanentError(
        f"agent {run.goal.agent_type!r} returned {type(result).__name__}: return a"
        " perdure.agents.Result"
    )


def parameters_of(function: AgentFunction[BaseModel]) -> inspect.Parameter | None:
    """Return the argument in which an agent's function takes its parameters, if it takes one.

    Raises:
        ValueError: It can be called neither with ``(run, goal)`` nor ``(run, goal, parameters)``.
    """
    arguments = [
        argument
        for argument in inspect.signature(function).parameters.values()
        if argument.kind is not argument.KEYWORD_ONLY or argument.default is argument.empty
    ]
    if len(arguments) not in {2, 3} or any(
        argument.kind not in _GIVEN_BY_POSITION for argument in arguments
    ):
        name = getattr(function, "__qualname__", repr(function))
        shown = ", ".join(map(str, arguments))
        raise ValueError(f"{name}({shown}) must take (run, goal) or (run, goal, parameters)")
    return arguments[2] if len(arguments) == 3 else None


class FunctionAgent(Agent[BaseModel | None]):
    """An agent made of one async function ``(run, goal) -> Result``.

    Its parameters are in ``goal.parameters``, checked and completed by its parameters model, and
    the model itself is its third argument where it takes one.
    """

    def __init__(
        self, run: Run, parameters: BaseModel | None, function: AgentFunction[BaseModel]
    ) -> None:
        super().__init__(run, parameters)
        self._function = function
        self._result: Result | None = None

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Run the function, and yield what it tells through ``run.progress``."""
        # One place only: a function that tells more than is read waits for its reader.
        told: asyncio.Queue[Progress] = asyncio.Queue(1)
        self.run.divert_progress(told.put)
        outer = asyncio.current_task()
        name = outer.get_name() if outer is not None else None
        task = asyncio.create_task(self._call(description), name=name)
        reading = asyncio.create_task(told.get())
        try:
            while not task.done() or reading.done() or not told.empty():
                await asyncio.wait([task, reading], return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    progress = reading.result()
                    reading = asyncio.create_task(told.get())
                    yield progress
            self._result = checked(await task, self.run)
        finally:
            reading.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # why it was let go is known already, and is no news

    async def get_results(self) -> Result:
        """Return what the function returned, or an empty result when it did not get that far."""
        return self._result or Result()

    async def _call(self, description: str) -> Result:
        parameters = self.run.goal.parameters
        if self.parameters is not None:
            parameters = self.parameters.model_dump(mode="json")
        update = {"description": description, "parameters": parameters}
        goal = self.run.goal.model_copy(update=update)
        call: Callable[..., Awaitable[Result]] = self._function
        with no_exit():
            if parameters_of(self._function) is None:
                return await call(self.run, goal)
            return await call(self.run, goal, self.parameters)
