"""What is LangGraph's own: nodes, checkpoints, interrupts, branches, subgraphs, plain functions."""

import asyncio
import operator
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Interrupt, Send, interrupt
from pydantic import BaseModel

from perdure.adapters.langgraph import PerdureChat, durable
from perdure.agents import AgentSpec, PermanentError, Run
from perdure.agents.steps.run_closed import Fenced, Suspended
from perdure.testing import Asked, ModelServer, Reply, ToolCall, calls, says
from tests.adapters.passing import DyingJournal, Executions

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve


class Wish(BaseModel):
    place: str
    most: int = 10


class Places(TypedDict, total=False):
    place: str
    most: int
    said: Annotated[list[str], operator.add]


def made(graph: Any, **more: Any) -> AgentSpec:
    return durable(graph, name="guide", description="Tells of places.", **more)


def model(server: ModelServer, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model="scripted", base_url=server.url, api_key="k", max_retries=0, **more)


def graph_of(state: type, **nodes: Any) -> Any:
    """Return a graph whose nodes follow each other."""
    builder: Any = StateGraph(state)
    before = START
    for name, node in nodes.items():
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    return builder.compile()


def numbered(asked: Asked) -> Reply:
    return says(f"answer {asked.number}")


async def test_a_node_that_is_cut_off_pays_nothing_twice_and_none_is_done_twice(
    serve: "Serve",
) -> None:
    """The same question three times, by one node and by the next: each has its own answer."""
    server, lives = serve(numbered), 0
    done: list[str] = []

    async def think(state: Places) -> Places:
        first = await model(server).ainvoke("Tell me")
        second = await model(server).ainvoke("Tell me")
        done.append("think")
        return {"said": [str(first.text), str(second.text)]}

    async def publish(state: Places) -> Places:
        done.append("publish")
        return {"said": [str((await model(server).ainvoke("Tell me")).text)]}

    while True:
        lives += 1
        done.clear()
        spec = made(graph_of(Places, think=think, publish=publish), parameters=Wish)
        passes = Executions(spec, parameters={"place": "Oslo"})
        journal, before = DyingJournal(lives), len(server.requests)
        try:
            await passes.once(journal)
            break
        except Fenced:
            passes.journal.steps = journal.steps
            result = await passes.once()
        assert result.data["said"] == [f"answer {before + number}" for number in (1, 2, 3)], lives
        assert (result.data["place"], result.data["most"]) == ("Oslo", 10)
        assert len(server.requests) == before + 3, lives
        assert result.usage.tokens_used == sum(r.tokens for r in server.requests[before:])
    assert lives > 6


async def test_a_finished_node_is_not_executed_again(serve: "Serve") -> None:
    serve(numbered)
    done: list[str] = []

    async def publish(state: Places) -> Places:
        done.append("publish")
        return {"said": ["published"]}

    async def fail(state: Places) -> Places:
        done.append("fail")
        if done.count("fail") == 1:
            raise OSError("the disk is full")
        return {}

    spec = made(graph_of(Places, publish=publish, fail=fail), parameters=Wish)
    passes = Executions(spec, parameters={"place": "Oslo"})
    with pytest.raises(OSError, match="the disk is full"):
        await passes.once()
    assert (await passes.twice()).data["said"] == ["published"]
    assert done == ["publish", "fail", "fail"]
    told = [progress.message for progress in passes.listener.told if hasattr(progress, "message")]
    assert told == ["publish done", "fail done"]


async def test_plain_functions_and_streams_in_nodes_are_journaled(serve: "Serve") -> None:
    server = serve(numbered)

    @tool
    def shout(what: str) -> str:
        """Shout."""
        return what.upper()

    def plain(state: Places) -> Places:
        said = model(server).invoke("In a thread").text
        return {"said": [str(shout.invoke({"what": said}))]}

    async def streaming(state: Places) -> Places:
        pieces = [piece.text async for piece in model(server).astream("As it comes")]
        return {"said": ["".join(pieces)]}

    def streaming_in_a_thread(state: Places) -> Places:
        return {"said": ["".join(piece.text for piece in model(server).stream("Hm"))]}

    graph = graph_of(Places, a=plain, b=streaming, c=streaming_in_a_thread)
    passes = Executions(made(graph, parameters=Wish), parameters={"place": "Oslo"})
    result = await passes.twice()
    assert result.data["said"] == ["ANSWER 1", "answer 2", "answer 3"]
    assert len(server.requests) == 3
    assert list(passes.listener.texts.values()) == ["answer 1", "answer 2", "answer 3"]
    assert [key.name for key in passes.journal.steps].count("tool shout") == 1


async def test_a_model_that_would_block_the_loop_is_refused(serve: "Serve") -> None:
    server = serve(numbered)

    async def blocking(state: Places) -> Places:
        return {"said": [str(model(server).invoke("Now").text)]}

    spec = made(graph_of(Places, blocking=blocking), parameters=Wish)
    with pytest.raises(PermanentError, match="call it with await and ainvoke"):
        await Executions(spec, parameters={"place": "Oslo"}).once()


async def test_branches_that_ask_the_same_have_each_their_answer(serve: "Serve") -> None:
    server = serve(numbered)

    async def ask(state: Places) -> Places:
        return {"said": [f"{state['place']}: {(await model(server).ainvoke('Hm')).text}"]}

    builder = StateGraph(Places)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(
        START, lambda _: [Send("ask", {"place": place}) for place in ("Oslo", "Rome", "Bonn")]
    )
    spec = made(builder.compile(), parameters=Wish)
    result = await Executions(spec, parameters={"place": ""}).twice()
    said = result.data["said"]
    assert isinstance(said, list)
    assert len(set(said)) == 3
    assert len(server.requests) == 3


@pytest.mark.parametrize("approved", [True, False])
async def test_an_interrupt_asks_and_parks(serve: "Serve", approved: bool) -> None:
    server = serve(numbered)

    async def ask(state: MessagesState) -> dict[str, Any]:
        said = await model(server).ainvoke("Hm")  # LangGraph executes the node again from here
        first = interrupt({"question": "Publish?", "text": said.text})
        second = interrupt("Really?")
        return {"messages": [AIMessage(f"{said.text}: {first}, {second}")]}

    passes = Executions(made(graph_of(MessagesState, ask=ask)))
    with pytest.raises(Suspended):
        await passes.once()
    passes.decisions = {"Publish?": approved, "Really?": True}
    assert (await passes.twice()).summary == f"answer 1: {approved}, True"
    assert len(server.requests) == 1


async def test_an_interrupt_in_a_tool_leaves_the_others_done(serve: "Serve") -> None:
    done: list[str] = []

    @tool
    async def find(what: str) -> str:
        """Find."""
        done.append(f"find {what}")
        return "found"

    @tool
    async def ask(what: str) -> str:
        """Ask."""
        answer = interrupt("Which?")
        done.append(f"ask {what}")
        return str(answer)

    def script(asked: Asked) -> Reply:
        if asked.messages[-1]["role"] == "tool":
            return says(", ".join(m["content"] for m in asked.messages if m["role"] == "tool"))
        return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("ask", {"what": "Oslo"}))

    server = serve(script)
    bound = model(server).bind_tools([find, ask])

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    async def by_signal(run: Run, asked: Interrupt[Any]) -> object:
        assert asked.value == "Which?"
        return await run.wait_for("which")

    graph = graph_of(MessagesState, think=think, tools=ToolNode([find, ask]), end=think)
    passes = Executions(made(graph, answer=by_signal))
    with pytest.raises(Suspended):
        await passes.once()
    assert done == ["find Oslo"]
    passes.signals = {"which": ["the big one"]}
    assert (await passes.twice()).summary == "found, the big one"
    assert done == ["find Oslo", "ask Oslo"]
    assert len(server.requests) == 2


async def test_a_tool_whose_reply_cannot_be_read_is_not_done_again() -> None:
    """Arguments that do not fit are an error of their own kind; this one is the body's."""
    sent: list[str] = []

    @tool
    async def send(what: str) -> str:
        """Send."""
        sent.append(what)
        return Wish.model_validate({"place": None}).place

    async def think(state: MessagesState) -> dict[str, Any]:
        try:
            said = await send.ainvoke({"what": "mail"})
        except Exception as error:
            said = type(error).__name__
        if (await perdure_approves()) is not True:
            raise AssertionError
        return {"messages": [AIMessage(str(said))]}

    async def perdure_approves() -> bool:
        return bool(interrupt("Go on?"))

    passes = Executions(made(graph_of(MessagesState, think=think)))
    with pytest.raises(Suspended):
        await passes.once()
    passes.decisions = {"Go on?": True}
    assert (await passes.twice()).summary == "StepFailed"
    assert sent == ["mail"]


async def test_a_graph_within_a_graph_is_durable_node_by_node(serve: "Serve") -> None:
    server, lives = serve(numbered), 0
    done: list[str] = []

    async def think(state: Places) -> Places:
        said = str((await model(server).ainvoke("Hm")).text)
        done.append(said)
        return {"said": [said]}

    while True:
        lives += 1
        inner = graph_of(Places, first=think, second=think)
        spec = made(graph_of(Places, inner=inner, after=think), parameters=Wish)
        passes = Executions(spec, parameters={"place": "Oslo"})
        journal, before = DyingJournal(lives), len(server.requests)
        try:
            await passes.once(journal)
            break
        except Fenced:
            passes.journal.steps = journal.steps
            await passes.once()
        assert len(server.requests) == before + 3, lives
    assert lives > 6


async def test_a_structured_response_is_the_results_data(serve: "Serve") -> None:
    class State(MessagesState):
        structured_response: Wish

    server = serve([says('{"place": "Oslo", "most": 3}')])
    chooser = model(server).with_structured_output(Wish)

    async def choose(state: State) -> dict[str, Any]:
        return {"structured_response": await chooser.ainvoke(state["messages"])}

    result = await Executions(made(graph_of(State, choose=choose))).twice()
    assert result.data == {"place": "Oslo", "most": 3}


async def test_inputs_and_context_can_be_given(serve: "Serve") -> None:
    from langgraph.runtime import Runtime

    class Given(TypedDict):
        run: Run

    serve(numbered)

    async def ask(state: Places, runtime: Runtime[Given]) -> Places:
        decision = await runtime.context["run"].approve("Go on?")
        return {"said": [f"{state['place']} {decision.approved}"]}

    builder = StateGraph(Places, context_schema=Given)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    spec = made(
        builder.compile(),
        inputs=lambda goal: {"place": goal.description},
        context=lambda run, _: {"run": run},
    )
    passes = Executions(spec)
    with pytest.raises(Suspended):
        await passes.once()
    passes.decisions = {"Go on?": True}
    assert (await passes.twice()).data["said"] == ["Tell me of Oslo True"]
    with pytest.raises(PermanentError, match="say what it begins with"):
        await Executions(made(builder.compile())).once()


async def test_outside_of_a_goal_models_and_tools_do_what_they_did(serve: "Serve") -> None:
    server = serve(numbered)

    @tool
    async def shout(what: str) -> str:
        """Shout."""
        return what.upper()

    asked = model(server)
    assert (await asked.ainvoke("Hm")).text == "answer 1"
    assert (await asyncio.to_thread(asked.invoke, "Hm")).text == "answer 2"
    assert "".join([piece.text async for piece in asked.astream("Hm")]) == "answer 3"
    assert await shout.ainvoke({"what": "oslo"}) == "OSLO"


async def test_perdures_own_chat_model_asks_what_is_set(serve: "Serve") -> None:
    @tool
    async def find(what: str) -> str:
        """Find."""
        return f"{what} found"

    def script(asked: Asked) -> Reply:
        tools = [one["function"]["name"] for one in asked.body.get("tools", [])]
        if "Wish" in tools:
            return calls(ToolCall("Wish", {"place": asked.last, "most": 3}))
        if asked.messages[-1]["role"] == "tool":
            return says(asked.last)
        return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("find", {"what": "Rome"}))

    server = serve(script)

    async def think(state: MessagesState) -> dict[str, Any]:
        asked = PerdureChat(temperature=0.5).bind_tools([find])
        return {"messages": [await asked.ainvoke([("system", "Hm"), *state["messages"]])]}

    def choose(state: MessagesState) -> dict[str, Any]:
        chosen = PerdureChat(max_tokens=100).with_structured_output(Wish).invoke("Oslo")
        return {"messages": [AIMessage(str(chosen))]}

    graph = graph_of(MessagesState, think=think, tools=ToolNode([find]), again=think, choose=choose)
    passes = Executions(made(graph))
    result = await passes.twice()
    assert result.summary == "place='Oslo' most=3"
    assert len(server.requests) == 3
    assert result.usage.tokens_used == server.billed
    assert list(passes.listener.texts.values()) == ["Rome found"]
    assert [data["tool"] for data in passes.noted("tool.called")] == ["find", "find", "Wish"]
    with pytest.raises(PermanentError, match="asks the model of a goal"):
        await PerdureChat().ainvoke("Hm")
