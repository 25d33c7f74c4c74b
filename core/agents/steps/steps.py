"""The steps of one pass of an agent: each done once, over all passes."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Final, NoReturn

from perdure.agents.steps.encoding import digest_of
from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import Journal, StepKey, StepOutcome, WaitRequest, Waits
from perdure.agents.steps.run_closed import RunClosed
from perdure.messages import Wait

STEP_NAME_CHARACTERS: Final = 200
# Far less than the heartbeat timeout, far more than the question takes.
_FRESH_SECONDS: Final = 1.0
# Where every answer takes longer than that, the last one has to do.
_CHECKS: Final = 3

# Which step's body the current task belongs to.
current_step: ContextVar[StepKey | None] = ContextVar("current_step", default=None)


class Steps:
    """What an agent does and waits for, against the journal.

    Attributes:
        closed: Why the run takes nothing more from this pass; ``None`` while it does.
        parked: What the agent waits for, by step.
        in_flight: How many steps are being done.
        begun_at: When each of them began, as :func:`time.monotonic` counts.
        held: How many steps were not begun, because the run is to go on elsewhere.
        advanced: Whether this pass has taken an answer that it waited for.
        latest: The name of the step that came last, done or answered.
        alive_at: When something was begun or ended last, as :func:`time.monotonic` counts.
    """

    def __init__(self, journal: Journal, waits: Waits) -> None:
        self.closed: RunClosed | None = None
        self.parked: dict[StepKey, Wait] = {}
        self.in_flight = 0
        self.begun_at: dict[StepKey, float] = {}
        self.held = 0
        self.advanced = False
        self.latest: str | None = None
        self.alive_at = time.monotonic()
        self._journal = journal
        self._waits = waits
        self._answers: dict[StepKey, StepOutcome] | None = None
        self._loading = asyncio.Lock()
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._holding = False
        self._changed = asyncio.Event()

    def key(self, name: str, given: object, *, version: int = 1) -> StepKey:
        """Return the key of the next step of that name and input.

        Args:
            name: What the step does.
            given: Its input.
            version: Of the meaning of what it does.

        Raises:
            PermanentError: The input has no JSON form, or the name is empty or too long.
        """
        if not 0 < len(name) <= STEP_NAME_CHARACTERS:
            raise PermanentError(
                f"step name {name[:40]!r}… has {len(name)} characters: give it a few words, at most"
                f" {STEP_NAME_CHARACTERS} characters, and pass what differs as an argument"
            )
        digest = digest_of([given, version], what=f"the input of step {name!r}")
        key = StepKey(name, digest, self._occurrences[name, digest])
        self._occurrences[name, digest] += 1
        return key

    async def answered(self, key: StepKey) -> StepOutcome | None:
        """Return what a step came to on an earlier pass.

        Raises:
            RunClosed: The run takes nothing more.
        """
        self.check()
        with self.busy():
            answer = (await self._load()).get(key)
            if answer is not None:
                self.latest = key.name
            if answer is not None and answer.value is None:
                answer = replace(answer, value=await self._journal.value(key))
        self.check()
        return answer

    @asynccontextmanager
    async def doing(self, key: StepKey, *, once: bool = False) -> AsyncIterator[bool]:
        """Do a step in the block, and :meth:`record` it there.

        Args:
            key: The step.
            once: Note durably that it begins.

        Yields:
            Whether a ``once`` step was begun before and its outcome is unknown.

        Raises:
            RunClosed: The run takes nothing more; also when another execution has taken over.
        """
        self.check()
        # A step within a step belongs to what is in flight.
        if self._holding and current_step.get() is None:
            self.held += 1
            self._tell()
            await self._for_ever()
        self.in_flight += 1
        self.begun_at[key] = time.monotonic()
        token = current_step.set(key)
        try:
            with self.busy():
                asked_at = time.monotonic()
                unknown = await self._journal.begin(key, once=once)
            await self._freshly_checked(asked_at)
            self.check()  # it may have been closed meanwhile, and the effect is still to come
            self.latest = key.name
            self._tell()
            yield unknown
        finally:
            current_step.reset(token)
            del self.begun_at[key]
            self.in_flight -= 1
            self._tell()

    async def check_again(self) -> None:
        """See that nothing has closed the run, nor another execution taken it, before an effect.

        Raises:
            RunClosed: It is not this pass's any more.
        """
        self.check()
        asked_at = time.monotonic()
        with self.busy():
            await self._journal.check()
        await self._freshly_checked(asked_at)
        self.check()

    async def _freshly_checked(self, asked_at: float) -> None:
        """Ask again what was asked so long ago that the run may have been lost meanwhile.

        A process that is frozen, or held up, between the question and the effect is taken for dead
        after the heartbeat timeout; when it goes on, another one has done the step.
        """
        for _ in range(_CHECKS):
            if time.monotonic() - asked_at < _FRESH_SECONDS:
                return
            asked_at = time.monotonic()
            with self.busy():
                await self._journal.check()

    async def record(self, key: StepKey, answer: StepOutcome) -> None:
        """Journal what a step came to; durable when this returns.

        Raises:
            RunClosed: It could not be journaled; nothing more is taken.
        """
        # Not refused when the run was closed meanwhile: what was paid for is kept while it can be.
        with self.busy():
            await self._journal.record(key, answer)
        if self._answers is not None:
            self._answers[key] = answer
        self.check()

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step, so that the next attempt does it again."""
        with self.busy():
            await self._journal.withdraw(key)

    async def wait(self, key: StepKey, wanted: WaitRequest) -> StepOutcome:
        """Return the answer to what is waited for, or do not return in this pass.

        Raises:
            RunClosed: The run takes nothing more.
        """
        known = await self.answered(key)
        if known is not None:
            return known
        if current_step.get() is not None:
            raise PermanentError(
                f"{key.name!r} waits within a step, which then could never end: wait between steps"
            )
        with self.busy():
            opened = await self._waits.open(key, wanted)
        if isinstance(opened, StepOutcome):
            self.advanced = True
            return opened
        self.parked[key] = opened
        self._tell()
        return await self._for_ever()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the block as in flight: a pass that waits does not end in the middle of it.

        What closes the run in the block closes it here, so that no branch goes on without it.
        """
        self.in_flight += 1
        try:
            yield
        except RunClosed as reason:
            self.close(reason)
            raise
        finally:
            self.in_flight -= 1
            self._tell()

    def hold(self) -> None:
        """Begin no further step: those in flight end, and then the run goes on elsewhere."""
        self._holding = True
        self._tell()

    def close(self, reason: RunClosed) -> None:
        """Take nothing more; the first reason stays."""
        if self.closed is None:
            self.closed = reason
        self._tell()

    def check(self) -> None:
        """See that the run still takes something from its agent.

        Raises:
            RunClosed: It does not.
        """
        if self.closed is not None:
            raise type(self.closed)(*self.closed.args)

    async def changed(self) -> None:
        """Wait until something above may have changed."""
        await self._changed.wait()
        self._changed.clear()

    def _tell(self) -> None:
        self.alive_at = time.monotonic()
        # The driver has nothing to do while the agent only works.
        if self.parked or self._holding or self.closed is not None:
            self._changed.set()

    async def _for_ever(self) -> NoReturn:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nothing ends this wait but cancellation")

    async def _load(self) -> dict[StepKey, StepOutcome]:
        async with self._loading:
            if self._answers is None:
                self._answers = dict(await self._journal.load())
        return self._answers
