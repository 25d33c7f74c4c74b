"""Sealed columns: what the database keeps, what is read of it, and what is said without keys."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import MetaData, Text, bindparam, select, text, type_coerce

from perdure.encryption.cipher import Cipher
from perdure.encryption.loading import load_cipher
from perdure.models import Goal, Usage
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, open_stores
from perdure.stores.database import schema
from perdure.stores.database.errors import KeyConflict
from perdure.stores.sealing.columns import SealedText
from perdure.stores.sealing.text import SEALED, key_of, open_text, seal_text
from tests.support.encryption import write_keys

GOAL = Goal(goal_id="sales", description="Profile the sales", agent_type="analysis")


@pytest.fixture
def encrypted(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings of the same installation, with a key."""
    source = write_keys(tmp_path / "keys", "first")
    return settings.model_copy(update={"encryption_keys": source})


def with_keys(settings: Settings, file: Path, *names: str) -> Settings:
    return settings.model_copy(update={"encryption_keys": write_keys(file, *names)})


@pytest.fixture
async def sealed_stores(encrypted: Settings) -> AsyncIterator[Stores]:
    """Open stores that have a key."""
    async with open_stores(encrypted) as opened:
        yield opened


def cipher_in(path: Path, *names: str) -> Cipher:
    cipher = load_cipher(write_keys(path, *names))
    assert cipher is not None
    return cipher


@pytest.mark.parametrize("words", ["", "a", "Übung \U0001f426", SEALED, f"{SEALED}=", f"{SEALED}x"])
def test_any_text_comes_back(tmp_path: Path, words: str) -> None:
    cipher = cipher_in(tmp_path / "keys", "first")
    for sealing in (None, cipher):
        stored = seal_text(sealing, words, "goals.description")
        assert open_text(cipher, stored, "goals.description") == words
        assert key_of(stored) == ("first" if sealing is not None and words else None)
        if sealing is None:
            assert open_text(None, stored, "goals.description") == words


async def raw(stores: Stores, column: str, table: str = "goals") -> str | None:
    query = text(f"SELECT {column} FROM {table}")
    found: str | None = await stores.database.read(
        lambda connection: connection.execute(query).scalar()
    )
    return found


async def test_a_row_is_sealed_and_read_beside_plain_ones(
    settings: Settings, encrypted: Settings
) -> None:
    async with open_stores(settings) as plain:
        await plain.goals.create(GOAL, "plain", datetime.now(UTC))
        assert await raw(plain, "description") == "Profile the sales"
    async with open_stores(encrypted) as stores:
        await stores.goals.create(GOAL, "sealed", datetime.now(UTC))
        listed = await stores.goals.list()
        assert {goal.description for goal in listed} == {"Profile the sales"}
        query = select(type_coerce(schema.goals.c.description, Text)).order_by("workflow_id")
        kept = await stores.database.read(
            lambda connection: connection.execute(query).scalars().all()
        )
        assert kept[0] == "Profile the sales"
        assert kept[1].startswith(SEALED)


async def test_a_value_moved_to_another_column_does_not_open(sealed_stores: Stores) -> None:
    await sealed_stores.goals.create(GOAL, "run", datetime.now(UTC))
    move = text("UPDATE goals SET parameters = description")
    await sealed_stores.database.write(lambda transaction: transaction.connection.execute(move))
    with pytest.raises(StoreUnavailable, match="'first' sealed does not open: it was changed"):
        await sealed_stores.goals.get("run")


async def test_a_changed_value_does_not_open(sealed_stores: Stores) -> None:
    await sealed_stores.goals.create(GOAL, "run", datetime.now(UTC))
    kept = await raw(sealed_stores, "description")
    assert kept is not None
    sealed = bytearray(base64.b64decode(kept.removeprefix(SEALED)))
    sealed[-1] ^= 1
    changed = SEALED + base64.b64encode(sealed).decode()
    change = text("UPDATE goals SET description = :value").bindparams(bindparam("value", changed))
    await sealed_stores.database.write(lambda transaction: transaction.connection.execute(change))
    with pytest.raises(StoreUnavailable, match="does not open"):
        await sealed_stores.goals.list()


async def test_goals_are_found_by_their_ids_alone(settings: Settings, encrypted: Settings) -> None:
    async with open_stores(settings) as plain:
        await plain.goals.create(GOAL, "plain", datetime.now(UTC))
    async with open_stores(encrypted) as stores:
        goal = GOAL.model_copy(update={"goal_id": "sales-2026"})
        await stores.goals.create(goal, "sealed", datetime.now(UTC))
        found = await stores.goals.list(search="sales-2026")
        assert [goal.workflow_id for goal in found] == ["sealed"]
        # What was handed in before is found as it was.
        found = await stores.goals.list(search="profile")
        assert [goal.workflow_id for goal in found] == ["plain"]


async def test_a_key_given_before_the_keys_still_starts_one_run(
    settings: Settings, encrypted: Settings
) -> None:
    digest = "d" * 64
    async with open_stores(settings) as plain:
        assert await plain.idempotency_keys.claim("old", digest, "one") == "one"
    async with open_stores(encrypted) as stores:
        assert await stores.idempotency_keys.claim("old", digest, "two") == "one"
        assert await stores.idempotency_keys.claim("new", digest, "three") == "three"
        assert await stores.idempotency_keys.claim("new", digest, "four") == "three"
        with pytest.raises(KeyConflict):
            await stores.idempotency_keys.claim("new", "e" * 64, "five")
        query = text("SELECT digest FROM idempotency_keys WHERE key = 'new'")
        kept = await stores.database.read(lambda connection: connection.execute(query).scalar_one())
        assert kept != digest


async def test_digests_stay_the_same_when_keys_are_changed(
    settings: Settings, tmp_path: Path
) -> None:
    chains = [("first",), ("second", "first"), ("third", "second"), ("third",)]
    for number, names in enumerate(chains):
        async with open_stores(with_keys(settings, tmp_path / f"keys{number}", *names)) as stores:
            assert await stores.idempotency_keys.claim("key", "d" * 64, str(number)) == "0"
            if number == 0:
                await stores.responses.put("e" * 64, "42", Usage())
                digest, size = await stores.contents.put(b"content")
                assert size == 7
            kept = await raw(stores, "secret", "installation")
            assert kept is not None
            assert key_of(kept) == names[0]
            await stores.contents.find(digest)
            if "first" in names:
                assert await stores.contents.read(digest) == b"content"
                assert await stores.responses.get("e" * 64) == "42"
            else:
                with pytest.raises(StoreUnavailable, match="'first', which is not among"):
                    await stores.contents.read(digest)


async def test_without_the_keys_nothing_is_opened_or_changed(
    settings: Settings, encrypted: Settings, tmp_path: Path
) -> None:
    async with open_stores(encrypted) as stores:
        await stores.goals.create(GOAL, "run", datetime.now(UTC))
    with pytest.raises(StoreUnavailable, match=r"are encrypted .*'first'.* is not set: set it"):
        async with open_stores(settings):
            pass
    with pytest.raises(StoreUnavailable, match="'first', which is not among"):
        async with open_stores(with_keys(settings, tmp_path / "others", "other")):
            pass
    missing = settings.model_copy(update={"encryption_keys": str(tmp_path / "none")})
    with pytest.raises(StoreUnavailable, match="none cannot be read"):
        async with open_stores(missing):
            pass
    async with open_stores(encrypted) as stores:
        assert (await stores.goals.get("run")).description == "Profile the sales"


def sealed_places(metadata: MetaData) -> dict[str, str]:
    return {
        f"{table.name}.{column.name}": column.type.place
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, SealedText)
    }


def test_every_column_has_a_place_of_its_own() -> None:
    found = sealed_places(schema.metadata)
    assert found == {place: place for place in found}
    assert {"steps.value", "events.data", "results.result", "audit.details"} <= found.keys()
