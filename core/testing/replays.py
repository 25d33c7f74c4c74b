"""Replays of goals on record with an author's agent, as ``perdure goals replay`` does them."""

import asyncio
from base64 import b64decode
from pathlib import Path

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.plugins.registry import installed_agents
from perdure.replays.execution import replay_run
from perdure.schemas.replays.recording import Recording
from perdure.schemas.replays.replay import Replay
from perdure.settings import Settings


async def replay(agent: str | AgentSpec, record: Path | str) -> Replay:
    """Execute an agent over the record of a goal, and return where the two part.

    Nothing has an effect: what is on record answers each step, and where there is nothing on record
    the replay stops. ``assert (await replay(agent, "record.json")).first == ""`` holds as long as
    goals that are under way go on with the agent as it is now.

    Args:
        agent: The name of an installed agent, or its specification.
        record: The file that ``perdure goals replay GOAL --save FILE`` has written.

    Returns:
        What was found; ``same`` says whether the agent goes the way of the record, and ``first``
        where it does not, in a sentence.

    Raises:
        UnknownAgent: No installed agent has that name.
        OSError: The file cannot be read.
        ValidationError: The file holds no record.
    """
    text = await asyncio.to_thread(Path(record).read_bytes)
    recording = Recording.model_validate_json(text)
    version = ""
    if isinstance(agent, str):
        installed = installed_agents().agent(agent)
        agent, version = installed.spec, installed.agent_version
    contents = _SavedContents(recording)
    return await replay_run(agent, recording, contents, version=version, model=Settings().model)


class _SavedContents:
    """The contents that were saved with a recording."""

    def __init__(self, recording: Recording) -> None:
        self._contents = recording.contents

    async def read(self, digest: str) -> bytes:
        if digest not in self._contents:
            raise LookupError(f"content {digest} was not saved with the record")
        return b64decode(self._contents[digest])
