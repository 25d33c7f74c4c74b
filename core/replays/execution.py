"""The replay of one run: its agent is executed from its first line over what is on record."""

import sys

from perdure.agents.execution import execute_agent
from perdure.agents.factory import create_agent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.runs.run import Run
from perdure.agents.steps.errors import catch_exits, failure_from
from perdure.agents.steps.run_closed import RunClosed
from perdure.redaction import renaming
from perdure.replays.comparison import Ending, compare
from perdure.replays.observation import (
    Contents,
    HashedArtifacts,
    Observation,
    RecordedJournal,
    ReplayedSteps,
    UnansweredWaits,
    UnsentEvents,
    UnwrittenScores,
)
from perdure.schemas.replays.recording import Recording
from perdure.schemas.replays.replay import Replay
from perdure.version import core_version


async def replay_run(
    spec: AgentSpec, recording: Recording, contents: Contents, *, version: str = "", model: str = ""
) -> Replay:
    """Execute an agent over what is on record of a run, and return where the two part.

    Nothing has an effect: no step's function is called, no model asked, nothing stored, nobody
    asked, no goal delegated. The replay stops where all that the agent asks for has no outcome on
    record. Code outside of steps runs as in every execution; the agent's clean-up does not.

    Args:
        spec: The agent.
        recording: What is on record.
        contents: Reads large values, and files that the agent reads.
        version: The distribution and version that the agent is of.
        model: The model that ``PERDURE_MODEL`` names.
    """
    observation = Observation()
    with renaming(recording.renames):
        ending = await _execute(spec, recording, observation, contents, model)
    return compare(recording, observation, ending).model_copy(
        update={
            "version": version,
            "perdure": core_version(),
            "python": sys.executable,
        }
    )


async def _execute(
    spec: AgentSpec,
    recording: Recording,
    observation: Observation,
    contents: Contents,
    model: str,
) -> Ending:
    if recording.denied == "":  # the goal itself
        return Ending("failed", failure=recording.error)
    journal, waits = RecordedJournal(recording, contents), UnansweredWaits(observation)
    steps = ReplayedSteps(observation, journal, waits)
    run = Run(
        recording.goal,
        journal,
        HashedArtifacts(observation, contents),
        UnsentEvents(observation),
        waits=waits,
        steps=steps,
        workflow_id=recording.workflow_id,
        model=model,
        scores=UnwrittenScores(),
    )
    # As a later execution of the run has them.
    run.artifacts.update({one.artifact.name: one.artifact for one in recording.artifacts})
    try:
        with catch_exits():
            created = create_agent(spec, recording.goal.parameters, run)
    except Exception as error:  # noqa: BLE001 -- whatever the code raises is what is reported
        return Ending("refused", failure=failure_from(error))
    try:
        return Ending("completed", result=await execute_agent(created, run))
    except RunClosed:
        return Ending("stopped")
    except Exception as error:  # noqa: BLE001 -- likewise
        return Ending("failed", failure=failure_from(error))
