"""What is counted: with labels that are bounded, added up over processes, as Prometheus reads."""

import random
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from perdure.models import FailureKind
from perdure.policy.watching import WatchedPolicy
from perdure.stores.runs.current_counts import CurrentCounts
from perdure.telemetry import conventions
from perdure.telemetry.metrics import recording
from perdure.telemetry.metrics.busiest import OTHER, Busiest
from perdure.telemetry.metrics.families import (
    Family,
    added_up,
    from_line,
    lasting,
    to_line,
    to_text,
)
from perdure.telemetry.metrics.instruments import TENANTS, Instruments
from perdure.temporal.client.installation_metrics import OPEN, set_installation
from tests.support.until import until

STATUSES = ("completed", "failed", "cancelled", "terminated")


@pytest.fixture
def instruments(monkeypatch: pytest.MonkeyPatch) -> Instruments:
    """Measure in this test, from nothing."""
    own = Instruments()
    monkeypatch.setattr(recording._process, "instruments", own)
    return own


def values(families: list[Family], name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name, by the values of their labels in the order of their names."""
    return {
        tuple(value for _, value in sample.labels): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_ten_thousand_goals_of_fifty_tenants_are_at_most_300_series(
    instruments: Instruments,
) -> None:
    chance = random.Random(7)
    kinds = list(FailureKind)
    for number in range(10_000):
        agent, tenant = f"agent-{number % 9}", f"tenant-{int(chance.paretovariate(0.6)) % 50}"
        with recording.of_goal(agent, tenant):
            recording.execution_begun(0.1, is_retry=number % 9 == 0)
            for outcome in ("completed", "failed", "journal"):
                recording.step(outcome)
            recording.model_asked("openai", f"model-{number % 7}", 1.0, 0.5, 100, 10)
            for spent in ("kept", "thrown-away", "saved"):
                recording.spent(0.01, spent)
            with recording.store_operation("read"), recording.store_operation("write"):
                pass
            recording.execution_ended(1.0, kinds[number % len(kinds)].value)
        recording.goal_ended(agent, tenant, STATUSES[number % 4], 2.0)
        recording.scored(f"score-{number % 11}", tenant, 0.5)
    recording.slots(10, lambda: 0)
    counts = CurrentCounts(
        {(status, f"agent-{n}"): 1 for status in OPEN for n in range(9)}, {}, 0, 0
    )
    set_installation(instruments, counts, is_up=True, disk=(10, 5))
    families = instruments.families()
    assert sum(len(family.samples) for family in families) <= 300
    ended = values(families, "perdure_goals_ended_total")
    assert sum(ended.values()) <= 10_000
    tenants = {tenant for _, _, tenant in ended}
    assert len(tenants) == TENANTS + 1
    assert OTHER in tenants
    assert "tenant-1" in tenants  # by far the busiest


def test_who_is_twice_as_busy_takes_a_place_whose_series_end(instruments: Instruments) -> None:
    for tenant in "abc":
        recording.goal_ended("x", tenant, "completed", 1.0)
    for _ in range(100):
        recording.goal_ended("x", "e", "completed", 1.0)
    ended = values(instruments.families(), "perdure_goals_ended_total")
    tenants = [tenant for _, _, tenant in ended]
    assert len(tenants) == TENANTS + 1
    assert {"e", OTHER} < set(tenants)
    # What was counted among the others stays there: no sum becomes less.
    assert ended["x", "completed", OTHER] + ended["x", "completed", "e"] == 100


def test_places_are_kept_by_those_who_are_as_busy() -> None:
    ended: list[str] = []
    busiest = Busiest(3, ended.append)
    for number in range(20_000):
        busiest.label(f"t{number % 50}")
    assert ended == []
    assert busiest.label("t0") == "t0"
    assert busiest.label("t40", counted=False) == OTHER


def test_what_processes_count_is_added_up(instruments: Instruments) -> None:
    recording.goal_ended("x", "default", "completed", 5.0)
    recording.slots(10, lambda: 4)
    here = instruments.families()
    there = from_line(to_line(here))
    assert there == [family._replace(samples=[*family.samples]) for family in here]
    both = added_up([here, there])
    assert values(both, "perdure_goals_ended_total") == {("x", "completed", "default"): 2.0}
    assert values(both, "perdure_worker_slots") == {(): 20.0}
    assert values(both, "perdure_goal_duration_seconds_bucket")["x", "10.0"] == 2.0
    # Of a process that has ended its counts stay.
    rest = added_up([lasting(there), here])
    assert values(rest, "perdure_worker_slots") == {(): 10.0}
    assert values(rest, "perdure_goal_duration_seconds_sum") == {("x",): 10.0}


def test_a_policy_whose_file_is_refused_is_told_of(
    instruments: Instruments, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("default: allow\n")
    policy = WatchedPolicy(path)
    recording.policy(policy.is_refused)
    assert values(instruments.families(), "perdure_policy_refused") == {(): 0.0}
    path.write_text("default: perhaps\n")

    def is_refused() -> bool:
        return values(instruments.families(), "perdure_policy_refused") == {(): 1.0}

    until(is_refused, "the gauge of a refused policy")


def test_the_text_is_what_prometheus_reads(instruments: Instruments) -> None:
    recording.goal_ended('a"\n\\', "default", "failed", 5.0)
    text = to_text(instruments.families()).decode()
    read = {family.name: family for family in text_string_to_metric_families(text)}
    (sample,) = read["perdure_goals_ended"].samples
    assert sample.labels == {"agent": 'a"\n\\', "status": "failed", "tenant": "default"}
    assert read["perdure_goal_duration_seconds"].type == "histogram"
    assert "_created" not in text
    # Nothing is known of a gauge that was never set.
    assert "perdure_worker_slots" not in read


def test_every_name_is_described_and_none_is_there_twice() -> None:
    names = [metric.prometheus_name for metric in conventions.METRICS]
    assert len(set(names)) == len(names)
    for metric in conventions.METRICS:
        assert metric.description.endswith(".")
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert metric.buckets == tuple(sorted(metric.buckets))


def test_the_names_of_the_conventions_lie_in_one_module() -> None:
    core = Path(conventions.__file__).parents[1]
    holding = [path for path in core.rglob("*.py") if '"gen_ai.' in path.read_text("utf-8")]
    assert holding == [core / "telemetry" / "conventions.py"]
    assert all(metric in vars(conventions).values() for metric in conventions.METRICS)
