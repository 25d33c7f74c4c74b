"""What is done on the command line is in the audit table, with the tenant whose goals they are."""

import getpass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.cli.backends.audit import LocalAudit
from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import StoreUnavailable, open_stores

pytestmark = pytest.mark.asyncio


async def test_what_is_done_to_many_goals_is_on_record_with_each_tenant(tmp_path: Path) -> None:
    who = f"{getpass.getuser()} on the command line"
    async with open_stores(Settings(home=tmp_path)) as stores:
        for run, tenant in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "three")):
            goal = Goal(goal_id=run, description="x", agent_type="echo", tenant=tenant)
            await stores.goals.create(goal, run, datetime.now(UTC))
        audit = LocalAudit(stores)
        async with audit.doing_to_many("goal.cancel") as done:
            done += ["c", "b", "a"]
        for tenant, runs in (("one", ["a", "c"]), ("two", ["b"])):
            [entry] = await stores.access.audit.list(tenant)
            assert (entry.action, entry.who, entry.status) == ("goal.cancel", who, 200)
            assert entry.details == {"workflow_ids": runs}
        assert await stores.access.audit.list("three") == []

        async with audit.doing_to_many("goal.retry"):
            pass
        with pytest.raises(StoreUnavailable):
            async with audit.doing_to_many("goal.retry"):
                raise StoreUnavailable("away")
        entries = await stores.access.audit.list("default")
        assert [(entry.status, entry.details) for entry in entries] == [
            (503, {}),
            (200, {"workflow_ids": []}),
        ]


async def test_a_goal_is_on_record_together_with_who_started_it(tmp_path: Path) -> None:
    async with open_stores(Settings(home=tmp_path)) as stores:
        audit = LocalAudit(stores)
        goal = Goal(goal_id="g", description="x", agent_type="echo", tenant="one")
        async with audit.doing("goal.start", "g", {}, "one") as action:
            entry = await audit.with_record(action)
            await stores.goals.create(goal, "goal-g-1", datetime.now(UTC), None, entry)
            [started] = await stores.goals.list(
                started_by=f"{getpass.getuser()} on the command line"
            )
            assert started.workflow_id == "goal-g-1"
            action.subject = "goal-g-1"
        [only] = await stores.access.audit.list("one")
        assert (only.action, only.subject) == ("goal.start", "goal-g-1")
