"""A run's surroundings that see what its agent does, and die, or end its budget, when told to."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Final, Literal

from pydantic_core import to_jsonable_python

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import (
    Journal,
    StepKey,
    StepOutcome,
    WaitRequest,
    Waits,
    stream_of,
)
from perdure.agents.steps.memory import MemoryJournal, MemoryLedger, MemoryWaits
from perdure.agents.steps.run_closed import RunClosed
from perdure.agents.steps.steps import Steps
from perdure.messages import Wait, WaitKind
from perdure.models import Usage

Moment = Literal["before", "behind"]

_SHOWN: Final = 300
# An agent that goes on asking when its budget is used up does so for ever.
_REFUSALS: Final = 50


class Killed(RunClosed):
    """The process is gone: nothing of its pass reaches the journal any more."""


class Insisted(RunClosed):
    """The agent went on and on although its budget was used up."""


class WatchedJournal:
    """One pass's view of a journal that outlives it.

    Attributes:
        kept: The journal.
        found: How many steps it held when the pass began.
        begun: The steps whose body was begun in this pass, in order.
        recorded: Those of them that were recorded, in order.
        recorded_before: How many of them were recorded when each was begun.
        once: Those that were marked ``once``.
        refusals: How many steps were refused because the budget was used up.
        killed_in: The step in which the process died.
        on_begin: Called when a step begins, with its number in this pass, from 1.
    """

    def __init__(
        self,
        kept: MemoryJournal,
        killed_at: Callable[[StepKey, Moment], bool] | None,
        allowed: int | None,
    ) -> None:
        self.kept = kept
        self.found = len(kept.steps)
        self.begun: list[StepKey] = []
        self.recorded: list[StepKey] = []
        self.recorded_before: list[int] = []
        self.once: set[StepKey] = set()
        self.refusals = 0
        self.killed_in: StepKey | None = None
        self.on_begin: Callable[[int], None] = lambda _: None
        self._killed_at = killed_at
        self._allowed = allowed

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return what earlier passes have finished."""
        return await self.kept.load()

    async def value(self, key: StepKey) -> str:
        """Return a finished step's value."""
        return await self.kept.value(key)

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """Note that a step begins.

        Raises:
            BudgetExceeded: No more steps are allowed.
            Insisted: That was said often enough.
            Killed: The process is gone.
        """
        self._see_that_it_lives()
        if self._allowed is not None and len(self.begun) >= self._allowed:
            self.refusals += 1
            if self.refusals > _REFUSALS:
                raise Insisted
            await asyncio.sleep(0)  # so that one that never gives up can be stopped
            raise BudgetExceeded(f"the budget of {self._allowed} steps is used up")
        self.begun.append(key)
        self.recorded_before.append(len(self.recorded))
        if once:
            self.once.add(key)
        self.on_begin(len(self.begun))
        return await self.kept.begin(key, once=once)

    async def check(self) -> None:
        """See that the process lives.

        Raises:
            Killed: It is gone.
        """
        self._see_that_it_lives()

    async def record(self, key: StepKey, answer: StepOutcome) -> None:
        """Keep a finished step.

        Raises:
            Killed: The process died just before, or just behind.
        """
        self._see_that_it_lives()
        self._die_if_told(key, "before")
        await self.kept.record(key, answer)
        self.recorded.append(key)
        self._die_if_told(key, "behind")

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step."""
        await self.kept.withdraw(key)

    def _see_that_it_lives(self) -> None:
        if self.killed_in is not None:
            raise Killed

    def _die_if_told(self, key: StepKey, moment: Moment) -> None:
        if self._killed_at is not None and self._killed_at(key, moment):
            self.killed_in = key
            raise Killed


class WatchedSteps(Steps):
    """The steps of one pass, with what each was asked for with.

    Attributes:
        asked: Every step and wait that was asked for, in order.
        given: The input of each, as text.
    """

    def __init__(self, journal: Journal, waits: Waits) -> None:
        super().__init__(journal, waits)
        self.asked: list[StepKey] = []
        self.given: dict[StepKey, str] = {}

    def key(self, name: str, given: object, *, version: int = 1) -> StepKey:
        """Note what a step is asked for with."""
        key = super().key(name, given, version=version)
        self.given[key] = _shown(given)
        return key

    async def answered(self, key: StepKey) -> StepOutcome | None:
        """Note that it is asked for."""
        self.asked.append(key)
        return await super().answered(key)


class WatchedWaits:
    """Waits that are answered once for all passes: at once, or for the next one.

    Attributes:
        unanswered: What nobody answers.
    """

    def __init__(self, kept: MemoryJournal, answers: MemoryWaits, *, parks: bool) -> None:
        self.unanswered: list[WaitRequest] = []
        self._kept = kept
        self._answers = answers
        self._parks = parks

    async def open(self, key: StepKey, wanted: WaitRequest) -> StepOutcome | Wait:
        """Answer, and keep the answer for later passes."""
        answer = await self._answers.open(key, wanted)
        if isinstance(answer, Wait):
            self.unanswered.append(wanted)
            return answer
        await self._kept.record(key, answer)
        return Wait(id=stream_of(key), kind=WaitKind.SLEEP) if self._parks else answer


class WatchedLedger(MemoryLedger):
    """A ledger with a budget."""

    def __init__(self, tokens: int | None) -> None:
        super().__init__()
        self._tokens = tokens

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:
        """Count a request.

        Raises:
            BudgetExceeded: It may use more than is left.
        """
        left = await self.left()
        if left is not None and expected.tokens_used > left:
            raise BudgetExceeded(f"the budget of {self._tokens} tokens is used up")
        return await super().reserve(key, model, expected)

    async def left(self) -> int | None:
        """Return how many tokens are left."""
        if self._tokens is None:
            return None
        return max(0, self._tokens - self.spending.spent.tokens_used)


def _shown(given: object) -> str:
    try:
        text = json.dumps(to_jsonable_python(given, fallback=repr), ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(given)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
