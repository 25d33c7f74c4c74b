"""A breaker per provider: while one is down, requests are not even tried.

Goals that need it wait instead of failing, and the provider comes back to one request, not to all
that have been waiting.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from perdure.agents.steps.errors import Throttled, recognised_failure
from perdure.agents.steps.retry import CLOCK, Clock
from perdure.models import FailureKind

FAILURES: Final = 5
WINDOW: Final = 60.0
FIRST_COOL_DOWN: Final = 10.0
LONGEST_COOL_DOWN: Final = 300.0

# A provider that refuses a request, or asks to wait, is there.
_ANSWERED: Final = frozenset({FailureKind.PERMANENT, FailureKind.THROTTLED})


class ProviderDown(Throttled):
    """The provider failed several times in a row, and is left alone for a while."""


class Breaker:
    """Watches the requests to one provider.

    Closed, it lets everything through. After ``failures`` transient failures in a row within
    ``window`` seconds it opens and lets nothing through until it has cooled down; then it lets one
    request through. When that one works it closes; when it does not, it opens for twice as long,
    at most ``longest`` seconds.
    """

    def __init__(
        self,
        provider: str,
        *,
        failures: int = FAILURES,
        window: float = WINDOW,
        first: float = FIRST_COOL_DOWN,
        longest: float = LONGEST_COOL_DOWN,
        clock: Clock = CLOCK,
    ) -> None:
        """Start closed; times are in seconds."""
        self.provider = provider
        self._limit = failures
        self._window = window
        self._first = first
        self._longest = longest
        self._clock = clock
        self._failed: list[float] = []
        self._cool_down = first
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether requests are held back at present, or one is tried whether they still must be."""
        return self._open_until is not None

    @contextmanager
    def request(self) -> Iterator[None]:
        """Make a request within; what it raises is counted.

        Raises:
            ProviderDown: The breaker is open; nothing was tried.
        """
        trial = self._enter()
        try:
            yield
        except Exception as error:
            failure = recognised_failure(error)
            if failure is not None and failure.kind == FailureKind.TRANSIENT:
                self._count(trial=trial)
            elif failure is not None and failure.kind in _ANSWERED:
                self._close()
            raise
        else:
            self._close()
        finally:
            if trial:
                self._trying = False

    def _enter(self) -> bool:
        if self._open_until is None:
            return False
        left = self._open_until - self._clock.now()
        if left <= 0 and not self._trying:
            self._trying = True
            return True
        # While one request is tried, the others look again soon.
        wait = max(left, 1.0)
        wait += self._clock.random() * min(wait / 4, 10.0)
        raise ProviderDown(
            f"{self.provider} failed {self._limit} times in a row and is left alone for"
            f" {wait:.0f} s: the goal goes on when it is back",
            retry_after=wait,
        )

    def _close(self) -> None:
        self._failed.clear()
        self._open_until = None
        self._cool_down = self._first

    def _count(self, *, trial: bool) -> None:
        now = self._clock.now()
        if trial:
            self._cool_down = min(self._longest, self._cool_down * 2)
            self._open_until = now + self._cool_down
            return
        self._failed = [*(then for then in self._failed if now - then <= self._window), now]
        if len(self._failed) >= self._limit and self._open_until is None:
            self._open_until = now + self._cool_down


class Breakers:
    """The breakers of a process, one a provider."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}

    def of(self, provider: str) -> Breaker:
        """Return the breaker of a provider, such as ``openai at https://api.openai.com/v1``."""
        if provider not in self._breakers:
            self._breakers[provider] = Breaker(provider, clock=self._clock)
        return self._breakers[provider]


BREAKERS: Final = Breakers()
