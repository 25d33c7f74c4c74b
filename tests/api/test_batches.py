"""Routes of batches: hand one in each way, look at it, control it, download its outcome."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.batches.worker import build_batch_worker
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture(loop_scope="session")
async def feeding(api: httpx.AsyncClient, server: DevelopmentServer) -> AsyncIterator[None]:
    """Feed batches, as a worker process does beside its goals."""
    client = await connect(server.address)
    async with open_stores(Settings()) as stores:
        from tests.api.conftest import ECHO
        from tests.support.plugins import registry_of

        service = GoalService(client, stores, registry_of(ECHO))
        async with build_batch_worker(client, service):
            yield


def batch(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "agent_type": "echo", "description": "Say it", **more}


async def hand_in(api: httpx.AsyncClient, body: dict[str, Any], status: int = 201) -> Any:
    answer = await api.post("/api/batches", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def ended(api: httpx.AsyncClient, name: str, status: str = "completed") -> Any:
    async def look() -> Any:
        found = (await api.get(f"/api/batches/{name}")).json()
        return found if found["status"] == status else None

    return await until_async(look, f"{name} {status}")


async def test_a_batch_is_handed_in_shown_and_its_outcome_downloaded(
    api: httpx.AsyncClient, feeding: None
) -> None:
    items = [
        {"key": "a", "parameters": {"depth": "comprehensive"}},
        {"key": "b", "description": "Say something else"},
        {"key": "c", "parameters": {"depth": "deepest"}},
    ]
    answer = await hand_in(api, batch("words", items=items))
    assert (answer["items"]["added"], answer["items"]["invalid"]) == (3, 1)
    batch_id = answer["batch"]["batch_id"]
    record = await ended(api, batch_id)
    assert record["counts"]["completed"] == 2
    assert record["counts"]["invalid"] == 1
    again = await hand_in(api, batch("words", items=items))
    assert (again["items"]["added"], again["items"]["duplicates"]) == (0, 3)
    listed = (await api.get("/api/batches", params={"limit": 1})).json()
    assert [each["name"] for each in listed["batches"]] == ["words"]
    following = await api.get("/api/batches", params={"before": listed["before"]})
    assert following.json() == {"batches": [], "before": None}

    page = (await api.get("/api/batches/words/items", params={"limit": 2})).json()
    assert [item["summary"] for item in page["items"]] == ["Say it", "Say something else"]
    goal = (await api.get(f"/api/goals/{page['items'][0]['workflow_id']}")).json()
    assert (goal["goal_id"], goal["parameters"]) == ("words-1", {"depth": "comprehensive"})
    rest = await api.get("/api/batches/words/items", params={"after": page["after"]})
    (invalid,) = rest.json()["items"]
    assert "depth" in invalid["error"]["message"]
    found = await api.get("/api/batches/words/items", params={"status": "invalid"})
    assert found.json()["items"] == [invalid]

    table = await api.get("/api/batches/words/outcome", params={"format": "csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"] == 'attachment; filename="words.csv"'
    header, *rows = table.text.splitlines()
    assert header.startswith("key,number,status,")
    assert header.endswith(",result.depth,result.fail,result.wait")
    assert [row.split(",")[2] for row in rows] == ["completed", "completed", "invalid"]
    parquet = await api.get("/api/batches/words/outcome", params={"format": "parquet"})
    assert parquet.content.startswith(b"PAR1")


async def test_items_come_as_lines_and_from_a_file_that_was_handed_in(
    api: httpx.AsyncClient, feeding: None
) -> None:
    rows = "word,say\nquick,One\ncomprehensive,Two\n"
    uploaded = await api.post(
        "/api/uploads",
        params={"name": "rows.csv"},
        content=rows,
        headers={"content-type": "application/octet-stream"},
    )
    columns = {"word": "depth", "say": "@description"}
    source = {"upload": uploaded.json()["path"], "format": "csv", "columns": columns}
    await hand_in(api, batch("file", source=source))
    # The file may go: what was in it is on record.
    await api.delete(f"/api/uploads/{uploaded.json()['id']}")
    lines = '{"key": "x", "description": "Three"}\nno JSON\n'
    source = {"text": lines, "format": "jsonl"}
    added = await api.post("/api/batches/file/items", json={"source": source})
    assert added.json()["items"] == {
        "added": 2,
        "invalid": 1,
        "duplicates": 0,
        "conflicts": [],
        "conflicting": 0,
    }

    async def look() -> bool:
        return (await api.get("/api/batches/file")).json()["counts"]["completed"] == 3  # type: ignore[no-any-return]

    await until_async(look, "the items")
    outcome = await api.get("/api/batches/file/outcome")
    assert outcome.headers["content-type"] == "application/x-ndjson"
    assert len(outcome.text.splitlines()) == 4


async def test_a_batch_is_paused_resumed_cancelled_and_retried(
    api: httpx.AsyncClient, feeding: None
) -> None:
    await hand_in(api, batch("held", items=[{"parameters": {"wait": True}}], max_parallel=1))

    async def runs() -> bool:
        return (await api.get("/api/batches/held")).json()["counts"]["running"] == 1  # type: ignore[no-any-return]

    await until_async(runs, "the item")
    assert (await api.post("/api/batches/held/pause")).json()["status"] == "paused"
    resumed = await api.post("/api/batches/held/resume", json={"budget_cost": 5})
    assert (resumed.json()["status"], resumed.json()["settings"]["budget_cost"]) == ("running", 5)
    assert (await api.post("/api/batches/held/cancel")).json()["status"] == "cancelling"
    await ended(api, "held", "cancelled")
    for action in ("pause", "resume", "retry"):
        refused = await api.post(f"/api/batches/held/{action}")
        assert refused.status_code == 409, action
        assert refused.json()["type"].endswith("state-conflict")

    await hand_in(api, batch("bad", items=[{"parameters": {"fail": True}}]))
    await ended(api, "bad")
    retried = await api.post("/api/batches/bad/retry")
    assert retried.json()["retried"] == 1
    await ended(api, "bad")
    (item,) = (await api.get("/api/batches/bad/items")).json()["items"]
    assert (item["status"], item["attempts"]) == ("failed", 2)


async def test_what_cannot_be_a_batch_is_refused(api: httpx.AsyncClient) -> None:
    for body, status, words in (
        (batch("b", items=[]), 422, "has no item"),
        (batch("b"), 422, "give items, or a source"),
        (batch("b", source={"format": "csv", "text": ""}), 422, "no first row"),
        (batch("b", source={"format": "csv"}), 422, "give an upload, or a text"),
        (batch("b", source={"format": "jsonl", "upload": "upload:none"}), 404, "no upload"),
        (batch("no/name", items=[{}]), 422, "name"),
        (batch("b", items=[{}], max_parallel=100_000), 422, "max_parallel"),
        (batch("b", items=[{}]) | {"agent_type": "nobody"}, 422, "no agent"),
    ):
        answer = await api.post("/api/batches", json=body)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["detail"], answer.text
    for route in ("", "/items", "/outcome"):
        unknown = await api.get(f"/api/batches/none{route}")
        assert unknown.status_code == 404
        assert unknown.json()["type"].endswith("unknown-batch")
    assert (await api.get("/api/batches")).json()["batches"] == []


async def test_items_that_come_in_at_once_from_several_are_each_there_once(
    api: httpx.AsyncClient,
) -> None:
    items = [{"key": str(number)} for number in range(50)]
    answers = await asyncio.gather(
        *(api.post("/api/batches", json=batch("same", items=items)) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert sum(answer.json()["items"]["added"] for answer in answers) == 50
    assert len({answer.json()["batch"]["batch_id"] for answer in answers}) == 1
