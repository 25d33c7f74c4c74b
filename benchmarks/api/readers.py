"""Five hundred readers of the API's event streams: how late each event reaches each of them.

An event is stored by another process than the API's, as a worker stores it, and carries the time
just before; so the delay has the commit in it. The readers take all that comes as soon as it does.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import uuid4

from benchmarks.api.connection import head_lines
from benchmarks.api.served import ServedApi
from benchmarks.verdict import report
from perdure.models import Goal
from perdure.stores import Stores

READERS: Final = 500
EVENTS: Final = 200
SECONDS_BETWEEN: Final = 0.1
_MARK: Final = b'"message":"sent '


@dataclass
class Deliveries:
    """What has reached the readers.

    Attributes:
        begun: How many readers have got their first event.
        seconds: From before an event was stored to when a reader had it, for each of them.
    """

    begun: int = 0
    seconds: list[float] = field(default_factory=list)


class _Reader(asyncio.Protocol):
    """One reader of an event stream."""

    def __init__(self, request: bytes, deliveries: Deliveries) -> None:
        self._request = request
        self._deliveries = deliveries
        self._rest = b""
        self._is_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        arrived = time.time_ns()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not line.startswith(b"data: "):
                continue
            if not self._is_begun:
                self._is_begun = True
                self._deliveries.begun += 1
            _, mark, rest = line.partition(_MARK)
            if mark:
                sent = int(rest.partition(b'"')[0])
                self._deliveries.seconds.append((arrived - sent) / 1e9)


@dataclass(frozen=True)
class Crowd:
    """How late events reached five hundred readers, and what these cost the API's process.

    Attributes:
        runs: How many runs they followed, evenly.
        p50_ms: The median delay.
        p99_ms: All but a hundredth of the deliveries were at most this late.
        largest_ms: The latest of all.
        deliveries: How many there were.
        missed: How many events did not reach a reader.
        opening_seconds: Until all of them had their first event.
        memory_mb: How much memory the process had then.
        memory_per_reader_kb: How much more than before, for each of them.
        processor_share: Which part of one processor core the process used.
    """

    runs: int
    p50_ms: float
    p99_ms: float
    largest_ms: float
    deliveries: int
    missed: int
    opening_seconds: float
    memory_mb: float
    memory_per_reader_kb: float
    processor_share: float


async def crowd(api: ServedApi, stores: Stores, runs: int) -> Crowd:
    """Let five hundred readers follow some runs while their events are stored."""
    names = [await _running_goal(stores) for _ in range(runs)]
    deliveries = Deliveries()
    before, began = api.memory()["now"], time.perf_counter()
    async with AsyncExitStack() as stack:
        await _open(stack, api, names, deliveries)
        opening = time.perf_counter() - began
        used, began = api.processor_seconds(), time.perf_counter()
        for number in range(EVENTS):
            # Never in step with whoever looks at fixed intervals.
            await asyncio.sleep(SECONDS_BETWEEN * (0.5 + number * 0.618 % 1))
            await stores.events.append(
                names[number % runs],
                "progress",
                {"percentage": 50, "message": f"sent {time.time_ns()}"},
            )
        wanted = EVENTS * READERS // runs
        with_all = asyncio.create_task(_until(lambda: len(deliveries.seconds) >= wanted))
        await asyncio.wait([with_all], timeout=10)
        with_all.cancel()
        share = (api.processor_seconds() - used) / (time.perf_counter() - began)
        memory = api.memory()["now"]
    ordered = sorted(deliveries.seconds)
    found = Crowd(
        runs=runs,
        p50_ms=ordered[len(ordered) // 2] * 1_000,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1_000,
        largest_ms=ordered[-1] * 1_000,
        deliveries=len(ordered),
        missed=wanted - len(ordered),
        opening_seconds=opening,
        memory_mb=memory,
        memory_per_reader_kb=(memory - before) * 1_024 / READERS,
        processor_share=share,
    )
    report(
        f"{READERS} readers of {runs} runs: {found.p50_ms:.0f} ms at the median,"
        f" {found.p99_ms:.0f} ms p99, {found.largest_ms:.0f} ms the latest; {memory:.0f} MB"
    )
    return found


async def _running_goal(stores: Stores) -> str:
    goal = Goal(goal_id=f"followed-{uuid4().hex[:8]}", description="go on", agent_type="nothing")
    run = f"goal-{goal.goal_id}-{uuid4()}"
    await stores.goals.create(goal, run, datetime.now(UTC))
    return run


async def _open(
    stack: AsyncExitStack, api: ServedApi, runs: Sequence[str], deliveries: Deliveries
) -> None:
    """Open the streams until the end of a stack, and return when all of them have begun."""
    loop = asyncio.get_running_loop()
    for number in range(READERS):
        path = f"/api/goals/{runs[number % len(runs)]}/events"
        request = f"GET {path} HTTP/1.1\r\n{head_lines(api.headers)}\r\n".encode()
        transport, _ = await loop.create_connection(
            partial(_Reader, request, deliveries), api.host, api.port
        )
        stack.callback(transport.close)
    await _until(lambda: deliveries.begun >= READERS)


async def _until(is_true: Callable[[], bool]) -> None:
    while not is_true():  # noqa: ASYNC110 -- any of the readers may be the last
        await asyncio.sleep(0.01)
