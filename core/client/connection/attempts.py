"""How long a request is repeated, and how long to wait before each time."""

import random
import time
from collections.abc import Callable
from typing import Final

from perdure.client.connection.errors import (
    ApiError,
    ClientError,
    RateLimited,
    ServerUnreachable,
    Unavailable,
)

_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 5.0


class Attempts:
    """The attempts at one request, or at one stream.

    Args:
        seconds: For how long to repeat it, from its first failure.
        repeatable: Whether it may be repeated when the server may have received it.
        server_known: Says whether this server has answered: one that never did is not waited for.
    """

    def __init__(
        self, seconds: float, *, repeatable: bool, server_known: Callable[[], bool]
    ) -> None:
        self._seconds = seconds
        self._repeatable = repeatable
        self._server_known = server_known
        self.succeeded()

    def succeeded(self) -> None:
        """Begin anew: a part of what was asked for has come."""
        self._deadline: float | None = None
        self._count = 0

    def delay(self, error: ClientError) -> float:
        """Return for how many seconds to wait before the next attempt.

        Raises:
            ClientError: The error itself, when there is to be none.
        """
        if not self._may_repeat(error):
            raise error
        longest = min(_FIRST_SECONDS * 2.0 ** min(self._count, 10), _LONGEST_SECONDS)
        self._count += 1
        # Many clients of a server that restarts must not all come at the same moment.
        seconds = longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
        if isinstance(error, ApiError) and error.retry_after is not None:
            seconds = max(seconds, error.retry_after)
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._seconds
        if now + seconds > self._deadline:
            raise error
        return seconds

    def _may_repeat(self, error: ClientError) -> bool:
        if isinstance(error, ServerUnreachable):
            return self._server_known() and (self._repeatable or not error.may_have_arrived)
        return self._repeatable and isinstance(error, RateLimited | Unavailable)
