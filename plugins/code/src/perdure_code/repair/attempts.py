"""Trying edits: each is proven by the tests, in a fork of one collected session."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.agents import InputError, Run
from perdure_code.facts import Fact
from perdure_code.location.facts import Suspect
from perdure_code.location.tracing import Traced
from perdure_code.repair.facts import Outcomes
from perdure_code.sandbox.bubblewrap import SandboxUnavailable
from perdure_code.test_runs.settings import TestSettings
from perdure_code.trials.records import Candidate, CandidateRecord, FailureRecord, Job, TestRecord
from perdure_code.trials.running import open_trials

_WORKERS: Final = 4
_QUICKEST: Final = 0.25
_TIMES: Final = 5.0
_LETTERS: Final = {"plausible": "p", "breaks": "b", "failed": "f", "stopped": "s", "invalid": "i"}


class Demands(Fact):
    """What an edit must achieve.

    Attributes:
        targets: The failing tests that must pass, the quickest first.
        others: The passing tests that must go on passing.
        limits: After how many seconds each is stopped.
    """

    targets: tuple[str, ...]
    others: tuple[str, ...]
    limits: dict[str, float]


def reached_by(
    traced: Traced, demands: Demands, suspects: Sequence[Suspect]
) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return, by path and function, the places of the targets that execute a suspect there."""
    lines = {record.id: _lines(record) for record in traced.failing}
    reached: dict[tuple[str, str], set[int]] = {}
    for suspect in suspects:
        places = reached.setdefault((suspect.path, suspect.function), set())
        for place, test in enumerate(demands.targets):
            executed = lines[test].get(suspect.path, set())
            if any(line in executed for line in range(suspect.line, suspect.end + 1)):
                places.add(place)
    return {where: tuple(sorted(places)) for where, places in reached.items()}


def _lines(record: TestRecord) -> dict[str, set[int]]:
    lines = {path: set(numbers) for path, numbers in record.lines.items()}
    for path, line in record.trace:
        lines.setdefault(path, set()).add(line)
    return lines


def demands_of(traced: Traced, paths: Sequence[str], targets: Sequence[str] = ()) -> Demands:
    """Return what edits of some files must achieve.

    A test may take five times as long as it did; one that was stopped, as one that passes.

    Args:
        traced: What the tests execute.
        paths: The files that are edited: only tests that execute them can change.
        targets: The failing tests that must pass; all when there are none.
    """
    wanted = set(targets)
    failing = [one for one in traced.failing if not wanted or one.id in wanted]
    failing.sort(key=lambda one: (one.outcome == "stopped", one.seconds))
    touched = {test for path in paths for test in traced.tests_of.get(path, ())}
    others = [test for test in traced.passing if test in touched]
    slowest = max([traced.passing[test] for test in others], default=0.0)
    limits = {test: max(_QUICKEST, _TIMES * traced.passing[test]) for test in others}
    for one in failing:
        own = slowest if one.outcome == "stopped" else max(one.seconds, slowest)
        limits[one.id] = max(_QUICKEST, _TIMES * own)
    others.sort(key=lambda test: traced.passing[test])
    return Demands(targets=tuple(one.id for one in failing), others=tuple(others), limits=limits)


async def try_edits(
    run: Run,
    root: str,
    settings: TestSettings,
    demands: Demands,
    candidates: tuple[Candidate, ...],
    seconds: float,
) -> Outcomes:
    """Run the tests on one edit after the other; call it in a step.

    Args:
        run: The run that they belong to.
        root: The repository.
        settings: How its tests are to be run.
        demands: What an edit must achieve.
        candidates: The edits, numbered from 0.
        seconds: After how long no further one is begun.
    """
    began = time.monotonic()
    workers = min(_WORKERS, os.cpu_count() or 1)
    try:
        async with open_trials(run, Path(root), settings) as trials:
            job = Job(
                kind="candidates",
                root=trials.root,
                seconds=seconds,
                test_seconds=1.0,
                workers=workers,
                # Less than the sandbox allows to all of them, which would end them all.
                memory=settings.limits.memory_bytes // (2 * workers),
                candidates=candidates,
                targets=demands.targets,
                others=demands.others,
                limits=demands.limits,
            )
            records, failure = await trials.execute(job, name="try edits")
    except (SandboxUnavailable, InputError) as error:
        return Outcomes(letters="-" * len(candidates), failure=str(error))
    letters = ["-"] * len(candidates)
    passed: dict[int, tuple[int, ...]] = {}
    for record in records:
        if isinstance(record, CandidateRecord) and 0 <= record.number < len(letters):
            letters[record.number] = _LETTERS[record.outcome]
            if record.passed:
                passed[record.number] = record.passed
        elif isinstance(record, FailureRecord):
            failure = failure or record.message
    tried = any(letter != "-" for letter in letters)
    return Outcomes(
        letters="".join(letters),
        passed=passed,
        seconds=round(time.monotonic() - began, 2),
        failure="" if tried else failure,
    )
