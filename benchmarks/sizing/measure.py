"""``python -m benchmarks sizing``: what a goal and a step cost, and what a day of them needs."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.sizing.count import measure_costs
from benchmarks.sizing.needs import as_json, need_of
from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.event_loop import run_async

GOALS = 200


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as name:
        costs = run_async(measure_costs(Path(name), GOALS))
    report(f"a goal: {costs.goal}")
    report(f"a step: {costs.step}")
    return print_verdict(
        {
            # What the design stands on: steps cost the stores something, and Temporal nothing.
            "state_transitions_a_step": Figure(costs.step.state_transitions, 0.1, "at most"),
            "state_transitions_a_goal": Figure(costs.goal.state_transitions, 10, "at most"),
            "store_writes_a_step": Figure(costs.step.store_writes, 1.1, "at most"),
            "wait_p99_of_100_million_a_day_s": Figure(
                need_of(100_000_000, costs).wait_p99_seconds, 1, "at most"
            ),
        },
        as_json(costs),
    )
