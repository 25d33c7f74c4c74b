"""Failures: why something did not work, and how it is retried."""

from enum import StrEnum

from perdure.models.base import LastingModel


class FailureKind(StrEnum):
    """What kind of failure it is, which decides what is done about it.

    ``permanent``: not retried (wrong input, refused key, refused content). ``transient``: retried,
    three attempts in all. ``throttled``: the provider asks to wait, which uses up no attempt.
    ``budget``: the goal's budget is used up. ``stalled``: the agent made no progress.
    ``lost-worker`` and ``stores-away``: faults of the installation, retried much longer.
    """

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    BUDGET = "budget"
    STALLED = "stalled"
    LOST_WORKER = "lost-worker"
    STORES_AWAY = "stores-away"


class Failure(LastingModel):
    """Why something did not work.

    Attributes:
        type: The error's class name.
        message: One sentence: what happened, to which thing, what to do next.
        permanent: Whether a retry cannot help.
        kind: What kind of failure it is.
        retry_after: Seconds that a provider asks to wait.
        status: The HTTP status that a provider returned, where there was one.
    """

    type: str
    message: str
    permanent: bool = False
    kind: FailureKind = FailureKind.TRANSIENT
    retry_after: float | None = None
    status: int | None = None
