"""Events over the client: each once and in order, whatever becomes of connections and servers."""

import asyncio
import time
from contextlib import aclosing
from uuid import uuid4

import pytest

from perdure.client import AsyncClient, ServerUnreachable
from perdure.models import Event
from tests.client.conftest import GATES, Site
from tests.client.cutting_proxy import CuttingProxy
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def numbers(client: AsyncClient, run: str, after: int = 0) -> list[int]:
    return [event.number async for event in client.goals.events(run, after=after)]


async def all_numbers(client: AsyncClient, run: str) -> list[int]:
    past = [event.number async for event in client.goals.events(run, follow=False)]
    assert past == list(range(1, len(past) + 1))
    return past


async def test_events_come_as_they_happen_and_end_with_the_goal(client: AsyncClient) -> None:
    gate = uuid4().hex
    run = (await client.goals.start("count", "x", parameters={"gate": gate})).workflow_id
    seen: list[Event] = []
    async for event in client.goals.events(run):
        seen.append(event)
        if event.type == "step.completed" and event.data["number"] == 2:
            GATES[gate].set()
    assert seen[0].type == "run.started"
    assert seen[-1].type == "run.completed"
    assert [event.number for event in seen] == await all_numbers(client, run)


async def test_what_is_known_does_not_come_again(client: AsyncClient) -> None:
    run = (await client.goals.run("count", "x")).workflow_id
    every = await all_numbers(client, run)
    assert await numbers(client, run, after=3) == every[3:]
    assert await numbers(client, run, after=every[-1]) == []
    assert await numbers(client, run, after=every[-1] + 5) == []
    past = [event.number async for event in client.goals.events(run, after=4, follow=False)]
    assert past == every[4:]


@pytest.mark.parametrize("cuts", [[350, 700, 1100, 2000], [1] * 4, [900] * 30])
async def test_a_connection_that_is_cut_loses_and_repeats_nothing(
    client: AsyncClient, cut_off: AsyncClient, proxy: CuttingProxy, cuts: list[int]
) -> None:
    run = (await client.goals.run("count", "x", parameters={"steps": 8})).workflow_id
    await cut_off.readiness()
    proxy.cut()
    proxy.responses = [*cuts]
    assert await numbers(cut_off, run) == await all_numbers(client, run)
    known = proxy.sent_headers("Last-Event-ID")
    assert len(known) > 3
    assert known == sorted(known, key=int)


async def test_a_server_that_restarts_in_mid_stream_loses_nothing(
    site: Site, client: AsyncClient
) -> None:
    gate = uuid4().hex
    run = (
        await client.goals.start("count", "x", parameters={"gate": gate, "steps": 6})
    ).workflow_id
    seen: list[int] = []

    async def follow() -> None:
        async for event in client.goals.events(run):
            seen.append(event.number)  # noqa: PERF401 - it is looked at meanwhile

    following = asyncio.create_task(follow())
    await until_async(lambda: len(seen) > 2)
    await site.stop()
    GATES[gate].set()
    await asyncio.sleep(0.3)  # it is away for a while
    await site.start()
    await asyncio.wait_for(following, 30)
    assert seen == await all_numbers(client, run)


async def test_a_goal_that_ends_while_the_line_is_dead_is_followed_to_its_end(
    client: AsyncClient, cut_off: AsyncClient, proxy: CuttingProxy
) -> None:
    gate = uuid4().hex
    run = (await client.goals.start("count", "x", parameters={"gate": gate})).workflow_id
    seen: list[int] = []

    async def follow() -> None:
        async for event in cut_off.goals.events(run):
            seen.append(event.number)  # noqa: PERF401 - it is looked at meanwhile

    following = asyncio.create_task(follow())
    await until_async(lambda: len(seen) > 2)
    proxy.is_refusing = True
    proxy.cut()
    GATES[gate].set()
    await client.goals.wait(run)
    proxy.is_refusing = False
    await asyncio.wait_for(following, 30)
    assert seen == await all_numbers(client, run)


async def test_a_goal_that_is_retried_is_followed_on(client: AsyncClient) -> None:
    gate = uuid4().hex
    run = (
        await client.goals.start("count", "x", parameters={"gate": gate, "fail": True})
    ).workflow_id
    GATES[gate].set()
    await client.goals.wait(run)
    before = await all_numbers(client, run)
    await client.goals.retry(run)
    types = [event.type async for event in client.goals.events(run, after=before[-1])]
    assert types[0] == "run.retried"
    assert types[-1] == "run.failed"


async def test_a_server_that_stays_away_is_said_to_be(site: Site, client: AsyncClient) -> None:
    gate = uuid4().hex
    run = (await client.goals.start("count", "x", parameters={"gate": gate})).workflow_id
    async with (
        CuttingProxy(site.url).serving() as proxy,
        AsyncClient(proxy.url, retry_seconds=0.5) as cut_off,
    ):
        events = cut_off.goals.events(run)
        await anext(events)
        proxy.is_refusing = True
        proxy.cut()
        began = time.monotonic()
        with pytest.raises(ServerUnreachable, match="broke"):
            async for _ in events:
                pass
        assert time.monotonic() - began < 5
    await client.goals.cancel(run)


async def test_who_looks_no_further_leaves_no_connection(
    client: AsyncClient, cut_off: AsyncClient, proxy: CuttingProxy
) -> None:
    gate = uuid4().hex
    run = (await client.goals.start("count", "x", parameters={"gate": gate})).workflow_id
    async with aclosing(cut_off.goals.events(run)) as events:  # type: ignore[type-var]
        async for _ in events:
            break
    await until_async(lambda: not proxy.connections)
    await client.goals.cancel(run)
