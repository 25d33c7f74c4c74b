"""Agents that are one async function."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from perdure.agents.hookspecs.agent_class import Agent, check_result
from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import catch_exits
from perdure.models import Goal, Progress, Result

M = TypeVar("M", bound=BaseModel)

AgentFunction = (
    Callable[[Run, Goal], Awaitable[Result]] | Callable[[Run, Goal, M], Awaitable[Result]]
)
"""An async function ``(run, goal)`` or ``(run, goal, parameters)`` that returns a result."""

_POSITIONAL = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
}


def parameters_of(function: AgentFunction[BaseModel]) -> inspect.Parameter | None:
    """Return the argument that takes an agent function's parameters; ``None`` without one.

    Raises:
        ValueError: It can be called neither with ``(run, goal)`` nor ``(run, goal, parameters)``.
    """
    arguments = [
        argument
        for argument in inspect.signature(function).parameters.values()
        if argument.kind is not argument.KEYWORD_ONLY or argument.default is argument.empty
    ]
    if len(arguments) not in {2, 3} or any(
        argument.kind not in _POSITIONAL for argument in arguments
    ):
        name = getattr(function, "__qualname__", repr(function))
        shown = ", ".join(map(str, arguments))
        raise ValueError(f"{name}({shown}) must take (run, goal) or (run, goal, parameters)")
    return arguments[2] if len(arguments) == 3 else None


class FunctionAgent(Agent[BaseModel | None]):
    """The agent of one async function ``(run, goal) -> Result``.

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
        """Run the function, and yield what it reports through ``run.progress``."""
        reports: asyncio.Queue[tuple[Progress, asyncio.Future[None]]] = asyncio.Queue()

        async def report(progress: Progress) -> None:
            # The function goes on once its reader has taken the report: what it does next, be it a
            # text or a step, is told after it.
            taken = asyncio.get_running_loop().create_future()
            reports.put_nowait((progress, taken))
            await taken

        self.run.divert_progress(report)
        outer = asyncio.current_task()
        name = outer.get_name() if outer is not None else None
        task = asyncio.create_task(self._call(description), name=name)
        next_report = asyncio.create_task(reports.get())
        try:
            while not task.done() or next_report.done() or not reports.empty():
                await asyncio.wait([task, next_report], return_when=asyncio.FIRST_COMPLETED)
                if next_report.done():
                    progress, taken = next_report.result()
                    next_report = asyncio.create_task(reports.get())
                    yield progress
                    if not taken.done():
                        taken.set_result(None)
            self._result = check_result(await task, self.run)
        finally:
            next_report.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled():
                # Retrieved, so that asyncio does not log it: why it was stopped is known already.
                task.exception()

    async def get_results(self) -> Result:
        """Return what the function returned, or an empty result when it did not return."""
        return self._result or Result()

    async def _call(self, description: str) -> Result:
        parameters = self.run.goal.parameters
        if self.parameters is not None:
            parameters = self.parameters.model_dump(mode="json")
        update = {"description": description, "parameters": parameters}
        goal = self.run.goal.model_copy(update=update)
        call: Callable[..., Awaitable[Result]] = self._function
        with catch_exits():
            if parameters_of(self._function) is None:
                return await call(self.run, goal)
            return await call(self.run, goal, self.parameters)
