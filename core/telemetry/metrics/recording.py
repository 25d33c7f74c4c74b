"""What the parts of Perdure record; nothing where the process measures nothing.

A command that serves, as ``perdure worker`` does, begins with :func:`start`. What is recorded while
an activity runs counts for its goal's agent and tenant: see :func:`of_goal`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal, NamedTuple

from perdure.telemetry import conventions
from perdure.telemetry.metrics.busiest import OTHER
from perdure.telemetry.metrics.instruments import Instruments

StepOutcomeLabel = Literal["completed", "failed", "journal"]
Spent = Literal["kept", "thrown-away", "saved"]


class _Goal(NamedTuple):
    """Whose the numbers are."""

    agent: str
    tenant: str


class _Process:
    """The instruments of this process, once there are any."""

    def __init__(self) -> None:
        self.instruments: Instruments | None = None
        self.lock = threading.Lock()


_process: Final = _Process()
_goal: Final[ContextVar[_Goal | None]] = ContextVar("measured_goal", default=None)


def start() -> Instruments:
    """Measure from now on; return the instruments, which are made once."""
    with _process.lock:
        if _process.instruments is None:
            _process.instruments = Instruments()
        return _process.instruments


def stop() -> None:
    """Measure nothing any more, and forget what was counted."""
    with _process.lock:
        _process.instruments = None


def instruments() -> Instruments | None:
    """Return the instruments; ``None`` where nothing is measured."""
    return _process.instruments


@contextmanager
def of_goal(agent: str, tenant: str) -> Iterator[None]:
    """Count what is recorded in the block, and in its tasks and threads, for a goal."""
    token = _goal.set(_Goal(agent, tenant))
    try:
        yield
    finally:
        _goal.reset(token)


def goal_ended(agent: str, tenant: str, status: str, seconds: float) -> None:
    """Record that a goal has ended, after so many seconds."""
    if (own := _process.instruments) is not None:
        label = own.agents.label(agent)
        own.add(conventions.GOALS_ENDED, status, label, own.tenants.label(tenant))
        own.observe(conventions.GOAL_DURATION, label, value=seconds)


def execution_begun(waited_seconds: float, *, is_retry: bool) -> None:
    """Record that a worker begins an execution that has waited for one.

    Args:
        waited_seconds: How long.
        is_retry: Whether it is the attempt after one that failed.
    """
    if (own := _process.instruments) is not None:
        own.observe(conventions.QUEUE_TIME, value=waited_seconds)
        if is_retry:
            own.add(conventions.GOAL_RETRIES)


def execution_ended(seconds: float, failure_kind: str | None) -> None:
    """Record that an execution has ended.

    Args:
        seconds: How long it took.
        failure_kind: The kind of its failure; ``None`` if it did not fail.
    """
    if (own := _process.instruments) is not None:
        own.observe(conventions.EXECUTION_TIME, value=seconds)
        if failure_kind is not None:
            own.add(conventions.FAILURES, failure_kind)


def step(outcome: StepOutcomeLabel) -> None:
    """Record that a step has an outcome: its own, or the journal's."""
    if (own := _process.instruments) is not None:
        own.add(conventions.STEPS, outcome, _agent_label(own))


def step_retried() -> None:
    """Record that a step's function, or a model, is tried once more."""
    if (own := _process.instruments) is not None:
        own.add(conventions.STEP_RETRIES)


def redis_fallback(use: str) -> None:
    """Record that something was done without Redis.

    Args:
        use: What Redis is used for there.
    """
    if (own := _process.instruments) is not None:
        own.add(conventions.REDIS_FALLBACKS, use)


def spent(dollars: float, outcome: Spent) -> None:
    """Record what requests of models have cost, or would have cost."""
    if (own := _process.instruments) is not None and dollars > 0:
        goal = _goal.get()
        tenant = own.tenants.label(goal.tenant) if goal else OTHER
        own.add(conventions.SPEND, outcome, tenant, amount=dollars)
        own.add(conventions.AGENT_SPEND, outcome, _agent_label(own), amount=dollars)


def model_asked(
    provider: str,
    model: str,
    seconds: float,
    first_chunk_seconds: float | None,
    input_tokens: int,
    output_tokens: int,
) -> None:
    """Record a request of a model that has ended.

    Args:
        provider: The model's provider.
        model: The model.
        seconds: How long it took.
        first_chunk_seconds: How long until the first piece, of a stream.
        input_tokens: How many tokens were sent.
        output_tokens: How many were received.
    """
    own = _process.instruments
    if own is None:
        return
    place = own.models.label(f"{provider}/{model}")
    asked = (provider, model) if place != OTHER else (OTHER, OTHER)
    labels = (conventions.CHAT, *asked)
    own.observe(conventions.INFERENCE_TIME, *labels, value=seconds)
    if first_chunk_seconds is not None:
        own.observe(conventions.FIRST_CHUNK_TIME, *labels, value=first_chunk_seconds)
    own.add(conventions.TOKENS_SENT, *labels, amount=input_tokens)
    own.add(conventions.TOKENS_RECEIVED, *labels, amount=output_tokens)


def scored(name: str, tenant: str, number: float | None) -> None:
    """Record that a score was put on a goal.

    Args:
        name: What is judged.
        tenant: Whose the goal is.
        number: The score; ``None`` for a label.
    """
    if (own := _process.instruments) is not None:
        own.add(conventions.SCORES, own.tenants.label(tenant))
        if number is not None:
            own.observe(conventions.SCORE, own.evaluations.label(name), value=number)


class store_operation:  # noqa: N801 -- a block, as those that are functions
    """Record how long the block, one read or write of the stores, takes."""

    # No generator, as every step waits for several.
    __slots__ = ("_operation", "_started")

    def __init__(self, operation: Literal["read", "write"]) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        """Begin."""
        self._started = time.perf_counter()

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Record it."""
        if (own := _process.instruments) is not None:
            seconds = time.perf_counter() - self._started
            own.observe(conventions.STORE_TIME, self._operation, value=seconds)


def event_followed(stored_at: datetime) -> None:
    """Record that whoever follows a run gets an event that has just been stored."""
    if (own := _process.instruments) is not None:
        lag = (datetime.now(UTC) - stored_at).total_seconds()
        own.observe(conventions.EVENT_LAG, value=lag)


def spans_dropped(spans: int) -> None:
    """Record that so many spans of this process are lost."""
    if (own := _process.instruments) is not None:
        own.add(conventions.DROPPED_SPANS, amount=spans)


def slots(available: int, used: Callable[[], float]) -> None:
    """Say how many executions this worker may run at once, and how many it runs.

    Args:
        available: How many it may.
        used: Returns how many it runs.
    """
    if (own := _process.instruments) is not None:
        own.set(conventions.SLOTS, value=available)
        own.follow(conventions.SLOTS_USED, used)


def policy(is_refused: Callable[[], bool]) -> None:
    """Say whether this process keeps older rules than those of the policy's file.

    Args:
        is_refused: Returns whether it does.
    """
    if (own := _process.instruments) is not None:
        own.follow(conventions.POLICY_REFUSED, is_refused)


def _agent_label(own: Instruments) -> str:
    goal = _goal.get()
    return own.agents.label(goal.agent) if goal else OTHER
