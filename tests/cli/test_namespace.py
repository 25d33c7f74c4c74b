"""Commands whose Temporal namespace is not that of their stores end with a sentence."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.installation import Namespace
from perdure.temporal.server.development_server import DevelopmentServer


async def _belong_elsewhere(home: Path) -> None:
    async with open_stores(Settings(home=home)) as stores:
        await stores.installation.claim(Namespace("default", "its-id", "temporal.example:7233"))


@pytest.mark.parametrize(
    "command",
    [
        ["worker"],
        ["worker", "--processes", "2"],
        ["api", "--port", "0"],
        ["run", "echo", "say it"],
    ],
)
def test_stores_of_another_namespace_are_refused(
    perdure: Any, own_home: Path, server: DevelopmentServer, command: list[str]
) -> None:
    asyncio.run(_belong_elsewhere(own_home))

    refused = perdure(*command, TEMPORAL_ADDRESS=server.address)

    assert refused.returncode == 1, refused.stderr
    assert refused.stdout == ""
    theirs = "belong to the Temporal namespace 'default' of the server at temporal.example:7233"
    assert theirs in refused.stderr
    assert f"this is 'default' of the server at {server.address} (id" in refused.stderr
    assert "PERDURE_ADOPT_NAMESPACE=" in refused.stderr
