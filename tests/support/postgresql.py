"""A PostgreSQL server of the test run's own, on loopback, in a temporary folder.

The fixture ``postgresql`` of ``tests/conftest.py`` runs it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psutil
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.settings import Settings
from perdure.stores import open_stores
from tests.support.until import until

_OWNER = "perdure"
_TEMPLATE = "tables_of_the_stores"
_ATTEMPTS = 5
_QUICK = "-c fsync=off -c full_page_writes=off"
# What is committed is then lost with the server's processes, not only with the machine.
_QUICKER = f"{_QUICK} -c synchronous_commit=off"


class PostgreSQL:
    """A server that runs.

    Attributes:
        port: Where it listens, on 127.0.0.1.
    """

    def __init__(self, programs: Path, data: Path, *, outlives_kills: bool) -> None:
        self._programs = programs
        self._data = data
        self._options = _QUICK if outlives_kills else _QUICKER
        self._has_template = False
        self.port = _start(programs, data, self._options)

    def kill(self) -> None:
        """End every process of the server at once, as a crash of the machine would."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        children = psutil.Process(pid).children()
        os.kill(pid, signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children)
        until(lambda: not psutil.pid_exists(pid), "the server's end")
        (self._data / "postmaster.pid").unlink()

    def start(self) -> None:
        """Start a server that was killed, at the same port."""
        _call(
            self._programs / "pg_ctl",
            "start",
            f"--pgdata={self._data}",
            f"--log={self._data / 'server.log'}",
            f"--options={_options(self.port, self._options)}",
            "--wait",
        )

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases, as ``PERDURE_DATABASE_URL`` takes it."""
        parts = URL.create(
            "postgresql+asyncpg",
            username=_OWNER,
            host="127.0.0.1",
            port=self.port,
            database=database,
        )
        return parts.render_as_string()

    def dump(self, url: str) -> bytes:
        """Return all that one of its databases holds, as ``pg_dump`` writes it."""
        libpq = url.replace("+asyncpg", "")
        dumped = subprocess.run(
            [self._programs / "pg_dump", "--inserts", libpq], check=True, capture_output=True
        )
        return dumped.stdout

    def files(self) -> list[Path]:
        """Return the files of all its databases, the write-ahead log and the server's log too."""
        return [path for path in self._data.rglob("*") if path.is_file()]

    @asynccontextmanager
    async def database(self, *, has_tables: bool = False) -> AsyncIterator[str]:
        """Give the address of an empty database, which is dropped with whatever uses it.

        Args:
            has_tables: Give it the tables of the stores, as their migrations have made them once:
                a copy takes a tenth of the time.
        """
        name = await self.create(has_tables=has_tables)
        try:
            yield self.url(name)
        finally:
            await self.drop(name)

    async def create(self, *, has_tables: bool = False) -> str:
        """Make a database, as :meth:`database` does, and return its name."""
        name = f"test_{uuid.uuid4().hex}"
        template = await self._template() if has_tables else "template1"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        if has_tables:
            await self.execute(f"UPDATE installation SET stores_id = '{uuid.uuid4()}'", name)
        return name

    async def drop(self, name: str) -> None:
        """Drop a database, whoever uses it."""
        await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _template(self) -> str:
        if not self._has_template:
            await self.execute(f"CREATE DATABASE {_TEMPLATE}")
            with tempfile.TemporaryDirectory() as home:
                url = self.url(_TEMPLATE)
                async with open_stores(Settings(home=Path(home), database_url=url)):
                    self._has_template = True
        return _TEMPLATE

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the server's owner, outside any transaction."""
        engine = create_async_engine(self.url(database), isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                await connection.execute(text(statement))
        finally:
            await engine.dispose()


@contextmanager
def run_postgresql(*, outlives_kills: bool = False) -> Iterator[PostgreSQL]:
    """Run a server; no PostgreSQL on this machine is an error.

    Args:
        outlives_kills: Whether what is committed is there after :meth:`PostgreSQL.kill`.
    """
    programs = _programs()
    # Not below pytest's own folder: the server's user may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="perdure-postgresql-"))
    data = folder / "data"
    try:
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        _call(
            programs / "initdb",
            f"--pgdata={data}",
            f"--username={_OWNER}",
            *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
        )
        server = PostgreSQL(programs, data, outlives_kills=outlives_kills)
        try:
            yield server
        finally:
            _call(programs / "pg_ctl", "stop", f"--pgdata={data}", "--mode=immediate", "--wait")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not places:
        raise FileNotFoundError(
            "these tests need PostgreSQL, and there is no initdb on PATH nor below"
            " /usr/lib/postgresql: install it (Debian: apt-get install postgresql)"
        )
    return places[-1].parent


def _start(programs: Path, data: Path, options: str) -> int:
    # Between finding a free port and listening on it another process may take it.
    for attempt in range(_ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        try:
            _call(
                programs / "pg_ctl",
                "start",
                f"--pgdata={data}",
                f"--log={data / 'server.log'}",
                f"--options={_options(port, options)}",
                "--wait",
            )
        except subprocess.CalledProcessError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return port
    raise AssertionError("unreachable")


def _options(port: int, options: str) -> str:
    return f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {options}"


def _call(program: Path, *arguments: str) -> None:
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    subprocess.run(
        [program, *arguments],
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        cwd="/",
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
