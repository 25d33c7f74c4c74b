"""Temporal's own UI in a browser: plain text for who may read it, and ciphertext for others."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.async_api import Browser, Page, Response, expect

from deploy.native.go_programs import ensure_go_program
from deploy.native.programs import GO_PROGRAMS
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from perdure.temporal.server.processes import start_process, stop_process
from tests.api.conftest import ServeApi
from tests.api.test_tls import CERTIFICATE
from tests.support.until import until_async

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.slow,
    pytest.mark.timeout(600),  # the UI's server is built once
]

WORD: Final = "marzipan"
(_UI,) = [program for program in GO_PROGRAMS if program.name == "ui-server"]
_CONFIG: Final = """
temporalGrpcAddress: {address}
host: 127.0.0.1
port: {port}
enableUi: true
defaultNamespace: default
notifyOnNewVersion: false
codec:
  endpoint: {codec}
  passAccessToken: true
"""


@asynccontextmanager
async def temporal_ui(folder: Path, address: str, port: int, codec: str) -> AsyncIterator[str]:
    """Run Temporal's UI, which has payloads opened at an address; yield where it is."""
    program = await ensure_go_program(_UI, Settings(_env_file=None), print)
    (folder / "config").mkdir(parents=True)
    text = _CONFIG.format(address=address, port=port, codec=codec)
    (folder / "config/test.yaml").write_text(text)
    options = ("--root", str(folder), "--config", "config", "--env", "test", "start")
    process = await start_process((str(program), *options), output=asyncio.subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url) as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/")).is_success
                except httpx.TransportError:
                    return False

            await until_async(answers, "Temporal's UI")
        yield url
    finally:
        await stop_process(process, grace_seconds=5)


async def new_key(home: Path, keys: str, scope: Any, tenant: str = "default") -> str:
    async with open_stores(Settings(home=home, encryption_keys=keys)) as stores:
        key, _ = await stores.access.keys.create("reader", [scope], tenant=tenant)
        return key


@asynccontextmanager
async def signed_in(browser: Browser, token: str) -> AsyncIterator[Page]:
    """Open a page as somebody whose token whoever serves the UI gives it."""
    # The API's certificate is nobody's that a browser knows.
    context = await browser.new_context(ignore_https_errors=True)
    await context.add_init_script(f"globalThis.AccessToken = async () => {json.dumps(token)}")
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def decoded(page: Page, url: str) -> Response:
    """Open a page of the UI, and return the codec's first answer to it."""

    def is_decoding(response: Response) -> bool:
        return response.url.endswith("/api/codec/decode") and response.request.method == "POST"

    async with page.expect_response(is_decoding, timeout=60_000) as answer:
        await page.goto(url)
    return await answer.value


async def test_admins_read_plain_text_and_others_ciphertext(
    server: DevelopmentServer,
    serve_api: ServeApi,
    browser: Browser,
    own_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = tmp_path / "encryption-keys"
    keys.touch(mode=0o600)
    keys.write_text(f"2026 {base64.b64encode(bytes(range(32))).decode()}\n")
    monkeypatch.setenv("PERDURE_ENCRYPTION_KEYS", str(keys))
    port = free_port()
    api = await serve_api(
        server.address,
        encryption_keys=str(keys),
        codec_origins=f"http://127.0.0.1:{port}",
        tls_certificate=CERTIFICATE,
    )
    admin = await new_key(own_home, str(keys), "admin")
    others = [
        await new_key(own_home, str(keys), "read"),
        await new_key(own_home, str(keys), "admin", tenant="acme"),
    ]
    base = str(api.base_url).rstrip("/")
    async with httpx.AsyncClient(base_url=base, verify=False, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {admin}"
        goal = {"goal_id": "shown", "description": f"about {WORD}", "agent_type": "echo"}
        run = (await client.post("/api/execute-goal", json=goal)).json()["workflow_id"]

        async def has_ended() -> bool:
            return bool((await client.get(f"/api/goals/{run}")).json()["ended_at"])

        await until_async(has_ended, "the end of the goal")
    async with temporal_ui(tmp_path / "ui", server.address, port, f"{base}/api/codec") as ui:
        page_of_run = f"{ui}/namespaces/default/workflows/{run}"
        async with signed_in(browser, admin) as page:
            assert (await decoded(page, page_of_run)).status == 200
            await expect(page.get_by_text(f"about {WORD}").first).to_be_visible(timeout=60_000)
        for token in others:
            async with signed_in(browser, token) as page:
                assert (await decoded(page, page_of_run)).status == 403
                await expect(page.get_by_text(run).first).to_be_visible(timeout=60_000)
                assert WORD not in await page.content()
    async with open_stores(Settings(home=own_home, encryption_keys=str(keys))) as stores:
        entries = await stores.access.audit.list(None, action="codec.decode", limit=100)
    assert {entry.status for entry in entries} >= {200, 403}
