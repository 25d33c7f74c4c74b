"""Requests that are too many."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Final, Protocol

_MAX_FAILURES: Final = 30
_WINDOW_SECONDS: Final = 60.0
_MAX_ADDRESSES: Final = 10_000
# What one subscriber has of IPv6 addresses.
_IPV6_PREFIX: Final = 64


class TooManyRequests(Exception):
    """The caller has sent, or started, as many as it may.

    Attributes:
        retry_after: After how many seconds it may again.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GoalQuota(Protocol):
    """How many goals the caller's tenant may start."""

    async def take(self, most: int) -> int:
        """Count goals that are to be started, and return how many of them may be: one at least.

        Args:
            most: How many there are.

        Raises:
            TooManyRequests: None may.
        """


class FailedAttempts:
    """Counts by network address the keys that were not known.

    A key cannot be guessed; this keeps who tries from filling the audit table.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count an attempt from an address.

        Raises:
            TooManyRequests: There were 30 in a minute already.
        """
        place, now = _subscriber(address), monotonic()
        began, failures = self._counts.get(place, (now, 0))
        if now - began > _WINDOW_SECONDS:
            began, failures = now, 0
        self._counts[place] = (began, failures + 1)
        self._counts.move_to_end(place)
        if len(self._counts) > _MAX_ADDRESSES:
            self._counts.popitem(last=False)
        if failures >= _MAX_FAILURES:
            raise TooManyRequests(
                "too many keys that are not known came from this address: send a valid one, or wait"
                " for the seconds in Retry-After",
                int(began + _WINDOW_SECONDS - now) + 1,
            )


def _subscriber(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(int(parsed) >> (128 - _IPV6_PREFIX))
    return address
