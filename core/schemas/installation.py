"""The installation: its workers, and whether it is ready for goals."""

from pydantic import BaseModel

from perdure.models.workers import WorkerRecord


class WorkerList(BaseModel):
    """The worker processes, the oldest first, with those that were lost within a day."""

    workers: list[WorkerRecord]


class Readiness(BaseModel):
    """Whether goals can be started.

    Attributes:
        ready: Whether Temporal and the stores respond, and artifacts could be stored once since
            the API was started.
        temporal: Whether the Temporal server responds.
        stores: Whether the database responds.
        artifacts: Whether artifacts can be written and read: as of the last half minute.
        redis: Whether Redis answers; `null` where the installation has none. Goals run without.
        agents: How many agents are installed.
    """

    ready: bool
    temporal: bool
    stores: bool
    artifacts: bool
    redis: bool | None
    agents: int
