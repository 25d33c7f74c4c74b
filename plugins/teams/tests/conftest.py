"""Agents for teams to be made of, and rehearsals with them."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputPath, PermanentError, Result, Run
from perdure.agents import agent as make_agent
from perdure.testing import ChatRequest, ModelServer, Rehearsal, Reply, refuses, rehearse


class Counted(BaseModel):
    limit: int = 0
    path: InputPath | None = None


@make_agent
async def echo(run: Run, goal: Goal) -> Result:
    """Says what it was asked."""
    await run.artifact("said.txt", goal.description)
    return Result(summary=f"<{goal.description}>", data={"length": len(goal.description)})


@make_agent
async def count(run: Run, goal: Goal, parameters: Counted) -> Result:
    """Counts what it was given."""
    if parameters.path is not None:
        return Result(summary=f"read {await run.step('read', _read, str(parameters.path))}")
    return Result(summary=f"limit {parameters.limit}", data={"answer": parameters.limit})


@make_agent
async def broken(run: Run, goal: Goal) -> Result:
    """Fails."""
    raise PermanentError("it is broken: mend it")


@make_agent
async def tally(run: Run, goal: Goal) -> Result:
    """Adds one in the notebook."""
    entry = await run.notebook.update("tally", lambda value: (value or 0) + 1)  # type: ignore[operator]
    return Result(summary=str(entry.value))


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


AGENTS: list[AgentSpec] = [echo, count, broken, tally]


@pytest.fixture
def rehearsed() -> Callable[..., Awaitable[Rehearsal]]:
    """Rehearse a team whose agents are those above."""
    return partial(rehearse, delegates=True, agents=AGENTS)


@pytest.fixture
def members() -> list[AgentSpec]:
    """Return the agents above."""
    return AGENTS


@pytest.fixture
def told(model_server: ModelServer) -> Callable[[Iterable[Reply]], list[str]]:
    """Return a function that scripts the model, and returns what it will have been told."""

    def script(replies: Iterable[Reply]) -> list[str]:
        left, requests = iter(replies), list[str]()

        def reply(request: ChatRequest) -> Reply:
            said = [str(message.get("content")) for message in request.messages]
            requests.append("\n".join(said))
            return next(left, refuses(400, code="script_is_over"))

        model_server.answers(reply)
        return requests

    return script
