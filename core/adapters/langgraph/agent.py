"""``durable(…)`` for LangGraph, and the execution of a graph by a run."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from perdure.adapters.conversion.goals import MESSAGES_FILE, Prompt, prompt_for, result_for
from perdure.agents import AgentSpec, Goal, PermanentError, Result, Run, Usage

try:
    from langchain_core.messages import BaseMessage, HumanMessage, message_to_dict
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import Checkpoint
    from langgraph.pregel import Pregel
    from langgraph.types import Command, Interrupt, StateSnapshot

    from perdure.adapters.langgraph.calls import CallRecord, GraphCalls
    from perdure.adapters.langgraph.chat_model import PerdureChat
    from perdure.adapters.langgraph.checkpointer import JournalSaver
    from perdure.adapters.langgraph.patches import install_patches
except ImportError as error:
    raise ImportError(
        "perdure.adapters.langgraph needs LangGraph and pydantic-ai, which cannot be loaded"
        f" ({error}): run pip install 'perdure[langgraph]'"
    ) from error

__all__ = ["InterruptHandler", "PerdureChat", "durable"]

MESSAGES: Final = "messages"
STRUCTURED: Final = "structured_response"
RECURSION_LIMIT: Final = 100

InterruptHandler = Callable[[Run, Interrupt[Any]], Awaitable[object]]
"""Returns what an interrupted graph is resumed with."""

install_patches()


def durable(
    graph: Pregel[Any, Any, Any, Any],
    *,
    name: str,
    description: str,
    parameters: type[BaseModel] | None = None,
    prompt: Prompt | None = None,
    inputs: Callable[[Goal], object] | None = None,
    context: Callable[[Run, Goal], object] | None = None,
    answer: InterruptHandler | None = None,
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
            has to be answered with the same question in every execution.
        examples: Descriptions of goals it is good at.
        recursion_limit: How many steps the graph may take at most.

    Raises:
        ValueError: The name is none.
    """

    async def execute(run: Run, goal: Goal) -> Result:
        begin_with = (inputs or _default_inputs(graph, prompt))(goal)
        execution = _GraphExecution(graph, run, answer or _approve_interrupt, recursion_limit)
        values = await execution.run(begin_with, None if context is None else context(run, goal))
        return await _result(run, values, execution.usage)

    return AgentSpec(
        name=name,
        description=description,
        agent=execute,
        parameters=parameters,
        examples=tuple(examples),
    )


class _GraphExecution:
    """The execution of a graph by a run."""

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        run: Run,
        answer: InterruptHandler,
        recursion_limit: int,
    ) -> None:
        self._run = run
        self._answer = answer
        self._saver = JournalSaver(
            run, self._report_nodes, self._unsaved_calls, self._restore_calls
        )
        self._calls = GraphCalls(run, self._saver)
        self._graph = graph.copy({"checkpointer": self._saver})
        self._config: RunnableConfig = {
            "configurable": {"thread_id": "goal"},
            "recursion_limit": recursion_limit,
        }
        self._versions_seen: dict[str, object] = {}
        self._saved_calls: set[str] = set()

    @property
    def usage(self) -> Usage:
        """What the graph's models have used, over all executions of the run."""
        return sum((call.usage for call in self._calls.records.values()), Usage())

    async def run(self, begin_with: object, context: object) -> object:
        """Execute the graph to its end, and return its last state."""
        await self._saver.load()
        try:
            return await self._run_to_end(begin_with, context)
        finally:
            await self._calls.close()

    async def _run_to_end(self, begin_with: object, context: object) -> object:
        graph_input = begin_with
        while True:
            state = await self._graph.aget_state(self._config)
            if state.created_at is not None:  # it has begun, in this execution or an earlier one
                if not state.tasks:
                    await self._calls.replay_finished()
                    return state.values
                graph_input = await self._resume_input(state)
            with self._calls.active():
                await self._graph.ainvoke(
                    graph_input, self._config, context=context, durability="sync"
                )

    async def _resume_input(self, state: StateSnapshot) -> object:
        if not state.interrupts:
            return None
        answers = await asyncio.gather(
            *(self._answer(self._run, interrupt) for interrupt in state.interrupts)
        )
        ids = [interrupt.id for interrupt in state.interrupts]
        return Command(resume=dict(zip(ids, answers, strict=True)))

    async def _report_nodes(self, checkpoint: Checkpoint) -> None:
        """Report which nodes have run, and how many of all have by now."""
        seen = {node: str(at) for node, at in checkpoint["versions_seen"].items()}
        nodes = [node for node in seen if node in self._graph.nodes and node[:2] != "__"]
        new = [node for node in nodes if self._versions_seen.get(node) != seen[node]]
        self._versions_seen = dict(seen)
        if new:
            done = 100 * len(nodes) / (len(self._graph.nodes) + 1)
            await self._run.progress(done, f"{', '.join(sorted(new))} done")

    def _unsaved_calls(self) -> dict[str, JsonValue]:
        """Return the calls since the last entry of the log."""
        records = self._calls.records.items()
        new: dict[str, JsonValue] = {
            call: one.model_dump() for call, one in records if call not in self._saved_calls
        }
        self._saved_calls.update(new)
        return new

    def _restore_calls(self, saved: dict[str, JsonValue]) -> None:
        """Take the calls that an entry of the log holds."""
        self._saved_calls.update(saved)
        self._calls.records.update(
            {call: CallRecord.model_validate(one) for call, one in saved.items()}
        )


def _default_inputs(
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


async def _approve_interrupt(run: Run, interrupt: Interrupt[Any]) -> object:
    value: JsonValue = to_jsonable_python(interrupt.value, fallback=str)
    text = value.get("question") if isinstance(value, dict) else value
    question = text if isinstance(text, str) else "May the graph go on?"
    decision = await run.approve(question, {"interrupt": interrupt.id, "value": value})
    return decision.approved


async def _result(run: Run, values: object, usage: Usage) -> Result:
    if not isinstance(values, dict) or MESSAGES not in values:
        return result_for(values, usage)
    messages: list[BaseMessage] = list(values[MESSAGES])
    plain = [message_to_dict(message) for message in messages]
    text = json.dumps(to_jsonable_python(plain, fallback=str), indent=1, ensure_ascii=False)
    await run.artifact(MESSAGES_FILE, text)
    if values.get(STRUCTURED) is not None:
        return result_for(values[STRUCTURED], usage)
    rest = {name: value for name, value in values.items() if name not in {MESSAGES, STRUCTURED}}
    summary = str(messages[-1].text) if messages else ""
    return result_for(rest, usage).model_copy(update={"summary": summary})
