"""What an installation needs for so many goals a day: measured costs, and what others published."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.sizing.cells import DAY_SECONDS, SWING, Day, cells_needed, simulate
from benchmarks.sizing.count import Costs

# Temporal's own benchmarks, on databases of PostgreSQL's class: so many to so many.
TRANSITIONS_A_CORE: Final = (125, 190)
# A database as clouds rent it out, for Temporal; the stores have one of the same size.
CELL_CORES: Final = 32
# What the stores' database is taken to commit a second. Not measured here: try yours.
STORE_COMMITS: Final = 10_000
# Nothing is planned fuller: a cell that fails over, or a busy day, needs the rest.
MOST_BUSY: Final = 0.6
STEPS: Final = 20
LOADS: Final = (1_000_000, 10_000_000, 100_000_000)
_CURVE_CELLS: Final = (1, 2, 4, 8, 16)
_CURVE_POINTS: Final = 40


@dataclass(frozen=True)
class Need:
    """What so many goals a day need, at their busiest.

    Attributes:
        goals_a_day: How many.
        mean_a_second: Goals a second, over the day.
        peak_a_second: Goals a second, at the busiest.
        state_transitions: Of Temporal, a second.
        temporal_cores: Cores of PostgreSQL under Temporal.
        store_commits: Of the stores, a second.
        store_gigabytes_a_day: What the stores grow by.
        worker_cores: Cores of APIs and workers, for Perdure's own part of the work.
        cells: How many cells.
        busiest: How busy the busiest cell is, as a part of what it can do.
        wait_p99_seconds: What 99 of 100 goals wait at most before they begin.
    """

    goals_a_day: float
    mean_a_second: float
    peak_a_second: float
    state_transitions: float
    temporal_cores: float
    store_commits: float
    store_gigabytes_a_day: float
    worker_cores: float
    cells: int
    busiest: float
    wait_p99_seconds: float


def cell_capacity(costs: Costs) -> float:
    """Return how many goals a second a cell can do: whichever database gives out first says."""
    temporal = CELL_CORES * TRANSITIONS_A_CORE[0] / costs.of("state_transitions", STEPS)
    return min(temporal, STORE_COMMITS / costs.of("store_writes", STEPS))


def need_of(goals_a_day: float, costs: Costs) -> Need:
    """Return what so many goals a day need."""
    mean = goals_a_day / DAY_SECONDS
    peak = mean * (1 + SWING)
    transitions = peak * costs.of("state_transitions", STEPS)
    day = cells_needed(goals_a_day, cell_capacity(costs), MOST_BUSY)
    return Need(
        goals_a_day=goals_a_day,
        mean_a_second=mean,
        peak_a_second=peak,
        state_transitions=transitions,
        temporal_cores=transitions / TRANSITIONS_A_CORE[0] / MOST_BUSY,
        store_commits=peak * costs.of("store_writes", STEPS),
        store_gigabytes_a_day=goals_a_day * costs.of("store_bytes", STEPS) / 1e9,
        worker_cores=peak * costs.of("processor_ms", STEPS) / 1000 / MOST_BUSY,
        cells=day.cells,
        busiest=day.busiest,
        wait_p99_seconds=day.wait_p99_seconds,
    )


def curve(costs: Costs) -> Sequence[dict[str, float]]:
    """Return what goals wait by how many there are a day, for installations of several sizes."""
    capacity = cell_capacity(costs)
    loads = [LOADS[0] * 500 ** (point / (_CURVE_POINTS - 1)) for point in range(_CURVE_POINTS)]
    points: list[dict[str, float]] = []
    for cells in _CURVE_CELLS:
        for load in loads:
            day: Day = simulate(load, cells, capacity)
            seconds = round(day.wait_p99_seconds, 1)
            points.append({"cells": cells, "goals_a_day": round(load), "wait_p99_seconds": seconds})
            if seconds >= DAY_SECONDS / 24:
                break  # the line has left the chart
    return points


def as_json(costs: Costs) -> dict[str, object]:
    """Return all of it, as it is kept for the docs."""
    return {
        "a_goal": {name: round(value, 3) for name, value in asdict(costs.goal).items()},
        "a_step": {name: round(value, 3) for name, value in asdict(costs.step).items()},
        "steps_of_a_goal": STEPS,
        "cell": {
            "goals_a_second": round(cell_capacity(costs), 1),
            "temporal_database_cores": CELL_CORES,
            "state_transitions_a_core": list(TRANSITIONS_A_CORE),
            "store_commits_a_second": STORE_COMMITS,
            "planned_at_most_busy": MOST_BUSY,
        },
        "needs": [
            {name: round(value, 2) for name, value in asdict(need_of(load, costs)).items()}
            for load in LOADS
        ],
        "curve": curve(costs),
    }
