"""What is LangGraph's own: nodes, checkpoints, interrupts, branches, subgraphs, plain functions."""

import asyncio
import operator
import threading
from itertools import count
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
from perdure.adapters.langgraph.checkpointer import STEP
from perdure.agents import AgentSpec, PermanentError, Run
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryJournal
from perdure.agents.steps.run_closed import Suspended
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls, says
from tests.support.agent_executions import AgentExecutions

if TYPE_CHECKING:
    from tests.adapters.conftest import Serve


class Wish(BaseModel):
    place: str
    most: int = 10


class Places(TypedDict, total=False):
    place: str
    most: int
    texts: Annotated[list[str], operator.add]


def durable_agent(graph: Any, **more: Any) -> AgentSpec:
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


def numbered(request: ChatRequest) -> Reply:
    return says(f"answer {request.number}")


async def test_a_node_that_is_cut_off_pays_nothing_twice_and_none_is_done_twice(
    serve: "Serve",
) -> None:
    """The same question three times, by one node and by the next: each has its own answer."""
    server = serve(numbered)
    done: list[str] = []

    async def think(state: Places) -> Places:
        first = await model(server).ainvoke("Tell me")
        second = await model(server).ainvoke("Tell me")
        done.append("think")
        return {"texts": [str(first.text), str(second.text)]}

    async def publish(state: Places) -> Places:
        done.append("publish")
        return {"texts": [str((await model(server).ainvoke("Tell me")).text)]}

    for fenced_after in count(1):
        done.clear()
        spec = durable_agent(graph_of(Places, think=think, publish=publish), parameters=Wish)
        executions = AgentExecutions(spec, parameters={"place": "Oslo"})
        before = len(server.requests)
        result = await executions.execute_fenced(fenced_after)
        if result is None:
            break
        assert result.data["texts"] == [f"answer {before + number}" for number in (1, 2, 3)], (
            fenced_after
        )
        assert (result.data["place"], result.data["most"]) == ("Oslo", 10)
        assert len(server.requests) == before + 3, fenced_after
        assert result.usage.tokens_used == sum(r.tokens for r in server.requests[before:])
    assert fenced_after > 6


async def test_a_call_that_ends_while_a_checkpoint_is_written_is_kept(serve: "Serve") -> None:
    class SlowJournal(MemoryJournal):
        async def record(self, key: StepKey, outcome: StepOutcome) -> None:
            if key.name != STEP:
                answered.set()
            elif len(server.requests) == 1 and not answered.is_set():
                gate.set()
                await answered.wait()
                await asyncio.sleep(0.01)  # the answer comes back to the graph
            await super().record(key, outcome)

    async def ask(state: Places) -> Places:
        return {"texts": [str((await model(server).ainvoke("Hm")).text)]}

    async def quick(state: Places) -> Places:
        await asyncio.to_thread(server.wait_for, 1)
        return {"texts": ["quick"]}

    gate, answered = threading.Event(), asyncio.Event()
    server, journal = serve([Reply("Oslo", gate=gate)]), SlowJournal()
    builder: Any = StateGraph(Places)
    for name, node in {"ask": ask, "quick": quick}.items():
        builder.add_node(name, node)
        builder.add_edge(START, name)
    spec = durable_agent(builder.compile(), parameters=Wish)
    executions = AgentExecutions(spec, parameters={"place": "Oslo"})
    first = await executions.execute(journal)
    assert gate.is_set()
    executions.journal.steps = journal.steps
    assert (await executions.execute()).usage == first.usage


async def test_a_finished_node_is_not_executed_again(serve: "Serve") -> None:
    serve(numbered)
    done: list[str] = []

    async def publish(state: Places) -> Places:
        done.append("publish")
        return {"texts": ["published"]}

    async def fail(state: Places) -> Places:
        done.append("fail")
        if done.count("fail") == 1:
            raise OSError("the disk is full")
        return {}

    spec = durable_agent(graph_of(Places, publish=publish, fail=fail), parameters=Wish)
    executions = AgentExecutions(spec, parameters={"place": "Oslo"})
    with pytest.raises(OSError, match="the disk is full"):
        await executions.execute()
    assert (await executions.execute_twice()).data["texts"] == ["published"]
    assert done == ["publish", "fail", "fail"]
    messages = [
        progress.message for progress in executions.emitter.emitted if hasattr(progress, "message")
    ]
    assert messages == ["publish done", "fail done"]


async def test_plain_functions_and_streams_in_nodes_are_journaled(serve: "Serve") -> None:
    server = serve(numbered)

    @tool
    def shout(what: str) -> str:
        """Shout."""
        return what.upper()

    def plain(state: Places) -> Places:
        text = model(server).invoke("In a thread").text
        return {"texts": [str(shout.invoke({"what": text}))]}

    async def streaming(state: Places) -> Places:
        pieces = [piece.text async for piece in model(server).astream("As it comes")]
        return {"texts": ["".join(pieces)]}

    def streaming_in_a_thread(state: Places) -> Places:
        return {"texts": ["".join(piece.text for piece in model(server).stream("Hm"))]}

    graph = graph_of(Places, a=plain, b=streaming, c=streaming_in_a_thread)
    executions = AgentExecutions(
        durable_agent(graph, parameters=Wish), parameters={"place": "Oslo"}
    )
    result = await executions.execute_twice()
    assert result.data["texts"] == ["ANSWER 1", "answer 2", "answer 3"]
    assert len(server.requests) == 3
    assert list(executions.emitter.texts.values()) == ["answer 1", "answer 2", "answer 3"]
    assert [key.name for key in executions.journal.steps].count("tool shout") == 1


async def test_a_model_that_would_block_the_loop_is_refused(serve: "Serve") -> None:
    server = serve(numbered)

    async def blocking(state: Places) -> Places:
        return {"texts": [str(model(server).invoke("Now").text)]}

    spec = durable_agent(graph_of(Places, blocking=blocking), parameters=Wish)
    with pytest.raises(PermanentError, match="call it with await and ainvoke"):
        await AgentExecutions(spec, parameters={"place": "Oslo"}).execute()


async def test_branches_that_ask_the_same_have_each_their_answer(serve: "Serve") -> None:
    server = serve(numbered)

    async def ask(state: Places) -> Places:
        return {"texts": [f"{state['place']}: {(await model(server).ainvoke('Hm')).text}"]}

    builder = StateGraph(Places)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(
        START, lambda _: [Send("ask", {"place": place}) for place in ("Oslo", "Rome", "Bonn")]
    )
    spec = durable_agent(builder.compile(), parameters=Wish)
    result = await AgentExecutions(spec, parameters={"place": ""}).execute_twice()
    texts = result.data["texts"]
    assert isinstance(texts, list)
    assert len(set(texts)) == 3
    assert len(server.requests) == 3


@pytest.mark.parametrize("approved", [True, False])
async def test_an_interrupt_asks_and_parks(serve: "Serve", approved: bool) -> None:
    server = serve(numbered)

    async def ask(state: MessagesState) -> dict[str, Any]:
        answer = await model(server).ainvoke("Hm")  # LangGraph executes the node again from here
        first = interrupt({"question": "Publish?", "text": answer.text})
        second = interrupt("Really?")
        return {"messages": [AIMessage(f"{answer.text}: {first}, {second}")]}

    executions = AgentExecutions(durable_agent(graph_of(MessagesState, ask=ask)))
    with pytest.raises(Suspended):
        await executions.execute()
    executions.decisions = {"Publish?": approved, "Really?": True}
    assert (await executions.execute_twice()).summary == f"answer 1: {approved}, True"
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

    def script(request: ChatRequest) -> Reply:
        if request.messages[-1]["role"] == "tool":
            return says(", ".join(m["content"] for m in request.messages if m["role"] == "tool"))
        return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("ask", {"what": "Oslo"}))

    server = serve(script)
    bound = model(server).bind_tools([find, ask])

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    async def by_signal(run: Run, interrupted: Interrupt[Any]) -> object:
        assert interrupted.value == "Which?"
        return await run.wait_for("which")

    graph = graph_of(MessagesState, think=think, tools=ToolNode([find, ask]), end=think)
    executions = AgentExecutions(durable_agent(graph, answer=by_signal))
    with pytest.raises(Suspended):
        await executions.execute()
    assert done == ["find Oslo"]
    executions.signals = {"which": ["the big one"]}
    assert (await executions.execute_twice()).summary == "found, the big one"
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
            text = await send.ainvoke({"what": "mail"})
        except Exception as error:
            text = type(error).__name__
        if (await perdure_approves()) is not True:
            raise AssertionError
        return {"messages": [AIMessage(str(text))]}

    async def perdure_approves() -> bool:
        return bool(interrupt("Go on?"))

    executions = AgentExecutions(durable_agent(graph_of(MessagesState, think=think)))
    with pytest.raises(Suspended):
        await executions.execute()
    executions.decisions = {"Go on?": True}
    assert (await executions.execute_twice()).summary == "StepFailed"
    assert sent == ["mail"]


async def test_a_graph_within_a_graph_is_durable_node_by_node(serve: "Serve") -> None:
    server = serve(numbered)
    done: list[str] = []

    async def think(state: Places) -> Places:
        text = str((await model(server).ainvoke("Hm")).text)
        done.append(text)
        return {"texts": [text]}

    for fenced_after in count(1):
        inner = graph_of(Places, first=think, second=think)
        spec = durable_agent(graph_of(Places, inner=inner, after=think), parameters=Wish)
        executions = AgentExecutions(spec, parameters={"place": "Oslo"})
        before = len(server.requests)
        if await executions.execute_fenced(fenced_after) is None:
            break
        assert len(server.requests) == before + 3, fenced_after
    assert fenced_after > 6


async def test_a_structured_response_is_the_results_data(serve: "Serve") -> None:
    class State(MessagesState):
        structured_response: Wish

    server = serve([says('{"place": "Oslo", "most": 3}')])
    chooser = model(server).with_structured_output(Wish)

    async def choose(state: State) -> dict[str, Any]:
        return {"structured_response": await chooser.ainvoke(state["messages"])}

    result = await AgentExecutions(durable_agent(graph_of(State, choose=choose))).execute_twice()
    assert result.data == {"place": "Oslo", "most": 3}


async def test_inputs_and_context_can_be_given(serve: "Serve") -> None:
    from langgraph.runtime import Runtime

    class GraphContext(TypedDict):
        run: Run

    serve(numbered)

    async def ask(state: Places, runtime: Runtime[GraphContext]) -> Places:
        decision = await runtime.context["run"].approve("Go on?")
        return {"texts": [f"{state['place']} {decision.approved}"]}

    builder = StateGraph(Places, context_schema=GraphContext)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    spec = durable_agent(
        builder.compile(),
        inputs=lambda goal: {"place": goal.description},
        context=lambda run, _: {"run": run},
    )
    executions = AgentExecutions(spec)
    with pytest.raises(Suspended):
        await executions.execute()
    executions.decisions = {"Go on?": True}
    assert (await executions.execute_twice()).data["texts"] == ["Tell me of Oslo True"]
    with pytest.raises(PermanentError, match="say what it begins with"):
        await AgentExecutions(durable_agent(builder.compile())).execute()


async def test_outside_of_a_goal_models_and_tools_do_what_they_did(serve: "Serve") -> None:
    server = serve(numbered)

    @tool
    async def shout(what: str) -> str:
        """Shout."""
        return what.upper()

    chat = model(server)
    assert (await chat.ainvoke("Hm")).text == "answer 1"
    assert (await asyncio.to_thread(chat.invoke, "Hm")).text == "answer 2"
    assert "".join([piece.text async for piece in chat.astream("Hm")]) == "answer 3"
    assert await shout.ainvoke({"what": "oslo"}) == "OSLO"


async def test_perdures_own_chat_model_asks_what_is_set(serve: "Serve") -> None:
    @tool
    async def find(what: str) -> str:
        """Find."""
        return f"{what} found"

    def script(request: ChatRequest) -> Reply:
        tools = [one["function"]["name"] for one in request.body.get("tools", [])]
        if "Wish" in tools:
            return calls(ToolCall("Wish", {"place": request.last, "most": 3}))
        if request.messages[-1]["role"] == "tool":
            return says(request.last)
        return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("find", {"what": "Rome"}))

    server = serve(script)

    async def think(state: MessagesState) -> dict[str, Any]:
        chat = PerdureChat(temperature=0.5).bind_tools([find])
        return {"messages": [await chat.ainvoke([("system", "Hm"), *state["messages"]])]}

    def choose(state: MessagesState) -> dict[str, Any]:
        chosen = PerdureChat(max_tokens=100).with_structured_output(Wish).invoke("Oslo")
        return {"messages": [AIMessage(str(chosen))]}

    graph = graph_of(MessagesState, think=think, tools=ToolNode([find]), again=think, choose=choose)
    executions = AgentExecutions(durable_agent(graph))
    result = await executions.execute_twice()
    assert result.summary == "place='Oslo' most=3"
    assert len(server.requests) == 3
    assert result.usage.tokens_used == server.billed
    assert list(executions.emitter.texts.values()) == ["Rome found"]
    assert [data["tool"] for data in executions.events("tool.called")] == ["find", "find", "Wish"]
    with pytest.raises(PermanentError, match="asks the model of a goal"):
        await PerdureChat().ainvoke("Hm")
