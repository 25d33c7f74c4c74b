"""The same agent three times, of three libraries: it looks two things up, then one more, and sums
up; and the script of the endpoint that they ask."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from perdure.agents import AgentSpec
from perdure.testing import ChatRequest, Reply, ToolCall, calls, says

LIBRARIES: Final = ("pydantic-ai", "openai-agents", "langgraph")
ANSWER: Final = "Oslo has 700,000 people."

Tool = Callable[[str], Any]


def script(asked: ChatRequest) -> Reply:
    """Call two tools at once, then the slow one, and then answer."""
    answered = sum(message["role"] == "tool" for message in asked.messages)
    if answered == 0:
        return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("count", {"what": "Oslo"}))
    if answered == 2:
        return calls(ToolCall("slow", {"what": "Oslo"}))
    return says(ANSWER)


class Tools:
    """Three tools that note in a file that they were done; the first call of ``slow`` halts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def find(self, what: str) -> str:
        """Find a place."""
        return self._note("find", what)

    def count(self, what: str) -> str:
        """Count the people of a place."""
        return self._note("count", what)

    async def slow(self, what: str) -> str:
        """Take long."""
        halts = self._folder / "halts"
        if halts.exists():
            halts.rename(self._folder / "halted")
            await asyncio.Event().wait()
        return self._note("slow", what)

    def _note(self, name: str, what: str) -> str:
        with (self._folder / "done").open("a") as file:
            file.write(f"{name} {what} {os.getpid()}\n")
        return f"{name} of {what} is done"


def library_agent(library: str, tools: Tools) -> AgentSpec:
    """Return an agent of a library; it asks the model that PERDURE_MODEL names."""
    return {"pydantic-ai": _pydantic_ai, "openai-agents": _openai, "langgraph": _langgraph}[
        library
    ](tools)


def _pydantic_ai(tools: Tools) -> AgentSpec:
    from pydantic_ai import Agent

    from perdure.adapters.pydantic_ai import durable

    agent = Agent(tools=[tools.find, tools.count, tools.slow])
    return durable(agent, name="guide", description="Tells of places.")


def _openai(tools: Tools) -> AgentSpec:
    from agents import Agent, function_tool

    from perdure.adapters.openai_agents import durable

    functions = [function_tool(tool) for tool in (tools.find, tools.count, tools.slow)]
    agent = Agent(name="Guide", tools=[*functions])
    return durable(agent, name="guide", description="Tells of places.")


def _langgraph(tools: Tools) -> AgentSpec:
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode, tools_condition

    from perdure.adapters.langgraph import durable

    functions = [tool(one) for one in (tools.find, tools.count, tools.slow)]
    # Its connections are kept by address, for the life of the process.
    model = ChatOpenAI(
        model="scripted", base_url=os.environ["OPENAI_BASE_URL"], max_retries=0
    ).bind_tools(functions)

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_node("tools", ToolNode(functions))
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", tools_condition)
    builder.add_edge("tools", "think")
    return durable(builder.compile(), name="guide", description="Tells of places.")
