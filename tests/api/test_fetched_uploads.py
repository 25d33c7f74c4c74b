"""Uploads on a worker that does not see the API's folder: fetched, checked, kept for a while."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from perdure.activities.uploaded_files import UploadAway, UploadedFiles
from perdure.api.keys import new_key
from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.artifacts import upload_records
from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from tests.api.test_uploads import READS, ended, hand_in, read, upload
from tests.support.plugins import registry_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


class Elsewhere:
    """An API with keys, and a worker's stores on the same database in a home of their own."""

    def __init__(self, api: httpx.AsyncClient, settings: Settings, stores: Stores) -> None:
        self.api = api
        self.settings = settings
        self.stores = stores

    def files(self, **changes: object) -> UploadedFiles:
        return UploadedFiles(self.stores, self.settings.model_copy(update=changes))


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(
    serve_api: ServeApi, server: DevelopmentServer, tmp_path: Path
) -> AsyncIterator[Elsewhere]:
    url = f"sqlite:///{tmp_path}/shared.db"
    key, digest = new_key()
    api = await serve_api(
        server.address, worker=False, agent=READS, limited=True, database_url=url, api_keys=[digest]
    )
    settings = Settings(
        home=tmp_path / "elsewhere", database_url=url, api_url=str(api.base_url) + "/"
    )
    api.headers["Authorization"] = f"Bearer {key}"
    async with open_stores(settings) as stores:
        yield Elsewhere(api, settings, stores)


def goal_of(*paths: str) -> Goal:
    parameters: dict[str, Any] = {"path": paths[0], "more": [*paths[1:]]}
    return Goal(goal_id="g", description="d", agent_type="reads", parameters=parameters)


async def local_paths(files: UploadedFiles, *paths: str) -> list[Path]:
    async with files.local_parameters(goal_of(*paths), "default") as parameters:
        more = parameters["more"]
        assert isinstance(more, list)
        return [Path(str(path)) for path in (parameters["path"], *more)]


async def test_a_goal_reads_what_lies_elsewhere(
    elsewhere: Elsewhere, server: DevelopmentServer
) -> None:
    one = await upload(elsewhere.api, "Übersicht.txt", b"one")
    two = await upload(elsewhere.api, "two.txt", b"two" * 1_000_000)
    async with AsyncExitStack() as stack:
        client = await connect(server.address)
        registry = registry_of(READS)
        worker = build_worker(client, elsewhere.stores, registry, elsewhere.settings)
        await stack.enter_async_context(worker)
        started = (await hand_in(elsewhere.api, path=one["path"], more=[two["path"]])).json()
        record = await ended(elsewhere.api, started["workflow_id"])
    assert record["status"] == "completed", record["error"]
    assert record["result"]["summary"] == "one " + "two" * 1_000_000
    assert record["result"]["data"] == {"same": True}


async def test_a_goal_whose_file_does_not_come_can_be_cancelled(
    elsewhere: Elsewhere, server: DevelopmentServer
) -> None:
    one = await upload(elsewhere.api, "one.txt", b"one")
    asked = asyncio.Event()

    async def keep_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        with suppress(ConnectionError):
            await writer.wait_closed()

    silent = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    settings = elsewhere.settings.model_copy(update={"api_url": url})
    async with AsyncExitStack() as stack:
        client = await connect(server.address)
        worker = build_worker(client, elsewhere.stores, registry_of(READS), settings)
        await stack.enter_async_context(worker)
        started = (await hand_in(elsewhere.api, path=one["path"])).json()
        async with asyncio.timeout(60):
            await asked.wait()
        await elsewhere.api.post(f"/api/goals/{started['workflow_id']}/cancel")
        record = await ended(elsewhere.api, started["workflow_id"])
    assert record["status"] == "cancelled"
    silent.close()


async def test_a_file_is_fetched_once_and_stays_in_its_place(elsewhere: Elsewhere) -> None:
    one = await upload(elsewhere.api, "one.txt", b"one")
    files = elsewhere.files()
    (first,) = await local_paths(files, one["path"])
    assert (first.name, first.read_bytes()) == ("one.txt", b"one")
    assert first.is_relative_to(elsewhere.settings.home / "upload-cache")
    modified = first.stat().st_mtime_ns
    # From now on nothing is asked of the API.
    away = elsewhere.files(api_url="http://127.0.0.1:1")
    assert await local_paths(away, one["path"], f"upload:{one['id']}") == [first, first]
    # Another machine that takes the goal over has the same file, by name, size and time.
    first.unlink()
    assert await local_paths(files, one["path"]) == [first]
    assert first.stat().st_mtime_ns == modified


async def test_what_cannot_be_fetched_says_what_to_do(
    elsewhere: Elsewhere, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.activities.uploaded_files._PAUSE_SECONDS", 0)
    one = await upload(elsewhere.api, "one.txt", b"one")
    for changes, word in (
        ({"api_url": ""}, "set PERDURE_API_URL on this worker"),
        ({"api_url": "http://127.0.0.1:1"}, "see that PERDURE_API_URL is the address"),
        ({"api_url": "no address"}, "see that PERDURE_API_URL is the address"),
        ({"api_url": f"{elsewhere.api.base_url}/docs"}, "answers with status 401"),
    ):
        with pytest.raises(UploadAway, match=word):
            await local_paths(elsewhere.files(**changes), one["path"])
    stored = own_home / "artifacts" / "uploads" / "default" / one["id"] / "one.txt"
    stored.write_bytes(b"two")
    with pytest.raises(UploadAway, match="came damaged"):
        await local_paths(elsewhere.files(), one["path"])
    stored.write_bytes(b"one" * 1_000)
    with pytest.raises(UploadAway, match="came damaged"):
        await local_paths(elsewhere.files(), one["path"])
    cache = elsewhere.settings.home / "upload-cache"
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    # Another tenant's goal that knows its id has no such file.
    async with elsewhere.files().local_parameters(goal_of(one["path"]), "other") as parameters:
        assert parameters["path"] == one["path"]
    # One that was removed is not there for the agent either, as on one machine.
    await elsewhere.api.delete(f"/api/uploads/{one['id']}")
    assert await local_paths(elsewhere.files(), one["path"]) == [Path(one["path"])]


async def test_a_token_is_good_for_one_upload_and_not_for_long(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await upload(elsewhere.api, "one.txt", b"one")
    two = await upload(elsewhere.api, "two.txt", b"two")
    records = elsewhere.stores.upload_records

    async def status(upload_id: str, authorization: str) -> int:
        headers = {"Authorization": authorization}
        url = f"/worker/uploads/{upload_id}"
        return (await elsewhere.api.get(url, headers=headers)).status_code

    token = await records.token(one["id"])
    expires, _, signature = token.partition(".")
    assert await status(one["id"], f"Upload {token}") == 200
    later = f"{int(expires) + 9}.{signature}"
    key = elsewhere.api.headers["Authorization"]
    for wrong in (later, f"{expires}.", "no", ".", "x.y", key):
        assert await status(one["id"], f"Upload {wrong}") == 404, wrong
    assert await status(two["id"], f"Upload {token}") == 404
    assert await status("0" * 32, f"Upload {token}") == 404
    assert await status("..%2Fx", f"Upload {token}") == 404
    monkeypatch.setattr(upload_records, "TOKEN_SECONDS", -1)
    assert await status(one["id"], f"Upload {await records.token(one['id'])}") == 404


async def test_copies_that_nobody_uses_make_room(elsewhere: Elsewhere) -> None:
    one, two, three = [
        await upload(elsewhere.api, f"{name}.txt", b"x" * 1_000) for name in ("1", "2", "3")
    ]
    small = elsewhere.files(run_cache_bytes=2_500)
    (first,) = await local_paths(small, one["path"])
    async with small.local_parameters(goal_of(two["path"]), "default") as parameters:
        second = Path(str(parameters["path"]))
        (third,) = await local_paths(small, three["path"])
        assert [path.exists() for path in (first, second, third)] == [False, True, True]
    tiny = elsewhere.files(run_cache_bytes=0)
    async with tiny.local_parameters(goal_of(one["path"]), "default") as parameters:
        assert read(Path(str(parameters["path"]))) == "x" * 1_000
    locks = second.parents[1].glob("*.lock")
    assert [path.name for path in locks] == [f"{one['id']}.lock"]
