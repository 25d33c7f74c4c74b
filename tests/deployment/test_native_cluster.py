"""The whole of ``deploy/compose.yaml`` as programs of this machine, with goals through nginx."""

import asyncio
import errno
import json
import shutil
import sys
import zipfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from benchmarks.cluster_goals import STEPS, TracedGoals, write_changes
from deploy.native.cluster import Cluster, run_cluster
from deploy.native.running_service import start_in_sandbox
from deploy.native.sandbox import other_command
from perdure.client import AsyncClient
from tests.support.until import until_async

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.bundled,
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # Temporal's server and its user interface are built once
    pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(home: Path) -> AsyncIterator[Cluster]:
    assert shutil.which("bwrap"), "install Debian's bubblewrap"
    changes = write_changes(home)
    variables = {"CLUSTER_PROCESSES": "1"}
    async with run_cluster(home, print, changes=[changes], variables=variables) as running:
        yield running


def write_repository(file: Path) -> None:
    """Write a ZIP archive of a repository with a test that passes."""
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("sums.py", "def add(one, two):\n    return one + two\n")
        test = "import sums\n\n\ndef test_add():\n    assert sums.add(1, 2) == 3\n"
        packed.writestr("tests/test_sums.py", test)


async def run_in(cluster: Cluster, service: str, *words: str) -> str:
    command = other_command(cluster.installation, service, *words)
    process = await start_in_sandbox(command, PIPE)
    output, _ = await process.communicate()
    return output.decode()


async def test_goals_complete_while_an_api_and_a_worker_die(cluster: Cluster, home: Path) -> None:
    goals = TracedGoals(cluster.url("nginx", 8000), cluster.api_key(), home / "traces")
    enough = asyncio.Event()
    handing_in = asyncio.create_task(goals.hand_in(4, enough))
    await until_async(lambda: any((home / "traces").iterdir()), "a step")
    for name in ("worker-1", "api-1"):
        running = cluster.services[name]
        await running.kill()
        running.start()
        await running.until_healthy()
    enough.set()
    await handing_in
    judgement = await goals.judge()
    assert judgement.goals >= 4
    assert (judgement.completed, judgement.lost, judgement.twice) == (judgement.goals, {}, [])


async def test_goals_complete_without_redis(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=cluster.url("api-1", 8000)) as direct:

        async def redis() -> bool:
            ready = (await direct.get("/readyz")).json()
            assert ready["ready"], ready
            found: bool = ready["redis"]
            return found

        await until_async(redis, "Redis")
        await cluster.services["redis"].kill()
        assert not await redis()
        async with AsyncClient(cluster.url("nginx", 8000), api_key=cluster.api_key()) as client:
            record = await client.goals.run("traced", "tick", goal_id="without-redis")
        assert record.status == "completed", record
        cluster.services["redis"].start()
        await until_async(redis, "Redis again")


async def test_goals_complete_once_the_bucket_is_back(cluster: Cluster) -> None:
    bucket = cluster.services["objects"]
    await bucket.kill()
    async with AsyncClient(cluster.url("nginx", 8000), api_key=cluster.api_key()) as client:
        started = await client.goals.start("traced", "tick", goal_id="without-bucket")

        async def has_its_steps() -> bool:
            so_far = client.goals.events(started.workflow_id, follow=False)
            return sum([event.type == "step.completed" async for event in so_far]) == STEPS

        # Its file is next, which nothing can take.
        await until_async(has_its_steps, "the steps of the goal")
        assert not (await client.goals.show(started.workflow_id)).status.final
        bucket.start()
        record = await client.goals.wait(started.workflow_id)
    assert record.success, record
    assert record.result is not None
    assert len(record.result.artifacts) == 1


async def test_the_api_wants_the_key(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=cluster.url("nginx", 8000)) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/api/goals")).status_code == 401
        allowed = {"Authorization": f"Bearer {cluster.api_key()}"}
        assert (await client.get("/api/goals", headers=allowed)).status_code == 200


async def test_the_code_agents_goals_are_for_its_pool_alone(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with AsyncClient(cluster.url("nginx", 8000), api_key=cluster.api_key()) as client:

        async def are_there() -> bool:
            alive = [worker for worker in (await client.workers.list()).workers if worker.alive]
            found = {(worker.pool, "code" in worker.agents) for worker in alive}
            return found == {("default", False), ("sandbox", True)}

        await until_async(are_there, "workers of both pools")
        repository = tmp_path / "sums.zip"
        write_repository(repository)
        record = await client.goals.run(
            "code", "Do its tests pass?", parameters={"task": "test"}, files={"path": repository}
        )
    assert (record.pool, record.success) == ("sandbox", True), record


async def test_artifacts_lie_in_the_bucket_and_nowhere_else(cluster: Cluster) -> None:
    async with AsyncClient(cluster.url("nginx", 8000), api_key=cluster.api_key()) as client:
        record = await client.goals.run("traced", "tick", goal_id="kept")
        assert record.result is not None, record
        (kept,) = record.result.artifacts
        # Whichever API it is that answers.
        contents = [await client.artifacts.read(record.workflow_id, kept.name) for _ in range(4)]
    tokens = record.result.data["tokens"]
    assert isinstance(tokens, list)
    assert set(contents) == {"\n".join(map(str, tokens)).encode()}
    digits = kept.digest.removeprefix("sha256:")
    volumes = cluster.installation.home / "volumes"
    assert {path.relative_to(volumes).parts[0] for path in volumes.rglob(digits)} == {"objects"}


async def test_prometheus_reads_every_part(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=cluster.url("prometheus", 9090)) as client:

        async def targets() -> list[dict[str, Any]]:
            answer = await client.get("/api/v1/targets", params={"state": "active"})
            found: list[dict[str, Any]] = answer.json()["data"]["activeTargets"]
            return found

        async def all_up() -> bool:
            return all(target["health"] == "up" for target in await targets())

        await until_async(all_up, "metrics of every target")
        assert len(await targets()) == 6


async def test_the_code_agents_pool_can_make_its_sandbox(cluster: Cluster) -> None:
    document = json.loads(await run_in(cluster, "worker-code", "perdure", "doctor", "--json"))
    checks = {check["part"]: check for check in document["checks"]}
    assert checks["code: bwrap"]["status"] == "found", checks["code: bwrap"]


async def test_services_can_do_no_more_than_they_are_to(cluster: Cluster) -> None:
    for service, script in {
        "worker-1": "touch /usr/x; touch /run/x; touch /var/lib/x; touch /var/lib/perdure/x",
        "api-1": "touch /etc/x; touch /run/secrets/x; cat /run/secrets/OPENAI_API_KEY",
    }.items():
        output = await run_in(cluster, service, "sh", "-c", script)
        assert output.count("cannot touch") + output.count("No such file") == 3, output
    assert await run_in(cluster, "nginx", "id", "-u") == "101\n"
    # A system call that neither services nor bubblewrap make.
    call = "import ctypes; c = ctypes.CDLL(None, use_errno=True); c.swapoff(b'x')"
    script = f"{call}; print(ctypes.get_errno())"
    assert int(await run_in(cluster, "worker-code", "python3", "-c", script)) == errno.ENOSYS
    assert int(await run_in(cluster, "worker-1", "python3", "-c", script)) == errno.EPERM
