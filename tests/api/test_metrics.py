"""``/metrics`` of the API: who may read it, and what a goal leaves there."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi
from tests.support.postgresql import PostgreSQL
from tests.support.relay import relay_to
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOAL = {"goal_id": "g", "description": "hi", "agent_type": "echo"}


async def metrics(api: Any, **headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the samples, by name and the values of their labels."""
    response = await api.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_goals_are_counted(api: Any) -> None:
    before = await metrics(api)
    for fail in (False, True):
        started = await api.post("/api/execute-goal", json=GOAL | {"parameters": {"fail": fail}})
        async with api.stream("GET", f"/api/goals/{started.json()['workflow_id']}/events") as told:
            async for _ in told.aiter_lines():
                pass
    after = await metrics(api)

    def grown(name: str, *labels: str) -> float:
        return after.get((name, labels), 0.0) - before.get((name, labels), 0.0)

    assert grown("perdure_goals_ended_total", "echo", "completed", "default") == 1
    assert grown("perdure_goals_ended_total", "echo", "failed", "default") == 1
    assert grown("perdure_execution_failures_total", "permanent") == 1
    assert grown("perdure_execution_queue_time_seconds_count") == 2
    assert grown("perdure_store_duration_seconds_count", "write") > 4
    assert grown("perdure_event_lag_seconds_count") >= 1
    assert after["perdure_stores_up", ()] == after["perdure_temporal_up", ()] == 1
    assert after["perdure_home_size_bytes", ()] > after["perdure_home_free_bytes", ()] > 0


async def test_what_is_open_is_read_from_the_stores(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    api = await serve_api(server.address)
    await api.post("/api/execute-goal", json=GOAL | {"parameters": {"wait": True}})

    async def is_open() -> bool:
        found = await metrics(api)
        return found.get(("perdure_goals", ("echo", "running"))) == 1

    await until_async(is_open)
    found = await metrics(api)
    assert found["perdure_goals", ("other", "paused")] == 0
    assert found["perdure_waits", ("approval",)] == 0
    assert found["perdure_dead_letters", ()] == 0


async def test_with_keys_it_needs_the_scope_and_the_tenant_of_the_operator(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Any
) -> None:
    api = await serve_api(server.address, worker=False)
    async with open_stores(Settings(home=own_home)) as stores:
        keys = {
            name: (await stores.access.keys.create(name, scopes, tenant=tenant))[0]
            for name, scopes, tenant in (
                ("scraper", ["metrics"], "default"),
                ("admin", ["admin"], "default"),
                ("reader", ["read"], "default"),
                ("another", ["admin"], "acme"),
            )
        }
    assert (await api.get("/metrics")).status_code == 401
    for name in ("scraper", "admin"):
        await metrics(api, Authorization=f"Bearer {keys[name]}")
    for name, reason in (("reader", "needs the scope metrics"), ("another", "of all tenants")):
        refused = await api.get("/metrics", headers={"Authorization": f"Bearer {keys[name]}"})
        assert refused.status_code == 403
        assert reason in refused.json()["detail"]
    scraper = {"Authorization": f"Bearer {keys['scraper']}"}
    assert (await api.get("/api/goals", headers=scraper)).status_code == 403


async def test_they_say_that_the_stores_are_away_or_silent(
    serve_api: ServeApi, server: DevelopmentServer, postgresql: PostgreSQL
) -> None:
    async with postgresql.database() as database, relay_to(postgresql.port) as relay:
        url = make_url(database).set(port=relay.port).render_as_string()
        api = await serve_api(server.address, worker=False, database_url=url)

        def stores_up(value: float) -> Callable[[], Awaitable[bool]]:
            async def look() -> bool:
                return (await metrics(api))["perdure_stores_up", ()] == value

            return look

        await until_async(stores_up(1))
        await relay.close()
        await until_async(stores_up(0), "the stores being away")
        await relay.open()
        await until_async(stores_up(1), "the stores being back")
        relay.delay = 600.0
        await until_async(stores_up(0), "the stores being silent")
        relay.delay = 0.0
        await until_async(stores_up(1), "the stores answering again")
