"""A real OpenID provider on this machine, built once with Go and kept in the cache."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
from filelock import FileLock

from perdure.settings import Settings
from perdure.temporal.server.go_build import install_go
from perdure.temporal.server.ports import free_port

VERSION: Final = "v3.52.0"
_MODULE: Final = "github.com/zitadel/oidc/v3/example/server"

# Of the provider's example: a client, and a person.
CLIENT: Final = {"oidc_client_id": "web", "oidc_client_secret": "secret"}
PERSON: Final = {"username": "test-user@localhost", "password": "verysecure"}


async def provider_binary() -> Path:
    """Return the provider's command, building it where there is none."""
    folder = Settings(_env_file=None).cache / "oidc-provider" / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "server"
    with FileLock(folder / "lock"):
        if not binary.is_file():
            found = shutil.which("go")
            go = Path(found) if found else await install_go(folder / "go", print)
            build = await asyncio.create_subprocess_exec(
                *(str(go), "install", f"{_MODULE}@{VERSION}"),
                env={**os.environ, "GOBIN": str(folder / "built"), "GOFLAGS": "-mod=mod"},
            )
            assert await build.wait() == 0
            (folder / "built" / "server").replace(binary)
    return binary


@asynccontextmanager
async def run_identity_provider(*redirect_uris: str) -> AsyncIterator[str]:
    """Run a provider that sends people back to these addresses, and yield its issuer."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        str(await provider_binary()),
        env={"PORT": str(port), "REDIRECT_URI": ",".join(redirect_uris)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    issuer = f"http://localhost:{port}/"
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(20):
            while not await _is_up(client, issuer):  # noqa: ASYNC110 -- nothing says when it is
                await asyncio.sleep(0.02)
        yield issuer
    finally:
        process.kill()
        await process.wait()


async def _is_up(client: httpx.AsyncClient, issuer: str) -> bool:
    try:
        answer = await client.get(f"{issuer}.well-known/openid-configuration")
    except httpx.TransportError:
        return False
    return answer.status_code == 200
