"""Running an agent from first line to result in this process, with everything kept in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from holdfast.agents.execution import carry_out, clean_up
from holdfast.agents.factory import create_agent
from holdfast.agents.memory import MemoryArtifacts, MemoryJournal, MemoryListener
from holdfast.agents.registry import installed_agents
from holdfast.agents.run import Run
from holdfast.agents.spec import AgentSpec
from holdfast.models import Goal, Progress, Result


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of running an agent in memory.

    Attributes:
        result: What it delivered.
        progress: What it told on the way.
        files: The content of its artifacts by name.
        journal: Its finished steps; hand it to another rehearsal to see a retry.
    """

    result: Result
    progress: tuple[Progress, ...]
    files: Mapping[str, bytes]
    journal: MemoryJournal


async def rehearse(
    agent: str | AgentSpec,
    description: str,
    parameters: Mapping[str, JsonValue] | None = None,
    *,
    journal: MemoryJournal | None = None,
) -> Rehearsal:
    """Run an agent to its end, clean-up included, without a server.

    Args:
        agent: The name of an installed agent, or a specification.
        description: What to achieve.
        parameters: The goal's parameters.
        journal: The finished steps of an earlier rehearsal, for a retry.

    Raises:
        Exception: Whatever ended the agent; the journal then holds what a retry would find.
    """
    spec = installed_agents().agent(agent).spec if isinstance(agent, str) else agent
    goal = Goal(
        goal_id="rehearsal",
        description=description,
        agent_type=spec.name,
        parameters=dict(parameters or {}),
    )
    journal = journal or MemoryJournal()
    artifacts, listener = MemoryArtifacts(), MemoryListener()
    run = Run(goal, journal, artifacts, listener)
    made = create_agent(spec, goal.parameters, run)
    try:
        result = await carry_out(made, run)
    finally:
        await clean_up(made)
    progress = tuple(told for told in listener.told if isinstance(told, Progress))
    return Rehearsal(result, progress, artifacts.files, journal)
