"""How many items of a batch may be started now, where only so many a second may."""

import math
import time
from typing import Final

# After a pause a second's items may start at once, and no more.
_BURST_SECONDS: Final = 1.0


class Pace:
    """Says how many items may start, so many a second; any number where there is no limit."""

    def __init__(self, per_second: float | None, most: int) -> None:
        """Begin with one item.

        Args:
            per_second: How many may start a second.
            most: How many there is a use for at once.
        """
        self._rate = per_second
        self._most = most
        self._tokens = 1.0
        self._at: float | None = None

    def allowed(self) -> int:
        """Return how many may start now."""
        if self._rate is None:
            return self._most
        now = time.monotonic()
        most = max(1.0, self._rate * _BURST_SECONDS)
        since = now - (self._at if self._at is not None else now)
        self._tokens = min(most, self._tokens + since * self._rate)
        self._at = now
        return min(self._most, math.floor(self._tokens))

    def take(self, started: int) -> None:
        """Count items that were started."""
        self._tokens -= started
