"""Files that are handed in, and goals that name them."""

import asyncio
import base64
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputError, InputPath, Result, Run
from perdure.api.keys import new_key
from perdure.api.problems.types import ProblemType
from perdure.models.uploads import Upload
from perdure.stores.artifacts.uploads import UploadStore
from perdure.stores.database.errors import InputRefused, UnknownUpload, UploadTooLarge
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
BINARY = {"Content-Type": "application/octet-stream"}


class Reads(BaseModel):
    path: InputPath
    more: list[InputPath] = []


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def reader(run: Run, goal: Goal, parameters: Reads) -> Result:
    texts = [await run.step("read", read, path) for path in (parameters.path, *parameters.more)]
    # Agents that take no model read the goal's own parameters.
    return Result(
        summary=" ".join(texts), data={"same": goal.parameters["path"] == str(parameters.path)}
    )


READS = AgentSpec(name="reads", description="Reads.", agent=reader, parameters=Reads)


async def upload(api: httpx.AsyncClient, name: str, content: bytes) -> dict[str, Any]:
    answer = await api.post("/api/uploads", params={"name": name}, content=content, headers=BINARY)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def hand_in(api: httpx.AsyncClient, **parameters: object) -> httpx.Response:
    goal = {"goal_id": "g", "description": "x", "agent_type": "reads", "parameters": parameters}
    return await api.post("/api/execute-goal", json=goal)


async def ended(api: httpx.AsyncClient, workflow_id: str) -> dict[str, Any]:
    record: dict[str, Any] = {}

    async def look() -> bool:
        record.update((await api.get(f"/api/goals/{workflow_id}")).json())
        return record["status"] not in {"running", "waiting"}

    await until_async(look)
    return record


async def test_a_goal_reads_what_was_handed_in(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path, tmp_path: Path
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, agent=READS, limited=True, api_keys=[digest])
    refused = await api.post("/api/uploads", params={"name": "a"}, content=b"x", headers=BINARY)
    assert refused.status_code == 401
    assert not (own_home / "artifacts").exists()
    api.headers["Authorization"] = f"Bearer {key}"

    one = await upload(api, "Bericht Übersicht.txt", b"one")
    two = await upload(api, "two.txt", b"two" * 1_000_000)
    assert one["path"] == f"upload:{one['id']}/Bericht Übersicht.txt"
    assert one["digest"] == f"sha256:{hashlib.sha256(b'one').hexdigest()}"
    assert (one["size"], two["size"]) == (3, 3_000_000)
    started = (await hand_in(api, path=one["path"], more=[two["path"], one["path"]])).json()
    record = await ended(api, started["workflow_id"])
    assert record["result"]["summary"] == "one " + "two" * 1_000_000 + " one"
    assert record["result"]["data"] == {"same": True}
    # What is on record is what was handed in, and no path of this machine.
    assert record["parameters"]["path"] == one["path"]

    (tmp_path / "link").symlink_to("/etc/passwd")
    for path in ("/etc/passwd", "gone.txt", "../x", "~/x", "file:///etc/passwd", f"{tmp_path}/link",
                 str(own_home / "artifacts"), "upload:../x", f"upload:{one['id']}/two.txt",
                 f"upload:{one['id']}/../{two['id']}/two.txt", f"upload:{'0' * 32}/a.txt",
                 "upload:", f"upload:{one['id']}/", f"upload:{one['id']}/.."):  # fmt: skip
        answer = await hand_in(api, path=one["path"], more=[path])
        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["field"] == "parameters.more.0"
        assert "hand the file in" in answer.json()["detail"]

    # The id alone is enough; what is on record has the name as well.
    short = (await hand_in(api, path=f"upload:{one['id']}")).json()
    assert (await ended(api, short["workflow_id"]))["parameters"]["path"] == one["path"]

    assert (await api.delete(f"/api/uploads/{one['id']}")).status_code == 204
    assert (await api.delete(f"/api/uploads/{one['id']}")).status_code == 404
    assert (await api.delete("/api/uploads/..")).status_code in {404, 405}
    gone = await hand_in(api, path=one["path"])
    assert gone.status_code == 422
    assert "no upload" in gone.json()["detail"]


async def test_folders_that_are_named_may_be_read_and_no_others(
    serve_api: ServeApi, server: DevelopmentServer, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "in.txt").write_text("in")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link").symlink_to("../secret.txt")
    api = await serve_api(server.address, agent=READS, limited=True, file_roots=str(root))
    started = (await hand_in(api, path=f"{root}/a/../in.txt")).json()
    assert (await ended(api, started["workflow_id"]))["result"]["summary"] == "in"
    for path in (f"{root}/../secret.txt", f"{root}/link", f"{tmp_path}/root2", "in.txt"):
        answer = await hand_in(api, path=path)
        assert answer.status_code == 422, path
        assert "PERDURE_FILE_ROOTS" in answer.json()["detail"]
    own = await upload(api, "a.txt", b"own")
    assert (await hand_in(api, path=own["path"])).status_code == 200


@pytest.mark.parametrize(
    ("name", "kind", "status", "word"),
    [
        ("", "application/pdf", 422, "name"),
        ("..", "application/pdf", 422, "name"),
        ("a/b.pdf", "application/pdf", 422, "slash"),
        ("a\\b.pdf", "application/pdf", 422, "slash"),
        ("a\0b", "application/pdf", 422, "printed"),
        ("é" * 101, "application/pdf", 422, "200 bytes"),
        ("a.pdf", "multipart/form-data; boundary=x", 415, "octet-stream"),
        ("a.pdf", "text/plain", 415, "octet-stream"),
    ],
)
async def test_what_is_no_file_is_refused(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path,
    name: str, kind: str, status: int, word: str,
) -> None:  # fmt: skip
    api = await serve_api(server.address, worker=False)
    headers = {"Content-Type": kind}
    answer = await api.post("/api/uploads", params={"name": name}, content=b"x", headers=headers)
    assert answer.status_code == status
    assert word in answer.json()["detail"]
    assert not (own_home / "artifacts").exists()


async def test_a_file_that_is_too_large_leaves_nothing(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    api = await serve_api(server.address, worker=False, upload_bytes=1000)
    assert (await upload(api, "a", b"x" * 1000))["size"] == 1000
    kept = files(own_home)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    contents: tuple[Any, ...] = (b"x" * 1001, chunks())  # with a length, and without
    for content in contents:
        answer = await api.post(
            "/api/uploads", params={"name": "b"}, content=content, headers=BINARY
        )
        assert answer.status_code == 413
        assert "PERDURE_UPLOAD_BYTES" in answer.json()["detail"]
    assert files(own_home) == kept


async def test_an_upload_that_breaks_off_leaves_nothing(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    api = await serve_api(server.address, worker=False)
    incoming = own_home / "artifacts" / "uploads" / ".incoming"
    _, writing = await asyncio.open_connection(api.base_url.host, api.base_url.port)
    head = "POST /api/uploads?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pdf"
    writing.write(f"{head}\r\nContent-Length: 5000000\r\n\r\n".encode() + b"x" * 2_000_000)
    await writing.drain()
    await until_async(lambda: bool(files(own_home)))
    writing.close()
    await until_async(lambda: not list(incoming.iterdir()))
    assert files(own_home) == []


def files(home: Path) -> list[Path]:
    return [path for path in (home / "artifacts").rglob("*") if path.is_file()]


async def test_what_a_killed_process_left_is_removed_later(tmp_path: Path) -> None:
    store = UploadStore(tmp_path, 10)
    old, new = tmp_path / ".incoming" / "old", tmp_path / ".incoming" / "new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "a").touch()
    long_ago = time.time() - 100_000
    os.utime(old / "a", (long_ago, long_ago))
    os.utime(old, (long_ago, long_ago))

    async def content(*chunks: bytes) -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    empty: Upload = await store.receive("b", content())
    assert store.find(empty.path).read_bytes() == b""
    assert [folder.name for folder in (tmp_path / ".incoming").iterdir()] == ["new"]
    with pytest.raises(UploadTooLarge):
        await store.receive("b", content(b"x" * 6, b"x" * 6))
    with pytest.raises(InputRefused):
        await store.receive("../b", content(b"x"))
    assert [folder.name for folder in (tmp_path / ".incoming").iterdir()] == ["new"]
    with pytest.raises(UnknownUpload):
        await store.remove("../incoming/new")


async def test_uploads_are_listed_and_shown(serve_api: ServeApi, server: DevelopmentServer) -> None:
    api = await serve_api(server.address, worker=False)
    made = [await upload(api, f"{number}.txt", b"x" * number) for number in (1, 2, 3)]
    page = (await api.get("/api/uploads", params={"limit": 2})).json()
    assert [item["name"] for item in page["uploads"]] == ["3.txt", "2.txt"]
    rest = (await api.get("/api/uploads", params={"before": page["before"]})).json()
    assert ([item["name"] for item in rest["uploads"]], rest["before"]) == (["1.txt"], None)
    shown = (await api.get(f"/api/uploads/{made[0]['id']}")).json()
    assert shown == made[0] | {"stored_at": shown["stored_at"], "tenant": "default"}
    await api.delete(f"/api/uploads/{made[0]['id']}")
    for unknown in (made[0]["id"], "x", "0" * 32):
        answer = await api.get(f"/api/uploads/{unknown}")
        assert answer.json()["type"] == ProblemType.UNKNOWN_UPLOAD.uri
    # The route of before goes on to work, and says that it is deprecated.
    old = await api.post("/api/files", params={"name": "a"}, content=b"x", headers=BINARY)
    assert old.status_code == 201
    assert (await api.delete(f"/api/files/{old.json()['id']}")).status_code == 204


def digest_field(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@pytest.mark.parametrize(
    ("field", "status", "kind"),
    [
        (digest_field(b"one"), 201, None),
        (f"id-sha-512=:eA==:, {digest_field(b'one')}", 201, None),
        (digest_field(b"two"), 400, ProblemType.DIGEST_MISMATCH),
        ("md5=:eA==:", 400, ProblemType.UNSUPPORTED_DIGEST),
        ("sha-256=:eA==:", 400, ProblemType.UNSUPPORTED_DIGEST),
        ("sha-256=:=:", 400, ProblemType.UNSUPPORTED_DIGEST),
        ("nonsense", 400, ProblemType.UNSUPPORTED_DIGEST),
    ],
)
async def test_a_digest_that_is_sent_is_checked(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path,
    field: str, status: int, kind: ProblemType | None,
) -> None:  # fmt: skip
    api = await serve_api(server.address, worker=False)
    for name in ("Repr-Digest", "Content-Digest"):
        headers = BINARY | {name: field}
        named = {"name": "a"}
        answer = await api.post("/api/uploads", params=named, content=b"one", headers=headers)
        assert answer.status_code == status, answer.text
        if kind is not None:
            assert answer.json()["type"] == kind.uri
    if kind is not None:
        assert files(own_home) == []
        assert (await api.get("/api/uploads")).json()["uploads"] == []


def refuse(path: Path) -> str:
    raise InputError(f"{path} is no table: hand in another file")


async def teller(run: Run, goal: Goal, parameters: Reads) -> Result:
    path = parameters.path
    await run.progress(10, f"reading {path}")
    await run.text(f"{path}\n")
    if goal.description == "refuse":
        await run.step("refuse", refuse, path)
    await run.step("read", read, path)
    return Result(summary=f"read {path}", data={str(path): [{"source": str(path)}]})


@pytest.mark.parametrize("description", ["tell", "refuse"])
async def test_nobody_reads_where_the_server_keeps_an_upload(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path, description: str
) -> None:
    agent = AgentSpec(name="reads", description="Reads.", agent=teller, parameters=Reads)
    api = await serve_api(server.address, agent=agent)
    given = (await upload(api, "Bericht Übersicht.csv", b"x"))["path"]
    goal = {"goal_id": "g", "description": description, "agent_type": "reads"}
    started = await api.post("/api/execute-goal", json={**goal, "parameters": {"path": given}})
    run = started.json()["workflow_id"]
    record = await ended(api, run)
    events = (await api.get(f"/api/goals/{run}/events.jsonl")).text
    timeline = (await api.get(f"/api/goals/{run}/timeline")).text
    page = (await api.get(f"/goals/{run}")).text
    for shown in (json.dumps(record, ensure_ascii=False), events, timeline, page):
        assert str(own_home) not in shown
    assert f"reading {given}" in events
    text = "".join(
        event["data"]["text"]
        for event in map(json.loads, events.splitlines())
        if event["type"] == "text.delta"
    )
    assert text == f"{given}\n"
    if description == "tell":
        assert record["result"]["summary"] == f"read {given}"
        assert record["result"]["data"] == {given: [{"source": given}]}
    else:
        assert record["error"]["message"] == f"{given} is no table: hand in another file"
