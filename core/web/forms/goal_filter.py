"""Which goals a list shows: read from its address, and written into it, so that it can be sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from perdure.models import GoalStatus
from perdure.schemas.many_goals import GoalFilter as Criteria

# What people ask for, by the word in the address.
STATUS_GROUPS: Final[Mapping[str, tuple[GoalStatus, ...]]] = {
    "running": (GoalStatus.RUNNING,),
    "waiting": (GoalStatus.WAITING, GoalStatus.PAUSED),
    "failed": (GoalStatus.FAILED,),
    "completed": (GoalStatus.COMPLETED,),
    "cancelled": (GoalStatus.CANCELLED, GoalStatus.TERMINATED),
}
PERIODS: Final[Mapping[str, timedelta]] = {
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
MOST_SEARCHED: Final = 200


@dataclass(frozen=True, slots=True)
class GoalFilter:
    """Which goals are listed.

    Attributes:
        status: A word of :data:`STATUS_GROUPS`; empty for any.
        agent: The agent type; empty for any.
        search: Words that are looked for.
        since: A word of :data:`PERIODS`; empty for any time.
        schedule: The schedule that has started them; empty for any.
        delegates: Whether goals that others delegated are listed too.
        before: The cursor of the page.
    """

    status: str = ""
    agent: str = ""
    search: str = ""
    since: str = ""
    schedule: str = ""
    delegates: bool = False
    before: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> "GoalFilter":
        """Read the filter of an address; what it does not know, it leaves out."""
        status, since = query.get("status", ""), query.get("since", "")
        return cls(
            status=status if status in STATUS_GROUPS else "",
            agent=query.get("agent", ""),
            search=query.get("search", "").strip()[:MOST_SEARCHED],
            since=since if since in PERIODS else "",
            schedule=query.get("schedule", ""),
            delegates=query.get("delegates") == "1",
            before=query.get("before", ""),
        )

    @property
    def criteria(self) -> Criteria:
        """What the stores are asked for."""
        return {
            "status": self.statuses or None,
            "agent_type": self.agent or None,
            "search": self.search or None,
            "since": self.started_after(),
            "schedule": self.schedule or None,
            # What another goal delegated is part of that one.
            "delegated": None if self.delegates else False,
        }

    @property
    def statuses(self) -> tuple[GoalStatus, ...]:
        """The statuses of the goals; none for any."""
        return STATUS_GROUPS.get(self.status, ())

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves goals out that a plain list shows."""
        return any((self.status, self.agent, self.search, self.since, self.schedule))

    def started_after(self, now: datetime | None = None) -> datetime | None:
        """Return when the oldest goal of the list was started at the earliest."""
        period = PERIODS.get(self.since)
        return None if period is None else (now or datetime.now(UTC)) - period

    def url(self, **changes: object) -> str:
        """Return the address of the list with some of it changed; a change begins at page one."""
        changed = replace(self, **({"before": ""} | changes))  # type: ignore[arg-type]
        named = {
            "status": changed.status,
            "agent": changed.agent,
            "search": changed.search,
            "since": changed.since,
            "schedule": changed.schedule,
            "delegates": "1" if changed.delegates else "",
            "before": changed.before,
        }
        query = urlencode({name: value for name, value in named.items() if value})
        return f"/goals?{query}" if query else "/goals"
