"""A checkpointer that keeps a graph's checkpoints in a run's journal.

What LangGraph saves is a log: each checkpoint, and the writes of each finished task, is an entry of
the journal, numbered in the order in which they came. A new execution reads the log into memory,
and the graph goes on where its last checkpoint says.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import JsonValue

from perdure.agents import Run
from perdure.agents.steps.journal import StepOutcome

STEP: Final = "graph"

OnCheckpoint = Callable[[Checkpoint], Awaitable[None]]
CallRecords = dict[str, JsonValue]


class JournalSaver(InMemorySaver):
    """Keeps the checkpoints of one graph in the journal of one run."""

    def __init__(
        self,
        run: Run,
        on_checkpoint: OnCheckpoint,
        unsaved_calls: Callable[[], CallRecords],
        restore_calls: Callable[[CallRecords], None],
    ) -> None:
        """Bind a checkpointer to a run.

        Args:
            run: The run.
            on_checkpoint: Awaited with each checkpoint of the outermost graph, those of the log
                included.
            unsaved_calls: Returns the calls to keep in the next entry of the log, in plain data.
            restore_calls: Called with the calls of each entry.
        """
        super().__init__()
        self._run = run
        self._on_checkpoint = on_checkpoint
        self._unsaved_calls = unsaved_calls
        self._restore_calls = restore_calls
        self._writing = asyncio.Lock()
        self._next_key = run.steps.key(STEP, 0)
        self._entry_count = 0

    async def load(self) -> None:
        """Read the log that earlier executions have written."""
        steps = self._run.steps
        while (outcome := await steps.recorded_outcome(self._next_key)) is not None:
            kind, text = json.loads(outcome.value or "")
            await self._apply(self.serde.loads_typed((kind, base64.b64decode(text))))
            self._advance()

    async def flush(self) -> None:
        """Wait until all that was saved by now is durable."""
        async with self._writing:
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
        position = _position(config)
        entry = {
            "config": position,
            "checkpoint": {**checkpoint, "channel_values": values},
            "metadata": dict(metadata),
            "new_versions": dict(new_versions),
        }
        async with self._writing:
            await self._write(entry)
        return {"configurable": {**position["configurable"], "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Journal what a task has written, and then keep it."""
        entry = {
            "config": _position(config),
            "writes": [list(write) for write in writes],
            "task": [task_id, task_path],
        }
        async with self._writing:
            await self._write(entry)

    async def _write(self, entry: dict[str, Any]) -> None:
        entry["noted"] = self._unsaved_calls()
        kind, data = self.serde.dumps_typed(entry)
        text = json.dumps([kind, base64.b64encode(data).decode()])
        await self._run.steps.record(self._next_key, StepOutcome(text))
        self._advance()
        await self._apply(entry)

    async def _apply(self, entry: dict[str, Any]) -> None:
        config = cast("RunnableConfig", entry["config"])
        self._restore_calls(entry["noted"])
        if "checkpoint" not in entry:
            writes = [(channel, value) for channel, value in entry["writes"]]
            self.put_writes(config, writes, *entry["task"])
            return
        checkpoint: Checkpoint = entry["checkpoint"]
        self.put(config, checkpoint, entry["metadata"], entry["new_versions"])
        if not config["configurable"]["checkpoint_ns"]:
            await self._on_checkpoint(checkpoint)

    def _advance(self) -> None:
        self._entry_count += 1
        self._next_key = self._run.steps.key(STEP, self._entry_count)


def _position(config: RunnableConfig) -> dict[str, dict[str, Any]]:
    """Return where something is saved: the part of a configuration that says so."""
    configurable = config["configurable"]
    names = ("thread_id", "checkpoint_ns", "checkpoint_id")
    position = {name: configurable[name] for name in names if configurable.get(name) is not None}
    return {"configurable": {"checkpoint_ns": "", **position}}
