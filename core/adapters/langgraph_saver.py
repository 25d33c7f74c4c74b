"""A checkpointer that lives in a run's journal.

What LangGraph saves is a log: each checkpoint, and the writes of each finished task, is an entry of
the journal, numbered in the order in which they came. A new pass reads the log into memory, and the
graph goes on where its last checkpoint says.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver

from perdure.agents import Run
from perdure.agents.steps.journal import StepOutcome

STEP: Final = "graph"

Told = Callable[[Checkpoint], Awaitable[None]]


class JournalSaver(InMemorySaver):
    """Keeps the checkpoints of one graph in the journal of one run."""

    def __init__(self, run: Run, told: Told, noted: Callable[[object | None], object]) -> None:
        """Bind a checkpointer to a run.

        Args:
            run: The run.
            told: Awaited with each checkpoint of the outermost graph, those of the log included.
            noted: Called with ``None`` for what to keep beside each entry of the log, in plain
                data, and with what was kept when the log is read.
        """
        super().__init__()
        self._run = run
        self._told = told
        self._noted = noted
        self._turn = asyncio.Lock()
        self._next = run.steps.key(STEP, 0)
        self._entries = 0

    async def load(self) -> None:
        """Read the log that earlier passes have written."""
        steps = self._run.steps
        while (answer := await steps.answered(self._next)) is not None:
            kind, text = json.loads(answer.value or "")
            await self._take(self.serde.loads_typed((kind, base64.b64decode(text))))
            self._advance()

    async def settled(self) -> None:
        """Wait until all that was saved by now is durable."""
        async with self._turn:
            pass

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Journal a checkpoint, and then keep it."""
        values = {k: v for k, v in checkpoint["channel_values"].items() if k in new_versions}
        place = _place(config)
        entry = {
            "config": place,
            "checkpoint": {**checkpoint, "channel_values": values},
            "metadata": dict(metadata),
            "new_versions": dict(new_versions),
        }
        async with self._turn:
            await self._write(entry)
        return {"configurable": {**place["configurable"], "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Journal what a task has written, and then keep it."""
        entry = {
            "config": _place(config),
            "writes": [list(write) for write in writes],
            "task": [task_id, task_path],
        }
        async with self._turn:
            await self._write(entry)

    async def _write(self, entry: dict[str, Any]) -> None:
        entry["noted"] = self._noted(None)
        kind, data = self.serde.dumps_typed(entry)
        text = json.dumps([kind, base64.b64encode(data).decode()])
        await self._run.steps.record(self._next, StepOutcome(text))
        self._advance()
        await self._take(entry)

    async def _take(self, entry: dict[str, Any]) -> None:
        config = cast("RunnableConfig", entry["config"])
        self._noted(entry["noted"])
        if "checkpoint" not in entry:
            writes = [(channel, value) for channel, value in entry["writes"]]
            self.put_writes(config, writes, *entry["task"])
            return
        checkpoint: Checkpoint = entry["checkpoint"]
        self.put(config, checkpoint, entry["metadata"], entry["new_versions"])
        if not config["configurable"]["checkpoint_ns"]:
            await self._told(checkpoint)

    def _advance(self) -> None:
        self._entries += 1
        self._next = self._run.steps.key(STEP, self._entries)


def _place(config: RunnableConfig) -> dict[str, dict[str, Any]]:
    """Return where something is saved, without what else a configuration holds."""
    configurable = config["configurable"]
    names = ("thread_id", "checkpoint_ns", "checkpoint_id")
    place = {name: configurable[name] for name in names if configurable.get(name) is not None}
    return {"configurable": {"checkpoint_ns": "", **place}}
