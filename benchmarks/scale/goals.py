"""Goals handed in over HTTP all at once, some of them followed to their end."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from benchmarks.api.connection import Connection, head_lines
from benchmarks.scale.installation import Installation
from perdure.stores import Stores

_CONNECTIONS: Final = 64
_LOOK_EVERY: Final = 0.5
_END: Final = b"event: run."


@dataclass
class HandedIn:
    """What became of the goals.

    Attributes:
        starts: The seconds that each request took.
        starting: The seconds until all were started.
        all: The seconds until all had ended.
        ended: How many ended in each status.
        followed_to_the_end: How many readers of events got the goal's last one.
    """

    starts: list[float] = field(default_factory=list)
    starting: float = 0.0
    all: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    followed_to_the_end: int = 0


async def hand_in(
    installation: Installation,
    stores: Stores,
    goals: int,
    followed: int,
    seconds: float,
    patience: float,
) -> HandedIn:
    """Hand in so many goals at once, follow the first of them, and wait until all have ended.

    Args:
        installation: Where to.
        stores: Its stores, as this process has them open.
        goals: How many.
        followed: How many of them a reader of events follows.
        seconds: How long a goal takes by itself.
        patience: How long to wait for all, in seconds.
    """
    found = HandedIn()
    readers: list[asyncio.Task[bool]] = []
    mark = uuid4().hex[:8]
    documents: Iterable[dict[str, object]] = (
        {
            "goal_id": f"{mark}-{number}",
            "description": "Wait for the answers of three models",
            "agent_type": "waiting",
            "parameters": {"seconds": seconds},
        }
        for number in range(goals)
    )

    def follow(run: str) -> None:
        if len(readers) < followed:
            readers.append(asyncio.create_task(_follow(installation, run)))

    began = time.monotonic()
    found.starts = await start_all(installation, documents, follow)
    found.starting = time.monotonic() - began
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while sum((await _ended(stores)).values()) < goals:  # noqa: ASYNC110 -- others end them
                await asyncio.sleep(_LOOK_EVERY)
    found.all = time.monotonic() - began
    found.ended = await _ended(stores)
    found.followed_to_the_end = await _read(readers)
    return found


async def start_all(
    installation: Installation,
    documents: Iterable[dict[str, object]],
    started: Callable[[str], None] = lambda _: None,
) -> list[float]:
    """Hand in goals over HTTP, as fast as they are taken, and return each request's seconds.

    Args:
        installation: Where to.
        documents: The bodies of the requests.
        started: Called with the workflow id of each.
    """
    taken: list[float] = []
    left = iter(documents)

    async def one_after_another() -> None:
        async with Connection.to(installation.host, installation.port, {}) as connection:
            for document in left:
                sent = time.monotonic()
                answer = await connection.post("/api/execute-goal", document)
                taken.append(time.monotonic() - sent)
                started(answer.json()["workflow_id"])

    await asyncio.gather(*(one_after_another() for _ in range(_CONNECTIONS)))
    return taken


async def _ended(stores: Stores) -> Counter[str]:
    counts = await stores.goals.counts()
    return Counter({status.value: count for status, count in counts.items() if status.final})


async def _follow(installation: Installation, run: str) -> bool:
    """Read a goal's events to their end; whether the last one says that it has completed."""
    incoming, outgoing = await asyncio.open_connection(installation.host, installation.port)
    try:
        head = f"GET /api/goals/{run}/events HTTP/1.1\r\n{head_lines({'Connection': 'close'})}\r\n"
        outgoing.write(head.encode())
        last = b""
        while line := await incoming.readline():
            if line.startswith(_END):
                last = line.strip()
        return last == b"event: run.completed"
    finally:
        outgoing.close()


async def _read(readers: list[asyncio.Task[bool]]) -> int:
    """Return how many readers got to the end, giving them a minute more."""
    if not readers:
        return 0
    done, late = await asyncio.wait(readers, timeout=60)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return sum(task.exception() is None and task.result() for task in done)
