"""The notebook of a run: what agents that work side by side write down for one another."""

import json
from collections.abc import Callable
from typing import Final

from pydantic import JsonValue

from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.steps.encoding import to_json
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import NotebookEntry, NotebookPages
from perdure.agents.steps.steps import Steps

KEY_CHARACTERS: Final = 200
VALUE_CHARACTERS: Final = 65_536
_UPDATES: Final = 50


class NotebookConflict(PermanentError):
    """Somebody else has written under the key since it was read: read it again, then write."""


class Notebook:
    """Keys, values and versions that a run shares with its delegates, theirs, and those above it.

    Each call is a step: an execution that comes again reads what it read before, and has written
    what it wrote. What is written goes when the goal at the top is deleted.
    """

    def __init__(
        self, steps: Steps, runner: StepRunner, pages: NotebookPages, workflow_id: str
    ) -> None:
        """Bind it to a run."""
        self._steps = steps
        self._runner = runner
        self._pages = pages
        self._workflow_id = workflow_id

    async def read(self, key: str) -> NotebookEntry:
        """Return what stands under a key; an entry of version 0 when there is nothing.

        Args:
            key: A text of 200 characters at most.

        Raises:
            PermanentError: The key is empty or too long.
        """
        _check_key(key)
        step = self._steps.key("read notebook", [key])

        async def read() -> NotebookEntry:
            return await self._pages.read(key)

        entry = await self._runner.run(step, read, (), {}, once=False, idempotency_key=False)
        assert isinstance(entry, NotebookEntry)
        return entry

    async def write(self, key: str, value: object, *, version: int) -> NotebookEntry:
        """Write a value in place of the version that was read, unless somebody was quicker.

        Args:
            key: A text of 200 characters at most.
            value: Plain data or Pydantic models: 65,536 characters of JSON at most.
            version: The version of the entry that was read; 0 to write what is not there.

        Returns:
            The new entry.

        Raises:
            NotebookConflict: Another version stands there by now.
            PermanentError: The key or the value is none for a notebook, or it is full.
        """
        _check_key(key)
        plain = to_json(value, what=f"what is written under {key!r}")
        if (length := len(json.dumps(plain))) > VALUE_CHARACTERS:
            raise PermanentError(
                f"what is written under {key!r} has {length:,} characters, and a notebook takes"
                f" {VALUE_CHARACTERS:,}: make an artifact of it and write down its name"
            )
        step = self._steps.key("write notebook", [key, plain, version])
        token = f"{self._workflow_id}:{step.digest}:{step.occurrence}"

        async def write() -> NotebookEntry | None:
            return await self._pages.write(key, plain, version, token)

        entry = await self._runner.run(step, write, (), {}, once=False, idempotency_key=False)
        if entry is None:
            raise NotebookConflict(
                f"version {version} of {key!r} is not what the notebook has by now: read it again,"
                " then write"
            )
        assert isinstance(entry, NotebookEntry)
        return entry

    async def update(self, key: str, function: Callable[[JsonValue], object]) -> NotebookEntry:
        """Write what a function makes of a value, again and again until nobody was quicker.

        ::

            await run.notebook.update("pages read", lambda count: (count or 0) + 1)

        Args:
            key: A text of 200 characters at most.
            function: Given the value, ``None`` when there is nothing, returns the new one; the same
                for the same in every execution.

        Raises:
            NotebookConflict: Fifty times somebody else was quicker.
            PermanentError: The key or the value is none for a notebook, or it is full.
        """
        for _ in range(_UPDATES):
            entry = await self.read(key)
            try:
                return await self.write(key, function(entry.value), version=entry.version)
            except NotebookConflict:
                continue
        raise NotebookConflict(
            f"{key!r} was written by somebody else {_UPDATES} times in a row: let fewer agents"
            " write under one key"
        )


def _check_key(key: str) -> None:
    if not 0 < len(key) <= KEY_CHARACTERS:
        raise PermanentError(
            f"notebook key {key[:40]!r} has {len(key)} characters: give one of 1 to"
            f" {KEY_CHARACTERS}"
        )
