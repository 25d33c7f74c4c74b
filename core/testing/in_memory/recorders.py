"""Recorders around a run's journal, steps, waits and ledger, which also inject faults."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Final, Literal

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import Journal, StepOutcome, WaitRequest, Waits
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.agents.steps.memory import MemoryJournal, MemoryLedger, MemoryWaits
from perdure.agents.steps.run_closed import RunClosed
from perdure.agents.steps.steps import Steps
from perdure.messages import Wait, WaitKind
from perdure.models import Usage

KillMoment = Literal["before_record", "after_record"]

_INPUT_CHARACTERS: Final = 300
# An agent that goes on asking when its budget is used up does so for ever.
_MAX_REFUSALS: Final = 50


class Killed(RunClosed):
    """The process was killed: nothing of its execution reaches the journal any more."""


class BudgetIgnored(RunClosed):
    """The agent went on and on although its budget was used up."""


class RecordingJournal:
    """One execution's view of a journal that outlives it; records its steps, and can be killed.

    Attributes:
        wrapped: The journal.
        begun: The steps whose body was begun in this execution, in order.
        recorded: Those of them that were recorded, in order.
        recorded_at_begin: How many of them were recorded when each was begun.
        once: Those that were marked ``once``.
        refusals: How many steps were refused because the budget was used up.
        killed_in: The step in which the process was killed.
        on_begin: Called when a step begins, with its number in this execution, from 1.
    """

    def __init__(
        self,
        wrapped: MemoryJournal,
        kills_at: Callable[[StepKey, KillMoment], bool] | None,
        max_steps: int | None,
    ) -> None:
        """Wrap a journal for one execution.

        Args:
            wrapped: The journal.
            kills_at: Whether the process is killed at this moment of a step.
            max_steps: How many steps the budget allows.
        """
        self.wrapped = wrapped
        self.begun: list[StepKey] = []
        self.recorded: list[StepKey] = []
        self.recorded_at_begin: list[int] = []
        self.once: set[StepKey] = set()
        self.refusals = 0
        self.killed_in: StepKey | None = None
        self.on_begin: Callable[[int], None] = lambda _: None
        self._kills_at = kills_at
        self._max_steps = max_steps

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return the steps that earlier executions have finished."""
        return await self.wrapped.load()

    async def value(self, key: StepKey) -> str:
        """Return a finished step's value."""
        return await self.wrapped.value(key)

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """Record that a step begins.

        Raises:
            BudgetExceeded: No more steps are allowed.
            BudgetIgnored: That was raised often enough.
            Killed: The process was killed.
        """
        self._check_alive()
        if self._max_steps is not None and len(self.begun) >= self._max_steps:
            self.refusals += 1
            if self.refusals > _MAX_REFUSALS:
                raise BudgetIgnored
            await asyncio.sleep(0)  # so that one that never gives up can be stopped
            raise BudgetExceeded(f"the budget of {self._max_steps} steps is used up")
        self.begun.append(key)
        self.recorded_at_begin.append(len(self.recorded))
        if once:
            self.once.add(key)
        self.on_begin(len(self.begun))
        return await self.wrapped.begin(key, once=once)

    async def check(self) -> None:
        """See that the process lives.

        Raises:
            Killed: It was killed.
        """
        self._check_alive()

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Keep a finished step.

        Raises:
            Killed: The process was killed right before, or right after.
        """
        self._check_alive()
        self._kill_if_planned(key, "before_record")
        await self.wrapped.record(key, outcome)
        self.recorded.append(key)
        self._kill_if_planned(key, "after_record")

    async def record_decision(self, key: StepKey, data: Mapping[str, JsonValue] | None) -> None:
        """Keep a decision of the policy.

        Raises:
            Killed: The process was killed.
        """
        self._check_alive()
        await self.wrapped.record_decision(key, data)

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step."""
        await self.wrapped.withdraw(key)

    async def unsettle(self, key: StepKey) -> bool:
        """Return ``False``: nobody settles a step of a run in memory."""
        return await self.wrapped.unsettle(key)

    def _check_alive(self) -> None:
        if self.killed_in is not None:
            raise Killed

    def _kill_if_planned(self, key: StepKey, moment: KillMoment) -> None:
        if self._kills_at is not None and self._kills_at(key, moment):
            self.killed_in = key
            raise Killed


class RecordingSteps(Steps):
    """The steps of one execution, recorded with their inputs.

    Attributes:
        requested: Every step and wait that the agent asked for, in order.
        inputs: The input of each, as text.
    """

    def __init__(self, journal: Journal, waits: Waits) -> None:
        super().__init__(journal, waits)
        self.requested: list[StepKey] = []
        self.inputs: dict[StepKey, str] = {}

    def key(self, name: str, inputs: object, *, version: int = 1) -> StepKey:
        """Return a step's key, and record its input."""
        key = super().key(name, inputs, version=version)
        self.inputs[key] = _shortened(inputs)
        return key

    async def recorded_outcome(self, key: StepKey) -> StepOutcome | None:
        """Return a step's outcome if there is one, and record that it was asked for."""
        self.requested.append(key)
        return await super().recorded_outcome(key)


class RecordingWaits:
    """Waits that are answered once for all executions: at once, or for the next one.

    Attributes:
        unanswered: What nobody answers.
    """

    def __init__(self, journal: MemoryJournal, answers: MemoryWaits, *, parks: bool) -> None:
        """Bind waits to a journal.

        Args:
            journal: Where answers are kept for later executions.
            answers: What is answered.
            parks: Whether a new wait ends the execution, and only the next one has the answer.
        """
        self.unanswered: list[WaitRequest] = []
        self._journal = journal
        self._answers = answers
        self._parks = parks

    async def open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
        """Answer, and keep the answer for later executions."""
        outcome = await self._answers.open(key, request)
        if isinstance(outcome, Wait):
            self.unanswered.append(request)
            return outcome
        await self._journal.record(key, outcome)
        return Wait(id=stream_of(key), kind=WaitKind.SLEEP) if self._parks else outcome


class BudgetedLedger(MemoryLedger):
    """A ledger with a budget of tokens, or of dollars."""

    def __init__(self, max_tokens: int | None = None, max_cost: float | None = None) -> None:
        super().__init__()
        self._max_tokens = max_tokens
        self._max_cost = max_cost
        self._reserved: dict[int, Usage] = {}

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:
        """Count a request, and reserve what it may use.

        Raises:
            BudgetExceeded: It may use more than is left.
        """
        left, left_cost = await self.left(), await self.left_cost()
        if left is not None and expected.tokens_used > left:
            raise BudgetExceeded(f"the budget of {self._max_tokens} tokens is used up")
        if left_cost is not None and expected.cost > left_cost:
            raise BudgetExceeded(f"the budget of {self._max_cost:g} dollars is used up")
        entry = await super().reserve(key, model, expected)
        self._reserved[entry] = expected
        return entry

    async def settle(self, entry: int, usage: Usage, *, kept: bool) -> None:
        """Add what a request used; what it had reserved is free again."""
        self._reserved.pop(entry, None)
        await super().settle(entry, usage, kept=kept)

    async def left(self) -> int | None:
        """Return how many tokens are left; ``None`` when they are not limited."""
        if self._max_tokens is None:
            return None
        return max(0, self._max_tokens - self._used.tokens_used)

    async def left_cost(self) -> float | None:
        """Return how many dollars are left; ``None`` when they are not limited."""
        return None if self._max_cost is None else max(0.0, self._max_cost - self._used.cost)

    async def spent_cost(self) -> float:
        """Return how many dollars are spent."""
        return self._used.cost

    @property
    def _used(self) -> Usage:
        return sum(self._reserved.values(), self.spending.spent)


def _shortened(inputs: object) -> str:
    try:
        text = json.dumps(to_jsonable_python(inputs, fallback=repr), ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(inputs)
    return text if len(text) <= _INPUT_CHARACTERS else f"{text[:_INPUT_CHARACTERS]}…"
