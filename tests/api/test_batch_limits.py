"""What a tenant may start, and what the policy denies, hold for the items of batches."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from perdure.settings import Settings
from perdure.stores import open_stores

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
NOBODY = "127.0.0.1:1"
RULES = """
default: allow
rules:
  - name: no depths
    when: {agent: echo, parameters: {depth: comprehensive}}
    then: deny
    reason: They are too deep.
"""


def batch(items: list[dict[str, Any]], name: str = "words") -> dict[str, Any]:
    return {"name": name, "agent_type": "echo", "description": "Say it", "items": items}


def keyed(first: int, last: int) -> list[dict[str, Any]]:
    return [{"key": f"k{number}"} for number in range(first, last + 1)]


async def test_items_count_as_goals_that_a_tenant_starts(
    serve_api: ServeApi, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        key, _ = await stores.access.keys.create("a", ["read", "submit"], tenant="one")
        other, _ = await stores.access.keys.create("b", ["read", "submit"], tenant="two")
    api = await serve_api(NOBODY, worker=False, tenant_goals="5/day")
    api.headers["Authorization"] = f"Bearer {key}"

    async def hand_in(items: list[dict[str, Any]]) -> httpx.Response:
        return await api.post("/api/batches", json=batch(items))

    async def total() -> int:
        counts = (await api.get("/api/batches/words")).json()["counts"]
        return int(sum(counts.values()))

    first = await hand_in([*keyed(1, 3), {"key": "k1"}, {"key": "wrong", "colour": "red"}])
    assert first.status_code == 201, first.text
    assert first.headers["ratelimit"].partition(";t=")[0] == '"goals";r=2'
    # What the batch has costs nothing, nor what nobody can start.
    again = await hand_in(keyed(1, 3))
    assert again.headers["ratelimit"].partition(";t=")[0] == '"goals";r=2'
    assert again.json()["items"]["duplicates"] == 3
    # As many as may be are there, and when it is sent again it goes on after them.
    refused = await hand_in(keyed(1, 9))
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:perdure:problem:too-many-requests"
    assert int(refused.headers["retry-after"]) > 0
    assert await total() == 6
    assert (await hand_in(keyed(1, 5))).status_code == 201
    added = await api.post("/api/batches/words/items", json={"items": keyed(6, 6)})
    assert added.status_code == 429
    goal = {"goal_id": "g", "description": "x", "agent_type": "echo"}
    assert (await api.post("/api/execute-goal", json=goal)).status_code == 429
    api.headers["Authorization"] = f"Bearer {other}"
    assert (await hand_in(keyed(1, 5))).status_code == 201


async def test_an_item_that_the_policy_denies_is_never_started(
    serve_api: ServeApi, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    api = await serve_api(NOBODY, worker=False, policy=rules)
    items = [
        {"key": "deep", "parameters": {"depth": "comprehensive"}},
        {"key": "flat", "parameters": {"depth": "quick"}},
    ]
    answer = await api.post("/api/batches", json=batch(items))
    assert answer.status_code == 201, answer.text
    assert answer.json()["items"]["invalid"] == 1
    deep, flat = (await api.get("/api/batches/words/items")).json()["items"]
    assert deep["status"] == "invalid"
    assert "rule 'no depths' denies that (They are too deep.)" in deep["error"]["message"]
    assert flat["status"] == "waiting"
