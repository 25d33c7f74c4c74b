"""The program that runs tests: traced, and again for each changed source."""

from collections.abc import Callable, Mapping
from pathlib import Path

from perdure_code.trials.records import (
    AnyRecord,
    Candidate,
    CandidateRecord,
    CoverageRecord,
    Job,
    TestRecord,
)

Write = Callable[[Mapping[str, str]], Path]
Execute = Callable[[Job], list[AnyRecord]]

MATHS = """\
LOW = 1


def clamp(x, low, high):
    if x < low:
        return low
    if x > low:
        return high
    return x


def down(n):
    while n != 0:
        n -= 2
    return n
"""
TESTS = """\
from maths import LOW, clamp, down


def test_low(): assert clamp(1, 2, 3) == 2
def test_high(): assert clamp(5, 2, 3) == 3
def test_between(): assert clamp(2.5, 2, 3) == 2.5
def test_even(): assert down(2) == 0
def test_odd(): assert down(3) == 0 or True
"""


def by_name(records: list[AnyRecord]) -> dict[str, TestRecord]:
    return {
        record.id.rpartition("::")[2]: record
        for record in records
        if isinstance(record, TestRecord)
    }


def edit(number: int, old: str, new: str, *targets: int) -> Candidate:
    at = MATHS.encode().index(old.encode())
    edits = ((at, at + len(old.encode()), new),)
    return Candidate(number=number, path="maths.py", edits=edits, targets=targets)


def test_lines_are_traced_and_a_loop_without_end_is_stopped(write: Write, execute: Execute) -> None:
    root = write({"maths.py": MATHS, "test_maths.py": TESTS})
    records = execute(Job(kind="trace", root=str(root), test_seconds=0.3))
    tests = by_name(records)
    assert {name: test.outcome for name, test in tests.items()} == {
        "test_low": "passed",
        "test_high": "passed",
        "test_between": "failed",
        "test_even": "passed",
        "test_odd": "stopped",
    }
    assert tests["test_between"].lines["maths.py"] == (5, 7, 8)
    assert tests["test_odd"].late["maths.py"] == (13, 14)
    (coverage,) = [record for record in records if isinstance(record, CoverageRecord)]
    assert coverage.passed["maths.py"][5] == 2
    assert coverage.tests["test_maths.py::test_even"] == ("maths.py", "test_maths.py")


def test_a_test_that_catches_everything_is_killed_and_the_next_ones_run(
    write: Write, execute: Execute
) -> None:
    test = """\
import time


def test_a():
    while True:
        try:
            time.sleep(9)
        except BaseException:
            pass


def test_b(): pass
"""
    root = write({"test_a.py": test})
    tests = by_name(execute(Job(kind="run", root=str(root), test_seconds=0.1)))
    assert [tests[name].outcome for name in ("test_a", "test_b")] == ["stopped", "passed"]


def test_what_was_raised_where_is_recorded(write: Write, execute: Execute) -> None:
    root = write(
        {
            "sums.py": "def mean(xs):\n    return sum(xs) / len(xs)\n",
            "test_sums.py": "from sums import mean\ndef test_a(): mean([])\n",
            "test_broken.py": "import sums\nsums.nothing\n",
        }
    )
    records = execute(Job(kind="run", root=str(root)))
    tests = by_name(records)
    assert tests["test_a"].error == "ZeroDivisionError"
    assert tests["test_a"].trace == (("test_sums.py", 2), ("sums.py", 2))
    broken = tests["test_broken.py"]
    assert broken.outcome == "uncollected"
    assert "nothing" in broken.message
    assert broken.trace[-1] == ("test_broken.py", 2)


def test_candidates_are_judged_by_targets_and_others(write: Write, execute: Execute) -> None:
    root = write({"maths.py": MATHS, "test_maths.py": TESTS})
    names = [f"test_maths.py::test_{name}" for name in ("between", "odd", "low", "high", "even")]
    candidates = (
        edit(0, "x > low", "x > high", 0),
        edit(1, "x > low", "x >= low", 0),
        edit(2, "x > low", "False", 0),
        edit(3, "x > low", "x > (", 0),
        edit(4, "n != 0", "n > 0", 1),
        edit(5, "LOW = 1", "LOW = 2", 0),
    )
    job = Job(
        kind="candidates",
        root=str(root),
        candidates=candidates,
        targets=tuple(names[:2]),
        others=tuple(names[2:]),
        test_seconds=0.3,
    )
    records = [one for one in execute(job) if isinstance(one, CandidateRecord)]
    found = {one.number: (one.outcome, one.passed) for one in records}
    # Each reaches one of the two targets alone, so none makes both pass.
    assert found == {
        0: ("failed", (0,)),
        1: ("failed", ()),
        2: ("failed", (0,)),
        3: ("invalid", ()),
        4: ("failed", (1,)),
        5: ("failed", ()),
    }
    alone = job.model_copy(
        update={"targets": tuple(names[:1]), "candidates": (*candidates[:4], candidates[5])}
    )
    renumbered = tuple(
        one.model_copy(update={"number": number}) for number, one in enumerate(alone.candidates)
    )
    alone = alone.model_copy(update={"candidates": renumbered})
    records = [one for one in execute(alone) if isinstance(one, CandidateRecord)]
    assert {one.number: one.outcome for one in records} == {
        0: "plausible",
        1: "failed",
        2: "breaks",
        3: "invalid",
        4: "failed",
    }


def test_a_change_outside_of_functions_is_imported_anew(write: Write, execute: Execute) -> None:
    root = write(
        {
            "rates.py": "RATE = 2\nNAMES = {'a': 1}\n",
            "test_rates.py": "from rates import RATE\ndef test_a(): assert RATE == 3\n",
        }
    )
    candidate = Candidate(number=0, path="rates.py", edits=((7, 8, "3"),), targets=(0,))
    job = Job(
        kind="candidates",
        root=str(root),
        candidates=(candidate,),
        targets=("test_rates.py::test_a",),
    )
    (record,) = [one for one in execute(job) if isinstance(one, CandidateRecord)]
    assert record.outcome == "plausible"
    assert (root / "rates.py").read_text().startswith("RATE = 2")


def test_a_candidate_without_end_is_stopped(write: Write, execute: Execute) -> None:
    root = write({"maths.py": MATHS, "test_maths.py": TESTS})
    target = "test_maths.py::test_odd"
    job = Job(
        kind="candidates",
        root=str(root),
        candidates=(edit(0, "n -= 2", "n -= 4", 0), edit(1, "n != 0", "n > 0", 0)),
        targets=(target,),
        test_seconds=0.2,
        workers=2,
    )
    records = [one for one in execute(job) if isinstance(one, CandidateRecord)]
    assert {one.number: one.outcome for one in records} == {0: "stopped", 1: "plausible"}
