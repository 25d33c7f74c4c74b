"""How long goals are kept after their end, by tenant and status."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple, Self

_STATUSES: Final = ("completed", "failed", "cancelled", "terminated")
_FOREVER: Final = "forever"
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_MAX_DAYS: Final = 36_500


class _Goals(NamedTuple):
    """Which goals an entry is about; ``None`` for those of all tenants, of all statuses."""

    tenant: str | None
    status: str | None


class Retention:
    """How long goals are kept after their end.

    Args:
        times: For which goals how long; ``None`` for ever. The entry counts that fits best: first
            the tenant's own, for the status before for all, then everybody's.
    """

    def __init__(self, times: Mapping[_Goals, timedelta | None]) -> None:
        self._times = times

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read entries such as ``30``, ``failed=90``, ``acme/30`` or ``acme/failed=forever``.

        Args:
            text: The entries, comma-separated.

        Raises:
            ValueError: One cannot be read, or is about the same goals as another.
        """
        times: dict[_Goals, timedelta | None] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            goals, time = _read(entry)
            if goals in times:
                raise ValueError(f"{entry!r} is about goals that another entry is about too")
            times[goals] = time
        return cls(times)

    def time(self, tenant: str, status: str) -> timedelta | None:
        """Return how long a tenant's goals of a final status are kept; ``None`` for ever."""
        for goals in (
            _Goals(tenant, status),
            _Goals(tenant, None),
            _Goals(None, status),
            _Goals(None, None),
        ):
            if goals in self._times:
                return self._times[goals]
        return None


def _read(entry: str) -> tuple[_Goals, timedelta | None]:
    names, _, days = entry.replace(" ", "").rpartition("=")
    if not names and "/" in days:
        names, _, days = days.rpartition("/")
        names += "/"
    tenant, slash, status = names.rpartition("/")
    if (
        (slash and not _TENANT.fullmatch(tenant))
        or (status and status not in _STATUSES)
        or not (days == _FOREVER or (days.isdecimal() and 1 <= int(days) <= _MAX_DAYS))
    ):
        raise ValueError(
            f"{entry!r} cannot be read: write 30, failed=90, acme/30 or acme/failed=forever, with"
            f" one of the statuses {', '.join(_STATUSES)}, and days from 1 to {_MAX_DAYS}"
        )
    time = None if days == _FOREVER else timedelta(days=int(days))
    return _Goals(tenant if slash else None, status or None), time
