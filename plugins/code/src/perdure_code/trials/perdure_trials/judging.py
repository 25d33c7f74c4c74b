"""Judging a changed source by the tests that failed and those that passed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .limits import limit_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from .limits import Record
    from .session import Session

    Send = Callable[[Record], None]
    Job = dict[str, Any]

_FAILING_SECONDS = 0.05
_FEWEST = 3


class Judge:
    """Runs the tests of a job on the source that a process has.

    Attributes:
        ordered: Whether the tests are run in pytest's order, the failing among the passing ones: so
            it must be when a failing test passes alone, as it fails for what others leave behind.
    """

    def __init__(self, job: Job, session: Session) -> None:
        self._job = job
        self._session = session
        self._uncollected = {record["id"] for record in session.errors}
        self.ordered = False

    @property
    def needs_collection(self) -> bool:
        """Whether a failing test is a file that could not be collected."""
        return not self._uncollected.isdisjoint(self._job["targets"])

    def judge(self, candidate: Record, send: Send, *, whole: bool) -> None:
        """Run tests, and send what came of it.

        At first the failing tests alone, which most candidates leave failing: ``passes`` when all
        of them pass. What then counts is ``whole``, in a process that has run none of them: all
        tests in pytest's order, for each may depend on what those before it leave behind.
        """
        limit_memory(self._job["memory"])
        began = time.monotonic()
        if whole or self.ordered:
            outcome, passed, first = self._in_order(send)
        else:
            outcome, passed, first = self._apart(candidate, send, began)
        record = candidate_record(candidate, outcome)
        record["passed"] = [self._job["targets"].index(name) for name in passed]
        record["seconds"] = round(time.monotonic() - began, 3)
        if first is not None:
            record["test"] = first["id"]
            record["error"] = first.get("error", "")
            record["message"] = first.get("message", "")[:200]
        send(record)

    def _apart(
        self, candidate: Record, send: Send, began: float
    ) -> tuple[str, list[str], Record | None]:
        touched = [self._job["targets"][place] for place in candidate["targets"]]
        failed = [name for name in self._job["targets"] if name not in touched]
        passed: list[str] = []
        first: Record | None = None
        for name in touched:
            record = self._run_target(name, send)
            if record is None:
                passed.append(name)
                continue
            failed.append(name)
            first = first or record
            late = time.monotonic() - began > _FAILING_SECONDS
            if record["outcome"] == "stopped" or (late and len(failed) >= _FEWEST):
                break
        if failed:
            stopped = first is not None and first["outcome"] == "stopped"
            return "stopped" if stopped else "failed", passed, first
        return "passes", passed, None

    def _in_order(self, send: Send) -> tuple[str, list[str], Record | None]:
        targets, others = set(self._job["targets"]), set(self._job["others"])
        files = tuple(f"{name}::" for name in targets if "::" not in name)
        names = [
            name
            for name in self._session.items
            if name in targets or name in others or (files and name.startswith(files))
        ]
        passed = [name for name in targets if "::" not in name and name not in self._uncollected]
        for place, name in enumerate(names):
            record = self._run(name, names, place, send)
            if record["outcome"] == "passed":
                if name in targets:
                    passed.append(name)
            elif name in targets:
                return "stopped" if record["outcome"] == "stopped" else "failed", passed, record
            elif name in others or record["outcome"] != "skipped":
                return "breaks", passed, record
        whole = targets == set(passed) and others <= set(names)
        return "plausible" if whole else "breaks", passed, None

    def _run_target(self, name: str, send: Send) -> Record | None:
        """Return why a failing test, or a file that could not be collected, still fails."""
        if name in self._session.items:
            record = self._run(name, [name], 0, send)
            return None if record["outcome"] == "passed" else record
        inside = [one for one in self._session.items if one.startswith(f"{name}::")]
        if name in self._uncollected or not inside:
            return {"id": name, "outcome": "failed"}
        return self._first_failure(inside, send)

    def _first_failure(self, names: list[str], send: Send) -> Record | None:
        for place in range(len(names)):
            record = self._run(names[place], names, place, send)
            if record["outcome"] not in {"passed", "skipped"}:
                return record
        return None

    def _run(self, name: str, names: list[str], place: int, send: Send) -> Record:
        send({"kind": "begin", "id": name})
        following = names[place + 1] if place + 1 < len(names) else None
        seconds = float(self._job["limits"].get(name, self._job["test_seconds"]))
        return self._session.run(name, following, seconds)


def candidate_record(candidate: Record, outcome: str) -> Record:
    """Return the record of a candidate of which nothing but the outcome is known."""
    return {
        "kind": "candidate",
        "number": candidate["number"],
        "outcome": outcome,
        "passed": [],
        "seconds": 0.0,
        "test": "",
        "error": "",
        "message": "",
    }
