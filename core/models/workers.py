"""The worker processes of an installation."""

from datetime import datetime

from perdure.models.base import Model
from perdure.models.goals import DEFAULT_POOL


class WorkerRecord(Model):
    """A worker process, as it said last how it is.

    Attributes:
        worker_id: Identifies the process.
        identity: ``{pid}@{host}``, as Temporal's own views name it.
        version: Perdure's version there.
        build_id: The build id of its version, for worker versioning; empty when that is off.
        pool: The pool of workers that it belongs to, and whose goals it runs.
        agents: Distribution and version that bring each of its agents, by the agent's name.
        slots: How many goals it may run at once, if there is memory for them.
        used: How many it ran.
        free: How many more it may run.
        started_at: When it started.
        seen_at: When it said so last.
        alive: Whether that is so short ago that it is there. One that stops leaves the list; one
            that is lost stays in it for a day.
    """

    worker_id: str
    identity: str
    version: str
    build_id: str
    pool: str = DEFAULT_POOL
    agents: dict[str, str]
    slots: int
    used: int
    free: int
    started_at: datetime
    seen_at: datetime
    alive: bool


def pool_without_worker(pool: str) -> str:
    """Return that a pool has no worker, and how to start one, in one sentence."""
    whose, options = (
        ("", "") if pool == DEFAULT_POOL else (f" of the pool {pool}", f" --pool {pool}")
    )
    return (
        f"no worker{whose} is there to take the goal: start one, perdure worker{options}; the goal"
        " waits for it"
    )
