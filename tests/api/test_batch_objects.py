"""Batches over the objects of a bucket: each is done once, and only those that one may read."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputPath, Result, Run
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.objects.bucket import BucketStore
from perdure.stores.objects.object_store import digest_of
from perdure.temporal.batches.worker import build_batch_worker
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.object_storage import BUCKET, ObjectStorage
from tests.support.plugins import registry_of
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


class Letter(BaseModel):
    path: InputPath


async def read(run: Run, goal: Goal, parameters: Letter) -> Result:
    return Result(summary=f"{parameters.path.name}: {parameters.path.read_text()}")


READS = AgentSpec(name="reads", description="Reads.", agent=read, parameters=Letter)


async def put(folder: str, **contents: str) -> None:
    bucket = BucketStore(f"s3://{BUCKET}/{folder}")
    for name, text in contents.items():
        await bucket.put(f"{name}.txt", text.encode(), digest_of(text.encode())[0])


def over(prefix: str, name: str = "letters", **more: Any) -> dict[str, Any]:
    source = {"prefix": prefix, "parameter": "path"}
    return {"name": name, "agent_type": "reads", "description": "Read", "source": source, **more}


async def test_each_object_is_an_item_and_is_done_once(
    serve_api: ServeApi, server: DevelopmentServer, object_storage: ObjectStorage
) -> None:
    await put("inbox/default", a="one", b="two")
    await put("inbox/default/deeper", c="three")
    await put("inbox/defaultly", d="another's")
    api = await serve_api(
        server.address, agent=READS, limited=True, batch_prefixes=f"s3://{BUCKET}/inbox/{{tenant}}/"
    )
    prefix = f"s3://{BUCKET}/inbox/default"
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(Settings()))
        client = await connect(server.address)
        service = GoalService(client, stores, registry_of(READS))
        await stack.enter_async_context(build_batch_worker(client, service))
        answer = await api.post("/api/batches", json=over(prefix))
        assert answer.status_code == 201, answer.text
        assert answer.json()["items"]["added"] == 3

        async def has_ended() -> bool:
            found = (await api.get("/api/batches/letters")).json()
            return bool(found["status"] == "completed")

        await until_async(has_ended, "the batch")
        items = (await api.get("/api/batches/letters/items")).json()["items"]
        assert {item["key"]: item["summary"] for item in items} == {
            f"{prefix}/a.txt": "a.txt: one",
            f"{prefix}/b.txt": "b.txt: two",
            f"{prefix}/deeper/c.txt": "c.txt: three",
        }
        # Again, with one that is new and one that has changed.
        await put("inbox/default", a="changed", e="five")
        again = (await api.post("/api/batches", json=over(f"{prefix}/"))).json()["items"]
        assert (again["added"], again["duplicates"]) == (1, 2)
        assert again["conflicts"] == [f"{prefix}/a.txt"]
        source = {"source": over(f"{prefix}/deeper")["source"]}
        more = (await api.post("/api/batches/letters/items", json=source)).json()["items"]
        assert (more["added"], more["duplicates"]) == (0, 1)


@pytest.mark.parametrize(
    "prefix",
    [
        f"s3://{BUCKET}/inbox/defaultly/",
        f"s3://{BUCKET}/inbox/",
        f"s3://{BUCKET}/inbox/one/",
        f"s3://{BUCKET}/inbox/default/../one/",
        f"s3://{BUCKET}/inbox/default//",
        f"s3://{BUCKET}",
        f"s3://{BUCKET}.evil/inbox/default/",
        f"s3://user@{BUCKET}/inbox/default/",
        f"gs://{BUCKET}/inbox/default/",
        f"s3://{BUCKET}/inbox%2Fdefault/",
        "s3:///inbox/default/",
        "file:///etc/",
        "memory:///",
        "http://169.254.169.254/latest/meta-data/",
        "/etc/",
        "",
    ],
)
async def test_nothing_else_is_read_with_the_credentials_of_the_api(
    serve_api: ServeApi, prefix: str
) -> None:
    permitted = f"s3://{BUCKET}/inbox/{{tenant}}/, s3://others"
    # Whatever it asked would not answer.
    api = await serve_api("127.0.0.1:1", worker=False, agent=READS, batch_prefixes=permitted)
    answer = await api.post("/api/batches", json=over(prefix))
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert "PERDURE_BATCH_PREFIXES" in detail or "is no prefix of object storage" in detail
    assert (await api.get("/api/batches")).json()["batches"] == []


async def test_nothing_at_all_where_no_prefix_is_permitted(serve_api: ServeApi) -> None:
    api = await serve_api("127.0.0.1:1", worker=False, agent=READS)
    answer = await api.post("/api/batches", json=over(f"s3://{BUCKET}/inbox/"))
    assert answer.status_code == 422
    assert "have PERDURE_BATCH_PREFIXES name it" in answer.json()["detail"]


async def test_what_is_wrong_with_a_source_is_said(serve_api: ServeApi) -> None:
    api = await serve_api("127.0.0.1:1", worker=False, agent=READS)
    for source in (
        {"prefix": "s3://a/b"},
        {"prefix": "s3://a/b", "parameter": "path", "format": "csv"},
        {"prefix": "s3://a/b", "parameter": "path", "text": "a"},
        {"text": "a"},
        {"text": "a", "format": "csv", "parameter": "path"},
        {},
    ):
        answer = await api.post("/api/batches", json=over("s3://a") | {"source": source})
        assert answer.status_code == 422, source


async def test_object_storage_that_does_not_answer_is_named(
    serve_api: ServeApi, object_storage: ObjectStorage
) -> None:
    api = await serve_api(
        "127.0.0.1:1", worker=False, agent=READS, batch_prefixes=f"s3://none,s3://{BUCKET}"
    )
    nowhere = await api.post("/api/batches", json=over("s3://none/inbox/"))
    assert nowhere.status_code == 503
    assert "the object storage s3://none/inbox/ does not answer" in nowhere.json()["detail"]
    empty = await api.post("/api/batches", json=over(f"s3://{BUCKET}/nothing/"))
    assert empty.status_code == 422
    assert "has no item" in empty.json()["detail"]
    assert (await api.get("/api/batches")).json()["batches"] == []
