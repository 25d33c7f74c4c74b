"""The policy and the tools of each library's models."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from agents import Agent as SdkAgent

from perdure.adapters.openai_agents import durable
from perdure.agents import PolicyDenied
from perdure.agents.steps.errors import failure_from
from perdure.agents.steps.run_closed import Suspended
from perdure.models import FailureKind
from perdure.policy.policy import Policy
from perdure.policy.reading import parse_policy
from perdure.testing import ChatRequest, Reply, ToolCall, calls, says
from tests.support.agent_executions import AgentExecutions
from tests.support.library_agents import ANSWER, LIBRARIES, Tools, library_agent, script

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve

QUESTION = "Agent 'guide' calls the tool 'slow': may it?"


class AsyncTools(Tools):
    """None of them runs in a thread, which would go on when its step is let go."""

    async def count(self, what: str) -> str:  # type: ignore[override]
        """Count the people of a place."""
        return self._note("count", what)


def rule(then: str) -> Policy:
    when = "{tool: slow, parameters: {what: oslo}}"
    return parse_policy(f"rules: [{{name: one, when: {when}, then: {then}}}]", source="p.yaml")


def done(folder: Path) -> list[str]:
    return sorted(line.split()[0] for line in (folder / "done").read_text().splitlines())


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_denied_tool_is_not_called_and_the_others_not_again(
    library: str, serve: "Serve", tmp_path: Path
) -> None:
    server = serve(script)
    spec = library_agent(library, AsyncTools(tmp_path))
    executions = AgentExecutions(spec, policy=rule("deny"))
    with pytest.raises(Exception, match="rule 'one' denies that") as denied:
        await executions.execute()
    assert failure_from(denied.value).kind is FailureKind.PERMANENT
    assert done(tmp_path) == ["count", "find"]
    [event] = executions.events("policy.decided")
    assert (event["kind"], event["name"], event["outcome"]) == ("tool", "slow", "deny")
    executions.policy = None
    assert (await executions.execute()).summary == ANSWER
    assert done(tmp_path) == ["count", "find", "slow"]
    assert len(server.requests) == 3


@pytest.mark.parametrize("library", LIBRARIES)
async def test_people_are_asked_about_a_call(library: str, serve: "Serve", tmp_path: Path) -> None:
    serve(script)
    spec = library_agent(library, AsyncTools(tmp_path))
    executions = AgentExecutions(spec, policy=rule("ask"))
    with pytest.raises(Suspended):
        await executions.execute()
    assert done(tmp_path) == ["count", "find"]
    executions.decisions = {QUESTION: True}
    assert (await executions.execute()).summary == ANSWER
    assert done(tmp_path) == ["count", "find", "slow"]


@pytest.mark.parametrize("as_tool", [False, True], ids=["handoff", "agent as a tool"])
@pytest.mark.parametrize("then", ["deny", "ask"])
async def test_a_call_of_another_agent_is_judged(
    serve: "Serve", *, as_tool: bool, then: str
) -> None:
    called = "ask_counter" if as_tool else "transfer_to_counter"
    asked: list[str] = []

    def respond(request: ChatRequest) -> Reply:
        tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
        if called in tools and request.messages[-1]["role"] != "tool":
            return calls(ToolCall(called, {"input": "Oslo"} if as_tool else {}))
        if called not in tools:
            asked.append("counter")
        return says("Seven.")

    serve(respond)
    counter: SdkAgent[None] = SdkAgent(name="counter")
    first: SdkAgent[None] = (
        SdkAgent(name="first", tools=[counter.as_tool("ask_counter", "Counts.")])
        if as_tool
        else SdkAgent(name="first", handoffs=[counter])
    )
    policy = parse_policy(
        f"rules: [{{name: alone, when: {{tool: {called}}}, then: {then}}}]", source="p.yaml"
    )
    executions = AgentExecutions(durable(first, name="guide", description=""), policy=policy)
    expected = Suspended if then == "ask" else PolicyDenied
    with pytest.raises(expected):
        await executions.execute()
    assert asked == []
    if then == "ask":
        executions.decisions = {f"Agent 'guide' calls the tool '{called}': may it?": True}
    else:
        [event] = executions.events("policy.decided")
        assert (event["kind"], event["name"], event["outcome"]) == ("tool", called, then)
        executions.policy = None
    assert (await executions.execute()).summary == "Seven."
    assert asked == ["counter"]
