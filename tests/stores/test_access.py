"""Keys, sessions and the audit table, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perdure.redaction import without_secrets
from perdure.schemas.access import AuditEntry
from perdure.stores import Stores
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import InputRefused, UnknownKey


def _execute(writing: Transaction, statement: str) -> None:
    writing.connection.execute(text(statement))


def entry(subject: str, **changes: object) -> AuditEntry:
    fields = {
        "at": datetime.now(UTC),
        "tenant": "default",
        "who": "ann",
        "address": "127.0.0.1",
        "action": "goal.start",
        "subject": subject,
        "status": 200,
    }
    return AuditEntry.model_validate(fields | changes)


async def test_a_key_is_kept_as_a_digest_and_known_by_the_key_alone(stores: Stores) -> None:
    keys = stores.access.keys
    assert not await keys.exist()
    key, record = await keys.create("Ann", ["read", "approve"], tenant="one")
    assert await keys.exist()
    assert await keys.authenticate(key) == record  # which was not used before
    assert (await keys.get(record.key_id)).last_used_at is not None
    columns = await stores.database.read(
        lambda connection: connection.execute(text("SELECT * FROM api_keys")).one()
    )
    assert key not in " ".join(map(str, columns))
    for wrong in ("", key[:-1], key + "x", key.upper(), f"perdure_{record.key_id}_", "perdure_'"):
        assert await keys.authenticate(wrong) is None
    assert without_secrets(f"<{key}>") == "<[secret]>"


async def test_revoking_is_for_good_and_for_ones_own_tenant(stores: Stores) -> None:
    keys = stores.access.keys
    key, record = await keys.create("Ann", ["read"], tenant="one")
    with pytest.raises(UnknownKey):
        await keys.revoke(record.key_id, "two")
    first = await keys.revoke(record.key_id, "one")
    assert (await keys.revoke(record.key_id)).revoked_at == first.revoked_at
    assert await keys.authenticate(key) is None
    assert await keys.exist()
    assert [item.key_id for item in await keys.list("one")] == [record.key_id]
    assert await keys.list("two") == []
    with pytest.raises(UnknownKey, match="perdure keys list"):
        await keys.revoke("nothing")


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[2Jb", "x" * 201, "a\nb", "\u202egnp"])
async def test_a_key_has_a_name_that_can_be_printed(stores: Stores, name: str) -> None:
    with pytest.raises(InputRefused):
        await stores.access.keys.create(name, ["read"])


async def test_a_session_ends_with_what_it_was_started_with(stores: Stores) -> None:
    sessions = stores.access.sessions
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    short, _ = await sessions.start("Ann", ["read"], tenant="one", expires_at=soon)
    long, record = await sessions.start("Bob", ["read"], tenant="two", key_id="k")
    assert await sessions.get(long) == record
    while datetime.now(UTC) < soon:  # noqa: ASYNC110 -- time itself is what is waited for
        await asyncio.sleep(0.02)
    assert await sessions.get(short) is None
    assert await sessions.get("") is None
    await sessions.end(long)
    assert await sessions.get(long) is None


async def test_entries_of_many_at_once_are_all_there_and_stay(stores: Stores) -> None:
    audit = stores.access.audit
    secret = "perdure_" + "0" * 12 + "_" + "s" * 43
    await asyncio.gather(*(audit.append(entry(f"goal-{number}")) for number in range(50)))
    await audit.append(entry(secret, who="bob", tenant="two", details={"name": secret}))
    entries = await audit.list(None, limit=100)
    assert {item.subject for item in entries} == {"[secret]", *(f"goal-{n}" for n in range(50))}
    assert entries[0].details == {"name": "[secret]"}
    assert [item.number for item in entries] == sorted(
        (item.number for item in entries), reverse=True
    )
    assert [item.who for item in await audit.list("two")] == ["bob"]
    assert len(await audit.list("default", who="ann", subject="goal-7")) == 1
    for change in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append-only"):
            await stores.database.write(partial(_execute, statement=change))
    assert len(await audit.list(None, limit=100)) == 51
