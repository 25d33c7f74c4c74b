"""A server that is killed, or whose encrypted line breaks: a client misses and repeats nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import JsonValue

from perdure.client import AsyncClient
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from tests.client.conftest import GATES, Site, Sites
from tests.client.cutting_proxy import CuttingProxy
from tests.client.test_events import all_numbers, numbers
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


@contextmanager
def api_process(home: Path, address: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``perdure api`` on a home whose worker is elsewhere, and kill it at the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "perdure.cli", "api", "--port", str(port)],
        env=kept | {"PERDURE_HOME": str(home), "TEMPORAL_ADDRESS": address},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_server_that_is_killed_in_mid_stream_loses_and_repeats_nothing(
    site: Site, client: AsyncClient, server: DevelopmentServer
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    async def is_up() -> bool:
        try:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{url}/healthz")).is_success
        except httpx.TransportError:
            return False

    gate = uuid4().hex
    parameters: dict[str, JsonValue] = {"gate": gate, "steps": 6}
    run = (await client.goals.start("count", "x", parameters=parameters)).workflow_id
    seen: list[int] = []

    async def follow() -> None:
        async with AsyncClient(url) as other:
            async for event in other.goals.events(run):
                seen.append(event.number)  # noqa: PERF401 - it is looked at meanwhile

    with ExitStack() as processes:
        first = processes.enter_context(api_process(site.settings.home, server.address, port))
        await until_async(is_up, seconds=60)
        following = asyncio.create_task(follow())
        await until_async(lambda: len(seen) > 2)
        first.send_signal(signal.SIGKILL)
        assert await asyncio.to_thread(first.wait) == -signal.SIGKILL
        GATES[gate].set()
        await client.goals.wait(run)  # most of it happens while nobody serves it
        assert not following.done()
        processes.enter_context(api_process(site.settings.home, server.address, port))
        await asyncio.wait_for(following, 60)
    assert seen == await all_numbers(client, run)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=perdure", "-keyout", "key.pem"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def encrypted(sites: Sites, certificates: Path) -> Site:
    """An installation that speaks HTTPS."""
    certificate, key = certificates / "certificate.pem", certificates / "key.pem"
    return await sites.start("encrypted", tls_certificate=certificate, tls_key=key)


@pytest_asyncio.fixture(loop_scope="session")
async def line(encrypted: Site) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(encrypted.url).serving() as proxy:
        yield proxy


@pytest.fixture
def trust(encrypted: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AsyncClient]:
    """Return a function that opens a client which trusts the installation's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(encrypted.settings.tls_certificate))
    return AsyncClient


# The handshake takes the first two thousand bytes or so; the others end in a response's head, in
# an event, and between two records of TLS.
@pytest.mark.parametrize("cuts", [[300, 2_300, 3_000], [2_600] * 3, [4_000]])
async def test_an_encrypted_line_that_is_cut_loses_and_repeats_nothing(
    encrypted: Site, line: CuttingProxy, trust: Callable[[str], AsyncClient], cuts: list[int]
) -> None:
    async with (
        trust(encrypted.url) as client,
        trust(line.url.replace("http:", "https:")) as cut_off,
    ):
        run = (await client.goals.run("count", "x", parameters={"steps": 8})).workflow_id
        await cut_off.readiness()
        line.cut()
        line.responses = [*cuts]
        assert await numbers(cut_off, run) == await all_numbers(client, run)
        assert line.responses == []


async def test_a_file_over_an_encrypted_line_that_is_cut_comes_whole(
    encrypted: Site, line: CuttingProxy, trust: Callable[[str], AsyncClient], tmp_path: Path
) -> None:
    content = os.urandom(300_000)
    (tmp_path / "given.bin").write_bytes(content)
    async with (
        trust(encrypted.url) as client,
        trust(line.url.replace("http:", "https:")) as cut_off,
    ):
        done = await client.goals.run("copy", "x", files={"path": tmp_path / "given.bin"})
        await cut_off.readiness()
        line.cut()
        line.responses = [50_000, 120_000]
        target = tmp_path / "came.bin"
        await cut_off.artifacts.download(done.workflow_id, "copies/given.bin", target)
        assert line.responses == []
    assert target.read_bytes() == content
