"""What runs in the process of a replay; see :mod:`.process`.

Whatever its agents print goes to the command's standard error.
"""

import asyncio
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from perdure.agents.plugins.registry import AgentRegistry, UnknownAgent
from perdure.cli.replays.protocol import Answer, Request, decode, to_line
from perdure.cli.runtime.logs import configure_logs
from perdure.replays.execution import replay_run
from perdure.schemas.replays.recording import Recording
from perdure.schemas.replays.replay import Replay
from perdure.settings import Settings
from perdure.temporal.installation import load_agents
from perdure.version import core_version


class _Command:
    """The command that has started this process."""

    def __init__(self) -> None:
        # A descriptor that no agent has: what they print is no message.
        self._descriptor = os.dup(1)
        os.dup2(2, 1)
        # As they print it: this process ends without asking what is left in its buffers.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)

    def send(self, answer: Answer) -> None:
        line = memoryview(to_line(answer))
        while line:
            line = line[os.write(self._descriptor, line) :]

    def receive(self) -> Request | None:
        line = sys.stdin.buffer.readline()
        return Request.model_validate_json(line) if line else None


class _Contents:
    """Contents of a recording, and others that the command reads from the stores."""

    def __init__(self, command: _Command, recording: Recording) -> None:
        self._command = command
        self._recorded = recording.contents
        self._asking = asyncio.Lock()

    async def read(self, digest: str) -> bytes:
        if digest in self._recorded:
            return decode(self._recorded[digest])
        async with self._asking:
            self._command.send(Answer(kind="content", digest=digest))
            request = await asyncio.to_thread(self._command.receive)
        if request is None or request.content is None:
            raise LookupError("the command has ended" if request is None else request.reason)
        return decode(request.content)


def main(plugin_files: Sequence[str]) -> None:
    """Replay what the command sends, run by run, and end, whatever an agent has left running.

    Args:
        plugin_files: The plugin files that the command was given.
    """
    command = _Command()
    settings = Settings()
    configure_logs(logging.WARNING, settings.log_levels or {})
    files = dict.fromkeys([*settings.plugin_files, *map(Path, plugin_files)])
    registry = load_agents(settings.model_copy(update={"plugin_files": tuple(files)}))
    command.send(Answer(kind="ready"))
    while (request := command.receive()) is not None:
        if request.recording is not None:
            # An event loop for each: what an agent has left in one hinders no other.
            replay = asyncio.run(_replay(registry, settings, request.recording, command))
            command.send(Answer(kind="replay", replay=replay))
    sys.stderr.flush()
    os._exit(0)


async def _replay(
    registry: AgentRegistry, settings: Settings, recording: Recording, command: _Command
) -> Replay:
    name = recording.goal.agent_type
    try:
        installed = registry.agent(name)
    except UnknownAgent as error:
        return Replay(
            end="refused",
            message=str(error),
            first=f"agent {name!r} is not there: {error}",
            perdure=core_version(),
            python=sys.executable,
        )
    return await replay_run(
        installed.spec,
        recording,
        _Contents(command, recording),
        version=installed.agent_version,
        model=settings.model,
    )
