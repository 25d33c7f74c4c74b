"""What is pydantic-ai's own: structured output, retries, dependencies, approvals, pictures."""

import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, CallDeferred, ModelRetry, RunContext, ToolReturn
from pydantic_ai.messages import BinaryContent, ModelMessagesTypeAdapter

from perdure.adapters.pydantic_ai import durable
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.steps.run_closed import Suspended
from perdure.testing import ChatRequest, Reply, ToolCall, calls, says
from tests.support.agent_executions import AgentExecutions

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve


class City(BaseModel):
    name: str
    people: int = 0


class Wish(BaseModel):
    country: str
    most: int = 10


def once_called(tool: str, **arguments: str) -> Any:
    """Return a script: call one tool, and then answer what the tool returned."""

    def script(request: ChatRequest) -> Reply:
        if request.messages[-1]["role"] != "tool":
            return calls(ToolCall(tool, arguments))
        return says(f"It said {request.last}")

    return script


def durable_agent(agent: Agent[Any, Any], **more: Any) -> AgentSpec:
    return durable(agent, name="guide", description="Tells of places.", **more)


async def test_structured_output_is_the_results_data(serve: "Serve") -> None:
    serve([calls(ToolCall("final_result", {"name": "Oslo", "people": 700_000}))])
    result = await AgentExecutions(durable_agent(Agent(output_type=City))).execute_twice()
    assert result.data == {"name": "Oslo", "people": 700_000}
    assert json.loads(result.summary) == result.data


async def test_output_that_is_no_object_is_under_output(serve: "Serve") -> None:
    serve([calls(ToolCall("final_result", {"response": [1, 2]}))])
    result = await AgentExecutions(durable_agent(Agent(output_type=list[int]))).execute_twice()
    assert result.data == {"output": [1, 2]}


async def test_a_tool_that_asks_to_be_called_again_does_in_every_execution(serve: "Serve") -> None:
    asked: list[str] = []

    async def count(what: str) -> City:
        asked.append(what)
        if "fewer" not in what:
            raise ModelRetry("fewer, please")
        return City(name=what, people=7)

    def script(request: ChatRequest) -> Reply:
        tool_messages = [message for message in request.messages if message["role"] == "tool"]
        if len(tool_messages) == 2:
            return says(request.last)
        return calls(ToolCall("count", {"what": "Oslo, fewer" if tool_messages else "Oslo"}))

    server = serve(script)
    result = await AgentExecutions(durable_agent(Agent(tools=[count], retries=2))).execute_twice()
    assert json.loads(result.summary) == {"name": "Oslo, fewer", "people": 7}
    assert asked == ["Oslo", "Oslo, fewer"]
    assert len(server.requests) == 3


async def test_tools_get_the_checked_parameters_unless_told_otherwise(serve: "Serve") -> None:
    agent = Agent(deps_type=Wish)

    @agent.tool
    async def most(context: RunContext[Wish]) -> int:
        return context.deps.most

    serve(once_called("most"))
    spec = durable_agent(agent, parameters=Wish)
    assert spec.parameters is Wish
    executions = AgentExecutions(spec, parameters={"country": "Norway"})
    assert (await executions.execute_twice()).summary == "It said 10"
    (prompt, *_) = ModelMessagesTypeAdapter.validate_json(executions.files["messages.json"])
    assert '"country": "Norway"' in str(prompt.parts[0])

    def deps_of(run: Run, goal: Goal) -> Wish:
        assert run.goal.goal_id == goal.goal_id
        return Wish(country=str(goal.parameters["country"]), most=3)

    spec = durable_agent(
        agent, parameters=Wish, deps=deps_of, prompt=lambda goal: goal.description.upper()
    )
    executions = AgentExecutions(spec, parameters={"country": "Norway"})
    assert (await executions.execute_twice()).summary == "It said 3"
    assert b"TELL ME OF OSLO" in executions.files["messages.json"]


async def test_pictures_and_further_content_of_a_tool_are_journaled(serve: "Serve") -> None:
    picture = BinaryContent(b"\x89PNG\x00\xff", media_type="image/png")

    async def draw(what: str) -> ToolReturn:
        return ToolReturn(f"{what} drawn", content=["See", picture], metadata={"size": 6})

    server = serve(once_called("draw", what="Oslo"))
    server._script = lambda request: (  # a user message with the picture comes last
        says("Seen") if len(request.messages) > 2 else calls(ToolCall("draw", {"what": "Oslo"}))
    )
    executions = AgentExecutions(durable_agent(Agent(tools=[draw])))
    assert (await executions.execute_twice()).summary == "Seen"
    assert len(server.requests) == 2


async def test_bytes_and_files_of_tools_are_sent_and_shown(serve: "Serve") -> None:
    async def read(what: str) -> list[bytes]:
        return [b"\x89PNG\xff"]

    async def draw(what: str) -> BinaryContent:
        return BinaryContent(b"\x89PNG\xff", media_type="image/png")

    def script(request: ChatRequest) -> Reply:
        if any(message["role"] == "tool" for message in request.messages):
            return says("Done.")
        return calls(ToolCall("read", {"what": "Oslo"}), ToolCall("draw", {"what": "Oslo"}))

    serve(script)
    executions = AgentExecutions(durable_agent(Agent(tools=[read, draw])))
    await executions.execute_twice()
    returned = {data["tool"]: data["result"] for data in executions.events("tool.returned")}
    assert returned == {"read": '["iVBOR_8="]', "draw": "[image/png, 5 bytes]"}


@pytest.mark.parametrize("end_strategy", ["early", "exhaustive"])
async def test_calls_beside_the_output_are_not_left_open(
    serve: "Serve", end_strategy: "Literal['early', 'exhaustive']"
) -> None:
    async def find(what: str) -> str:
        return what

    async def own(run: Run, goal: Goal) -> Result:
        agent = Agent(output_type=City, tools=[find], end_strategy=end_strategy)
        return Result(summary=(await agent.run("Hi", model=run.model)).output.name)

    output = ToolCall("final_result", {"name": "Oslo"})
    serve([calls(ToolCall("find", {"what": "Oslo"}), output)])
    executions = AgentExecutions(AgentSpec(name="own", description="Finds.", agent=own))
    assert (await executions.execute_twice()).summary == "Oslo"
    (returned,) = executions.events("tool.returned")
    assert "sent no result" in str(returned["error"])


async def test_a_tool_that_ends_the_agent_has_its_error_in_the_events(serve: "Serve") -> None:
    async def find(what: str) -> str:
        raise ValueError("no such place")

    async def own(run: Run, goal: Goal) -> Result:
        return Result(summary=(await Agent(tools=[find]).run("Hi", model=run.model)).output)

    serve([calls(ToolCall("find", {"what": "Oslo"}))])
    executions = AgentExecutions(AgentSpec(name="own", description="Finds.", agent=own))
    with pytest.raises(ValueError, match="no such place"):
        await executions.execute()
    (returned,) = executions.events("tool.returned")
    assert "no such place" in str(returned["error"])


@pytest.mark.parametrize("approved", [True, False])
async def test_a_tool_that_needs_approval_asks_and_parks(serve: "Serve", approved: bool) -> None:
    published: list[str] = []
    agent: Agent[None, str] = Agent()

    @agent.tool_plain(requires_approval=True)
    async def publish(text: str) -> str:
        published.append(text)
        return "published"

    server = serve(once_called("publish", text="News"))
    executions = AgentExecutions(durable_agent(agent))
    with pytest.raises(Suspended):
        await executions.execute()
    assert published == []
    executions.decisions = {"Call the tool publish?": approved}
    result = await executions.execute_twice()
    assert result.summary == (
        "It said published" if approved else "It said The tool call was denied."
    )
    assert published == (["News"] if approved else [])
    assert len(server.requests) == 2


async def test_a_tool_that_is_done_elsewhere_waits_for_a_signal(serve: "Serve") -> None:
    async def measure(what: str) -> str:
        raise CallDeferred

    serve(once_called("measure", what="Oslo"))
    executions = AgentExecutions(durable_agent(Agent(tools=[measure])))
    with pytest.raises(Suspended):
        await executions.execute()
    executions.signals = {"measure": ["12 km"]}
    assert (await executions.execute_twice()).summary == "It said 12 km"


async def test_a_tool_that_is_no_step_may_wait(serve: "Serve") -> None:
    agent = Agent(deps_type=Run)

    @agent.tool(metadata={"durable": False})
    async def ask(context: RunContext[Run]) -> bool:
        return bool(await context.deps.approve("Really?"))

    serve(once_called("ask"))
    spec = durable_agent(agent, deps=lambda run, _: run)
    executions = AgentExecutions(spec, decisions={"Really?": True})
    assert (await executions.execute_twice()).summary == "It said true"


async def test_an_agents_own_model_is_asked_and_a_model_need_not_stream(serve: "Serve") -> None:
    server = serve([says("Hello.")])
    agent = Agent("openai-chat:its-own")
    result = await AgentExecutions(durable_agent(agent, streamed=False)).execute_twice()
    assert result.summary == "Hello."
    assert [(request.model, request.streamed) for request in server.requests] == [
        ("its-own", False)
    ]


def test_it_describes_itself() -> None:
    spec = durable_agent(Agent(), examples=["Tell me of Oslo"])
    assert (spec.name, spec.examples) == ("guide", ("Tell me of Oslo",))
    with pytest.raises(ValueError, match="lower-case words"):
        durable(Agent(), name="My Guide", description="")
