"""Files in a bucket, from hand-in to download: no folder is shared by the API and its worker."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputPath, Result, Run
from perdure.api.problems.types import ProblemType
from perdure.cli.output.results import copy_artifacts
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from tests.api.test_uploads import ended, upload
from tests.support.object_storage import ObjectStorage
from tests.support.plugins import registry_of
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
PAGE = b"<script>alert(document.cookie)</script>"


class Files(BaseModel):
    path: InputPath
    go_on: Path | None = None


async def copier(run: Run, goal: Goal, parameters: Files) -> Result:
    """Wait for a file if told to, then hand the file that was given out again."""
    if parameters.go_on is not None:
        await until_async(parameters.go_on.exists)
    content = parameters.path.read_bytes()
    await run.artifact("copies/Übersicht.bin", content * 1_000)
    page = await run.artifact("page.html", PAGE)
    assert await run.read_artifact(page) == PAGE
    return Result(summary=content.decode())


COPIES = AgentSpec(name="copies", description="Copies.", agent=copier, parameters=Files)


class Cluster:
    """An API and a worker with homes of their own, one database and one bucket."""

    def __init__(self, api: httpx.AsyncClient, elsewhere: Settings) -> None:
        self.api = api
        self.elsewhere = elsewhere

    async def start(self, **parameters: object) -> str:
        goal = {"goal_id": "g", "description": "x", "agent_type": "copies"}
        answer = await self.api.post("/api/execute-goal", json={**goal, "parameters": parameters})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["workflow_id"])


async def run_cluster(
    stack: AsyncExitStack, serve_api: ServeApi, address: str, bucket: str, folder: Path
) -> Cluster:
    shared = {"database_url": f"sqlite:///{folder}/shared.db", "artifacts_url": bucket}
    api = await serve_api(address, worker=False, agent=COPIES, limited=False, **shared)
    elsewhere = Settings.model_validate({"home": folder / "elsewhere", **shared})
    stores = await stack.enter_async_context(open_stores(elsewhere))
    client = await connect(address)
    worker = build_worker(client, stores, registry_of(COPIES), elsewhere)
    await stack.enter_async_context(worker)
    return Cluster(api, elsewhere)


async def test_files_go_through_the_bucket_alone(
    serve_api: ServeApi,
    server: DevelopmentServer,
    object_storage: ObjectStorage,
    own_home: Path,
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        cluster = await run_cluster(stack, serve_api, server.address, object_storage.url, tmp_path)
        api = cluster.api
        given = await upload(api, "one.txt", b"one")
        assert object_storage.object(given["digest"]).read_bytes() == b"one"
        workflow_id = await cluster.start(path=given["path"])
        record = await ended(api, workflow_id)
        assert record["status"] == "completed", record["error"]
        assert record["result"]["summary"] == "one"

        async with open_stores(cluster.elsewhere) as stores:
            await copy_artifacts(stores, await stores.goals.get(workflow_id), tmp_path / "out")
    for home in (own_home, cluster.elsewhere.home):
        assert not [path for path in (home / "artifacts").rglob("*") if path.is_file()]
    assert (tmp_path / "out" / "copies" / "Übersicht.bin").read_bytes() == b"one" * 1_000

    base = f"/api/goals/{workflow_id}"
    copies, page = (await api.get(f"{base}/artifacts")).json()["artifacts"]
    url = f"{base}/artifacts/{copies['name']}"
    whole = await api.get(url)
    assert (whole.status_code, whole.content) == (200, b"one" * 1_000)
    assert whole.headers["content-length"] == "3000"
    assert whole.headers["etag"] == f'"{copies["digest"]}"'
    assert "filename*=utf-8''%C3%9Cbersicht.bin" in whole.headers["content-disposition"]
    for given_range, status, content in (
        ("bytes=0-3", 206, b"oneo"),
        ("bytes=2996-", 206, b"eone"),
        ("bytes=2996-9999", 206, b"eone"),
        ("bytes=-2", 206, b"ne"),
        ("bytes=0-1,5-6", 200, b"one" * 1_000),
    ):
        part = await api.get(url, headers={"Range": given_range})
        assert (part.status_code, part.content) == (status, content), given_range
    part = await api.get(url, headers={"Range": "bytes=1-2", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 1-2/3000")
    changed = await api.get(url, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
    assert changed.status_code == 200
    for outside in ("bytes=3000-", "bytes=-0", "bytes=5-2"):
        refused = await api.get(url, headers={"Range": outside})
        assert (refused.status_code, refused.headers["content-range"]) == (416, "bytes */3000")
    malformed = await api.get(url, headers={"Range": "pages=1"})
    assert malformed.json()["type"] == ProblemType.MALFORMED_RANGE.uri
    with ZipFile(io.BytesIO((await api.get(f"{base}/artifacts.zip")).content)) as archive:
        assert archive.read("page.html") == PAGE

    # What an agent made stays data, on this site and in the bucket.
    shown = await api.get(f"{base}/artifacts/page.html")
    assert shown.headers["content-security-policy"] == "sandbox"
    assert shown.headers["content-disposition"] == 'attachment; filename="page.html"'
    sent = await api.get(f"{base}/artifacts/page.html", params={"redirect": True})
    assert (sent.status_code, sent.headers["cache-control"]) == (307, "no-store")
    async with httpx.AsyncClient() as client:
        there = await client.get(sent.headers["location"])
    assert (there.content, there.headers["content-disposition"]) == (PAGE, "attachment")
    assert there.headers["content-type"] == "application/octet-stream"
    assert (await api.get(f"/goals/{workflow_id}")).status_code == 200
    framed = await api.get(f"/goals/{workflow_id}/framed/page.html")
    assert framed.content == PAGE
    assert framed.headers["content-security-policy"].startswith("sandbox")

    object_storage.object(page["digest"]).write_bytes(PAGE.replace(b"alert", b"steal"))
    for path in ("artifacts/page.html", "artifacts/page.html?x=1"):
        altered = await api.get(f"{base}/{path}")
        assert altered.json()["type"] == ProblemType.UNKNOWN_ARTIFACT.uri
        assert "another content" in altered.json()["detail"]
    object_storage.object(page["digest"]).unlink()
    for path in ("artifacts/page.html", "artifacts/page.html?redirect=true", "artifacts.zip"):
        missing = await api.get(f"{base}/{path}")
        assert missing.json()["type"] == ProblemType.UNKNOWN_ARTIFACT.uri, path


async def test_an_upload_is_its_tenants_and_goes_when_it_is_deleted(
    serve_api: ServeApi, server: DevelopmentServer, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        cluster = await run_cluster(stack, serve_api, server.address, object_storage.url, tmp_path)
        api = cluster.api
        given = await upload(api, "one.txt", b"one")
        for path in (f"upload:{'0' * 32}/one.txt", f"upload:{given['id']}/other.txt"):
            goal = {"goal_id": "g", "description": "x", "agent_type": "copies"}
            refused = await api.post(
                "/api/execute-goal", json={**goal, "parameters": {"path": path}}
            )
            assert refused.status_code == 422, path
        assert (await api.delete(f"/api/uploads/{given['id']}")).status_code == 204
        assert (await api.delete(f"/api/uploads/{given['id']}")).status_code == 404
        refused = await api.post(
            "/api/execute-goal", json={**goal, "parameters": {"path": given["path"]}}
        )
        assert "no upload" in refused.text


async def test_goals_wait_for_a_bucket_that_is_away(
    serve_api: ServeApi, server: DevelopmentServer, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        cluster = await run_cluster(stack, serve_api, server.address, object_storage.url, tmp_path)
        api = cluster.api
        assert (await api.get("/readyz")).json()["artifacts"] is True
        given = await upload(api, "one.txt", b"one")
        go_on = tmp_path / "go-on"
        at_work = [await cluster.start(path=given["path"], go_on=str(go_on)) for _ in range(3)]
        await object_storage.stop()
        go_on.touch()
        # Neither a file can be handed in, nor one be fetched: the answer says when to come again.
        headers = {"Content-Type": "application/octet-stream"}
        refused = await api.post(
            "/api/uploads", params={"name": "b"}, content=b"x", headers=headers
        )
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        # Goals can be started all the same.
        later = [await cluster.start(path=given["path"]) for _ in range(3)]
        goals = (*at_work, *later)

        async def records() -> list[dict[str, str]]:
            return [(await api.get(f"/api/goals/{goal}")).json() for goal in goals]

        await asyncio.sleep(5)  # as long as it is away
        assert not {record["status"] for record in await records()} & {"completed", "failed"}
        await object_storage.start()
        for workflow_id in goals:
            record = await ended(api, workflow_id)
            assert record["status"] == "completed", record["error"]
            assert [made["name"] for made in record["artifacts"]] == [
                "copies/Übersicht.bin",
                "page.html",
            ]


async def test_an_api_whose_address_is_wrong_never_serves(
    serve_api: ServeApi, server: DevelopmentServer, object_storage: ObjectStorage
) -> None:
    bucket = object_storage.url.replace("perdure-test", "another-bucket")
    api = await serve_api(server.address, worker=False, artifacts_url=bucket)
    ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["artifacts"]) == (503, False)
    assert ready.json()["stores"] is True
