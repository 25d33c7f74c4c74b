"""``perdure goals notebook``: no server runs, and none is started."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.fencing import Claim

RUN = "goal-mail-1"
KEYS = 600  # more than one page


async def _create(home: Path, entries: dict[str, JsonValue]) -> None:
    async with open_stores(Settings(home=home)) as stores:
        goal = Goal(goal_id="mail", description="Send it", agent_type="echo")
        await stores.goals.create(goal, RUN, datetime.now(UTC))
        first = Claim(RUN, "first", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(first, None, {})
        for key, value in entries.items():
            await stores.notebook.for_execution(claim).write(key, value, 0, key)


def test_what_is_written_is_shown(perdure: Any, own_home: Path) -> None:
    values: dict[str, JsonValue] = {"done": ["a\x1b[2J", "b"], "long": "x" * 500}
    asyncio.run(_create(own_home, values))
    shown = perdure("goals", "notebook", "mail")
    assert shown.returncode == 0, shown.stderr
    heading, done, long = shown.stdout.splitlines()
    assert heading.split("\t") == ["key", "version", "value", "written", "by"]
    assert done.split("\t")[:2] == ["done", "1"]
    assert done.split("\t")[-1] == RUN
    assert "\x1b" not in done
    assert len(long.split("\t")[2]) == 60

    whole = json.loads(perdure("goals", "notebook", RUN, "--json").stdout)["entries"]
    assert {one["key"]: one["value"] for one in whole} == values
    assert {one["writer"] for one in whole} == {RUN}


@pytest.mark.parametrize("count", [0, KEYS])
def test_none_and_many(perdure: Any, own_home: Path, count: int) -> None:
    keys = [f"key {number:04d}" for number in range(count)]
    asyncio.run(_create(own_home, dict.fromkeys(keys)))
    whole = json.loads(perdure("goals", "notebook", RUN, "--json").stdout)["entries"]
    assert [one["key"] for one in whole] == keys
    if not count:
        shown = perdure("goals", "notebook", RUN).stdout
        assert shown == f"nothing is written in the notebook of {RUN}\n"


def test_a_goal_that_there_is_not_is_named(perdure: Any, own_home: Path) -> None:
    asyncio.run(_create(own_home, {}))
    refused = perdure("goals", "notebook", "nothing-like-it")
    assert refused.returncode == 1
    assert "nothing-like-it" in refused.stderr
