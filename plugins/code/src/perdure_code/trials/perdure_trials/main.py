"""Reads a job, does it, and writes records, one JSON document a line."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .candidates import try_candidates
from .limits import Child, limit_memory, silence
from .session import Session
from .tracing import OwnFiles, Tracer

if TYPE_CHECKING:
    from .limits import Record

_PASSING_TRACED = 5_000
_FAILING_LINES = 50
_KILLS = 20
_SPARE = 5.0
_LEAST_SECONDS = 0.3


def main(job_file: str, records_file: str) -> None:
    """Do the job in a file, and write its records to another."""
    with open(job_file) as file:  # noqa: PTH123 -- as all of this, for quick starts
        job = json.load(file)
    os.chdir(job["root"])
    sys.path.insert(0, job["root"])
    with open(records_file, "w") as file:  # noqa: PTH123

        def write(record: Record) -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()

        if job["kind"] == "candidates":
            try_candidates(job, write)
        else:
            _run_tests(job, write)


def _run_tests(job: dict[str, Any], write: Callable[[Record], None]) -> None:
    """Run tests one after the other, in a process that is begun anew when one hangs for good."""
    done: set[str] = set()
    coverage = _Coverage()
    deadline = time.monotonic() + job["seconds"]
    reason = ""
    first = True
    for _ in range(_KILLS):
        running, ended = "", False
        child = Child(lambda send: _in_child(job, done, send, deadline))
        hard = 4 * job["test_seconds"] + _SPARE
        while True:
            records = _receive(child, min(deadline + _SPARE, time.monotonic() + hard))
            if records is None:
                break
            for record in records:
                if record["kind"] == "begin":
                    running = record["id"]
                elif record["kind"] == "test":
                    done.add(record["id"])
                    running = ""
                    write(coverage.add(record))
                elif record["kind"] == "end":
                    ended, reason = True, record["reason"]
                elif first:
                    write(record)
        status = child.end()
        first = False
        if ended or not running:
            reason = reason or ("" if ended else f"pytest ended with status {status}")
            break
        done.add(running)
        write(
            {
                "kind": "test",
                "id": running,
                "outcome": "stopped",
                "seconds": hard,
                "error": "",
                "message": "it was killed",
                "trace": [],
            }
        )
    write({"kind": "coverage", "passed": coverage.passed, "tests": coverage.tests})
    write({"kind": "end", "reason": reason})


def _receive(child: Child, until: float) -> Any:
    import select

    ready, _, _ = select.select([child.reading], [], [], max(0.0, until - time.monotonic()))
    return child.receive() if ready else None


def _in_child(
    job: dict[str, Any], done: set[str], send: Callable[[Record], None], deadline: float
) -> None:
    own = OwnFiles(job["root"])

    def then(session: Session) -> None:
        silence()
        limit_memory(job["memory"])
        send({"kind": "collected", "tests": list(session.items)})
        for record in session.errors:
            if record["id"] not in done:
                send(record)
        wanted = job["tests"] or list(session.items)
        names = [name for name in wanted if name in session.items and name not in done]
        tracer = Tracer(own) if job["kind"] == "trace" else None
        reason = ""
        slowest, stopped = 0.0, 0
        for place, name in enumerate(names):
            if time.monotonic() > deadline:
                reason = "time"
                break
            seconds = job["limits"].get(name, job["test_seconds"])
            if stopped >= 2:  # one loop without end seldom comes alone
                seconds = min(seconds, max(_LEAST_SECONDS, 20 * slowest))
            send({"kind": "begin", "id": name})
            following = names[place + 1] if place + 1 < len(names) else None
            record = session.run(name, following, seconds, tracer)
            if tracer:
                record["lines"] = tracer.lines
                if record["outcome"] == "stopped":
                    record["late"] = tracer.late
            if record["outcome"] == "passed":
                slowest = max(slowest, record["seconds"])
            stopped += record["outcome"] == "stopped"
            send(record)
        send({"kind": "end", "reason": reason})

    session = Session(own, then)
    status = session.main(job["arguments"])
    if not session.ran:
        for record in session.errors:
            send(record)
        send({"kind": "end", "reason": f"pytest ended with status {status}"})


class _Coverage:
    """What passing tests execute, added up; failing ones keep their own lines."""

    def __init__(self) -> None:
        self.passed: dict[str, dict[int, int]] = {}
        self.tests: dict[str, list[str]] = {}
        self._failing = 0

    def add(self, record: Record) -> Record:
        lines = record.get("lines", {})
        if lines and len(self.tests) < _PASSING_TRACED:
            self.tests[record["id"]] = sorted(lines)
        if record["outcome"] == "passed":
            record.pop("lines", None)
            for path, numbers in lines.items():
                counts = self.passed.setdefault(path, {})
                for number in numbers:
                    counts[number] = counts.get(number, 0) + 1
        elif lines:
            self._failing += 1
            if self._failing > _FAILING_LINES:
                record.pop("lines", None)
        return record
