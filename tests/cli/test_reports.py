"""The commands that report on an installation: its workers, what its goals have used."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database import schema
from perdure.stores.runs.workers import WorkerProcess

NOW = datetime.now(UTC)


async def _fill(home: Path) -> None:
    async with open_stores(Settings(home=home)) as stores:
        worker = WorkerProcess("a" * 32, "box", 7, "0.1.0", "b1", 5, NOW)
        await stores.workers.beat(worker, {"echo": "perdure-echo 1.0"}, 2)
        await stores.goals.create(Goal(goal_id="g", description="d", agent_type="echo"), "g", NOW)
        row = {
            "workflow_id": "g", "root": "g", "name": "ask", "digest": "d", "model": "m",
            "state": "kept", "input_tokens": 1_000, "output_tokens": 234, "at": NOW,
        }  # fmt: skip
        rows = [row | {"entry": n, "occurrence": n, "cost": cost} for n, cost in ((1, 0.5), (2, 0))]
        insert = schema.spending.insert().values(rows)
        await stores.database.write(lambda writing: writing.connection.execute(insert))


def test_workers_and_usage(perdure: Any, own_home: Path) -> None:
    assert "No worker runs" in perdure("workers").stdout
    asyncio.run(_fill(own_home))
    shown = perdure("workers").stdout
    assert "7@box\tdefault\talive\t2 of 5\t0.1.0\tb1\t" in shown
    assert perdure.json("workers")["workers"][0]["free"] == 3

    shown = perdure("usage", "--by", "agent").stdout
    assert "echo\t1\t2\t2,468\t0.5000 $\t0.0000 $\t0.0000 $" in shown
    assert "price of 1 of the requests is unknown" in shown
    report = perdure.json("usage", "--since", f"{NOW:%Y-%m-%d}")
    assert [group["key"] for group in report["groups"]] == [f"{NOW:%Y-%m-%d}"]
    assert report["total"]["unpriced_requests"] == 1
    assert perdure.json("usage", "--since", "2999-01-01")["groups"] == []
