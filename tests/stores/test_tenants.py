"""The tenant: what another one has is not listed, found, reused or counted; and the migration."""

from datetime import UTC, datetime
from functools import partial

import pytest
from alembic import command
from sqlalchemy import Connection, bindparam, inspect, text, update

from perdure.models import Goal, GoalStatus, Usage
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database import migrate, schema
from perdure.stores.database.address import database_address
from perdure.stores.database.backends.opening import open_database
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import UnknownApproval
from perdure.stores.runs.idempotency import digest_of

# These came with the column, after goals had it.
LATER = {"api_keys", "audit", "sessions", "uploads"}
WITH_TENANT = sorted(
    table.name
    for table in schema.metadata.tables.values()
    if "tenant" in table.columns and table.name not in LATER
)
# What there was when tenants came.
WRITTEN = [
    *("approvals", "artifacts", "goals", "idempotency_keys"),
    *("metrics", "responses", "spending", "totals"),
]
GOAL = Goal(goal_id="sales", description="Profile the sales", agent_type="analysis")


async def _give_away(stores: Stores) -> None:
    def give_away(transaction: Transaction) -> None:
        for name in WRITTEN:
            table = schema.metadata.tables[name]
            transaction.connection.execute(update(table).values(tenant="other"))

    await stores.database.write(give_away)


async def test_what_another_tenant_has_is_not_there(stores: Stores, run: str) -> None:
    await stores.metrics.record(run, "analysis", "rows", 3)
    await stores.responses.put("d" * 64, "yes", Usage())
    await stores.idempotency_keys.claim("key", digest_of(GOAL), run)
    assert await stores.goals.find("sales") == run
    assert [total.count for total in await stores.metrics.totals()] == [1]

    await _give_away(stores)
    stores = stores.of("default")

    assert await stores.goals.list() == []
    assert await stores.goals.list(status=GoalStatus.RUNNING) == []
    assert await stores.goals.counts() == {}
    with pytest.raises(UnknownGoal):
        await stores.goals.find("sales")
    assert await stores.metrics.totals() == []
    assert await stores.responses.get("d" * 64) is None
    await stores.responses.put("d" * 64, "no", Usage())
    assert await stores.responses.get("d" * 64) == "no"
    # The same key stands for another goal here.
    other = GOAL.model_copy(update={"description": "another"})
    assert await stores.idempotency_keys.claim("key", digest_of(other), "run2") == "run2"


_WRITTEN_AT_0002 = """
INSERT INTO goals (workflow_id, goal_id, description, agent_type, parameters, status, started_at,
    last_event, depth) VALUES ('run', 'sales', 'd', 'analysis', '{}', 'running', :now, 0, 0);
INSERT INTO approvals (approval_id, workflow_id, question, data, "of", needed, asked_at)
VALUES ('abcdef01', 'run', 'Publish?', 'null', '[]', 1, :now);
INSERT INTO spending (workflow_id, entry, root, name, digest, occurrence, model, state,
    input_tokens, output_tokens, cost, at) VALUES ('run', 1, 'run', 'ask', 'd', 0, 'm', 'kept',
    30, 12, 0.5, :now);
INSERT INTO totals (workflow_id, root, steps, seconds, saved_input_tokens, saved_output_tokens,
    saved_cost) VALUES ('run', 'run', 3, 1.5, 0, 0, 0);
INSERT INTO metrics (workflow_id, name, agent_type, value, time)
VALUES ('run', 'rows', 'analysis', 3, :now);
INSERT INTO artifacts (workflow_id, name, media_type, digest, size, stored_at)
VALUES ('run', 'r.md', 'text/markdown', 'sha256:0', 8, :now);
INSERT INTO idempotency_keys (key, digest, workflow_id, given_at)
VALUES ('key', :goal, 'run', :now);
INSERT INTO responses (digest, response, usage, stored_at) VALUES ('r', 'yes', '{}', :now);
INSERT INTO intents (workflow_id, name, digest, occurrence, begun_at)
VALUES ('run', 'send', 'd', 0, :now)
"""


def _write_at_0002(transaction: Transaction) -> None:
    configuration = migrate._configuration()
    configuration.attributes["connection"] = transaction.connection
    command.upgrade(configuration, "0002")
    now = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    values = {"now": now, "goal": digest_of(GOAL)}
    for statement in _WRITTEN_AT_0002.split(";"):
        known = {name: value for name, value in values.items() if f":{name}" in statement}
        times = [bindparam("now", type_=UtcDateTime)] if "now" in known else []
        transaction.connection.execute(text(statement).bindparams(*times), known)


def _tenants(connection: Connection) -> dict[str, list[str]]:
    query = "SELECT tenant FROM {}"
    return {name: [*connection.execute(text(query.format(name))).scalars()] for name in WRITTEN}


def _key(table: str, connection: Connection) -> list[str]:
    return inspect(connection).get_pk_constraint(table)["constrained_columns"]


async def test_what_there_was_is_the_default_tenants(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    database = open_database(database_address(settings.database_url, settings.home))
    try:
        await database.write(_write_at_0002)
    finally:
        await database.close()

    async with open_stores(settings) as stores:
        tenants = await stores.database.read(_tenants)
        assert tenants == {name: ["default"] for name in WRITTEN}
        assert set(WRITTEN) <= set(WITH_TENANT)
        for table, key in (("idempotency_keys", "key"), ("responses", "digest")):
            assert await stores.database.read(partial(_key, table)) == ["tenant", key]
        assert await stores.goals.find("sales") == "run"
        assert await stores.approvals.find("abcdef") == "abcdef01"
        assert len(await stores.approvals.list()) == 1
        assert await stores.idempotency_keys.claim("key", digest_of(GOAL), "another") == "run"
        assert await stores.responses.get("r") == "yes"
        spending = await stores.ledger.of("run")
        assert (spending.spent.tokens_used, spending.steps) == (42, 3)
        await _give_away(stores)
        default = stores.of("default")
        with pytest.raises(UnknownApproval):
            await default.approvals.find("abcdef")
        assert await default.approvals.list() == []
