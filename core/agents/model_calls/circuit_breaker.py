"""A circuit breaker per provider: while a provider is down, no requests are sent to it.

Goals that need it wait instead of failing, and once it may be up again, one request tries it rather
than all that have been waiting.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from perdure.agents.steps.errors import Throttled, known_failure
from perdure.agents.steps.retry import CLOCK, Clock
from perdure.models import FailureKind

FAILURE_THRESHOLD: Final = 5
FAILURE_WINDOW: Final = 60.0
INITIAL_COOL_DOWN: Final = 10.0
MAX_COOL_DOWN: Final = 300.0

# A provider that refuses a request, or asks to wait, is up.
_PROVIDER_IS_UP: Final = frozenset({FailureKind.PERMANENT, FailureKind.THROTTLED})


class ProviderDown(Throttled):
    """The provider failed several times in a row, so no request is sent for a while."""


class RequestOutcome(StrEnum):
    """What the end of a request says of its provider."""

    UP = "up"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Admission:
    """What is said to a request that is about to be sent.

    Attributes:
        wait: After how many seconds to ask again; 0 to send it now.
        trial: Identifies it as the trial of a provider that was down; empty for any other request.
    """

    wait: float = 0.0
    trial: str = ""


class SharedBreakers(Protocol):
    """The breakers that several processes have in common; none of its methods raises."""

    async def admit(self, provider: str) -> Admission | None:
        """Return whether a request may be sent; ``None`` when it is not known now."""

    async def report(self, provider: str, admission: Admission, outcome: RequestOutcome) -> None:
        """Take how a request that was admitted has ended."""


class CircuitBreaker:
    """Counts the failures of one provider, and refuses requests while it is down.

    While closed, it admits every request. After ``threshold`` transient failures in a row within
    ``window`` seconds it opens, and admits none for ``cool_down`` seconds; then it admits one, as a
    trial. If that one succeeds it closes; if not, it stays open for twice as long, at most
    ``max_cool_down`` seconds.
    """

    def __init__(
        self,
        provider: str,
        *,
        threshold: int = FAILURE_THRESHOLD,
        window: float = FAILURE_WINDOW,
        cool_down: float = INITIAL_COOL_DOWN,
        max_cool_down: float = MAX_COOL_DOWN,
        clock: Clock = CLOCK,
    ) -> None:
        """Start closed; times are in seconds."""
        self.provider = provider
        self._threshold = threshold
        self._window = window
        self._initial_cool_down = cool_down
        self._max_cool_down = max_cool_down
        self._clock = clock
        self._failed_at: list[float] = []
        self._current_cool_down = cool_down
        self._open_until: float | None = None
        self._is_trial_in_flight = False

    @property
    def is_open(self) -> bool:
        """Whether requests are refused, or one is in flight as a trial."""
        return self._open_until is not None

    @contextmanager
    def request(self) -> Iterator[None]:
        """Make a request in the block, whose errors are counted.

        Raises:
            ProviderDown: The breaker is open; the block was not entered.
        """
        is_trial = self._admit()
        try:
            with self.counted(is_trial=is_trial):
                yield
        finally:
            if is_trial:
                self._is_trial_in_flight = False

    @contextmanager
    def counted(self, *, is_trial: bool = False) -> Iterator[None]:
        """Make a request in the block that somebody else has admitted, and count its errors."""
        try:
            yield
        except Exception as error:
            outcome = outcome_of(error)
            if outcome == RequestOutcome.FAILED:
                self._count_failure(is_trial=is_trial)
            elif outcome == RequestOutcome.UP:
                self._close()
            raise
        else:
            self._close()

    def refusal(self, left: float) -> ProviderDown:
        """Return the error of a request that is not to be sent for so many seconds."""
        # While a trial is in flight, the others try again soon.
        wait = max(left, 1.0)
        wait += self._clock.random() * min(wait / 4, 10.0)
        return ProviderDown(
            f"{self.provider} failed {self._threshold} times in a row and is left alone for"
            f" {wait:.0f} s: the goal goes on when it is back",
            retry_after=wait,
        )

    def _admit(self) -> bool:
        if self._open_until is None:
            return False
        left = self._open_until - self._clock.now()
        if left <= 0 and not self._is_trial_in_flight:
            self._is_trial_in_flight = True
            return True
        raise self.refusal(left)

    def _close(self) -> None:
        self._failed_at.clear()
        self._open_until = None
        self._current_cool_down = self._initial_cool_down

    def _count_failure(self, *, is_trial: bool) -> None:
        now = self._clock.now()
        if is_trial:
            self._current_cool_down = min(self._max_cool_down, self._current_cool_down * 2)
            self._open_until = now + self._current_cool_down
            return
        recent = [failed_at for failed_at in self._failed_at if now - failed_at <= self._window]
        self._failed_at = [*recent, now]
        if len(self._failed_at) >= self._threshold and self._open_until is None:
            self._open_until = now + self._current_cool_down


def outcome_of(error: BaseException) -> RequestOutcome:
    """Return what the error of a request says of its provider."""
    failure = known_failure(error) if isinstance(error, Exception) else None
    if failure is not None and failure.kind == FailureKind.TRANSIENT:
        return RequestOutcome.FAILED
    if failure is not None and failure.kind in _PROVIDER_IS_UP:
        return RequestOutcome.UP
    return RequestOutcome.UNKNOWN


class CircuitBreakers:
    """The circuit breakers of a process, one per provider.

    Where several processes have breakers in common, those say whether a request is sent. While they
    do not, this process's own do, which count its requests all the time.
    """

    def __init__(self, clock: Clock = CLOCK, shared: SharedBreakers | None = None) -> None:
        """Start closed.

        Args:
            clock: The source of times, of the process's own.
            shared: Those that it has in common with others.
        """
        self._clock = clock
        self._shared = shared
        self._breakers: dict[str, CircuitBreaker] = {}

    def of(self, provider: str) -> CircuitBreaker:
        """Return the breaker of a provider, such as ``openai at https://api.openai.com/v1``."""
        if provider not in self._breakers:
            self._breakers[provider] = CircuitBreaker(provider, clock=self._clock)
        return self._breakers[provider]

    @asynccontextmanager
    async def request(self, provider: str) -> AsyncIterator[None]:
        """Make a request of a provider in the block, whose errors are counted.

        Raises:
            ProviderDown: The breaker is open; the block was not entered.
        """
        own, shared = self.of(provider), self._shared
        admission = await shared.admit(provider) if shared is not None else None
        if shared is None or admission is None:
            with own.request():
                yield
            return
        if admission.wait > 0:
            raise own.refusal(admission.wait)
        outcome = RequestOutcome.UP
        try:
            with own.counted():
                yield
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            await shared.report(provider, admission, outcome)


CIRCUIT_BREAKERS: Final = CircuitBreakers()
