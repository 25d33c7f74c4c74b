"""The metric store."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from perdure.models import GoalStatus
from perdure.stores import Stores, UnknownGoal
from perdure.stores.spending.metrics import MetricTotal


async def test_a_metric_is_stored_by_its_name(stores: Stores, run: str) -> None:
    await stores.metrics.record(run, "analysis", "rows", 1)
    await stores.metrics.record(run, "analysis", "rows", 3)
    await stores.metrics.record(run, "analysis", "seconds", 0.1)

    assert await stores.metrics.of(run) == {"rows": 3.0, "seconds": 0.1}
    assert await stores.metrics.of("nowhere") == {}


async def test_totals_over_all_runs(
    stores: Stores, create_run: Callable[[str], Awaitable[None]]
) -> None:
    for number in (1, 2, 3):
        await create_run(f"run{number}")
        await stores.metrics.record(f"run{number}", "analysis", "rows", number)
    await stores.metrics.record("run1", "code", "rows", 7)

    assert await stores.metrics.totals() == [
        MetricTotal("analysis", "rows", 2, 5.0, 3.0),
        MetricTotal("code", "rows", 1, 7.0, 7.0),
    ]
    now = datetime.now(UTC)
    assert len(await stores.metrics.totals(since=now - timedelta(minutes=5))) == 2
    assert await stores.metrics.totals(since=now) == []


async def test_an_agents_own_execution_time_keeps_no_run_from_ending(
    stores: Stores, run: str
) -> None:
    await stores.metrics.record(run, "analysis", "execution_time", 99)

    await stores.results.store(run, GoalStatus.COMPLETED, None, 1.5)

    assert await stores.metrics.of(run) == {"execution_time": 1.5}


async def test_only_finite_numbers_of_known_runs_are_stored(stores: Stores, run: str) -> None:
    with pytest.raises(ValueError, match="nan"):
        await stores.metrics.record(run, "analysis", "rows", float("nan"))
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.metrics.record("nowhere", "analysis", "rows", 1)
