"""The steps of one execution, each executed once over all executions of the run."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Final, NoReturn

from pydantic import JsonValue

from perdure.agents.steps.encoding import digest_of
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import (
    DelegateRequest,
    Journal,
    StepOutcome,
    WaitRequest,
    Waits,
)
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.agents.steps.run_closed import Fenced, Interrupted, JournalFailed, RunClosed
from perdure.agents.steps.threads import StepThreads
from perdure.messages import Wait
from perdure.models.texts import LONE_SURROGATE
from perdure.telemetry.metrics import recording
from perdure.telemetry.traces.steps import answered_from_journal, wait_ended

STEP_NAME_CHARACTERS: Final = 200
# Far less than the heartbeat timeout, far more than a check takes.
_CHECK_VALID_SECONDS: Final = 1.0
# Where every check takes longer than that, the last one has to do.
_MAX_RECHECKS: Final = 3

# The step that the current task executes.
current_step: ContextVar[StepKey | None] = ContextVar("current_step", default=None)


class Steps:
    """Executes an agent's steps and waits, or takes their outcomes from the journal.

    Attributes:
        closed: Why the run accepts no further calls; ``None`` while it does.
        waiting: The open waits, by key.
        in_flight_count: How many steps and calls of the stores are in flight.
        started_at: When each step that is executing started, in :func:`time.monotonic` seconds.
        deferred: How many steps were not started because of :meth:`drain`.
        advanced: Whether this execution has received the outcome of a wait.
        threads: The threads of plain step functions.
        last_active_at: When anything last started or ended, in :func:`time.monotonic` seconds.
        event_loop: The loop of the execution; ``None`` where they were made outside of one.
    """

    def __init__(self, journal: Journal, waits: Waits) -> None:
        self.closed: RunClosed | None = None
        self.waiting: dict[StepKey, Wait] = {}
        self.in_flight_count = 0
        self.started_at: dict[StepKey, float] = {}
        self.deferred = 0
        self.advanced = False
        self.threads = StepThreads()
        self.last_active_at = time.monotonic()
        # Without an error where there is none.
        self.event_loop = asyncio._get_running_loop()  # noqa: SLF001
        self._journal = journal
        self._waits = waits
        self._outcomes: dict[StepKey, StepOutcome] | None = None
        self._loading = asyncio.Lock()
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._numbers: Counter[str] = Counter()
        self._draining = False
        self._changed = asyncio.Event()

    def key(self, name: str, inputs: object, *, version: int = 1) -> StepKey:
        """Return the key of the next step of that name and input.

        Args:
            name: What the step does.
            inputs: Its input.
            version: The version of the step's meaning.

        Raises:
            PermanentError: The input has no JSON form, or the name is empty, too long or no text.
        """
        if not 0 < len(name) <= STEP_NAME_CHARACTERS:
            raise PermanentError(
                f"step name {name[:40]!r}… has {len(name)} characters: give it a few words, at most"
                f" {STEP_NAME_CHARACTERS} characters, and pass what differs as an argument"
            )
        if not name.isascii() and LONE_SURROGATE.search(name):
            raise PermanentError(
                f"step name {name!r} holds half a surrogate pair, which is no character: leave it"
                " out, and pass what differs as an argument"
            )
        digest = digest_of([inputs, version], what=f"the input of step {name!r}")
        self._numbers[name] += 1
        outer = current_step.get()
        key = StepKey(
            name,
            digest,
            self._occurrences[name, digest],
            self._numbers[name],
            stream_of(outer) if outer is not None else "",
        )
        self._occurrences[name, digest] += 1
        return key

    def under_way(self) -> StepKey | None:
        """Return the step under way: the current task's, else the last that started.

        A step that was answered from the journal is not under way.
        """
        key = current_step.get()
        if key not in self.started_at:
            key = next(reversed(self.started_at), None)
        return key

    async def recorded_outcome(self, key: StepKey) -> StepOutcome | None:
        """Return a step's outcome in an earlier execution; ``None`` when it has none.

        Raises:
            RunClosed: The run is closed.
        """
        self.raise_if_closed()
        with self.in_flight():
            outcome = (await self._load()).get(key)
            if outcome is not None and outcome.value is None:
                outcome = replace(outcome, value=await self._journal.value(key))
        self.raise_if_closed()
        if outcome is not None:
            recording.step("journal")
        return outcome

    @asynccontextmanager
    async def executing(self, key: StepKey, *, once: bool = False) -> AsyncIterator[bool]:
        """Execute a step in the block, and :meth:`record` it there.

        Args:
            key: The step.
            once: Make durable that it has started.

        Yields:
            Whether a ``once`` step was started before and its outcome is unknown.

        Raises:
            RunClosed: The run is closed; also when another execution has taken over.
        """
        self.raise_if_closed()
        # A step within a step is part of what is in flight.
        if self._draining and current_step.get() is None:
            self.deferred += 1
            self._notify()
            await self._wait_forever()
        self.in_flight_count += 1
        self.started_at[key] = time.monotonic()
        token = current_step.set(key)
        try:
            with self.in_flight():
                checked_at = time.monotonic()
                is_unknown = await self._journal.begin(key, once=once)
            await self._recheck_if_stale(checked_at)
            self.raise_if_closed()  # it may have been closed meanwhile, before the effect
            self._notify()
            yield is_unknown
        finally:
            current_step.reset(token)
            del self.started_at[key]
            self.in_flight_count -= 1
            self._notify()

    async def check_claim(self) -> None:
        """Check, before an effect, that the run is open and still claimed by this execution.

        Raises:
            RunClosed: It is closed, or another execution has taken over.
        """
        self.raise_if_closed()
        checked_at = time.monotonic()
        with self.in_flight():
            await self._journal.check()
        await self._recheck_if_stale(checked_at)
        self.raise_if_closed()

    async def _recheck_if_stale(self, checked_at: float) -> None:
        """Check the claim again if the last check is so old that the run may be lost meanwhile.

        A process that is frozen, or delayed, between the check and the effect is taken for dead
        after the heartbeat timeout; when it goes on, another one has executed the step.
        """
        for _ in range(_MAX_RECHECKS):
            if time.monotonic() - checked_at < _CHECK_VALID_SECONDS:
                return
            checked_at = time.monotonic()
            with self.in_flight():
                await self._journal.check()

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Journal a step's outcome; durable when this returns.

        Raises:
            RunClosed: It could not be journaled, or the run was closed meanwhile.
        """
        # Not refused when the run was closed meanwhile: what was paid for is kept if possible.
        with self.in_flight():
            await self._journal.record(key, outcome)
        recording.step("completed" if outcome.failure is None else "failed")
        if self._outcomes is not None:
            self._outcomes[key] = outcome
        self.raise_if_closed()

    async def is_decided(self, key: StepKey) -> bool:
        """Return whether the policy has made a decision, in whichever execution.

        Raises:
            RunClosed: The run is closed.
        """
        self.raise_if_closed()
        with self.in_flight():
            return key in await self._load()

    async def record_decision(self, key: StepKey, data: Mapping[str, JsonValue] | None) -> None:
        """Journal a decision of the policy, with the event that has ``data``.

        Raises:
            RunClosed: It could not be journaled, or the run was closed meanwhile.
        """
        with self.in_flight():
            await self._journal.record_decision(key, data)
        if self._outcomes is not None:
            self._outcomes[key] = StepOutcome("null")
        self.raise_if_closed()

    async def withdraw(self, key: StepKey) -> None:
        """Delete a failed step from the journal, so that the next attempt executes it again."""
        with self.in_flight():
            await self._journal.withdraw(key)

    async def unsettle(self, key: StepKey) -> bool:
        """Make the outcome of a step unknown again, if a person has settled it.

        Returns:
            Whether a person had.
        """
        with self.in_flight():
            was_settled = await self._journal.unsettle(key)
        if was_settled and self._outcomes is not None:
            del self._outcomes[key]
        return was_settled

    async def wait(self, key: StepKey, request: WaitRequest) -> StepOutcome:
        """Return the outcome of a wait; without one, never return in this execution.

        Raises:
            RunClosed: The run is closed.
            PermanentError: It is called within a step.
        """
        outcome = await self.recorded_outcome(key)
        if outcome is not None:
            answered_from_journal(key.name, key.number)
            return outcome
        if current_step.get() is not None:
            raise PermanentError(
                f"{key.name!r} waits within a step, which then could never end: wait between steps"
            )
        with self.in_flight():
            wait = await self._waits.open(key, request)
        if isinstance(wait, StepOutcome):
            self.advanced = True
            _record_span(key, request, wait)
            return wait
        self.waiting[key] = wait
        self._notify()
        return await self._wait_forever()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count the block as in flight, so that an execution that waits does not end during it.

        An error of the block that closes the run closes it for the agent's other branches too.
        """
        self.in_flight_count += 1
        try:
            yield
        except RunClosed as reason:
            self.close(reason)
            raise
        finally:
            self.in_flight_count -= 1
            self._notify()

    def drain(self) -> None:
        """Start no further step; those in flight end, and then the run goes on elsewhere."""
        self._draining = True
        self._notify()

    @property
    def goes_on_elsewhere(self) -> bool:
        """Whether another execution does again what this one has begun and not finished."""
        return isinstance(self.closed, Interrupted | Fenced | JournalFailed)

    def close(self, reason: RunClosed) -> None:
        """Accept no further calls; the first reason counts."""
        if self.closed is None:
            self.closed = reason
        self._notify()

    def raise_if_closed(self) -> None:
        """Raise the reason why the run is closed, if it is.

        Raises:
            RunClosed: It is closed.
        """
        if self.closed is not None:
            raise type(self.closed)(*self.closed.args)

    def keep_active(self) -> None:
        """Count as active now: something runs that has a time limit of its own."""
        self.last_active_at = time.monotonic()

    async def changed(self) -> None:
        """Wait until the agent may wait, be drained or be closed: what its driver looks at."""
        await self._changed.wait()
        self._changed.clear()

    def _notify(self) -> None:
        self.last_active_at = time.monotonic()
        # The driver has nothing to do while the agent just works.
        if self.waiting or self._draining or self.closed is not None:
            self._changed.set()

    async def _wait_forever(self) -> NoReturn:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nothing ends this wait but cancellation")

    async def _load(self) -> dict[StepKey, StepOutcome]:
        async with self._loading:
            if self._outcomes is None:
                self._outcomes = dict(await self._journal.load())
        return self._outcomes


def _record_span(key: StepKey, request: WaitRequest, outcome: StepOutcome) -> None:
    # A delegate has a span of its own.
    if outcome.ended_at is not None and not isinstance(request, DelegateRequest):
        kind = type(request).__name__.removesuffix("Request").lower()
        wait_ended(
            key.name, key.number, kind, outcome.ended_at, outcome.seconds, outcome.failure,
            key.digest, key.occurrence,
        )  # fmt: skip
