"""Any agent of the OpenAI Agents SDK as a durable agent.

Each model request is a step, and so is each call of a function tool, whichever agent makes it: the
first one, one that it hands off to, or one that is another's tool. Text is streamed to whoever
follows the goal, usage is counted, and a tool that needs approval asks for it through the run.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import BaseModel

from perdure.adapters.goals import MESSAGES_FILE, Prompt, denial, prompt_for, result_for
from perdure.agents import AgentSpec, Goal, Result, Run

try:
    from agents import Agent, RunConfig, Runner, RunResult, TResponseInputItem
    from agents.items import ToolApprovalItem
    from agents.run_state import RunState

    from perdure.adapters.openai_agents_models import Asking, Provider
    from perdure.adapters.openai_agents_wrapping import asking_now, wrap
except ImportError as error:
    raise ImportError(
        "perdure.adapters.openai_agents needs the OpenAI Agents SDK and pydantic-ai, which cannot"
        f" be loaded ({error}): run pip install 'perdure[openai-agents]'"
    ) from error

MAX_TURNS: Final = 10


def durable(
    agent: Agent[Any],
    *,
    name: str,
    description: str,
    parameters: type[BaseModel] | None = None,
    prompt: Prompt | None = None,
    context: Callable[[Run, Goal], object] | None = None,
    examples: Sequence[str] = (),
    max_turns: int = MAX_TURNS,
) -> AgentSpec:
    """Make a durable agent of an agent of the OpenAI Agents SDK.

    ::

        agent = agents.Agent(name="Answers", instructions="Answer in one sentence.")
        ANSWER = durable(agent, name="answer", description="Answers a question.")

    An agent that names no model asks the one that ``PERDURE_MODEL`` names, which has to speak one
    of OpenAI's protocols. The final output is the result: text as its summary, anything else as its
    data. The conversation is an artifact, ``messages.json``. Nothing is traced.

    A function tool is done once, whatever happens afterwards. One that needs approval asks with
    ``run.approve``, and the model is told when the answer is no. The tools and models of the agent,
    and of those it hands off to or has as tools, are wrapped in place; outside of a goal they do
    what they did before.

    Args:
        agent: An agent of the OpenAI Agents SDK.
        name: The agent's name: lower-case words joined by hyphens.
        description: What it does, in one sentence.
        parameters: The Pydantic model of its parameters.
        prompt: Returns what it is told; the goal's description and parameters when not given.
        context: Returns the context of its tools and hooks; the checked parameters when not given.
        examples: Descriptions of goals it is good at.
        max_turns: How many times at most models are asked.

    Raises:
        ValueError: The name is none, or the agent has tools that cannot be journaled: those of MCP
            servers, shells, computers and patches.
    """
    wrap(agent)

    async def execute(run: Run, goal: Goal) -> Result:
        wrap(agent)  # what was added since
        asking = Asking(run)
        given: object = None
        if context is not None:
            given = context(run, goal)
        elif parameters is not None:
            given = parameters.model_validate(goal.parameters)
        provider = Provider(asking)
        try:
            with asking_now(asking):
                told = prompt_for(goal, prompt)
                done = await _carried_out(agent, run, told, given, provider, max_turns)
        finally:
            await provider.aclose()
        await run.artifact(MESSAGES_FILE, _conversation(done.to_input_list()))
        return result_for(done.final_output, asking.usage)

    return AgentSpec(
        name=name,
        description=description,
        agent=execute,
        parameters=parameters,
        examples=tuple(examples),
    )


async def _carried_out(
    agent: Agent[Any], run: Run, told: str, context: object, provider: Provider, max_turns: int
) -> RunResult:
    config = RunConfig(model_provider=provider, tracing_disabled=True)
    going: str | RunState[Any] = told
    while True:
        done = await Runner.run(
            agent, going, context=context, max_turns=max_turns, run_config=config
        )
        if not done.interruptions:
            return done
        going = done.to_state()
        await asyncio.gather(*(_decide(run, going, asked) for asked in done.interruptions))


async def _decide(run: Run, state: RunState[Any], asked: ToolApprovalItem) -> None:
    decision = await run.approve(f"Call the tool {asked.name}?", _arguments(asked.arguments))
    if decision:
        state.approve(asked)
        return
    state.reject(asked, rejection_message=denial(decision))


def _arguments(text: str | None) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _conversation(items: list[TResponseInputItem]) -> str:
    return json.dumps(items, indent=1, ensure_ascii=False, default=str)
