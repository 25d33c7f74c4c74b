"""What goals cost is counted, a day of them is simulated, and the page says what came of it."""

from pathlib import Path

import pytest

from benchmarks.pages import DOCS, figures
from benchmarks.sizing.cells import SWING, TENANTS, cells_needed, shares_of_cells, simulate
from benchmarks.sizing.count import measure_costs
from benchmarks.sizing.needs import LOADS, TRANSITIONS_A_CORE


@pytest.mark.asyncio(loop_scope="session")
async def test_steps_cost_the_stores_a_write_and_temporal_nothing(
    tmp_path: Path, server_binary: Path
) -> None:
    costs = await measure_costs(tmp_path, goals=3)
    assert 3 <= costs.goal.state_transitions <= 10
    assert 3 <= costs.goal.history_writes <= 12
    assert costs.step.state_transitions < 0.2
    assert costs.goal.store_writes >= 3
    # Other writes, such as a worker's presence, may fall into the time that is counted.
    assert costs.step.store_writes == pytest.approx(1, abs=0.2)
    assert costs.of("store_bytes", 20) > costs.of("store_bytes", 3)
    # The record says the same as what is measured here.
    recorded = figures("sizing")["details"]
    assert recorded["a_step"]["store_writes"] == pytest.approx(costs.step.store_writes, abs=0.2)
    assert recorded["a_goal"]["state_transitions"] == pytest.approx(
        costs.goal.state_transitions, abs=2
    )


def test_the_largest_tenants_are_spread_over_the_cells() -> None:
    shares = shares_of_cells(8)
    assert sum(shares) == pytest.approx(1)
    assert max(shares) < 1.01 / 8
    assert max(shares_of_cells(64)) > 1.2 / 64  # where one tenant alone fills a cell


def test_goals_wait_where_more_come_than_a_cell_can_begin() -> None:
    calm, busy = simulate(1_000_000, 1, 50), simulate(4_000_000, 1, 50)
    assert calm.wait_p99_seconds < 1
    assert calm.busiest < 0.5
    assert busy.wait_p99_seconds > 600
    assert busy.busiest > 1
    assert simulate(4_000_000, 2, 50).wait_p99_seconds < 1
    assert simulate(4_000_000, 1, 50) == busy  # the same day again


def test_as_few_cells_as_can_be() -> None:
    assert cells_needed(1_000_000, 50, 0.6).cells == 1
    day = cells_needed(10_000_000, 50, 0.6)
    assert day.busiest <= 0.6
    assert simulate(10_000_000, day.cells - 1, 50).busiest > 0.6
    with pytest.raises(ValueError, match="one tenant alone"):
        cells_needed(100_000_000, 50, 0.6)


def test_the_page_says_in_words_what_the_figures_say() -> None:
    found, page = figures("sizing")["details"], (DOCS / "how-to" / "size.md").read_text("utf-8")
    cells = {need["goals_a_day"]: need["cells"] for need in found["needs"]}
    assert [cells[load] for load in LOADS[:2]] == [1, 1]
    assert cells[LOADS[2]] > 1
    assert f"({1 + SWING:.1f} times the mean)" in page
    assert f"{TENANTS:,} tenants" in page
    low, high = TRANSITIONS_A_CORE
    assert f"{low} to {high} state transitions" in " ".join(page.split())
    assert {point["cells"] for point in found["curve"]} == {1, 2, 4, 8, 16}
    assert (DOCS / "cells.svg").read_text("utf-8").startswith("<svg")
