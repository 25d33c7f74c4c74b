"""The usage of models over all runs: spent, lost and saved, by day, agent, key or tenant."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping

from perdure.models.usage import ScoreAverage, UsageGroup, UsageGrouping, UsageReport, UsageSum
from perdure.stores.database.engine import Database
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.spending.usage_sums import UsageSums

_MAX_NAMES: Final = 50
_COUNTS: Final = ("goals", "completed", "failed", "cancelled", "terminated", "requests")


class UsageStore(TenantStore):
    """What all runs have used, those that were deleted too."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._sums = UsageSums(database)

    async def report(self, since: datetime, by: UsageGrouping) -> UsageReport:
        """Return what was used since a time, and the sum of it; requests in flight are left out.

        A group in which nothing happened is not there. What is left of runs that were deleted are
        sums by day: of these, all is in it of the day in which the time lies.
        """

        def fetch(connection: Connection) -> UsageReport:
            used = self._sums.usage(connection, self._tenancy, since, by)
            scored = self._sums.scores(connection, self._tenancy, since, by)
            groups = {row["key"]: _group(row) for row in used}
            scores: dict[str, list[RowMapping]] = {}
            for row in scored:
                scores.setdefault(row["key"], []).append(row)
            for key, rows in scores.items():
                group = groups.get(key, UsageGroup(key=key))
                groups[key] = group.model_copy(update={"scores": _averages(rows)})
            return UsageReport(
                by=by,
                since=since,
                groups=[groups[key] for key in sorted(groups)],
                total=_total(list(groups.values()), scored),
            )

        return await self._database.read(fetch)


def _group(row: RowMapping) -> UsageGroup:
    return UsageGroup(
        key=row["key"],
        **{name: int(row[name]) for name in _COUNTS},
        seconds=float(row["seconds"]),
        unpriced_requests=int(row["unpriced"]),
        spent=_sum(row, "spent"),
        thrown_away=_sum(row, "thrown"),
        saved=_sum(row, "saved"),
    )


def _total(groups: Sequence[UsageGroup], scored: Sequence[RowMapping]) -> UsageGroup:
    counts: dict[str, Any] = {
        name: sum(getattr(group, name) for group in groups)
        for name in (*_COUNTS, "seconds", "unpriced_requests")
    }
    return UsageGroup(
        **counts,
        spent=_added(group.spent for group in groups),
        thrown_away=_added(group.thrown_away for group in groups),
        saved=_added(group.saved for group in groups),
        scores=_averages(scored),
    )


def _averages(rows: Iterable[RowMapping]) -> tuple[ScoreAverage, ...]:
    """Return the averages of the names that most scores have, sorted by name."""
    sums: dict[str, tuple[int, int, float]] = {}
    for row in rows:
        count, numbers, total = sums.get(row["name"], (0, 0, 0.0))
        sums[row["name"]] = (
            count + int(row["count"]),
            numbers + int(row["numbers"]),
            total + float(row["total"]),
        )
    most = sorted(sums, key=lambda name: (-sums[name][0], name))[:_MAX_NAMES]
    return tuple(
        ScoreAverage(name=name, count=count, average=total / numbers if numbers else None)
        for name, (count, numbers, total) in ((name, sums[name]) for name in sorted(most))
    )


def _added(sums: Iterable[UsageSum]) -> UsageSum:
    every = list(sums)
    return _usage_sum(
        sum(item.input_tokens for item in every),
        sum(item.output_tokens for item in every),
        sum(item.cost or 0.0 for item in every),
    )


def _sum(row: RowMapping, name: str) -> UsageSum:
    return _usage_sum(
        int(row[f"{name}_input"]), int(row[f"{name}_output"]), float(row[f"{name}_cost"])
    )


def _usage_sum(sent: int, received: int, cost: float) -> UsageSum:
    is_unknown = cost == 0 and sent + received > 0
    return UsageSum(input_tokens=sent, output_tokens=received, cost=None if is_unknown else cost)
