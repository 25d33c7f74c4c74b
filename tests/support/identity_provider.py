"""A real OpenID provider on this machine, built once with Go and kept in the cache."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from deploy.native.go_programs import GoProgram, ensure_go_program
from perdure.settings import Settings
from perdure.temporal.server.ports import free_port

PROVIDER: Final = GoProgram("oidc-provider", "github.com/zitadel/oidc/v3/example/server@v3.52.0")

# Of the provider's example: a client, and a person.
CLIENT: Final = {"oidc_client_id": "web", "oidc_client_secret": "secret"}
PERSON: Final = {"username": "test-user@localhost", "password": "verysecure"}


@asynccontextmanager
async def run_identity_provider(*redirect_uris: str) -> AsyncIterator[str]:
    """Run a provider that sends people back to these addresses, and yield its issuer."""
    provider = await ensure_go_program(PROVIDER, Settings(_env_file=None), print)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        str(provider),
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
