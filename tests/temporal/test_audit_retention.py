"""How long facts are kept: seven years, unless the setting says otherwise, whatever goals are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from perdure.audit.keys import load_public_key, load_signing_key
from perdure.audit.verification import verify
from perdure.models import DEFAULT_TENANT, Goal, GoalStatus
from perdure.retention import Retention
from perdure.schemas.access import FactFilter
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.audit.recording import add_fact
from perdure.stores.audit.seal_store import CUT
from perdure.stores.database.engine import Transaction
from perdure.temporal.worker.retention import RetentionPass
from perdure.temporal.worker.sealing.sealing_pass import SealingPass
from tests.support.audit_keys import write_keys

pytestmark = pytest.mark.asyncio(loop_scope="session")

YEAR = timedelta(days=365.25)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a key."""
    return Settings(home=tmp_path / "home", audit_key=str(write_keys(tmp_path)[0]))


async def seal(settings: Settings, stores: Stores) -> None:
    passing = SealingPass.of(settings, stores, "this one")
    assert passing is not None
    await passing.run()


async def subjects(stores: Stores) -> list[str]:
    return [fact.subject for fact in await stores.trail.list(FactFilter(), limit=500)][::-1]


async def add_aged(settings: Settings, stores: Stores, subject: str, age: timedelta) -> None:
    """Store a fact that was sealed some time ago."""

    def add(transaction: Transaction) -> None:
        add_fact(transaction, "goal.start", subject, DEFAULT_TENANT, {})

    await stores.database.write(add)
    key = load_signing_key(settings.audit_key)
    assert await stores.seals.seal(key, datetime.now(UTC) - age) is not None


async def test_facts_are_kept_for_seven_years_or_as_the_setting_says(
    settings: Settings, tmp_path: Path
) -> None:
    assert timedelta(days=settings.audit_retention_days) > 7 * YEAR
    keys = [load_public_key(tmp_path / "audit-key.pub.pem")]
    async with open_stores(settings) as stores:
        for subject, years in (("older", 7.1), ("old", 6.9), ("new", 0.1)):
            await add_aged(settings, stores, subject, years * YEAR)
        await seal(settings, stores)
        assert await subjects(stores) == ["old", "new", ""]
        [cut] = await stores.trail.list(FactFilter(kind=CUT), limit=5)
        assert cut.data == {"seal": 1}
        shorter = settings.model_copy(update={"audit_retention_days": 300})
        await seal(shorter, stores)
        assert await subjects(stores) == ["new", "", ""]
        await seal(shorter, stores)
        lines = b"".join([part async for part in stores.trail.export()]).splitlines()
    found = verify(lines, keys)
    assert found.holds, found.findings
    assert (found.first_seal, found.facts) == (3, 3)


async def test_facts_of_goals_that_retention_deletes_stay_and_it_is_one_itself(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_stores(settings) as stores:
        goal = Goal(goal_id="sales", description="Profile", agent_type="analysis")
        await stores.goals.create(goal, "goal-sales-1", datetime.now(UTC))
        await stores.results.store("goal-sales-1", GoalStatus.COMPLETED, None, 1.0)
        await seal(settings, stores)
        long_ago = text(
            "UPDATE goals SET started_at = '2020-01-01 00:00:00.000000',"
            " ended_at = '2020-01-02 00:00:00.000000'"
        )
        await stores.database.write(lambda transaction: transaction.connection.execute(long_ago))
        assert await RetentionPass(stores, Retention.parse("30"), "this one").run() == 1
        await seal(settings, stores)
        facts = await stores.trail.list(FactFilter(subject="goal-sales-1"), limit=50)
        assert [fact.kind for fact in facts][::-1] == [
            "run.started",
            "run.completed",
            "goal.delete",
        ]
        assert (facts[0].who, facts[0].data["goals"]) == ("retention", 1)
        assert all(fact.is_sealed for fact in facts)
        lines = b"".join([part async for part in stores.trail.export()]).splitlines()
    assert verify(lines, [load_public_key(tmp_path / "audit-key.pub.pem")]).holds


@pytest.mark.parametrize("days", ["0", "-1", "seven", "1.5"])
async def test_a_retention_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("PERDURE_AUDIT_RETENTION_DAYS", days)
    with pytest.raises(ValueError, match="audit_retention_days"):
        Settings()
