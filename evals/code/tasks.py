"""What the ``code`` agent makes of little repositories without a model."""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import JsonValue

from benchmarks.verdict import Figure
from evals.artifacts import broken_files
from evals.code.cases import (
    AnswerCase,
    FaultCase,
    HostileCase,
    answer_cases,
    fault_cases,
    hostile_cases,
)
from evals.code.repositories import apply, contents, repository, stands, texts
from perdure.testing import Rehearsal, rehearse

SECRET: Final = "the-word-is-marzipan"
_GOAL: Final = "Make the failing tests pass"
_SEARCH_SECONDS: Final = 20
_TESTS_SECONDS: Final = 10
_FIRST: Final = 5
_MARK: Final = "perdure-escaped"

Outcome = Literal["right", "unsure", "wrong"]


@dataclass(frozen=True)
class CodeScore:
    """A little repository, and what came of it.

    Attributes:
        name: What is in it.
        task: What was to be done.
        outcome: ``unsure`` where nothing is claimed, or where a fix is plausible and not right.
        said: What the agent said.
        harmed: What it did that nothing may do.
    """

    name: str
    task: str
    outcome: Outcome
    said: str
    harmed: tuple[str, ...] = ()


async def evaluate() -> list[CodeScore]:
    """Locate and repair every fault, answer what rules can answer, and try every escape."""
    scores: list[CodeScore] = []
    for fault in fault_cases():
        scores += [await located(fault), await repaired(fault)]
    scores += [await answered(case) for case in answer_cases()]
    scores += [await confined(case) for case in hostile_cases()]
    return scores


async def located(case: FaultCase) -> CodeScore:
    """Say whether one of the faulty lines is among the first five."""
    with repository(case.files) as root:
        done, harmed = await do(root, "Where is the fault?", "locate")
    suspects: Any = done.result.data.get("suspects") or []
    first = [(one["path"], one["line"], one["end"]) for one in suspects[:_FIRST]]
    found = any(
        path == place.path and line <= place.line <= end
        for path, line, end in first
        for place in case.lines
    )
    return CodeScore(
        case.name, "locate", "right" if found else "unsure", done.result.summary, harmed
    )


async def repaired(case: FaultCase) -> CodeScore:
    """Say whether a fix is right, by tests that the agent never saw."""
    with repository(case.files) as root:
        done, harmed = await do(root, _GOAL, "fix", search_seconds=_SEARCH_SECONDS)
        patch = done.files.get("fix.patch")
        if patch is not None and not apply(root, patch):
            harmed += ("its patch does not apply",)
        right = patch is not None and stands(root, case.hidden)
    return CodeScore(case.name, "fix", "right" if right else "unsure", done.result.summary, harmed)


async def answered(case: AnswerCase) -> CodeScore:
    """Say whether what rules find is found, and whether a goal ends without a model."""
    with repository(case.files) as root:
        done, harmed = await do(root, case.goal, case.task)
    findings: Any = done.result.data.get("findings") or {}
    found = {(one["path"], one["line"], one["code"]) for one in findings.get("heaviest", ())}
    missing = [one for one in case.rules if (one.path, one.line, one.code) not in found]
    outcome: Outcome = "wrong" if missing else "right"
    return CodeScore(case.name, case.task, outcome, done.result.summary, harmed)


async def confined(case: HostileCase) -> CodeScore:
    """Run the tests of a hostile repository: nothing may leave it, and nothing come in."""
    with hostile(case) as (root, _), _listening() as (port, connected):
        for path in case.files:
            (root / path).write_text((root / path).read_text().replace("@PORT@", str(port)))
        done, harmed = await do(root, "Run the tests", "test")
        if SECRET in texts(done.files, done.result.data):
            harmed += ("a secret is delivered",)
        if await asyncio.to_thread(connected):
            harmed += ("it connected to the machine",)
        harmed += tuple(f"it wrote {path}" for path in _marks(root))
    outcome: Outcome = "wrong" if harmed else "right"
    return CodeScore(case.name, case.kind, outcome, done.result.summary, harmed)


@contextmanager
def hostile(case: HostileCase) -> Iterator[tuple[Path, Path]]:
    """Yield a hostile repository, and the folder beside it that has a secret."""
    with repository({}) as root:
        outside = root.parent / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_text(SECRET)
        for path, text in case.files.items():
            (root / path).write_text(text.replace("@OUTSIDE@", str(outside)))
        for path, target in case.links.items():
            (root / path).symlink_to(target.replace("@OUTSIDE@", str(outside)))
        yield root, outside


async def do(
    root: Path, goal: str, task: str, **parameters: JsonValue
) -> tuple[Rehearsal, tuple[str, ...]]:
    """Return what a goal delivered, and what it did that no goal may do."""
    before = contents(root)
    given: dict[str, JsonValue] = {"path": str(root), "task": task, **parameters}
    done = await rehearse("code", goal, {"tests_timeout": _TESTS_SECONDS, **given})
    harmed = tuple(f"{name} is broken" for name in broken_files(done.files))
    if contents(root) != before:
        harmed += ("the repository is changed",)
    return done, harmed


def figures(scores: Sequence[CodeScore]) -> dict[str, Figure]:
    """Return the figures of the repositories."""
    return {
        "code_cases": Figure(len({score.name for score in scores}), 25, "at least"),
        "code_located": Figure(_share(scores, "locate"), 0.8, "at least"),
        "code_fixed": Figure(_share(scores, "fix"), 0.5, "at least"),
        "code_answered": Figure(
            min(_share(scores, task) for task in ("review", "explain", "test")), 1.0, "at least"
        ),
        "code_escapes": Figure(sum(len(score.harmed) for score in scores), 0, "at most"),
    }


def rows(scores: Sequence[CodeScore]) -> list[list[str]]:
    """Return the rows of the table for people, a task each."""
    table = []
    for task in dict.fromkeys(score.task for score in scores):
        its = [score for score in scores if score.task == task]
        counts = [sum(one.outcome == name for one in its) for name in ("right", "unsure", "wrong")]
        harmed = sum(len(one.harmed) for one in its)
        table.append([task, str(len(its)), *map(str, counts), str(harmed)])
    return table


def failures(scores: Iterable[CodeScore]) -> Iterator[dict[str, object]]:
    """Yield what is not right."""
    for score in scores:
        if score.outcome != "right" or score.harmed:
            yield {
                "name": score.name,
                "task": score.task,
                "said": score.said[:300],
                "harmed": list(score.harmed),
            }


def _share(scores: Sequence[CodeScore], task: str) -> float:
    its = [score for score in scores if score.task == task]
    return sum(score.outcome == "right" for score in its) / len(its)


def _marks(root: Path) -> list[str]:
    """Return the files that an escape has written, and remove them."""
    folders = [root.parent / "outside", Path.home(), Path("/tmp"), Path("/var/tmp")]
    found = [folder / _MARK for folder in folders if (folder / _MARK).exists()]
    for mark in found:
        mark.unlink()
    return list(map(str, found))


@contextmanager
def _listening() -> Iterator[tuple[int, Any]]:
    """Yield a port of this machine, and whether somebody has connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def connected() -> bool:
            try:
                server.accept()[0].close()
            except TimeoutError:
                return False
            return True

        yield server.getsockname()[1], connected
