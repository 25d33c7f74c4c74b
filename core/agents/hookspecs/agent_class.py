"""The base class of agents: run the work, return its result, clean up."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from pydantic import BaseModel

from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import PermanentError
from perdure.models import Progress, Result
from perdure.models.texts import MAX_NESTING, find_surrogates, is_nested_too_deeply

P = TypeVar("P", bound=BaseModel | None)


class Agent(ABC, Generic[P]):
    """An agent; a new one is created for each execution of a goal.

    Subclass it with the type of its parameters, such as ``Agent[SurveyParameters]``, or with
    ``None`` when it takes none.

    Attributes:
        run: Its run: journaled steps, progress, artifacts, and the goal.
        parameters: The goal's parameters, checked; ``None`` when the agent takes none.
    """

    def __init__(self, run: Run, parameters: P) -> None:
        self.run = run
        self.parameters = parameters

    @abstractmethod
    def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Do the work, and yield its progress.

        Write it as ``async def`` with ``yield``. It may be run again from its first line at any
        time: do whatever costs or changes something inside ``await self.run.step(…)``.

        Args:
            description: What to achieve, in the words of the goal.
        """

    @abstractmethod
    async def get_results(self) -> Result:
        """Return the result.

        It is called after a failure or a cancellation too, for what there is by then, and should
        return that without doing further work.
        """

    async def cleanup(self) -> None:
        """Release what the agent holds; called once it has ended, however it ended."""


def check_result(result: object, run: Run) -> Result:
    """Return what an agent returned, when it is a result.

    Raises:
        PermanentError: It is something else, or its data hold what JSON cannot.
    """
    if isinstance(result, Result):
        if is_nested_too_deeply([result.data, result.metadata]):
            raise PermanentError(
                f"agent {run.goal.agent_type!r} returned a result that is nested on more than"
                f" {MAX_NESTING} levels: return flatter data, or an artifact"
            )
        found = (find_surrogates(result.data, "data"), find_surrogates(result.metadata, "metadata"))
        if place := next(filter(None, found), None):
            raise PermanentError(
                f"agent {run.goal.agent_type!r} returned a result that holds half a surrogate pair"
                f" in {place}, which is no character: decode what it was made from with"
                " errors='replace'"
            )
        return result
    raise PermanentError(
        f"agent {run.goal.agent_type!r} returned {type(result).__name__}: return a"
        " perdure.agents.Result"
    )
