"""The worker store: which worker processes there are, and how busy they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, bindparam, delete, select

from perdure.models import DEFAULT_POOL
from perdure.models.workers import WorkerRecord
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction

BEAT_SECONDS: Final = 10.0
# Three beats: one may be late, or its write may wait for others.
ALIVE: Final = timedelta(seconds=3 * BEAT_SECONDS)
_KEPT: Final = timedelta(days=1)

_WORKERS: Final = schema.workers.c
AGENTS: Final[TypeAdapter[dict[str, str]]] = TypeAdapter(dict[str, str])
_SELECT: Final = select(schema.workers).order_by(_WORKERS.started_at, _WORKERS.worker_id)
_DELETE: Final = delete(schema.workers).where(_WORKERS.worker_id == bindparam("worker"))
_DELETE_LOST: Final = delete(schema.workers).where(_WORKERS.seen_at < bindparam("oldest"))


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """What a worker process says once of itself.

    Attributes:
        worker_id: 32 hexadecimal digits, of this process alone.
        host: The machine's name.
        pid: The process.
        version: Perdure's version.
        build_id: The build id; empty without worker versioning.
        slots: How many goals it may run at once.
        started_at: When it started.
        pool: The pool of workers that it belongs to.
    """

    worker_id: str
    host: str
    pid: int
    version: str
    build_id: str
    slots: int
    started_at: datetime
    pool: str = DEFAULT_POOL


class WorkerStore:
    """The worker processes of an installation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = database.insert(schema.workers)
        changing = ("agents", "used", "seen_at")
        self._upsert = insert.on_conflict_do_update(
            index_elements=["worker_id"], set_={name: insert.excluded[name] for name in changing}
        )

    async def beat(self, worker: WorkerProcess, agents: Mapping[str, str], used: int) -> None:
        """Store that a worker is there, and forget those that were lost a day ago.

        Args:
            worker: The worker.
            agents: Distribution and version of each of its agents, by the agent's name.
            used: How many goals it runs.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        now = datetime.now(UTC)
        row = {
            "worker_id": worker.worker_id,
            "host": worker.host[:255],
            "pid": worker.pid,
            "version": worker.version[:64],
            "build_id": worker.build_id[:255],
            "pool": worker.pool,
            "agents": AGENTS.dump_json(dict(agents)).decode(),
            "slots": worker.slots,
            "used": used,
            "started_at": worker.started_at,
            "seen_at": now,
        }

        def beat(transaction: Transaction) -> None:
            transaction.connection.execute(self._upsert, row)
            transaction.connection.execute(_DELETE_LOST, {"oldest": now - _KEPT})

        await self._database.write(beat)

    async def remove(self, worker_id: str) -> None:
        """Store that a worker has stopped.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        parameters = {"worker": worker_id}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_DELETE, parameters)
        )

    async def pools(self) -> set[str]:
        """Return the pools that have a worker.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        return {worker.pool for worker in await self.list() if worker.alive}

    async def list(self) -> list[WorkerRecord]:
        """Return the workers that are there or were lost within a day, the oldest first.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        rows = await self._database.read(
            lambda connection: connection.execute(_SELECT).mappings().all()
        )
        now = datetime.now(UTC)
        return [_record(row, now) for row in rows]


def _record(row: RowMapping, now: datetime) -> WorkerRecord:
    return WorkerRecord(
        worker_id=row["worker_id"],
        identity=f"{row['pid']}@{row['host']}",
        version=row["version"],
        build_id=row["build_id"],
        pool=row["pool"],
        agents=AGENTS.validate_json(row["agents"]),
        slots=row["slots"],
        used=row["used"],
        free=max(0, row["slots"] - row["used"]),
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        alive=now - row["seen_at"] <= ALIVE,
    )
