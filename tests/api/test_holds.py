"""Holds over HTTP: a goal, or all of the tenant, that is not deleted."""

from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def ended(api: httpx.AsyncClient) -> str:
    """Return a run that has ended."""
    async with open_stores(Settings()) as stores:
        goal = Goal(goal_id="old", description="d", agent_type="code")
        await stores.goals.create(goal, "goal-old-1", datetime.now(UTC))
        await stores.results.store("goal-old-1", GoalStatus.COMPLETED, None, 1.0)
    return "goal-old-1"


async def test_a_goal_that_is_held_is_kept_until_it_is_released(
    api: httpx.AsyncClient, ended: str
) -> None:
    path = f"/api/goals/{ended}"
    held = await api.put(f"{path}/hold", json={"reason": "a lawsuit"})
    assert held.status_code == 200
    assert (await api.get(path)).json()["hold"] == held.json()
    assert held.json()["reason"] == "a lawsuit"
    refused = await api.delete(path)
    assert refused.status_code == 409
    assert "is held by" in refused.json()["detail"]
    assert (await api.get("/api/holds")).json() == {"holds": [held.json()]}
    for _ in range(2):  # once more does nothing
        assert (await api.delete(f"{path}/hold")).status_code == 204
    assert (await api.get(path)).json()["hold"] is None
    assert (await api.get("/api/holds")).json() == {"holds": []}

    assert (await api.put("/api/hold")).json()["whole_tenant"] is True
    assert (await api.delete(path)).status_code == 409
    assert (await api.delete("/api/hold")).status_code == 204
    assert (await api.delete(path)).status_code == 204
    assert (await api.put(f"{path}/hold")).status_code == 404

    entries = (await api.get("/api/audit")).json()["entries"]
    assert [(each["action"], each["subject"], each["status"]) for each in entries] == [
        ("goal.hold", ended, 404),
        ("goal.delete", ended, 204),
        ("tenant.release", "default", 204),
        ("goal.delete", ended, 409),
        ("tenant.hold", "default", 200),
        ("goal.release", ended, 204),
        ("goal.release", ended, 204),
        ("goal.delete", ended, 409),
        ("goal.hold", ended, 200),
    ]
    assert entries[-1]["details"] == {"reason": "a lawsuit"}
