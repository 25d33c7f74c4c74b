"""Retries of agents' writes while the stores are unavailable; then they end the execution."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from perdure.agents.steps.journal import SleepRequest, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.run_closed import Fenced, JournalFailed
from perdure.models import GoalStatus, Progress, Result, Usage
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.database import retry
from perdure.stores.database.engine import Database
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries

KEY = StepKey("search", "d" * 64, 0)


class Outage:
    """An operation that fails so many times before it succeeds."""

    def __init__(self, times: int) -> None:
        self.calls = 0
        self._times = times

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._times:
            raise StoreUnavailable("the database is away: see that it is up")
        return "here"


async def test_an_operation_is_retried_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.001)
    outage = Outage(5)

    assert await with_retries(outage) == "here"

    assert outage.calls == 6


async def test_a_long_outage_ends_the_execution_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.2)
    outage = Outage(1_000)

    with pytest.raises(JournalFailed, match="the database is away") as raised:
        await with_retries(outage)

    assert isinstance(raised.value.__cause__, StoreUnavailable)
    assert 2 <= outage.calls < 10  # with longer and longer pauses


async def test_other_errors_are_not_retried() -> None:
    async def lost() -> None:
        raise Fenced("another execution has taken over")

    with pytest.raises(Fenced):
        await with_retries(lost)


async def test_retries_end_with_a_cancelled_task() -> None:
    waiting = asyncio.create_task(with_retries(Outage(1_000)))
    await asyncio.sleep(0)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


ACCESSES: dict[str, Callable[[Stores, Claim], Awaitable[object]]] = {
    "load": lambda stores, claim: stores.context.journal(claim).load(),
    "begin": lambda stores, claim: stores.context.journal(claim).begin(KEY, once=False),
    "begin once": lambda stores, claim: stores.context.journal(claim).begin(KEY, once=True),
    "record": lambda stores, claim: stores.context.journal(claim).record(KEY, StepOutcome("1")),
    "withdraw": lambda stores, claim: stores.context.journal(claim).withdraw(KEY),
    "wait": lambda stores, claim: stores.waits.for_execution(claim).open(KEY, SleepRequest(60)),
    "emit": lambda stores, claim: stores.emitter(claim, is_retry=True).emit(Progress(percentage=1)),
    "emit_event": lambda stores, claim: stores.emitter(claim, is_retry=True).emit_event(
        "usage", {}
    ),
    "draft": lambda stores, claim: stores.results.draft(claim, Result()),
    "artifact": lambda stores, claim: stores.artifacts.writer(claim).write("a", b"a", "text/x"),
    "reserve": lambda stores, claim: stores.ledger.for_execution(claim).reserve(KEY, "m", Usage()),
    "settle": lambda stores, claim: stores.ledger.for_execution(claim).settle(
        1, Usage(), kept=True
    ),
    "totals": lambda stores, claim: stores.ledger.for_execution(claim).close(1.0),
    "suspend": lambda stores, claim: stores.executions.suspend(
        claim, GoalStatus.WAITING, "run.waiting", {}
    ),
}


@pytest.mark.parametrize("name", ACCESSES)
async def test_everything_an_agent_writes_outlasts_an_outage(
    stores: Stores, claim: Claim, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt(stores.database, monkeypatch, times=2)
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.001)

    await ACCESSES[name](stores, claim)


@pytest.mark.parametrize("name", ACCESSES)
async def test_everything_an_agent_writes_gives_up_in_the_end(
    stores: Stores, claim: Claim, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt(stores.database, monkeypatch, times=1_000)
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.1)

    with pytest.raises(JournalFailed, match="away"):
        await ACCESSES[name](stores, claim)


async def test_texts_are_not_lost_in_an_outage(
    stores: Stores, run: str, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    with monkeypatch.context() as outage_patch:
        outage_patch.setattr(retry, "_FIRST_PAUSE", 0.001)
        _interrupt(stores.database, outage_patch, times=3)
        for piece in ("Once ", "upon ", "a time"):
            await emitter.emit_text("answer", piece)
            await asyncio.sleep(0)
        await emitter.drain()

    events = await stores.events.after(run, 1)
    assert "".join(str(event.data["text"]) for event in events) == "Once upon a time"


async def test_a_text_that_could_not_be_stored_ends_the_execution(
    stores: Stores, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt(stores.database, monkeypatch, times=1_000)
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.0)
    emitter = stores.emitter(claim, is_retry=False)
    await emitter.emit_text("answer", "Once")

    with pytest.raises(JournalFailed, match="away"):
        await emitter.drain()


def _interrupt(database: Database, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Make a database unavailable for the next accesses, as while it restarts."""
    outage = Outage(times)
    read, write = database.read, database.write

    async def read_later(query: object) -> object:
        await outage()
        return await read(query)  # type: ignore[arg-type]

    async def write_later(change: object) -> object:
        await outage()
        return await write(change)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "read", read_later)
    monkeypatch.setattr(database, "write", write_later)
