"""The audit trail: what is on record of a goal, and that nothing of it can be changed unnoticed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from perdure.agents.steps.journal import ApprovalRequest, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.audit.keys import SigningKey, load_signing_key
from perdure.audit.verification import Verification, verify
from perdure.messages import Wait
from perdure.models import (
    DEFAULT_TENANT,
    Artifact,
    Event,
    Failure,
    Goal,
    GoalStatus,
    Usage,
    Vote,
)
from perdure.schemas.access import AuditEntry, Fact, FactFilter
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.access.audit import PendingEntry
from perdure.stores.audit import seal_store, tables
from perdure.stores.audit.event_facts import add_event_fact
from perdure.stores.audit.recording import add_fact
from perdure.stores.database.engine import Transaction
from perdure.stores.database.fencing import Claim
from tests.support.audit_keys import write_keys

EVERYTHING = FactFilter()
WORDS = (
    "Profile the sales", "secret input", "secret answer", "Publish it?", "figures of March",
    "because it is right", "ann", "bob", "10.1.2.3", "report of bob.md",
)  # fmt: skip


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with a key for the audit trail."""
    return settings.model_copy(update={"audit_key": str(write_keys(tmp_path)[0])})


@pytest.fixture
def key(settings: Settings) -> SigningKey:
    """Return the key that signs seals."""
    return load_signing_key(settings.audit_key)


async def exported(stores: Stores) -> list[bytes]:
    return b"".join([lines async for lines in stores.trail.export()]).splitlines(keepends=True)


async def verified(stores: Stores, key: SigningKey) -> Verification:
    return verify(await exported(stores), [key.public])


async def facts(stores: Stores, kind: str = "") -> list[Fact]:
    return (await stores.trail.list(FactFilter(kind=kind), limit=500))[::-1]


async def add_some(stores: Stores, count: int, tenant: str = DEFAULT_TENANT) -> None:
    def add(transaction: Transaction) -> None:
        for number in range(count):
            add_fact(transaction, "goal.start", f"goal-{number}", tenant, {"status": 200})

    await stores.database.write(add)


async def see_a_goal_through(stores: Stores, run: str = "goal-sales-1") -> None:
    """Do all that leaves facts: hand in, execute, ask a model and people, make a file, end."""
    goal = Goal(goal_id="sales", description=WORDS[0], agent_type="analysis")
    entry = AuditEntry(
        at=datetime.now(UTC), tenant=DEFAULT_TENANT, who="ann", key_id="k1", address="10.1.2.3",
        action="goal.start", subject="", status=200, request_id="r1", details={"name": "bob"},
    )  # fmt: skip
    await stores.goals.create(goal, run, datetime.now(UTC), None, PendingEntry(entry))
    claim = Claim(run, "first", 1, datetime.now(UTC))
    claim, _ = await stores.executions.start(claim, None, {}, "perdure-analysis 1.2")
    ledger = stores.ledger.for_execution(claim)
    asked = StepKey("ask", "secret input", 0, 1)
    spent = await ledger.reserve(asked, "openai:gpt", Usage(input_tokens=9))
    await stores.context.journal(claim).record(asked, StepOutcome('"secret answer"'))
    await ledger.settle(spent, Usage(input_tokens=5, output_tokens=7, cost=0.25), kept=True)
    emitter = stores.emitter(claim, is_retry=False)
    await emitter.emit(
        Artifact(
            name="report of bob.md", media_type="text/markdown", digest="sha256:" + "0" * 64, size=8
        )
    )
    await emitter.emit_event(
        "tool.called", {"tool": "search", "tool_call_id": "c1", "arguments": "secret input"}
    )
    request = ApprovalRequest("Publish it?", {"data": "figures of March"}, None, ("ann", "bob"), 1)
    wait = await stores.waits.for_execution(claim).open(StepKey("ok", "0" * 64, 0), request)
    assert isinstance(wait, Wait)
    vote = Vote(by="bob", approved=True, reason="because it is right", at=datetime.now(UTC))
    await stores.approvals.vote(wait.id, vote)
    failure = Failure(type="ValueError", message="secret answer")
    await stores.results.store(run, GoalStatus.FAILED, failure, 1.5)


async def test_what_a_goal_does_is_on_record_and_no_word_of_people(
    stores: Stores, key: SigningKey
) -> None:
    await see_a_goal_through(stores)
    found = await facts(stores)
    assert [fact.kind for fact in found] == [
        "run.started", "goal.start", "execution.started", "step.completed", "model.request",
        "artifact", "tool.called", "approval.requested", "approval.decided", "run.failed",
    ]  # fmt: skip
    by_kind = {fact.kind: fact for fact in found}
    assert {fact.subject for fact in found} == {"goal-sales-1"}
    assert (by_kind["goal.start"].who, by_kind["goal.start"].is_known) == ("ann", True)
    assert by_kind["goal.start"].data["status"] == 200
    assert by_kind["goal.start"].data["key_id"] == "k1"
    assert by_kind["execution.started"].data == {
        "agent_type": "analysis",
        "agent_version": "perdure-analysis 1.2",
        "execution": 1,
    }
    paid = by_kind["model.request"].data
    assert (paid["model"], paid["input_tokens"], paid["output_tokens"]) == ("openai:gpt", 5, 7)
    assert (paid["cost"], paid["kept"]) == (0.25, True)
    # What was asked is the same in both, and what was answered in one.
    assert paid["input"] == by_kind["step.completed"].data["input"]
    votes = by_kind["approval.decided"].data["votes"]
    assert isinstance(votes, list)
    [decided] = votes
    assert isinstance(decided, dict)
    assert decided["approved"] is True
    assert decided["by"] == by_kind["approval.requested"].data["of"][1]  # type: ignore[index]
    assert by_kind["run.failed"].data["type"] == "ValueError"
    await stores.seals.seal(key)
    lines = b"".join(await exported(stores)).decode()
    for words in WORDS:
        assert f'"{words}' not in lines
        assert f"{words}\\" not in lines
    assert (await verified(stores, key)).facts == len(found)


async def test_facts_are_found_by_what_they_are_about(stores: Stores) -> None:
    await see_a_goal_through(stores)
    await see_a_goal_through(stores, "goal-sales-2")
    trail = stores.trail
    assert len(await trail.list(FactFilter(subject="goal-sales-2"), limit=50)) == 10
    assert len(await trail.list(FactFilter(who="ann"), limit=50)) == 2
    assert await trail.list(FactFilter(who="nobody"), limit=50) == []
    now = datetime.now(UTC)
    assert await trail.list(FactFilter(since=now + timedelta(hours=1)), limit=50) == []
    assert len(await trail.list(FactFilter(kind="run.failed", until=now), limit=50)) == 2
    first, second = await trail.list(EVERYTHING, limit=2)
    assert [fact.number for fact in await trail.list(EVERYTHING, limit=1, before=first.number)] == [
        second.number
    ]
    assert await stores.of("other").trail.list(EVERYTHING, limit=50) == []


async def test_what_is_taken_back_leaves_no_fact(stores: Stores, key: SigningKey) -> None:
    async def fail() -> None:
        def change(transaction: Transaction) -> None:
            add_fact(transaction, "goal.start", "goal-x", DEFAULT_TENANT, {})
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await stores.database.write(change)

    # Those that wait for SQLite's one writer are committed together.
    await asyncio.gather(*(add_some(stores, 1) for _ in range(10)), *(fail() for _ in range(5)))
    await add_some(stores, 1)
    await stores.seals.seal(key)
    found = await verified(stores, key)
    assert found.holds, found.findings
    assert found.facts == 11
    assert {fact.subject for fact in await facts(stores)} == {"goal-0"}


async def test_without_a_key_nothing_is_recorded_until_the_first_seal(
    settings: Settings, key: SigningKey
) -> None:
    keyless = settings.model_copy(update={"audit_key": ""})
    async with open_stores(keyless) as stores:
        await see_a_goal_through(stores)
        assert await facts(stores) == []
        await stores.seals.seal(key)
    async with open_stores(keyless) as stores:
        await see_a_goal_through(stores, "goal-sales-2")
        assert len(await facts(stores)) == 10


async def test_seals_follow_one_another_and_none_is_made_for_nothing(
    stores: Stores, key: SigningKey
) -> None:
    first = await stores.seals.seal(key)
    assert first is not None
    assert (first.number, first.count) == (1, 0)
    assert await stores.seals.seal(key) is None
    await add_some(stores, 3)
    second = await stores.seals.seal(key)
    assert second is not None
    assert (second.number, second.count, second.total) == (2, 3, 3)
    assert second.previous == first.hash()
    # So that a cut tail shows by its time.
    idle = await stores.seals.seal(key, datetime.now(UTC) + seal_store.IDLE * 1.1)
    assert idle is not None
    assert (idle.number, idle.count, idle.total) == (3, 0, 3)
    assert (await verified(stores, key)).holds


async def test_two_that_seal_at_once_seal_nothing_twice(
    stores: Stores, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_store, "MAX_FACTS", 4)
    await add_some(stores, 40)
    for _ in range(12):
        await asyncio.gather(*(stores.seals.seal(key) for _ in range(3)))
    found = await verified(stores, key)
    assert found.holds, found.findings
    assert found.facts == 40


async def test_a_tenant_gets_the_facts_of_others_as_hashes_and_it_verifies(
    stores: Stores, key: SigningKey
) -> None:
    await add_some(stores, 3, "one")
    await add_some(stores, 4, "two")
    await stores.seals.seal(key)
    lines = await exported(stores.of("one"))
    found = verify(lines, [key.public])
    assert found.holds
    assert (found.facts, found.withheld) == (7, 4)
    assert b'"two"' not in b"".join(lines)


async def test_whoever_is_erased_is_known_no_more_and_the_trail_verifies(
    stores: Stores, key: SigningKey
) -> None:
    await see_a_goal_through(stores)
    await stores.seals.seal(key)
    before = await exported(stores)
    assert await stores.people.erase("ann", DEFAULT_TENANT)
    assert not await stores.people.erase("ann", DEFAULT_TENANT)
    [started] = await facts(stores, "goal.start")
    assert not started.is_known
    assert started.who != "ann"
    assert await exported(stores) == before
    assert (await verified(stores, key)).holds
    # And is somebody else from then on.
    await see_a_goal_through(stores, "goal-sales-2")
    _, again = await facts(stores, "goal.start")
    assert (again.who, again.is_known) == ("ann", True)


async def test_with_a_goal_goes_what_its_words_were_digested_with(
    stores: Stores, key: SigningKey
) -> None:
    await see_a_goal_through(stores)
    await stores.seals.seal(key)
    await stores.deletion.delete("goal-sales-1")
    salts = text("SELECT count(audit_salt) FROM goals")
    assert await stores.database.read(lambda connection: connection.execute(salts).scalar()) == 0
    found = await verified(stores, key)
    assert found.holds
    assert found.facts == 10


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_facts SET fact = '{}' WHERE number = 2",
        "DELETE FROM audit_facts WHERE number = 2",
        "DELETE FROM audit_facts",
    ],
)
async def test_the_database_refuses_to_change_facts(stores: Stores, statement: str) -> None:
    await add_some(stores, 3)
    with pytest.raises(DBAPIError, match="append-only"):
        await stores.database.write(
            lambda transaction: transaction.connection.execute(text(statement))
        )
    assert len(await facts(stores)) == 3


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        (
            "UPDATE audit_facts SET fact = replace(fact, 'goal-1', 'goal-9') WHERE number = 2",
            "fact 2",
        ),
        ("DELETE FROM audit_facts WHERE number = 2", "fact 2"),
        ("UPDATE audit_facts SET number = 99 WHERE number = 2", "fact 2"),
        ("DELETE FROM audit_facts WHERE number > 1", "fact 2"),
    ],
)
async def test_whoever_owns_the_database_cannot_change_facts_unnoticed(
    stores: Stores, key: SigningKey, statement: str, place: str
) -> None:
    await add_some(stores, 3)
    await stores.seals.seal(key)

    def tamper(transaction: Transaction) -> None:
        execute = transaction.connection.execute
        if stores.database.is_sqlite:
            execute(text("DROP TRIGGER audit_facts_refuses_update"))
            execute(text("DROP TRIGGER audit_facts_refuses_delete"))
        else:
            execute(text("ALTER TABLE audit_facts DISABLE TRIGGER USER"))
        execute(text(statement))

    await stores.database.write(tamper)
    found = await verified(stores, key)
    assert not found.holds
    assert found.findings[0].place == place


async def test_what_is_older_than_facts_are_kept_is_cut_off_at_a_seal(
    stores: Stores, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for days, count in ((30, 3), (20, 4), (10, 5)):
        await add_some(stores, count)
        await stores.seals.seal(key, now - timedelta(days=days))
    assert await stores.seals.begin_cut(now - timedelta(days=40)) is None
    assert not await stores.seals.cut(2)
    assert len(await facts(stores)) == 12
    assert await stores.seals.begin_cut(now - timedelta(days=15)) == 2
    while await stores.seals.cut(2):
        pass
    assert len(await facts(stores)) == 6  # five, and that there was a cut
    [cut] = await facts(stores, seal_store.CUT)
    assert cut.data == {"seal": 2}
    await stores.seals.seal(key)
    found = await verified(stores, key)
    assert found.holds, found.findings
    assert (found.first_seal, found.last_seal, found.facts) == (3, 4, 6)
    # The number of a fact that is gone is never another's.
    assert min(fact.number for fact in await facts(stores)) == 8


async def test_what_a_policy_decides_is_on_record_with_its_rule(stores: Stores) -> None:
    data: dict[str, JsonValue] = {
        "kind": "tool", "name": "refund", "rule": "caps", "outcome": "ask", "of": ["ann"],
        "needed": 1, "reason": "because it is much",
    }  # fmt: skip
    event = Event(
        workflow_id="goal-1", number=1, type="policy.decided", time=datetime.now(UTC), data=data
    )
    await stores.database.write(
        lambda transaction: add_event_fact(transaction, event, DEFAULT_TENANT, "salt", {})
    )
    [fact] = await facts(stores, "policy.decided")
    shown = {name: fact.data[name] for name in ("kind", "name", "rule", "outcome", "needed")}
    assert shown == {
        "kind": "tool", "name": "refund", "rule": "caps", "outcome": "ask", "needed": 1,
    }  # fmt: skip
    assert "ann" not in str(fact.data["of"])
    assert "because" not in str(fact.data["reason"])


async def test_settings_are_on_record_when_they_are_others(stores: Stores) -> None:
    values = {"PERDURE_MODEL": "openai:gpt", "PERDURE_DATABASE_URL": "postgresql://u:pw@h/d"}
    record = stores.trail.record_settings
    assert await record("worker", values)
    assert not await record("worker", values)
    assert await record("api", values)
    assert await record("worker", values | {"PERDURE_MODEL": "openai:other", "PERDURE_POOL": "x"})
    assert not await record("api", values)
    first, _, changed = await facts(stores, "settings.changed")
    assert changed.data["changed"] == ["PERDURE_MODEL", "PERDURE_POOL"]
    assert (first.subject, first.who) == ("worker", "")
    assert "pw@h" not in str(first.data)
    assert "gpt" not in str(first.data)


async def _number(stores: Stores) -> int:
    """Return a number that no fact will have, as a transaction that is taken back leaves it."""
    taken = text("SELECT nextval(pg_get_serial_sequence('audit_facts', 'number'))")
    return int(
        await stores.database.write(
            lambda transaction: transaction.connection.execute(taken).scalar_one()
        )
    )


async def test_a_fact_that_is_committed_after_later_ones_were_sealed_is_sealed_too(
    postgresql: object, tmp_path: Path
) -> None:
    private, _ = write_keys(tmp_path)
    async with postgresql.database() as url:  # type: ignore[attr-defined]
        settings = Settings(home=tmp_path / "home", database_url=url, audit_key=str(private))
        key = load_signing_key(settings.audit_key)
        async with open_stores(settings) as stores:
            await add_some(stores, 2)
            late, never = await _number(stores), await _number(stores)
            await add_some(stores, 2)
            first = await stores.seals.seal(key)
            assert first is not None
            assert (first.gaps, first.count) == ([late, never], 4)

            [fact] = await stores.trail.list(EVERYTHING, limit=1)
            row = {
                "number": late, "at": fact.at, "kind": fact.kind, "subject": "", "who": "",
                "tenant": DEFAULT_TENANT, "fact": "{}", "hash": "0" * 64,
            }  # fmt: skip
            await stores.database.write(
                lambda transaction: transaction.connection.execute(insert(tables.facts), row)
            )
            second = await stores.seals.seal(key)
            assert second is not None
            assert (second.late, second.count, second.total) == ([late], 1, 5)
            found = await verified(stores, key)
            assert [finding.place for finding in found.findings] == [f"fact {late}"]  # "{}" is not
            assert "does not have its hash" in found.findings[0].message
            # A cut before the seal that has it leaves it there.
            assert await stores.seals.begin_cut(first.at + timedelta(microseconds=1)) == 1
            assert not await stores.seals.cut(100)
            await stores.seals.seal(key)
            found = await verified(stores, key)
            assert (found.problems, found.first_seal, found.facts) == (1, 2, 2)


_WRITE = """
import asyncio, sys
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.audit.event_facts import add_event_fact
from perdure.stores.audit.recording import add_fact

def change(number):
    def add(transaction):
        for step in range(3):
            add_fact(transaction, "step.completed", f"goal-{number}", "default", {"number": step})
        if number % 4 == 3:
            raise ValueError
    return add

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[2])) as stores:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(
            *(stores.database.write(change(number)) for number in range(60)),
            return_exceptions=True,
        )

asyncio.run(main())
"""


async def test_processes_that_write_while_it_is_sealed_break_nothing(
    settings: Settings,
    stores: Stores,
    key: SigningKey,
    processes: Callable[..., Awaitable[list[str]]],
) -> None:
    writing = asyncio.ensure_future(processes(_WRITE, 3, settings.model_dump_json()))
    while not writing.done():
        await stores.seals.seal(key)
        await asyncio.sleep(0.005)
    await writing
    while (seal := await stores.seals.seal(key)) is not None and seal.count:
        pass
    found = await verified(stores, key)
    assert found.holds, found.findings
    assert found.facts == 3 * 45 * 3
