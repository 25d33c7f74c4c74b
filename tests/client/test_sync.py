"""The sync client: the same methods, for programs without an event loop."""

import asyncio
import inspect
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

import perdure.client
from perdure.client import AsyncClient, Client, NotFound
from perdure.client.operations import AsyncResource, Resource
from tests.client.conftest import GATES, Site
from tests.client.cutting_proxy import CuttingProxy
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


def public(resource: object) -> dict[str, inspect.Signature]:
    """Return the methods of a part of the API, and of the parts below it, with their parameters."""
    found: dict[str, inspect.Signature] = {}
    for name in dir(resource):
        value = getattr(resource, name)
        if name.startswith("_"):
            continue
        if isinstance(value, AsyncResource | Resource):
            found |= {f"{name}.{method}": signature for method, signature in public(value).items()}
        elif callable(value):
            signature = inspect.signature(value)
            found[name] = signature.replace(return_annotation=inspect.Signature.empty)
    return found


async def test_both_clients_have_the_same_methods() -> None:
    async with AsyncClient("http://127.0.0.1:1") as one:
        with Client("http://127.0.0.1:1") as other:
            assert public(one) == public(other)
            assert len(public(one)) > 45
            for name, method in vars(type(one.goals)).items():
                if not name.startswith("_"):
                    assert method.__doc__, name
                    assert method.__doc__ == getattr(type(other.goals), name).__doc__, name


def modules_of(program: str) -> set[str]:
    """Return the modules that a program imports, in a process of its own."""
    command = [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


async def test_the_import_is_quick_and_brings_no_server() -> None:
    modules = await asyncio.to_thread(modules_of, "import perdure.client")
    heavy = {"fastapi", "httpx", "sqlalchemy", "starlette", "temporalio", "uvicorn", "rich"}
    assert not modules & heavy
    ours = {name.split(".")[1] for name in modules if name.startswith("perdure.")}
    assert ours == {"client", "messages", "models", "schemas", "telemetry"}


async def test_a_goal_is_run_followed_and_its_files_downloaded(site: Site, tmp_path: Path) -> None:
    small = tmp_path / "small.txt"
    small.write_text("x")

    def use() -> None:
        with Client(site.url) as client:
            record = client.goals.run("copy", "Copy", files={"path": small})
            assert record.success
            run = record.workflow_id
            types = [event.type for event in client.goals.events(run)]
            assert types[-1] == "run.completed"
            assert types == [event.type for event in client.goals.events(run, follow=False)]
            to = client.artifacts.download(run, "copies/small.txt", tmp_path / "copy.txt")
            assert to.read_text() == "x"
            assert client.artifacts.download_archive(run, tmp_path).exists()
            assert client.artifacts.read(run, "copies/small.txt") == b"x"
            assert run in {goal.workflow_id for goal in client.goals.iterate(limit=1)}
            with pytest.raises(NotFound):
                client.goals.show("nobody")

    await asyncio.to_thread(use)


async def test_waiting_ends_in_time(site: Site) -> None:
    gate = uuid4().hex

    def use() -> None:
        with Client(site.url) as client:
            run = client.goals.start("count", "x", parameters={"gate": gate}).workflow_id
            began = time.monotonic()
            with pytest.raises(TimeoutError, match="it goes on"):
                client.goals.wait(run, 0.3)
            assert time.monotonic() - began < 3
            client.goals.cancel(run)
            assert client.goals.wait(run, 30).status.final
            assert client.goals.wait(run).status.final

    await asyncio.to_thread(use)


async def test_events_and_files_survive_cuts_and_a_restart(
    site: Site, proxy: CuttingProxy, tmp_path: Path
) -> None:
    gate = uuid4().hex
    seen: list[int] = []
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * 4000)

    def follow() -> None:
        with Client(proxy.url) as client:
            client.readiness()
            run = client.goals.start("count", "x", parameters={"gate": gate}).workflow_id
            seen.extend(event.number for event in client.goals.events(run))
            past = [event.number for event in client.goals.events(run, follow=False)]
            assert seen == past
            record = client.goals.run("copy", "Copy", files={"path": large})
            to = client.artifacts.download(
                record.workflow_id, "copies/large.bin", tmp_path / "copy.bin"
            )
            assert to.read_bytes() == large.read_bytes()

    proxy.responses = [700, 300, 300]
    following = asyncio.create_task(asyncio.to_thread(follow))
    await until_async(lambda: len(proxy.received) > 3)
    await site.stop()
    GATES[gate].set()
    await site.start()
    proxy.requests, proxy.responses = [300_000], [400_000] * 3
    await asyncio.wait_for(following, 60)


async def test_all_that_is_public_is_named() -> None:
    for name in perdure.client.__all__:
        assert getattr(perdure.client, name).__doc__
