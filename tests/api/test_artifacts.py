"""A run's files over HTTP: listed, in parts, again only when changed, all in one archive."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.api.problems.types import ProblemType
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
TEXT = b"0123456789" * 100


async def make(run: Run, goal: Goal) -> Result:
    await run.artifact("a/numbers.txt", TEXT)
    await run.artifact("Übersicht.md", "# x")
    return Result(summary="made", data={"n": 1})


MAKES = AgentSpec(name="makes", description="Makes.", agent=make)
GOAL = {"goal_id": "files", "description": "x", "agent_type": "makes"}


async def test_files_of_a_run(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    api = await serve_api(server.address, agent=MAKES)
    # Waited for: the answer is the record with its result.
    answer = await api.post("/api/execute-goal", params={"wait": 30}, json=GOAL)
    record = answer.json()
    assert (record["status"], record["result"]["data"]) == ("completed", {"n": 1})
    base = f"/api/goals/{record['workflow_id']}"
    assert (await api.get(base)).json() == record
    assert (await api.get(f"{base}/result")).json() == record["result"]

    listed = (await api.get(f"{base}/artifacts")).json()["artifacts"]
    assert [item["name"] for item in listed] == ["a/numbers.txt", "Übersicht.md"]
    assert listed == record["artifacts"]

    url = f"{base}/artifacts/a/numbers.txt"
    whole = await api.get(url)
    assert (whole.status_code, whole.content) == (200, TEXT)
    etag = whole.headers["etag"]
    assert etag == f'"{listed[0]["digest"]}"'
    assert whole.headers["repr-digest"].startswith("sha-256=:")
    assert whole.headers["content-disposition"] == 'attachment; filename="numbers.txt"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    known = await api.get(url, headers={"If-None-Match": f'"x", W/{etag}'})
    assert (known.status_code, known.content) == (304, b"")

    for given, status, content in [
        ({"Range": "bytes=10-14"}, 206, b"01234"),
        ({"Range": "bytes=-3"}, 206, b"789"),
        ({"Range": "bytes=995-", "If-Range": etag}, 206, b"56789"),
        ({"Range": "bytes=995-", "If-Range": '"other"'}, 200, TEXT),
    ]:
        part = await api.get(url, headers=given)
        assert (part.status_code, part.content) == (status, content), given
    several = await api.get(url, headers={"Range": "bytes=0-1,10-11"})
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    outside = await api.get(url, headers={"Range": "bytes=2000-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */1000")
    assert outside.json()["type"] == ProblemType.RANGE_NOT_SATISFIABLE.uri
    assert "1000 bytes" in outside.json()["detail"]
    malformed = await api.get(url, headers={"Range": "pages=1"})
    assert (malformed.status_code, malformed.json()["status"]) == (400, 400)

    archive = await api.get(f"{base}/artifacts.zip")
    assert archive.headers["content-disposition"] == 'attachment; filename="files.zip"'
    with ZipFile(io.BytesIO(archive.content)) as opened:
        assert opened.read("a/numbers.txt") == TEXT
        assert opened.namelist() == ["a/numbers.txt", "Übersicht.md"]

    for path in ("artifacts/other.md", "artifacts/../x", "artifacts/a%2F..%2F..%2Fx"):
        missing = await api.get(f"{base}/{path}")
        assert missing.status_code == 404, path
    for path in ("artifacts", "artifacts.zip", "artifacts/x", "result"):
        unknown = await api.get(f"/api/goals/goal-none/{path}")
        assert unknown.json()["type"] == ProblemType.UNKNOWN_GOAL.uri, path
    # A file that the API cannot see is an error before the archive begins.
    (next(iter((own_home / "artifacts" / "sha256").rglob(listed[0]["digest"][7:])))).unlink()
    gone = await api.get(f"{base}/artifacts.zip")
    assert (gone.status_code, gone.json()["type"]) == (404, ProblemType.UNKNOWN_ARTIFACT.uri)


async def test_a_wait_that_is_too_short_starts_the_goal_all_the_same(
    api: httpx.AsyncClient,
) -> None:
    goal = {**GOAL, "agent_type": "echo", "parameters": {"wait": True}}
    answer = await api.post("/api/execute-goal", params={"wait": 0.2}, json=goal)
    started = answer.json()
    assert started == {"workflow_id": started["workflow_id"], "status": "started"}
    early = await api.get(f"/api/goals/{started['workflow_id']}/result")
    assert early.json()["type"] == ProblemType.NO_RESULT_YET.uri
    await api.post(f"/api/goals/{started['workflow_id']}/cancel")
    for wait in ("-1", "61", "soon"):
        refused = await api.post("/api/execute-goal", params={"wait": wait}, json=goal)
        assert [item["field"] for item in refused.json()["errors"]] == ["wait"]


async def test_a_wait_shows_how_a_goal_failed(api: httpx.AsyncClient) -> None:
    goal = {**GOAL, "agent_type": "echo", "parameters": {"fail": True}}
    record = (await api.post("/api/execute-goal", params={"wait": 30}, json=goal)).json()
    assert (record["status"], record["success"]) == ("failed", False)
    assert "asked to fail" in record["error"]["message"]
    result = (await api.get(f"/api/goals/{record['workflow_id']}/result")).json()
    assert [item["name"] for item in result["artifacts"]] == ["notes/echo.md"]


async def test_a_callback_is_checked_before_anything_is_started(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    off = await serve_api(server.address, agent=MAKES, worker=False)
    goal = {**GOAL, "callback_url": "http://127.0.0.1:8099/hook"}
    secret = {"callback_secret": "s" * 24}
    on = await serve_api(server.address, agent=MAKES, worker=False, **secret)
    for api, word in ((off, "PERDURE_CALLBACK_SECRET"), (on, "a loopback address")):
        refused = (await api.post("/api/execute-goal", json=goal)).json()
        assert refused["type"] == ProblemType.CALLBACK_REFUSED.uri
        assert [item["field"] for item in refused["errors"]] == ["callback_url"]
        assert word in refused["detail"]
        assert (await api.get("/api/goals")).json()["goals"] == []
    allowed = await serve_api(server.address, agent=MAKES, callback_allow=["127.0.0.1"], **secret)
    record = (await allowed.post("/api/execute-goal", params={"wait": 30}, json=goal)).json()
    assert record["status"] == "completed"
    assert "callback_url" not in record
