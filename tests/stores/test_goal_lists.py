"""Lists of goals: filters, search, counts."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import delete, insert

from perdure.agents.steps.journal import DelegateRequest
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, Goal, GoalRecord, GoalStatus, Result
from perdure.schemas.access import AuditEntry
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.access.audit import PendingEntry
from perdure.stores.database import goal_index, migrate, schema
from perdure.stores.database.address import database_address
from perdure.stores.database.backends.opening import open_database
from perdure.stores.database.engine import Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.runs.goals import cursor_of
from perdure.stores.search.words import (
    MAX_QUERY_WORDS,
    Term,
    indexed_words,
    query_terms,
    words_of,
)

START = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD_GOALS = 1_001  # more than the migration reads at a time


async def create(
    stores: Stores, name: str, description: str, hours: int = 0, agent: str = "analysis"
) -> None:
    goal = Goal(goal_id=name, description=description, agent_type=agent)
    await stores.goals.create(goal, f"goal-{name}-5c8a7e", START + hours * HOUR)


async def claim_of(stores: Stores, name: str) -> Claim:
    claim = Claim(f"goal-{name}-5c8a7e", "first", 1, START)
    return (await stores.executions.start(claim, None, {}))[0]


async def end(stores: Stores, name: str, summary: str = "", error: Failure | None = None) -> None:
    if summary:
        await stores.results.draft(await claim_of(stores, name), Result(summary=summary))
    status = GoalStatus.FAILED if error else GoalStatus.COMPLETED
    await stores.results.store(f"goal-{name}-5c8a7e", status, error, 1.0)


def start_entry(run: str, who: str, status: int = 200) -> AuditEntry:
    return AuditEntry(
        at=START,
        tenant="default",
        who=who,
        address="127.0.0.1",
        action="goal.start",
        subject=run,
        status=status,
    )


def names(records: Iterable[GoalRecord]) -> str:
    return " ".join(record.goal_id for record in records)


@pytest.fixture
async def listed(stores: Stores) -> Stores:
    await create(stores, "sales-2026", "Profile the SALES of Müller & Söhne", 0)
    await create(stores, "report", "Write of sales, and of profit", 1, "research")
    await create(stores, "shop", "分析销售数据 for the shop", 2)
    await create(stores, "quiet", "Nothing to see: 50% off", 3)
    timeout = Failure(type="TimeoutError", message="no answer from weather.example")
    await end(stores, "report", error=timeout)
    await end(stores, "quiet", summary="Straße and café found")
    return stores


@pytest.fixture(params=[goal_index.FEW, 0])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite look up what is searched first, and walk through the goals from the newest."""
    monkeypatch.setattr(goal_index, "FEW", request.param)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("sales", "report sales-2026"),
        ("SALES profile", "sales-2026"),
        ("profile sales", "sales-2026"),
        ("sal", "report sales-2026"),
        ("ales", ""),
        ("muller", "sales-2026"),
        ("MÜLLER söhne", "sales-2026"),
        ("sales-2026", "sales-2026"),
        ("2026", ""),
        ("sales-20", "sales-2026"),
        ("sales_2026", "sales-2026"),
        ("SALES-2026 müller", "sales-2026"),
        ("report-5c8a7e", ""),
        ("5c", ""),
        ("5c8a7e", ""),
        ("goal", ""),
        ("goal-rep", "report"),
        ("goal-report-", "report"),
        ("goal-" + "sales-" * 50, ""),
        ("goal-report-5c8a7e", "report"),
        ("timeout", "report"),
        ("weather.example", "report"),
        ("strasse", "quiet"),
        ("CAFE", "quiet"),
        ("销售", "shop"),
        ("销", "shop"),
        ("据", "shop"),
        ("售销", ""),
        ("分析 shop", "shop"),
        ("50%", "quiet"),
        ("sales nothing", ""),
        ("%", ""),
        ("_", ""),
        ("' OR 1=1 --", ""),
        ('sal" OR "quiet', ""),
        ("sales*) NOT (profit", ""),
        ("NEAR(sales profit)", ""),
        ("   ", "quiet shop report sales-2026"),
        ("x" * 5000, ""),
        (" ".join(f"w{number}" for number in range(2000)), ""),
        ("a\0b", ""),
    ],
)
@pytest.mark.usefixtures("few")
async def test_goals_are_found_by_their_words(listed: Stores, search: str, found: str) -> None:
    assert names(await listed.goals.list(search=search)) == found


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, "quiet shop report sales-2026"),
        ({"status": GoalStatus.FAILED}, "report"),
        ({"status": [GoalStatus.FAILED, GoalStatus.COMPLETED]}, "quiet report"),
        ({"status": ()}, ""),
        ({"agent_type": "analysis"}, "quiet shop sales-2026"),
        ({"since": START + HOUR}, "quiet shop report"),
        ({"until": START + HOUR}, "sales-2026"),
        ({"since": START + HOUR, "until": START + 3 * HOUR}, "shop report"),
        ({"ended_since": START}, "quiet report"),
        ({"ended_since": datetime(2100, 1, 1, tzinfo=UTC)}, ""),
        ({"search": "sales", "agent_type": "research"}, "report"),
        ({"search": "sales", "status": [GoalStatus.RUNNING], "delegated": False}, "sales-2026"),
        ({"parent": "none"}, ""),
        ({"status": None, "agent_type": None, "search": None}, "quiet shop report sales-2026"),
    ],
)
@pytest.mark.usefixtures("few")
async def test_goals_are_filtered(listed: Stores, criteria: dict[str, object], found: str) -> None:
    records = await listed.goals.list(**criteria)  # type: ignore[arg-type]
    assert names(records) == found
    counted = await listed.goals.counts(**criteria)  # type: ignore[arg-type]
    assert sum(counted.values()) == len(records)


@pytest.mark.usefixtures("few")
async def test_pages_of_a_search_go_on_where_the_one_before_ended(listed: Stores) -> None:
    (first,) = await listed.goals.list(limit=1, search="sales")
    (second,) = await listed.goals.list(limit=1, search="sales", before=cursor_of(first))
    assert names([first, second]) == "report sales-2026"
    assert await listed.goals.list(limit=1, search="sales", before=cursor_of(second)) == []


async def test_what_a_goal_is_found_by_changes_with_its_end(listed: Stores) -> None:
    await listed.control.reopen("goal-report-5c8a7e")
    await end(listed, "report", summary="The weather was fine")
    assert await listed.goals.list(search="timeout") == []
    assert names(await listed.goals.list(search="weather fine")) == "report"

    def forget(transaction: Transaction) -> None:
        transaction.connection.execute(delete(schema.goals))

    await listed.database.write(forget)
    await create(listed, "new", "Something else")
    assert await listed.goals.list(search="weather") == []
    assert names(await listed.goals.list(search="something")) == "new"


async def test_delegates_are_found_and_listed_by_their_parent(listed: Stores) -> None:
    claim = await claim_of(listed, "shop")
    request = DelegateRequest("analysis", "Chart the counts", {})
    await listed.waits.for_execution(claim).open(StepKey("part", "0" * 64, 0), request)
    assert names(await listed.goals.list(search="chart")) == "shop.1"
    assert names(await listed.goals.list(parent="goal-shop-5c8a7e")) == "shop.1"
    assert names(await listed.goals.list(delegated=True)) == "shop.1"


async def test_goals_are_found_by_who_started_them(listed: Stores) -> None:
    for run, who, status in (
        ("goal-shop-5c8a7e", "nightly", 200),
        ("goal-quiet-5c8a7e", "nightly", 503),
        ("goal-report-5c8a7e", "ann", 303),
    ):
        await listed.access.audit.append(start_entry(run, who, status))
    claim = await claim_of(listed, "shop")
    request = DelegateRequest("analysis", "Chart the counts", {})
    await listed.waits.for_execution(claim).open(StepKey("part", "0" * 64, 0), request)
    assert names(await listed.goals.list(started_by="nightly")) == "shop shop.1"
    assert names(await listed.goals.list(started_by="ann", search="sales")) == "report"
    assert await listed.of("other").goals.list(started_by="ann") == []


async def test_who_started_a_goal_is_committed_with_it(stores: Stores) -> None:
    goal = Goal(goal_id="x", description="y", agent_type="analysis")
    entry = PendingEntry(start_entry("x", "ann"))
    await stores.goals.create(goal, "goal-x-1", START, entry=entry)
    assert entry.is_stored_as(200)
    assert not entry.is_stored_as(500)
    assert [found.subject for found in await stores.access.audit.list(None)] == ["goal-x-1"]
    assert names(await stores.goals.list(started_by="ann")) == "x"
    # The worker may have opened the record first.
    await stores.goals.create(goal, "goal-x-2", START)
    await stores.goals.create(goal, "goal-x-2", START, entry=PendingEntry(start_entry("x", "bob")))
    assert len(await stores.goals.list(started_by="bob")) == 1
    # A request that is sent again starts nothing.
    await stores.access.audit.append(start_entry("goal-x-1", "bob"))
    assert len(await stores.goals.list(started_by="bob")) == 1


async def test_a_search_finds_nothing_of_another_tenants(listed: Stores) -> None:
    assert len(await listed.of("default").goals.list(search="sales")) == 2
    assert await listed.of("other").goals.list(search="sales") == []


def _write_before_search(transaction: Transaction) -> None:
    configuration = migrate._configuration()
    configuration.attributes["connection"] = transaction.connection
    command.upgrade(configuration, "0012")
    runs = [{"workflow_id": f"goal-old-{number}"} for number in range(OLD_GOALS)]
    ended = {"parameters": "{}", "status": "failed", "started_at": START, "ended_at": START}
    error = Failure(type="TimeoutError", message="no answer").model_dump_json()
    goal = {"goal_id": "old", "agent_type": "analysis", "description": "Sales", "error": error}
    result = {"result": "{}", "summary": "Café", "size": 2, "metadata": "{}"}
    transaction.connection.execute(insert(schema.goals), [run | goal | ended for run in runs])
    transaction.connection.execute(insert(schema.results), [run | result for run in runs])


async def test_goals_that_there_were_are_found_after_the_migration(
    empty_settings: Settings,
) -> None:
    settings = empty_settings
    settings.home.mkdir(parents=True)
    database = open_database(database_address(settings.database_url, settings.home))
    try:
        await database.write(_write_before_search)
    finally:
        await database.close()
    async with open_stores(settings) as stores:
        counts = await stores.goals.counts(search="cafe sales timeout")
        assert counts == {GoalStatus.FAILED: OLD_GOALS}
        assert names(await stores.goals.list(search="goal-old-777")) == "old"


def test_words_are_those_that_people_look_for() -> None:
    assert indexed_words("The café's CAFÉ", "x_y-2.5") == "the cafe s x y 2 5"
    assert indexed_words("東京タワー2026") == "東京 京タ タワ ワー ー 2026"
    assert words_of("goal-x.1-5c8a", "x.1", "Say x") == "·goal·x·1·5c8a x·1 say x"
    assert words_of("run", "X", "Say it") == "run x say it"
    assert query_terms("東京 Tower") == [Term(("東京",)), Term(("tower",))]
    assert query_terms("京") == [Term(("京",))]
    assert query_terms(" -- x_Y- ") == [Term(("x", "y"), ("x·y", "·x·y"))]
    terms = query_terms(" ".join(map(str, range(500))))
    assert sum(len(term.words) for term in terms) == MAX_QUERY_WORDS
    assert query_terms("-".join(map(str, range(500))))[0].ids == ()
