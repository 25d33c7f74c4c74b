"""What is the OpenAI Agents SDK's own: handoffs, agents as tools, approvals, structured output."""

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from agents import (
    Agent,
    LocalShellTool,
    OpenAIChatCompletionsModel,
    RunConfig,
    RunContextWrapper,
    Runner,
    function_tool,
    handoff,
)
from agents.exceptions import MaxTurnsExceeded
from openai import AsyncOpenAI
from pydantic import BaseModel

from perdure.adapters.openai_agents import durable
from perdure.agents import AgentSpec, PermanentError
from perdure.agents.steps.run_closed import Suspended
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls, says
from tests.support.agent_executions import AgentExecutions

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve


class City(BaseModel):
    name: str
    people: int


class Wish(BaseModel):
    most: int = 10


def durable_agent(agent: Agent[Any], **more: Any) -> AgentSpec:
    return durable(agent, name="guide", description="Tells of places.", **more)


def own_model(server: ModelServer) -> OpenAIChatCompletionsModel:
    client = AsyncOpenAI(base_url=server.url, api_key="k", max_retries=0)
    return OpenAIChatCompletionsModel("its-own", client)


async def test_structured_output_is_the_results_data(serve: "Serve") -> None:
    serve([says('{"name": "Oslo", "people": 700000}')])
    result = await AgentExecutions(
        durable_agent(Agent(name="Guide", output_type=City))
    ).execute_twice()
    assert result.data == {"name": "Oslo", "people": 700_000}


@pytest.mark.parametrize("by_function", [True, False])
async def test_whom_it_hands_off_to_is_durable_too(serve: "Serve", by_function: bool) -> None:
    done: list[str] = []

    @function_tool
    async def count(what: str) -> int:
        done.append(what)
        return 7

    def script(request: ChatRequest) -> Reply:
        tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
        if "transfer_to_counter" in tools:
            return calls(ToolCall("transfer_to_counter"))
        if request.last != "7":
            return calls(ToolCall("count", {"what": "Oslo"}))
        return says("Seven.")

    server = serve(script)
    counter: Agent[Any] = Agent(name="counter", model=own_model(server), tools=[count])
    first: Agent[Any] = Agent(name="first", handoffs=[handoff(counter) if by_function else counter])
    counter.handoffs.append(first)  # back again: the agents form a ring
    counter.handoffs.clear()
    executions = AgentExecutions(durable_agent(first))
    result = await executions.execute_twice()
    assert result.summary == "Seven."
    assert done == ["Oslo"]
    assert [request.model for request in server.requests] == ["scripted", "its-own", "its-own"]
    assert result.usage.tokens_used == server.billed
    called = [data["tool"] for data in executions.events("tool.called")]
    assert called == ["transfer_to_counter", "count"]
    assert [data["tool"] for data in executions.events("tool.returned")] == called


async def test_an_agent_that_is_a_tool_is_durable_step_by_step(serve: "Serve") -> None:
    done: list[str] = []

    @function_tool
    async def count(what: str) -> int:
        done.append(what)
        return 7

    def script(request: ChatRequest) -> Reply:
        tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
        if "ask_counter" in tools:
            tool_answered = request.messages[-1]["role"] == "tool"
            return (
                says(request.last)
                if tool_answered
                else calls(ToolCall("ask_counter", {"input": "Oslo"}))
            )
        return says("Seven.") if request.last == "7" else calls(ToolCall("count", {"what": "Oslo"}))

    server = serve(script)
    for fenced_after in itertools.count(1):
        done.clear()
        counter: Agent[Any] = Agent(name="counter", tools=[count])
        tool = counter.as_tool("ask_counter", "Counts.")
        executions = AgentExecutions(durable_agent(Agent(name="first", tools=[tool])))
        before = len(server.requests)
        result = await executions.execute_fenced(fenced_after)
        if result is None:
            break
        assert result.summary == "Seven."
        assert (len(server.requests) - before, done) == (4, ["Oslo"])
    assert fenced_after > 5


@pytest.mark.parametrize("approved", [True, False])
async def test_a_tool_that_needs_approval_asks_and_parks(serve: "Serve", approved: bool) -> None:
    published: list[str] = []

    @function_tool(needs_approval=True)
    async def publish(text: str) -> str:
        published.append(text)
        return "published"

    def script(request: ChatRequest) -> Reply:
        tool_answered = request.messages[-1]["role"] == "tool"
        return says(request.last) if tool_answered else calls(ToolCall("publish", {"text": "News"}))

    server = serve(script)
    executions = AgentExecutions(durable_agent(Agent(name="Guide", tools=[publish])))
    with pytest.raises(Suspended):
        await executions.execute()
    assert published == []
    executions.decisions = {"Call the tool publish?": approved}
    result = await executions.execute_twice()
    assert result.summary == ("published" if approved else "The tool call was denied.")
    assert published == (["News"] if approved else [])
    assert len(server.requests) == 2


async def test_tools_get_a_context_and_their_failures_are_told_to_the_model(serve: "Serve") -> None:
    tried: list[int] = []

    @function_tool
    async def fail(context: RunContextWrapper[Wish]) -> str:
        tried.append(context.context.most)
        raise ValueError("no such place")

    def script(request: ChatRequest) -> Reply:
        return (
            says(request.last)
            if request.messages[-1]["role"] == "tool"
            else calls(ToolCall("fail"))
        )

    serve(script)
    executions = AgentExecutions(durable_agent(Agent(name="Guide", tools=[fail]), parameters=Wish))
    result = await executions.execute_twice()
    assert "error occurred" in result.summary
    assert [data["error"] for data in executions.events("tool.returned")] == ["no such place"]
    assert tried == [10]


async def test_a_tool_whose_time_is_over_stays_so(serve: "Serve") -> None:
    import asyncio

    tried: list[str] = []

    @function_tool(timeout=0.05)
    async def slow(what: str) -> str:
        tried.append(what)
        await asyncio.sleep(60 if len(tried) == 1 else 0)
        return "quick this time"

    def script(request: ChatRequest) -> Reply:
        tool_answered = request.messages[-1]["role"] == "tool"
        return says(request.last) if tool_answered else calls(ToolCall("slow", {"what": "Oslo"}))

    serve(script)
    result = await AgentExecutions(durable_agent(Agent(name="Guide", tools=[slow]))).execute_twice()
    assert "timed out" in result.summary
    assert tried == ["Oslo"]


async def test_an_agent_that_never_ends_is_stopped(serve: "Serve") -> None:
    @function_tool
    async def more() -> str:
        return "more"

    server = serve(lambda _: calls(ToolCall("more")))
    with pytest.raises(MaxTurnsExceeded):
        await AgentExecutions(
            durable_agent(Agent(name="Guide", tools=[more]), max_turns=3)
        ).execute()
    assert len(server.requests) == 3


async def test_outside_of_a_goal_the_agent_does_what_it_did(serve: "Serve") -> None:
    @function_tool
    async def find(what: str) -> str:
        return f"{what} found"

    def script(request: ChatRequest) -> Reply:
        tool_answered = request.messages[-1]["role"] == "tool"
        return says(request.last) if tool_answered else calls(ToolCall("find", {"what": "Oslo"}))

    server = serve(script)
    agent: Agent[Any] = Agent(name="Guide", model=own_model(server), tools=[find])
    durable_agent(agent)
    durable_agent(agent)
    for _ in range(2):
        done = await Runner.run(agent, "Hi", run_config=RunConfig(tracing_disabled=True))
        assert done.final_output == "Oslo found"
    assert len(server.requests) == 4


async def test_what_cannot_be_journaled_is_refused() -> None:
    async def run_in_shell(_: object) -> str:
        return ""

    shell: Agent[Any] = Agent(name="Sheller", tools=[LocalShellTool(executor=run_in_shell)])
    with pytest.raises(ValueError, match="agent 'Sheller' has the tool 'local_shell'"):
        durable_agent(Agent(name="Guide", handoffs=[shell]))


async def test_a_vendor_that_it_cannot_ask_is_named(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic_ai.models.test import TestModel

    from perdure.agents.runs.run import Run

    serve([])
    monkeypatch.setattr(Run, "model", property(lambda run: run.durable(TestModel())))
    with pytest.raises(PermanentError, match="speaks none of OpenAI's protocols"):
        await AgentExecutions(durable_agent(Agent(name="Guide"))).execute()
