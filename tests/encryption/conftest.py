"""Files of keys, and a Temporal server whose database the tests read."""

import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.encryption.keyring import Key
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server

OLD, NEW = Key("2025", bytes(range(32))), Key("2026", bytes(range(1, 33)))

# Sets the keys of the clients that are connected from now on.
UseKeys = Callable[..., str]


@pytest.fixture
def use_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseKeys:
    """Return a function that has the clients that follow seal with the keys given, or with none."""
    made = 0

    def use(*keys: Key) -> str:
        nonlocal made
        made += 1  # a process reads each file once
        file = tmp_path / f"keys-{made}"
        file.write_text(
            "".join(f"{key.id} {base64.b64encode(key.secret).decode()}\n" for key in keys)
        )
        file.chmod(0o600)
        source = str(file) if keys else ""
        monkeypatch.setenv("PERDURE_ENCRYPTION_KEYS", source)
        return source

    return use


@pytest_asyncio.fixture(loop_scope="session")
async def own_server(server_binary: Path, tmp_path: Path) -> AsyncIterator[DevelopmentServer]:
    """Run a server for one test, with its database in ``tmp_path / "server"``."""
    async with run_development_server(
        server_binary, tmp_path / "server", port=0, ui_port=0
    ) as running:
        yield running


@pytest.fixture
def temporal_has(own_server: DevelopmentServer, tmp_path: Path) -> Callable[[str], bool]:
    """Return a function that says whether a word lies anywhere in that server's database."""

    def has(word: str) -> bool:
        files = list((tmp_path / "server").glob("temporal.db*"))
        assert files
        return any(word.encode() in file.read_bytes() for file in files)

    return has
