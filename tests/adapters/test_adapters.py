"""What all three adapters keep to, with the real libraries and a scripted endpoint over HTTP."""

import importlib
import json
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from perdure.agents import StepFailed, Usage
from perdure.models import FailureKind
from perdure.testing import (
    ChatRequest,
    ModelServer,
    Reply,
    ToolCall,
    breaks_off,
    calls,
    refuses,
    says,
)
from tests.support.agent_executions import AgentExecutions
from tests.support.chat_endpoint import ChatEndpoint
from tests.support.library_agents import ANSWER, LIBRARIES, Tools, library_agent, script
from tests.support.model_executions import BudgetLedger

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve

EXTRAS = {
    "pydantic_ai": ("pydantic_ai", "models"),
    "openai_agents": ("agents", "openai-agents"),
    "langgraph": ("langgraph.pregel", "langgraph"),
}


class AsyncTools(Tools):
    """None of them runs in a thread, which would go on when its step is let go."""

    async def count(self, what: str) -> str:  # type: ignore[override]
        """Count the people of a place."""
        return self._note("count", what)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


Begin = Callable[..., tuple[ModelServer, AgentExecutions]]


@pytest.fixture
def begin(library: str, serve: "Serve", tmp_path: Path) -> Begin:
    """Return a function that starts an endpoint, and then makes the agent that asks it."""

    def start(
        answers: Callable[[ChatRequest], Reply] | list[Reply],
    ) -> tuple[ModelServer, AgentExecutions]:
        return serve(answers), AgentExecutions(library_agent(library, AsyncTools(tmp_path)))

    return start


async def test_text_is_streamed_counted_and_answered_from_the_journal(begin: Begin) -> None:
    server, executions = begin([says(ANSWER, pieces=4)])
    result = await executions.execute_twice()
    assert result.summary == ANSWER
    assert list(executions.emitter.texts.values()) == [ANSWER]
    assert {request.streamed for request in server.requests} == {True}
    assert result.usage.tokens_used == server.billed > 0
    assert executions.ledger.spending.spent == result.usage
    assert [data["input_tokens"] for data in executions.events("usage")] == [
        result.usage.input_tokens
    ]
    assert "Tell me of Oslo" in executions.files["messages.json"].decode()
    assert ANSWER in executions.files["messages.json"].decode()


async def test_parallel_tools_are_steps(begin: Begin, tmp_path: Path) -> None:
    server, executions = begin(script)
    result = await executions.execute_twice()
    assert result.summary == ANSWER
    assert len(server.requests) == 3
    done = [line.rsplit(" ", 1)[0] for line in (tmp_path / "done").read_text().splitlines()]
    assert sorted(done) == ["count Oslo", "find Oslo", "slow Oslo"]
    names = [key.name for key in executions.journal.steps if key.name.startswith("tool ")]
    assert sorted(names) == ["tool count", "tool find", "tool slow"]
    called = [data["tool"] for data in executions.events("tool.called")]
    assert called == ["find", "count", "slow"]
    arguments = [json.loads(str(data["arguments"])) for data in executions.events("tool.called")]
    assert arguments == [{"what": "Oslo"}] * 3
    returned = executions.events("tool.returned")
    assert sorted(str(data["result"]) for data in returned) == [
        "count of Oslo is done",
        "find of Oslo is done",
        "slow of Oslo is done",
    ]
    assert all(isinstance(data["seconds"], float) for data in returned)
    calls = {data["tool_call_id"]: data["tool"] for data in executions.events("tool.called")}
    assert {data["tool_call_id"]: data["tool"] for data in returned} == calls


async def test_cut_off_after_any_step_it_pays_nothing_twice(
    library: str, serve: "Serve", tmp_path: Path
) -> None:
    server = serve(script)
    for fenced_after in count(1):
        folder = tmp_path / str(fenced_after)
        folder.mkdir()
        executions = AgentExecutions(library_agent(library, AsyncTools(folder)))
        before = len(server.requests)
        result = await executions.execute_fenced(fenced_after)
        if result is None:
            break
        paid = server.requests[before:]
        assert len({request.prompt for request in paid}) == len(paid) == 3, fenced_after
        assert result.summary == ANSWER
        assert result.usage.tokens_used == sum(request.tokens for request in paid)
        assert len((folder / "done").read_text().splitlines()) == 3, fenced_after
    assert fenced_after > 6  # three requests, three tools


async def test_a_provider_that_fails_for_a_moment_is_asked_again(begin: Begin) -> None:
    server, executions = begin([refuses(503), breaks_off("Oslo is", after=2), says(ANSWER)])
    result = await executions.execute_twice()
    assert result.summary == ANSWER
    assert len(server.requests) == 3
    assert len(executions.events("text.withdrawn")) == 1
    assert list(executions.emitter.texts.values()) == [ANSWER]
    assert result.usage.tokens_used == server.requests[-1].tokens


async def test_a_budget_limits_the_answers(begin: Begin) -> None:
    limits: list[int | None] = []

    def script(request: ChatRequest) -> Reply:
        limits.append(request.max_tokens)
        return says(ANSWER)

    server, executions = begin(script)
    executions.budget = book = BudgetLedger(tokens=2_000)
    result = await executions.execute()
    assert limits[0] is not None
    assert limits[0] < 2_000
    assert book.of("kept") == [result.usage]
    executions.journal.steps.clear()
    executions.budget = BudgetLedger(tokens=10)
    with pytest.raises(StepFailed) as failed:
        await executions.execute()
    assert failed.value.failure.kind is FailureKind.BUDGET
    assert len(server.requests) == 1


@pytest.mark.parametrize("streams", ["refused", "ignored"])
async def test_a_provider_without_streams_is_asked_as_it_can(
    library: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    streams: Literal["refused", "ignored"],
) -> None:
    chat = ChatEndpoint({"content": ANSWER}, streams=streams)
    async with chat.serve() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        executions = AgentExecutions(library_agent(library, AsyncTools(tmp_path)))
        result = await executions.execute_twice()
    assert result.summary == ANSWER
    assert chat.streamed == [True, False]
    assert executions.emitter.texts == {}
    assert result.usage.tokens_used == 18


async def test_readers_learn_of_every_call_what_came_of_it(begin: Begin) -> None:
    def script(request: ChatRequest) -> Reply:
        if request.messages[-1]["role"] == "tool":
            return says(ANSWER)
        return calls(ToolCall("find", {"wrong": 1}), ToolCall("find", {"what": "Oslo"}))

    _, executions = begin(script)
    await executions.execute()
    called = [data["tool_call_id"] for data in executions.events("tool.called")]
    returned = {data["tool_call_id"]: data for data in executions.events("tool.returned")}
    assert set(returned) == set(called)
    assert ["error" in returned[call] for call in called] == [True, False]
    assert len(executions.events("tool.returned")) == 2


@pytest.mark.parametrize(
    ("status", "kind"), [(401, FailureKind.PERMANENT), (429, FailureKind.THROTTLED)]
)
async def test_what_a_provider_refuses_is_the_goals_failure(
    begin: Begin, status: int, kind: FailureKind
) -> None:
    server, executions = begin([refuses(status, retry_after=600)])
    with pytest.raises(StepFailed) as failed:
        await executions.execute()
    assert failed.value.failure.kind is kind
    assert failed.value.failure.status == status
    assert len(server.requests) == 1
    assert executions.ledger.spending.spent == Usage()
    failures = [step for step in executions.journal.steps.values() if step.failure is not None]
    assert failures == []  # the next attempt asks again


@pytest.mark.parametrize("name", EXTRAS)
def test_without_its_library_it_says_which_extra_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed, extra = EXTRAS[name]
    for module in list(sys.modules):
        if module.startswith(f"perdure.adapters.{name}"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, needed, None)  # cannot be imported
    with pytest.raises(ImportError, match=rf"run pip install 'perdure\[{extra}\]'$"):
        importlib.import_module(f"perdure.adapters.{name}")
