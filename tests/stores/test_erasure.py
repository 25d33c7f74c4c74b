"""A person is erased: their name is in no table any more, and the audit trail verifies."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from perdure.agents.steps.journal import ApprovalRequest
from perdure.agents.steps.keys import StepKey
from perdure.audit.keys import SigningKey, load_signing_key
from perdure.audit.verification import verify
from perdure.messages import Wait
from perdure.models import (
    DEFAULT_TENANT,
    Event,
    Goal,
    GoalStatus,
    ScoreContent,
    Vote,
)
from perdure.schemas.access import AuditEntry
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.access.audit import PendingEntry
from perdure.stores.database.errors import StateConflict
from perdure.stores.database.fencing import Claim
from perdure.stores.database.schema import metadata
from perdure.stores.events.event_store import add_event
from perdure.stores.retention import erasure
from tests.support.audit_keys import write_keys
from tests.support.encryption import write_keys as write_encryption_keys

NAME = "Ann Erasmus"
RUN = "goal-sales-1"
ADDRESS = "10.1.2.3"
CLIENT = "browser of hers"
QUESTION = "Publish it?"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with a key for the audit trail."""
    return settings.model_copy(update={"audit_key": str(write_keys(tmp_path)[0])})


@pytest.fixture
def key(settings: Settings) -> SigningKey:
    """Return the key that signs seals."""
    return load_signing_key(settings.audit_key)


def entry(action: str, who: str, details: dict[str, JsonValue], tenant: str) -> AuditEntry:
    return AuditEntry(
        at=datetime.now(UTC), tenant=tenant, who=who, address=ADDRESS, client=CLIENT,
        action=action, subject="", status=200, details=details,
    )  # fmt: skip


async def take_part(stores: Stores, *, name: str = NAME, tenant: str = DEFAULT_TENANT) -> str:
    """Have a person do all that leaves a name: hand in, vote, settle, score, sign in, make keys."""
    run = f"{RUN}-{tenant}"
    goal = Goal(goal_id="sales", description="Profile", agent_type="analysis", tenant=tenant)
    pending = PendingEntry(entry("goal.start", name, {"agent_type": "analysis"}, tenant))
    await stores.goals.create(goal, run, datetime.now(UTC), None, pending)
    claim = Claim(run, "first", 1, datetime.now(UTC))
    claim, _ = await stores.executions.start(claim, None, {})
    waiting, asked = (
        StepKey("approve", "0" * 64, 0),
        ApprovalRequest(QUESTION, {}, None, (name,), 1),
    )
    wait = await stores.waits.for_execution(claim).open(waiting, asked)
    assert isinstance(wait, Wait)
    vote = Vote(by=name, approved=True, reason="", at=datetime.now(UTC))
    await stores.approvals.vote(wait.id, vote)
    await stores.access.audit.append(
        entry("approval.vote", "a team's key", {"by": name, "approved": True}, tenant)
    )
    # What was decided is in the journal once the run goes on.
    await stores.waits.for_execution(claim).open(waiting, asked)
    once = StepKey("send", "1" * 64, 0, 1)
    await stores.context.journal(claim).begin(once, once=True)
    decided: dict[str, JsonValue] = {
        "kind": "step", "name": "send", "agent": "analysis", "rule": "caps", "outcome": "ask",
        "of": [name],
    }  # fmt: skip
    await stores.database.write(
        lambda transaction: add_event(transaction, run, "policy.decided", decided)
    )
    await stores.results.store(run, GoalStatus.FAILED, None, 1.0)
    await stores.once_steps.settle(run, "send", by=name, done=True, value=1)
    await stores.scores.give(run, ScoreContent(name="good", value=1), name)
    await stores.access.keys.create(name, ["read"], tenant=tenant)
    await stores.access.audit.append(entry("key.create", "admin", {"name": name}, tenant))
    await stores.access.sessions.start(name, ["read"], tenant=tenant)
    source = await stores.goals.get(run)
    again = goal.model_copy(update={"goal_id": "again"})
    await stores.reruns.create(again, f"{run}-again", source, from_step=None, by=name)
    await stores.results.store(f"{run}-again", GoalStatus.FAILED, None, 1.0)
    old = f"{run}-old"
    pending = PendingEntry(entry("goal.start", name, {}, tenant))
    await stores.goals.create(goal, old, datetime.now(UTC), None, pending)
    await stores.results.store(old, GoalStatus.FAILED, None, 1.0)
    await stores.scores.give(old, ScoreContent(name="good", value=1), name)
    await stores.deletion.delete(old)  # whose sums are kept
    return run


async def tables_with(stores: Stores, *words: str) -> dict[str, list[str]]:
    """Return the rows of all tables, opened, in which words stand."""

    def read(connection: object) -> dict[str, list[str]]:
        found = {}
        for table in metadata.sorted_tables:
            rows = [str(row) for row in connection.execute(select(table))]  # type: ignore[attr-defined]
            if having := [row for row in rows if any(word in row for word in words)]:
                found[table.name] = having
        return found

    return await stores.database.read(read)


async def exported(stores: Stores) -> list[bytes]:
    return b"".join([part async for part in stores.trail.export()]).splitlines()


async def test_a_person_who_was_erased_is_in_no_table(
    stores: Stores, settings: Settings, key: SigningKey
) -> None:
    run = await take_part(stores)
    await stores.seals.seal(key)
    before, trail = await tables_with(stores, NAME, ADDRESS, CLIENT), await exported(stores)
    assert {*before} >= {
        "api_keys", "approvals", "audit", "audit_people", "daily_scores", "daily_sums", "events",
        "goals", "intents", "scores", "sessions", "steps", "votes",
    }  # fmt: skip

    assert await stores.people.erase(NAME, DEFAULT_TENANT)

    left = await tables_with(stores, NAME, ADDRESS, CLIENT)
    # What others did from there stays theirs.
    assert {*left} == {"audit"}
    assert [row for row in left["audit"] if NAME in row] == []
    if settings.database_url == "":
        with closing(sqlite3.connect(settings.home / "perdure.db")) as database:
            assert [line for line in database.iterdump() if NAME in line] == []
    assert await exported(stores) == trail
    assert verify(trail, [key.public]).holds
    # All is there, done by somebody of whom no more is known.
    [approval] = await stores.approvals.list(workflow_id=run, limit=5)
    assert approval.decision is not None
    assert approval.decision.approved
    [vote] = approval.decision.votes
    assert vote.by.startswith("erased-")
    record = await stores.goals.get(run)
    assert [score.by for score in record.scores] == [vote.by]
    entries = await stores.access.audit.list(DEFAULT_TENANT)
    [start, _] = [one for one in entries if one.action == "goal.start"]
    assert (start.who, start.address, start.client) == (vote.by, "", "")
    [voted] = [one for one in entries if one.action == "approval.vote"]
    assert (voted.who, voted.details) == ("a team's key", {"by": vote.by, "approved": True})
    [decided] = [e for e in await events(stores, run) if e.type == "approval.decided"]
    assert json.dumps(decided.data).count(vote.by) == 1
    assert not await stores.people.erase(NAME, DEFAULT_TENANT)


async def events(stores: Stores, run: str) -> list[Event]:
    return await stores.events.after(run, 0, limit=100)


async def test_the_same_name_in_another_tenant_stays(stores: Stores) -> None:
    await take_part(stores)
    await take_part(stores, tenant="other")
    assert await stores.people.erase(NAME, DEFAULT_TENANT)
    left = await tables_with(stores, NAME)
    assert {"audit", "votes", "events", "goals", "api_keys"} <= {*left}
    for name in ("audit", "goals", "api_keys", "audit_people"):
        assert all("'other'" in row for row in left[name]), name


async def test_every_spelling_that_is_on_record_is_erased_page_by_page(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_ROWS", 2)
    await take_part(stores)
    spelled = entry("goal.start", NAME.upper(), {"by": f" {NAME.lower()}"}, DEFAULT_TENANT)
    await stores.access.audit.append(spelled)
    assert await stores.people.erase(NAME, DEFAULT_TENANT)
    assert await tables_with(stores, NAME, NAME.upper(), NAME.lower()) == {}


async def test_whose_votes_a_goal_under_way_goes_by_is_erased_once_it_has_ended(
    stores: Stores, run: str, claim: Claim
) -> None:
    asked = ApprovalRequest(QUESTION, {}, None, (), 1)
    wait = await stores.waits.for_execution(claim).open(StepKey("approve", "0" * 64, 0), asked)
    assert isinstance(wait, Wait)
    vote = Vote(by=NAME, approved=True, reason="", at=datetime.now(UTC))
    await stores.approvals.vote(wait.id, vote)
    with pytest.raises(StateConflict, match=f"has voted in {run}, under way"):
        await stores.people.erase(NAME, DEFAULT_TENANT)
    assert "votes" in await tables_with(stores, NAME)
    await stores.results.store(run, GoalStatus.FAILED, None, 1.0)
    assert await stores.people.erase(NAME, DEFAULT_TENANT)
    assert await tables_with(stores, NAME) == {}


async def test_what_is_held_is_kept_as_it_is(stores: Stores) -> None:
    run = await take_part(stores)
    await stores.holds.hold(run, "counsel", "a case")
    with pytest.raises(StateConflict, match=f"{run} is held.*release it first"):
        await stores.people.erase(NAME, DEFAULT_TENANT)
    await stores.holds.release(run)
    await stores.of(DEFAULT_TENANT).holds.hold_tenant("counsel", "a case")
    with pytest.raises(StateConflict, match=f"the tenant {DEFAULT_TENANT} is held"):
        await stores.people.erase(NAME, DEFAULT_TENANT)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET status = 500",
        "UPDATE audit SET action = 'nothing'",
        "UPDATE audit SET tenant = 'other'",
        "DELETE FROM audit",
    ],
)
async def test_while_somebody_is_erased_nothing_but_names_can_be_changed(
    stores: Stores, change: str
) -> None:
    await take_part(stores)
    began = text(
        "INSERT INTO audit_erasures (pseudonym, tenant, began_at)"
        " VALUES ('x', 'default', '2026-11-27 12:00:00+00:00')"
    )
    await stores.database.write(lambda transaction: transaction.connection.execute(began))
    with pytest.raises(DBAPIError, match="append-only"):
        await stores.database.write(
            lambda transaction: transaction.connection.execute(text(change))
        )
    assert {one.status for one in await stores.access.audit.list(DEFAULT_TENANT)} == {200}


async def test_names_go_from_encrypted_stores_too(settings: Settings, tmp_path: Path) -> None:
    keys = write_encryption_keys(tmp_path / "keys.txt", "one")
    encrypted = settings.model_copy(update={"encryption_keys": keys})
    async with open_stores(encrypted) as stores:
        await take_part(stores)
        assert await stores.people.erase(NAME, DEFAULT_TENANT)
        assert await tables_with(stores, NAME) == {}


async def test_what_a_process_that_died_has_begun_is_completed_by_the_next(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take_part(stores)
    replaced = erasure._Erasure._replace_in

    async def die(one: erasure._Erasure, texts: erasure._Place) -> int:
        if texts.column.table.name == "events":
            raise InterruptedError
        return await replaced(one, texts)

    with monkeypatch.context() as patched:
        patched.setattr(erasure._Erasure, "_replace_in", die)
        with pytest.raises(InterruptedError):
            await stores.people.erase(NAME, DEFAULT_TENANT)
    assert {*await tables_with(stores, NAME)} >= {"audit_people", "events", "steps"}
    assert await stores.people.erase(NAME, DEFAULT_TENANT)
    assert await tables_with(stores, NAME) == {}
    change = text("UPDATE audit SET who = 'x'")
    with pytest.raises(DBAPIError, match="append-only"):
        await stores.database.write(lambda transaction: transaction.connection.execute(change))
