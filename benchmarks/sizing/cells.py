"""A day of an installation in cells: how long goals wait until they begin.

Each cell is a Temporal namespace and a database each for Temporal and the stores; a tenant lives
in one cell. Goals arrive at random, most at noon; a cell begins as many a second as it can, and the
rest wait in line. The seed is fixed: the same figures give the same day.
"""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SEED: Final = 16
DAY_SECONDS: Final = 86_400
# The busiest moment has so many times the arrivals of the mean, the quietest as many fewer.
SWING: Final = 0.8
TENANTS: Final = 2_000
# Of tenants by size, the n-th has this power of n: few are large.
_SKEW: Final = -0.8
_STEP_SECONDS: Final = 10
_QUANTILE: Final = 0.99


@dataclass(frozen=True)
class Day:
    """A day of an installation.

    Attributes:
        cells: How many cells it has.
        wait_p99_seconds: What 99 of 100 goals wait at most.
        busiest: The load of the busiest cell at its busiest, as a part of what it can do.
        largest_share: The part of all goals that the fullest cell has.
    """

    cells: int
    wait_p99_seconds: float
    busiest: float
    largest_share: float


def shares_of_cells(cells: int) -> Sequence[float]:
    """Return which part of all goals each cell has: the largest tenants first, to the emptiest."""
    sizes = [number**_SKEW for number in range(1, TENANTS + 1)]
    everything = sum(sizes)
    filled = [(0.0, cell) for cell in range(cells)]
    for size in sizes:
        share, cell = filled[0]
        heapq.heapreplace(filled, (share + size / everything, cell))
    return [share for share, _ in filled]


def simulate(goals_a_day: float, cells: int, goals_a_second: float) -> Day:
    """Simulate a day.

    Args:
        goals_a_day: How many goals are handed in.
        cells: Over how many cells.
        goals_a_second: How many of them a cell can begin.
    """
    chances = random.Random(SEED)
    shares = shares_of_cells(cells)
    waits: list[tuple[float, float]] = []
    busiest = 0.0
    for share in shares:
        mean = goals_a_day * share / DAY_SECONDS
        queue = 0.0
        for step in range(DAY_SECONDS // _STEP_SECONDS):
            angle = 2 * math.pi * step * _STEP_SECONDS / DAY_SECONDS
            expected = mean * (1 - SWING * math.cos(angle)) * _STEP_SECONDS
            # Of so many, what is random is as good as normal.
            arrived = max(0.0, chances.gauss(expected, math.sqrt(expected)))
            busiest = max(busiest, expected / _STEP_SECONDS / goals_a_second)
            waits.append((queue / goals_a_second, arrived))
            queue = max(0.0, queue + arrived - goals_a_second * _STEP_SECONDS)
    return Day(cells, _quantile(waits), busiest, max(shares))


def cells_needed(goals_a_day: float, goals_a_second: float, most_busy: float) -> Day:
    """Return the day with the fewest cells of which none is busier than that at its busiest.

    Raises:
        ValueError: The largest tenant alone is more than a cell can do.
    """
    peak = goals_a_day / DAY_SECONDS * (1 + SWING)
    for cells in range(1, TENANTS + 1):
        if peak * max(shares_of_cells(cells)) <= goals_a_second * most_busy:
            return simulate(goals_a_day, cells, goals_a_second)
    raise ValueError("one tenant alone is more than a cell can do: give it cells of its own")


def _quantile(waits: list[tuple[float, float]]) -> float:
    """Return what most goals wait at most, of waits and how many goals had each."""
    left = sum(goals for _, goals in waits) * _QUANTILE
    for seconds, goals in sorted(waits):
        left -= goals
        if left <= 0:
            return seconds
    return max(seconds for seconds, _ in waits)
