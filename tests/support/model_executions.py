"""Several executions of one run over one journal, asking a scripted endpoint over HTTP."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pydantic import JsonValue
from pydantic_ai import RunContext
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from perdure.agents.model_calls.budget import BudgetGuard
from perdure.agents.model_calls.circuit_breaker import CircuitBreakers
from perdure.agents.model_calls.durable_model import DurableModel, ResponseCache
from perdure.agents.model_calls.request import ResponseTimeouts
from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import Journal
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal, MemoryWaits
from perdure.agents.steps.retry import Clock
from perdure.agents.steps.steps import Steps
from perdure.models import Usage
from perdure.testing import ModelServer


async def drain(context: RunContext[object], events: AsyncIterable[object]) -> None:
    """Make pydantic-ai ask for a stream, and take no interest in it."""
    async for _ in events:
        pass


class BudgetLedger:
    """A ledger with a budget, as the stored one keeps it.

    Attributes:
        entries: What each request used, or may use while it is open, and how it stands.
        saved: What was not paid again.
    """

    def __init__(self, tokens: int | None = None, cost: float | None = None) -> None:
        self.tokens = tokens
        self.cost = cost
        self.entries: dict[int, tuple[Usage, str]] = {}
        self.expected: list[Usage] = []
        self.saved = Usage()

    @property
    def spent(self) -> Usage:
        return sum((usage for usage, _ in self.entries.values()), Usage())

    def of(self, state: str) -> list[Usage]:
        return [usage for usage, stands in self.entries.values() if stands == state]

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:
        spent = self.spent + expected
        if self.tokens is not None and spent.tokens_used > self.tokens:
            raise BudgetExceeded("no tokens left")
        if self.cost is not None and spent.cost > self.cost:
            raise BudgetExceeded("no money left")
        entry = len(self.entries) + 1
        self.entries[entry] = (expected, "open")
        self.expected.append(expected)
        return entry

    async def settle(self, entry: int, usage: Usage, *, kept: bool) -> None:
        assert self.entries[entry][1] == "open", "settled twice"
        self.entries[entry] = (usage, "kept" if kept else "thrown")

    async def save(self, usage: Usage) -> None:
        self.saved += usage

    async def left(self) -> int | None:
        return None if self.tokens is None else max(0, self.tokens - self.spent.tokens_used)

    async def left_cost(self) -> float | None:
        return None if self.cost is None else max(0.0, self.cost - self.spent.cost)

    async def spent_cost(self) -> float:
        return self.spent.cost

    async def is_held_elsewhere(self) -> bool:
        return False


class FakeClock:
    """A clock that moves only when somebody sleeps.

    Attributes:
        slept: The sleeps, in seconds.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.clock = Clock(lambda: 1_000.0 + sum(self.slept), self._sleep, lambda: 0.5)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class ModelExecutions:
    """One run: each model that it is asked for begins a new execution, or joins the current one.

    Attributes:
        journal: What lasts.
        ledger: What was spent.
        emitter: What the current execution has emitted.
        time: The clock of the waits between tries.
    """

    def __init__(
        self,
        ledger: BudgetLedger | None = None,
        journal: Journal | None = None,
        *,
        silence: float = 30.0,
    ) -> None:
        self.journal = journal or MemoryJournal()
        self.ledger = ledger or BudgetLedger()
        self.emitter = MemoryEmitter()
        self.time = FakeClock()
        self.breakers = CircuitBreakers(self.time.clock)
        self.cache: ResponseCache | None = None
        self.timeouts = ResponseTimeouts(silence, silence)
        self.steps = Steps(self.journal, MemoryWaits())
        self._budget = BudgetGuard(self.ledger)

    def begin(self) -> None:
        """Begin a new execution."""
        self.steps = Steps(self.journal, MemoryWaits())
        self.emitter = MemoryEmitter()
        self._budget = BudgetGuard(self.ledger)

    @asynccontextmanager
    async def model(
        self, server: ModelServer, name: str = "gpt-4o-mini", *, is_new: bool = True
    ) -> AsyncIterator[DurableModel]:
        """Begin a new execution with a model, or join the current one with ``is_new=False``."""
        wrapped = OpenAIChatModel(name, provider=OpenAIProvider(base_url=server.url, api_key="k"))
        async with self.durable(wrapped, is_new=is_new) as model:
            yield model

    @asynccontextmanager
    async def durable(self, wrapped: Model, *, is_new: bool = True) -> AsyncIterator[DurableModel]:
        """Do the same with any model."""
        if is_new:
            self.begin()
        model = DurableModel(
            wrapped,
            self.steps,
            self._budget,
            self.emitter,
            breakers=self.breakers,
            cache=self.cache,
            timeouts=self.timeouts,
            clock=self.time.clock,
        )
        async with model:
            yield model

    def events(self, type_: str) -> list[Mapping[str, JsonValue]]:
        """Return the events of one type that the current execution has emitted."""
        return [data for emitted, data in self.emitter.events if emitted == type_]
