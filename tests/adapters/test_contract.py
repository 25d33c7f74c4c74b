"""The contract that every agent keeps, for an agent of each library."""

from typing import Any

from perdure.adapters.langgraph import PerdureChat
from perdure.adapters.langgraph import durable as durable_graph
from perdure.adapters.openai_agents import durable as durable_openai
from perdure.adapters.pydantic_ai import durable as durable_pydantic
from perdure.testing import AgentContract, ChatRequest, Reply, ToolCall, calls, says


async def find(what: str) -> str:
    """Find a place."""
    return f"{what} is found"


def script(request: ChatRequest) -> Reply:
    """Call the tool twice at once, and then answer."""
    if request.messages[-1]["role"] == "tool":
        return says("They are found.")
    return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("find", {"what": "Rome"}))


def of_pydantic_ai() -> Any:
    from pydantic_ai import Agent

    agent = Agent(tools=[find])
    return durable_pydantic(agent, name="of-pydantic-ai", description="Finds places.")


def of_openai_agents() -> Any:
    from agents import Agent, function_tool

    agent = Agent(name="Guide", tools=[function_tool(find)])
    return durable_openai(agent, name="of-openai-agents", description="Finds places.")


def of_langgraph() -> Any:
    from langchain_core.tools import tool
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode, tools_condition

    tools = [tool(find)]

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await PerdureChat().bind_tools(tools).ainvoke(state["messages"])]}

    graph = (
        StateGraph(MessagesState)
        .add_node("think", think)
        .add_node("tools", ToolNode(tools))
        .add_edge(START, "think")
        .add_conditional_edges("think", tools_condition)
        .add_edge("tools", "think")
        .compile()
    )
    return durable_graph(graph, name="of-langgraph", description="Finds places.")


class TestPydanticAI(AgentContract):
    agent = of_pydantic_ai()
    model_script = staticmethod(script)


class TestOpenAIAgents(AgentContract):
    agent = of_openai_agents()
    model_script = staticmethod(script)


class TestLangGraph(AgentContract):
    agent = of_langgraph()
    model_script = staticmethod(script)
