"""Goals that are handed in: how many a second, how long each takes, and what of it Temporal takes.

The API's process times each ``start_workflow`` that it awaits, from the call to the answer, and its
callers time the whole request over loopback; the share is that of the one in the other. No worker
runs: what goals cost once they are started, the benchmark ``overhead`` measures.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from temporalio.client import Client

from benchmarks.api.connection import Connection
from benchmarks.api.served import ServedApi
from benchmarks.verdict import report
from perdure.messages import TASK_QUEUE, WORKFLOW_TYPE
from perdure.models import Goal
from perdure.temporal.client.goal_service import GoalService

# How many callers start goals at once, and how many in all.
ROUNDS: Final = {1: 300, 50: 1_000, 200: 2_000}
TURNS: Final = 300
WARM_UP: Final = 40
GOAL: Final = {
    "description": "Profile the sales of the last quarter, and say what is odd about them",
    "agent_type": "nothing",
    "parameters": {"depth": "quick", "rows": 100},
}


@dataclass(frozen=True)
class StartRate:
    """What starts took with so many callers.

    Attributes:
        clients: How many callers there were.
        per_second: Goals that were started each second.
        p50_ms: Half of the requests took at most this long.
        p99_ms: All but a hundredth did.
        temporal_share: Which part of the requests' time passed in Temporal's ``start_workflow``.
    """

    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float
    temporal_share: float


async def start_rates(api: ServedApi) -> list[StartRate]:
    """Measure goals that one, fifty and two hundred callers start over HTTP."""
    async with api.connected() as connection:
        for _ in range(WARM_UP):
            await start(connection)
    return [await _start_rate(api, clients, goals) for clients, goals in ROUNDS.items()]


async def start(connection: Connection) -> str:
    """Hand in a goal over HTTP, and return its workflow id."""
    answer = await connection.post("/api/execute-goal", {"goal_id": _new_id(), **GOAL})
    run: str = answer.json()["workflow_id"]
    return run


async def added_by_the_api(
    api: ServedApi, service: GoalService, client: Client
) -> dict[str, float]:
    """Measure one start after the other, in turns: over HTTP, and what that does, done directly.

    Args:
        api: The API.
        service: A service like the API's own, on the same stores and server, in this process.
        client: Its Temporal client.

    Returns:
        The median milliseconds of a start ``over HTTP``, of one by the ``service`` directly, which
        puts it on record, and of the bare call of ``start_workflow``.
    """

    async def by_service() -> None:
        await service.start(Goal.model_validate({"goal_id": _new_id(), **GOAL}))

    async def by_temporal() -> None:
        goal = Goal.model_validate({"goal_id": _new_id(), **GOAL})
        run = f"goal-{goal.goal_id}-{uuid4()}"
        await client.start_workflow(WORKFLOW_TYPE, goal, id=run, task_queue=TASK_QUEUE)

    async with api.connected() as connection:

        async def over_http() -> None:
            await start(connection)

        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "over HTTP": over_http,
            "service": by_service,
            "start_workflow": by_temporal,
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        names = list(ways)
        for turn in range(WARM_UP + TURNS):
            # Who goes first changes, so that none has the warmer server.
            for name in names[turn % 3 :] + names[: turn % 3]:
                began = time.perf_counter()
                await ways[name]()
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds[WARM_UP:]) * 1_000 for name, seconds in taken.items()}


async def _start_rate(api: ServedApi, clients: int, goals: int) -> StartRate:
    taken: dict[str, float] = {}
    left = iter(range(goals))

    async def call() -> None:
        async with api.connected() as connection:
            for _ in left:
                began = time.perf_counter()
                run = await start(connection)
                taken[run] = time.perf_counter() - began

    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(clients)))
    seconds = time.perf_counter() - began
    by_temporal = api.temporal_seconds()
    quantiles = statistics.quantiles(taken.values(), n=100)
    rate = StartRate(
        clients=clients,
        per_second=len(taken) / seconds,
        p50_ms=quantiles[49] * 1_000,
        p99_ms=quantiles[98] * 1_000,
        temporal_share=sum(by_temporal[run] for run in taken) / sum(taken.values()),
    )
    report(
        f"{rate.clients:>4} callers: {rate.per_second:.0f} starts/s, {rate.p50_ms:.1f} ms at the"
        f" median, {rate.p99_ms:.1f} ms p99, {rate.temporal_share:.0%} of it Temporal's"
    )
    return rate


def _new_id() -> str:
    return f"started-{uuid4().hex[:12]}"
