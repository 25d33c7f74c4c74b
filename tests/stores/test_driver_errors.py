"""Errors of the database and the disk: full, not writable, not reachable."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import StoreUnavailable, open_stores
from tests.support.postgresql import PostgreSQL

# No process may write a file beyond its limit: what a full disk is to SQLite and to the artifacts,
# on every machine and without being root.
_FILL_THE_DISK = """
import asyncio, json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from perdure.agents.steps.run_closed import JournalFailed
from perdure.models import Goal, GoalStatus, Result
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database import retry
from perdure.stores.database.fencing import Claim

retry.RETRY_SECONDS = 0.0
home = Path(sys.argv[1])
report = {}

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def expect_failure(name, write):
    try:
        await write
    except JournalFailed as error:
        report[name] = str(error)

async def main():
    async with open_stores(Settings(home=home)) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="a")
        await stores.goals.create(goal, "run", datetime.now(UTC))
        source = home / "large.bin"
        source.write_bytes(bytes(4_000_000))
        claim = Claim("run", "first", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        writer = stores.artifacts.writer(claim)

        limit(1_000_000)
        large = Result(data={"text": "x" * 4_000_000})
        await expect_failure("draft", stores.results.draft(claim, large))
        await expect_failure("bytes", writer.write("large", bytes(4_000_000), "text/plain"))
        await expect_failure("path", writer.write("large", source, "text/plain"))
        report["files"] = [str(p) for p in (home / "artifacts").rglob("*") if p.is_file()]
        report["events"] = len(await stores.events.after("run", 0))
        limit(resource.RLIM_INFINITY)

        await writer.write("small", b"small", "text/plain")
        await stores.results.draft(claim, large)
        reference = await stores.results.store("run", GoalStatus.COMPLETED, None, 1.0)
        report["stored"] = reference.size, reference.artifacts
        report["check"] = await stores.database.read(
            lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar()
        )

asyncio.run(main())
print(json.dumps(report))
"""


async def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _FILL_THE_DISK, str(home)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    report = json.loads(output)

    assert f"sqlite:///{home}/perdure.db" in report["draft"]
    assert "free some space" in report["draft"]
    for kind in ("bytes", "path"):
        assert report[kind] == (
            f"an artifact cannot be written under {home}/artifacts (File too large): free some"
            " space or make the folder writable"
        )
    assert report["files"] == []
    assert report["events"] == 1
    # Once there is space again, the same stores go on.
    assert report["stored"][0] > 4_000_000
    assert report["stored"][1] == 1
    assert report["check"] == "ok"


async def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    # Not by permissions, which root is exempt from.
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "home"

    with pytest.raises(
        StoreUnavailable, match=f"the folder {home} cannot be written .* set PERDURE_HOME"
    ):
        async with open_stores(Settings(home=home)):
            pass


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "perdure.db").write_bytes(b"\x89PNG and more that is no database" * 100)

    with pytest.raises(StoreUnavailable, match=r"perdure\.db .*not a database.*: move that file"):
        async with open_stores(Settings(home=tmp_path)):
            pass


async def test_a_database_in_no_folder_is_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/missing/x.db")

    with pytest.raises(StoreUnavailable, match=r"x\.db .*unable to open.*: make it writable"):
        async with open_stores(settings):
            pass


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "is not an address: write sqlite:///"),
        ("sqlite://", "in memory, where nothing lasts"),
        ("sqlite:///:memory:", "in memory, where nothing lasts"),
        ("sqlite:////tmp/what?.db", "write %3F for one that belongs to the file's name"),
        ("mysql://u:secret@h/d", "names mysql: use sqlite:/// or"),
        ("postgresql+psycopg2://u:secret@h/d", "names postgresql.psycopg2: use sqlite:/// or"),
        ("postgresql://u:secret@h:port/d", "is not an address"),
        ("postgresql+asyncpg://u:secret@127.0.0.1:1/d", "127.0.0.1:1/d .*up and reachable"),
        ("postgres://u:secret@127.0.0.1:1/d", "127.0.0.1:1/d .*up and reachable"),
        (
            "postgresql://u:secret@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/no/x.pem",
            "names the file /no/x.pem as sslrootcert, which is not there",
        ),
    ],
)
async def test_an_address_that_leads_nowhere_is_explained(
    tmp_path: Path, url: str, says: str
) -> None:
    with pytest.raises(StoreUnavailable, match=says) as raised:
        async with open_stores(Settings(home=tmp_path, database_url=url)):
            pass
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("sslmode=maybe", "sslmode.*: correct it in PERDURE_DATABASE_URL"),
        ("sslmode=require", "rejected SSL upgrade.*: turn on TLS there, or take sslmode out"),
        ("channel_binding=require", '"channel_binding".*: take it out of PERDURE_DATABASE_URL'),
    ],
)
async def test_an_option_of_an_address_that_does_not_work_is_explained(
    postgresql: PostgreSQL, tmp_path: Path, options: str, says: str
) -> None:
    settings = Settings(home=tmp_path, database_url=f"{postgresql.url()}?{options}")

    with pytest.raises(StoreUnavailable, match=says):
        async with open_stores(settings):
            pass


@pytest.mark.parametrize(
    "options",
    ["", "?sslmode=prefer&application_name=goals", "?prepared_statement_cache_size=0"],
)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_addresses_as_providers_write_them(
    postgresql_url: str, tmp_path: Path, scheme: str, options: str
) -> None:
    address = postgresql_url.replace("postgresql+asyncpg", scheme) + options

    async with open_stores(Settings(home=tmp_path, database_url=address)) as stores:
        assert await stores.database.is_up()


@pytest.mark.parametrize("name", ["a?b", "a b", "a#b", "a%20b", "ä:@", "a&b=c", "'q'"])
async def test_a_home_of_any_name(tmp_path: Path, name: str) -> None:
    async with open_stores(Settings(home=tmp_path / name)) as stores:
        assert await stores.database.is_up()

    assert (tmp_path / name / "perdure.db").is_file()


async def test_a_database_that_does_not_exist_is_named(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=postgresql.url("missing"))

    with pytest.raises(StoreUnavailable, match=r'"missing" does not exist.*: create it'):
        async with open_stores(settings):
            pass


async def test_stores_outlive_a_lost_connection(
    postgresql: PostgreSQL, postgresql_url: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=postgresql_url)
    name = make_url(postgresql_url).database
    async with open_stores(settings) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="a")
        sleep = text("SELECT pg_sleep(600)")
        asleep = asyncio.create_task(
            stores.database.read(lambda connection: connection.execute(sleep))
        )
        await postgresql.execute(
            # Ends the sleeping connection once it sleeps, however long that takes to begin.
            "DO $$ BEGIN WHILE (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND query LIKE '%pg_sleep%') = 0"
            " LOOP PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"
        )
        with pytest.raises(StoreUnavailable, match="terminating connection"):
            await asleep

        assert await stores.database.is_up()
        await stores.goals.create(goal, "run", datetime.now(UTC))
        assert (await stores.goals.get("run")).goal_id == "g"
