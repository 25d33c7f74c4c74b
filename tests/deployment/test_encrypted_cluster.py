"""What Temporal's cluster server keeps in PostgreSQL of goals where there are keys."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.native.cluster import Cluster, run_cluster
from tests.encryption.conftest import NEW, UseKeys, use_keys
from tests.encryption.test_temporal import KEPT_HERE, TELL, WORDS, say_every_word
from tests.support.installation import Install

__all__ = ["use_keys"]

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.bundled,
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # Temporal's server is built once
    pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux"),
]

DATABASES = ("temporal", "temporal_visibility")
TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Run Temporal's server on PostgreSQL, as the compose file has it."""
    assert shutil.which("bwrap"), "install Debian's bubblewrap"
    home = tmp_path_factory.mktemp("cluster")
    async with run_cluster(home, print, services=["temporal-namespace"]) as running:
        yield running


async def found_in(cluster: Cluster, words: set[str]) -> set[str]:
    """Return the words that are anywhere in Temporal's databases."""
    secrets: Path = cluster.installation.home / "secrets"
    found: set[str] = set()
    for database in DATABASES:
        connection = await asyncpg.connect(
            host=cluster.installation.addresses()["postgresql"],
            user="postgres",
            password=(secrets / "postgres-password").read_text(),
            database=database,
        )
        try:
            for (table,) in await connection.fetch(TABLES):
                for row in await connection.fetch(f"SELECT * FROM {table}"):
                    values = [v if isinstance(v, bytes) else str(v).encode() for v in row.values()]
                    text = b"\n".join(values)
                    found |= {word for word in words - found if word.encode() in text}
        finally:
            await connection.close()
    return found


async def test_postgresql_holds_no_word_of_a_goal(
    cluster: Cluster, install: Install, use_keys: UseKeys
) -> None:
    address = f"{cluster.installation.addresses()['temporal']}:7233"
    use_keys(NEW)
    await say_every_word(await install(TELL, address=address))
    # What is documented to be in the clear is found; the first can fail.
    clear = {"open-ledger", "ai-agent-queue", "AgentGoalWorkflow", "2026"}
    assert await found_in(cluster, {*WORDS, *clear}) == clear


async def test_without_keys_it_holds_them(
    cluster: Cluster, install: Install, use_keys: UseKeys
) -> None:
    """The test above can fail."""
    address = f"{cluster.installation.addresses()['temporal']}:7233"
    use_keys()
    await say_every_word(await install(TELL, address=address))
    assert await found_in(cluster, {*WORDS}) == set(WORDS) - KEPT_HERE
