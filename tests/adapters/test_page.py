"""The agents on the page about adapters, asked of a scripted endpoint as they stand there."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perdure.agents import AgentSpec
from perdure.testing import ChatRequest, Reply, ToolCall, calls, says
from tests.support.agent_executions import AgentExecutions

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve

PAGE = Path(__file__).parents[2] / "docs" / "adapters.md"
SHORT = 5
"""Lines that it takes at most to make an agent of another library durable, imports aside."""


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "example"}
    for source in examples():
        exec(compile(source, PAGE.name, "exec", dont_inherit=True), found)
    return found


def examples() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def script(request: ChatRequest) -> Reply:
    tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
    if "final_result" not in tools:
        return says("It is 42.")
    if request.messages[-1]["role"] != "tool":
        return calls(ToolCall("find"), ToolCall("publish", {"text": "News"}))
    return calls(ToolCall("final_result", {"names": ["Bergen", "Oslo"]}))


@pytest.mark.parametrize(
    ("name", "parameters", "summary"),
    [
        ("ANSWER", {}, "It is 42."),
        ("CITIES", {"country": "Norway"}, '{"names": ["Bergen", "Oslo"]}'),
        ("REPLY", {}, "It is 42."),
        ("THINK", {}, "It is 42."),
        ("PUBLISH", {}, "published"),
    ],
)
async def test_it_does_what_the_page_says(
    names: dict[str, Any],
    serve: "Serve",
    name: str,
    parameters: dict[str, Any],
    summary: str,
) -> None:
    serve(script)
    spec: AgentSpec = names[name]
    decisions = {"Call the tool publish?": True, "Publish?": True}
    executions = AgentExecutions(spec, parameters=parameters, decisions=decisions)
    assert (await executions.execute_twice()).summary == summary


async def test_it_can_be_tried_without_a_key(names: dict[str, Any], serve: "Serve") -> None:
    serve([])  # whose environment the page then replaces
    assert await names["try_it"]() == "It is 42."


def test_every_agent_on_the_page_is_asked(names: dict[str, Any]) -> None:
    specs = {name for name, value in names.items() if isinstance(value, AgentSpec)}
    assert specs == {"ANSWER", "CITIES", "REPLY", "THINK", "PUBLISH"}


def test_an_agent_becomes_durable_in_five_lines() -> None:
    for source in (examples()[0], examples()[2]):
        lines = [line for line in source.splitlines() if line.strip()]
        assert len(lines) <= SHORT, source
