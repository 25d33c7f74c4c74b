"""``durable(…)`` for the OpenAI Agents SDK, and the execution of an agent by a run."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import BaseModel

from perdure.adapters.conversion.goals import (
    MESSAGES_FILE,
    Prompt,
    denial_message,
    prompt_for,
    result_for,
)
from perdure.agents import AgentSpec, Goal, Result, Run

try:
    from agents import Agent, RunConfig, Runner, RunResult, TResponseInputItem
    from agents.items import ToolApprovalItem
    from agents.run_state import RunState

    from perdure.adapters.openai_agents.models import DurableModelProvider, RunRequests
    from perdure.adapters.openai_agents.wrappers import active_requests, wrap_agent
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
    ``run.approve``, and the model is text when the answer is no. The tools and models of the agent,
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
    wrap_agent(agent)

    async def execute(run: Run, goal: Goal) -> Result:
        wrap_agent(agent)  # tools and agents that were added since
        requests = RunRequests(run)
        sdk_context: object = None
        if context is not None:
            sdk_context = context(run, goal)
        elif parameters is not None:
            sdk_context = parameters.model_validate(goal.parameters)
        provider = DurableModelProvider(requests)
        try:
            with active_requests(requests):
                text = prompt_for(goal, prompt)
                sdk_result = await _run_agent(agent, run, text, sdk_context, provider, max_turns)
        finally:
            await provider.aclose()
        await run.artifact(MESSAGES_FILE, _conversation(sdk_result.to_input_list()))
        return result_for(sdk_result.final_output, requests.usage)

    return AgentSpec(
        name=name,
        description=description,
        agent=execute,
        parameters=parameters,
        examples=tuple(examples),
    )


async def _run_agent(
    agent: Agent[Any],
    run: Run,
    prompt: str,
    context: object,
    provider: DurableModelProvider,
    max_turns: int,
) -> RunResult:
    config = RunConfig(model_provider=provider, tracing_disabled=True)
    sdk_input: str | RunState[Any] = prompt
    while True:
        sdk_result = await Runner.run(
            agent, sdk_input, context=context, max_turns=max_turns, run_config=config
        )
        if not sdk_result.interruptions:
            return sdk_result
        sdk_input = sdk_result.to_state()
        await asyncio.gather(*(_decide(run, sdk_input, item) for item in sdk_result.interruptions))


async def _decide(run: Run, state: RunState[Any], item: ToolApprovalItem) -> None:
    decision = await run.approve(f"Call the tool {item.name}?", _arguments(item.arguments))
    if decision:
        state.approve(item)
        return
    denial = denial_message(decision)
    state.reject(item, rejection_message=denial)
    if item.call_id is not None:
        await run.events.tools.sent(item.call_id, denial, failed=True)


def _arguments(text: str | None) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _conversation(items: list[TResponseInputItem]) -> str:
    return json.dumps(items, indent=1, ensure_ascii=False, default=str)
