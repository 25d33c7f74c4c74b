"""The agents of all workers, and what they are for and take."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from perdure.schemas.agents import AgentDescription
from perdure.stores import Stores
from perdure.stores.database import schema
from perdure.stores.runs.workers import WorkerProcess


def described(name: str, text: str = "Works.") -> AgentDescription:
    return AgentDescription(
        name=name,
        description=text,
        distribution="perdure-echo",
        version="1.0",
        parameters=[],
        parameters_schema={"properties": {"size": {"type": "integer"}}},
        examples=[],
    )


def worker(letter: str) -> WorkerProcess:
    return WorkerProcess(letter * 32, "box", 7, "0.1", "", 5, datetime(2026, 3, 1, tzinfo=UTC))


async def test_what_workers_have_is_described_while_one_is_there(stores: Stores) -> None:
    assert await stores.agents.at_work() == []
    versions = {"echo": "perdure-echo 1.0", "count": "perdure-echo 1.0", "old": "perdure-old 0"}
    await stores.agents.add(versions, {}, [described("echo"), described("count")])
    assert await stores.agents.at_work() == []  # no worker is there
    await stores.workers.beat(worker("a"), {"echo": "", "old": ""}, 0)
    await stores.workers.beat(worker("b"), {"echo": "", "count": ""}, 0)
    assert await stores.agents.at_work() == [described("count"), described("echo")]

    await stores.agents.add({"echo": "perdure-echo 1.1"}, {}, [described("echo", "Works better.")])
    silent = update(schema.workers).values(seen_at=datetime.now(UTC) - timedelta(minutes=5))
    await stores.database.write(
        lambda writing: writing.connection.execute(
            silent.where(schema.workers.c.worker_id == "b" * 32)
        )
    )
    assert await stores.agents.at_work() == [described("echo", "Works better.")]
    assert await stores.agents.described("count") == described("count")
    assert await stores.agents.described("old") is None
    assert await stores.agents.described("never") is None
