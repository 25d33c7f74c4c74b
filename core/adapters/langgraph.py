"""Any compiled LangGraph graph as a durable agent.

The graph's checkpoints are in the run's journal, so a node that has finished is not executed again.
Within a node each request to a chat model is a step, and so is each call of a tool: a node that is
cut off takes the answers it had. Text is streamed to whoever follows the goal, usage is counted,
and an interrupt asks people through the run, which holds no worker meanwhile.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from perdure.adapters.goals import MESSAGES_FILE, Prompt, prompt_for, result_for
from perdure.agents import AgentSpec, Goal, PermanentError, Result, Run, Usage

try:
    from langchain_core.messages import BaseMessage, HumanMessage, message_to_dict
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import Checkpoint
    from langgraph.pregel import Pregel
    from langgraph.types import Command, Interrupt, StateSnapshot

    from perdure.adapters.langgraph_calls import Call, Calls
    from perdure.adapters.langgraph_chat import PerdureChat
    from perdure.adapters.langgraph_patches import install
    from perdure.adapters.langgraph_saver import JournalSaver
except ImportError as error:
    raise ImportError(
        "perdure.adapters.langgraph needs LangGraph and pydantic-ai, which cannot be loaded"
        f" ({error}): run pip install 'perdure[langgraph]'"
    ) from error

__all__ = ["DecisionService", "PerdureChat", "durable"]

MESSAGES: Final = "messages"
STRUCTURED: Final = "structured_response"
RECURSION_LIMIT: Final = 100

DecisionService = Callable[[Run, Interrupt[Any]], Awaitable[object]]
"""Returns what an interrupted graph is resumed with."""

install()


def durable(
    graph: Pregel[Any, Any, Any, Any],
    *,
    name: str,
    description: str,
    parameters: type[BaseModel] | None = None,
    prompt: Prompt | None = None,
    inputs: Callable[[Goal], object] | None = None,
    context: Callable[[Run, Goal], object] | None = None,
    answer: DecisionService | None = None,
    examples: Sequence[str] = (),
    recursion_limit: int = RECURSION_LIMIT,
) -> AgentSpec:
    """Make a durable agent of a compiled LangGraph graph.

    ::

        graph = builder.compile()
        ANSWER = durable(graph, name="answer", description="Answers a question.")

    It begins with the goal's parameters, as far as the state has them, and with one message where
    the state has ``messages``. Its last message is the result's summary, and the rest of its state
    the result's data; a ``structured_response`` is the data alone. The messages are an artifact.

    An ``interrupt()`` asks with ``run.approve``: its value, or what that has under ``question``, is
    the question, and the graph is resumed with ``True`` or ``False``.

    Args:
        graph: A compiled graph; it is not changed. A checkpointer of its own is not used.
        name: The agent's name: lower-case words joined by hyphens.
        description: What it does, in one sentence.
        parameters: The Pydantic model of its parameters.
        prompt: Returns its first message; the goal's description and parameters when not given.
        inputs: Returns what the graph begins with, in place of all that.
        context: Returns the graph's run-time context.
        answer: Answers an interrupt otherwise, such as with ``run.wait_for``; the same interrupt
            has to be answered with the same question on every pass.
        examples: Descriptions of goals it is good at.
        recursion_limit: How many steps the graph may take at most.

    Raises:
        ValueError: The name is none.
    """

    async def execute(run: Run, goal: Goal) -> Result:
        given = (inputs or _inputs_of(graph, prompt))(goal)
        passing = _Pass(graph, run, answer or _approved, recursion_limit)
        values = await passing.carry_out(given, None if context is None else context(run, goal))
        return await _result(run, values, passing.usage)

    return AgentSpec(
        name=name,
        description=description,
        agent=execute,
        parameters=parameters,
        examples=tuple(examples),
    )


class _Pass:
    """One pass of a run over a graph."""

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        run: Run,
        answer: DecisionService,
        recursion_limit: int,
    ) -> None:
        self._run = run
        self._answer = answer
        self._saver = JournalSaver(run, self._told, self._noted)
        self._calls = Calls(run, self._saver)
        self._graph = graph.copy({"checkpointer": self._saver})
        self._config: RunnableConfig = {
            "configurable": {"thread_id": "goal"},
            "recursion_limit": recursion_limit,
        }
        self._seen: dict[str, object] = {}
        self._kept: set[str] = set()

    @property
    def usage(self) -> Usage:
        """What the graph's models have used, over all passes."""
        return sum((call.usage for call in self._calls.done.values()), Usage())

    async def carry_out(self, given: object, context: object) -> object:
        """Execute the graph to its end, and return its last state."""
        await self._saver.load()
        try:
            return await self._until_its_end(given, context)
        finally:
            await self._calls.close()

    async def _until_its_end(self, given: object, context: object) -> object:
        while True:
            state = await self._graph.aget_state(self._config)
            if state.created_at is not None:  # it has begun, in this pass or an earlier one
                if not state.tasks:
                    await self._calls.retrace()
                    return state.values
                given = await self._to_go_on(state)
            with self._calls.execution():
                await self._graph.ainvoke(given, self._config, context=context, durability="sync")

    async def _to_go_on(self, state: StateSnapshot) -> object:
        if not state.interrupts:
            return None
        answers = await asyncio.gather(
            *(self._answer(self._run, interrupt) for interrupt in state.interrupts)
        )
        ids = [interrupt.id for interrupt in state.interrupts]
        return Command(resume=dict(zip(ids, answers, strict=True)))

    async def _told(self, checkpoint: Checkpoint) -> None:
        """Tell which nodes have run, and how many of all have by now."""
        seen = {node: str(at) for node, at in checkpoint["versions_seen"].items()}
        nodes = [node for node in seen if node in self._graph.nodes and node[:2] != "__"]
        new = [node for node in nodes if self._seen.get(node) != seen[node]]
        self._seen = dict(seen)
        if new:
            done = 100 * len(nodes) / (len(self._graph.nodes) + 1)
            await self._run.progress(done, f"{', '.join(sorted(new))} done")

    def _noted(self, kept: object | None) -> object:
        """Keep what was called since the last entry, or take what was kept."""
        done = self._calls.done
        if isinstance(kept, dict):
            done.update({one: Call.model_validate(call) for one, call in kept.items()})
        new = {one: call.model_dump() for one, call in done.items() if one not in self._kept}
        self._kept.update(new)
        return new


def _inputs_of(
    graph: Pregel[Any, Any, Any, Any], prompt: Prompt | None
) -> Callable[[Goal], object]:
    def inputs(goal: Goal) -> object:
        state: dict[str, object] = {
            name: value for name, value in goal.parameters.items() if name in graph.channels
        }
        if MESSAGES in graph.channels:
            state[MESSAGES] = [HumanMessage(prompt_for(goal, prompt))]
        if not state:
            raise PermanentError(
                f"the state of graph {goal.agent_type!r} has neither messages nor any of the goal's"
                " parameters: say what it begins with, inputs="
            )
        return state

    return inputs


async def _approved(run: Run, interrupt: Interrupt[Any]) -> object:
    value: JsonValue = to_jsonable_python(interrupt.value, fallback=str)
    asked = value.get("question") if isinstance(value, dict) else value
    question = asked if isinstance(asked, str) else "May the graph go on?"
    decision = await run.approve(question, {"interrupt": interrupt.id, "value": value})
    return decision.approved


async def _result(run: Run, values: object, usage: Usage) -> Result:
    if not isinstance(values, dict) or MESSAGES not in values:
        return result_for(values, usage)
    messages: list[BaseMessage] = list(values[MESSAGES])
    said = [message_to_dict(message) for message in messages]
    text = json.dumps(to_jsonable_python(said, fallback=str), indent=1, ensure_ascii=False)
    await run.artifact(MESSAGES_FILE, text)
    if values.get(STRUCTURED) is not None:
        return result_for(values[STRUCTURED], usage)
    rest = {name: value for name, value in values.items() if name not in {MESSAGES, STRUCTURED}}
    summary = str(messages[-1].text) if messages else ""
    return result_for(rest, usage).model_copy(update={"summary": summary})
