"""The configuration for nginx, with a real nginx in front of the API."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from perdure.api.keys import new_key
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from tests.support.until import until, until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
CERTIFICATE = ROOT / "tests/agents/pages_test.pem"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/perdure.conf;
}}
"""

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


def configuration(api: httpx.URL, port: int, plain: int) -> str:
    """Return the file that we ship, with this machine's ports and the tests' certificate."""
    text = (ROOT / "deploy/nginx/perdure.conf").read_text()
    for shipped, here in {
        "server 127.0.0.1:8000;": f"server {api.host}:{api.port};",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/perdure/certificate.pem": str(CERTIFICATE),
        "/etc/ssl/perdure/key.pem": str(CERTIFICATE),
        "perdure.example.com": "pages.test",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    return text


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Return a function that starts nginx with a configuration."""
    assert NGINX, "install Debian's nginx"
    folder = tmp_path / "nginx"
    folder.mkdir()
    processes: list[subprocess.Popen[bytes]] = []

    def start(text: str) -> None:
        (folder / "perdure.conf").write_text(text)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        command = [NGINX, "-p", str(folder), "-e", str(folder / "error.log")]
        processes.append(subprocess.Popen([*command, "-c", str(folder / "nginx.conf")]))
        until(lambda: (folder / "nginx.pid").exists() or processes[0].poll() is not None)
        assert processes[0].poll() is None, (folder / "error.log").read_text()

    yield start
    for process in processes:
        process.terminate()
        process.wait(timeout=20)


@pytest_asyncio.fixture(loop_scope="session")
async def front(
    serve_api: ServeApi, server: DevelopmentServer, nginx: Callable[[str], None]
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that knows nginx alone."""
    key, digest = new_key()
    api = await serve_api(
        server.address, api_keys=(digest,), limited=True, trusted_proxies="127.0.0.1"
    )
    port, plain = free_port(), free_port()
    nginx(configuration(api.base_url, port, plain))
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    trusted.check_hostname = False  # it is called pages.test, and asked for by its address
    headers = {"Host": "pages.test", "Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{port}", verify=trusted, timeout=30, headers=headers
    ) as client:
        redirected = await client.get(f"http://127.0.0.1:{plain}/goals?status=failed")
        assert redirected.status_code == 308
        assert redirected.headers["location"] == "https://pages.test/goals?status=failed"
        yield client


async def start(front: httpx.AsyncClient, **parameters: object) -> str:
    goal = {"goal_id": "g", "description": "x", "agent_type": "echo", "parameters": parameters}
    answer = await front.post("/api/execute-goal", json=goal)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["workflow_id"])


async def test_events_come_while_the_goal_runs(front: httpx.AsyncClient) -> None:
    run = await start(front, wait=True)
    types: list[str] = []
    async with (
        asyncio.timeout(60),
        front.stream("GET", f"/api/goals/{run}/events") as answer,
    ):
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                types.append(line.removeprefix("event: "))
            # What comes next is that somebody stops it: the beginning was not held back.
            if types[-1:] == ["artifact"]:
                assert (await front.post(f"/api/goals/{run}/cancel")).is_success
    assert types[0] == "run.started"
    assert types[-1] == "run.cancelled"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    front: httpx.AsyncClient,
) -> None:
    large = b"x" * 2_000_000
    refused = await front.post("/api/execute-goal", content=large)
    assert refused.status_code == 413
    assert "nginx" in refused.text
    kind = {"Content-Type": "application/octet-stream"}
    taken = await front.post("/api/files?name=a.bin", content=large, headers=kind)
    assert taken.status_code == 201
    assert taken.json()["size"] == len(large)


async def test_who_has_no_key_gets_no_further_than_the_api(front: httpx.AsyncClient) -> None:
    refused = await front.get("/api/goals", headers={"Authorization": ""})
    assert refused.status_code == 401
    assert refused.json()["status"] == 401


async def test_who_sends_it_is_what_nginx_sees(front: httpx.AsyncClient) -> None:
    claimed = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-For": "203.0.113.7",
        "X-Request-ID": "mine",
    }
    page = await front.get("/agents/echo", headers=claimed | {"Accept": "text/html"})
    assert page.status_code == 200
    assert "https://pages.test/api/execute-goal" in page.text
    assert "evil.example" not in page.text
    assert page.headers["x-request-id"] != "mine"
    assert (await front.post("/api/goals/x/cancel", headers=claimed)).status_code == 404
    [entry] = (await front.get("/api/audit?action=goal.cancel")).json()["entries"]
    assert entry["address"] == "127.0.0.1"


async def test_an_upload_that_is_cut_off_leaves_nothing(
    front: httpx.AsyncClient, own_home: Path
) -> None:
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    trusted.check_hostname = False
    incoming = own_home / "artifacts" / "uploads" / ".incoming"
    head = "POST /api/uploads?name=cut.pdf HTTP/1.1\r\nHost: pages.test\r\nContent-Type: a/b"
    key = front.headers["Authorization"]
    for length in ("Content-Length: 5000000", "Transfer-Encoding: chunked"):
        _, writer = await asyncio.open_connection("127.0.0.1", front.base_url.port, ssl=trusted)
        writer.write(f"{head}\r\nAuthorization: {key}\r\n{length}\r\n\r\n".encode())
        writer.write((b"1e8480\r\n" if "chunked" in length else b"") + b"x" * 2_000_000)
        await writer.drain()
        await until_async(lambda: any(incoming.glob("*/*")), "that the file comes")
        writer.transport.abort()
        await until_async(lambda: not any(incoming.iterdir()), "that it is gone")
    assert (await front.get("/api/uploads")).json()["uploads"] == []
    kept = [path for path in incoming.parent.rglob("*") if path.is_file()]
    assert kept == []
