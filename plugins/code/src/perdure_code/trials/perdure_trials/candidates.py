"""Running the tests on one changed source after the other."""

from __future__ import annotations

import gc
import os
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .judging import Judge, candidate_record
from .limits import Child, silence
from .replacing import CannotReplace, LiveFunctions, serve_source
from .session import Session
from .tracing import OwnFiles

_SPARE = 2.0

if TYPE_CHECKING:  # so that Python 3.8 need not understand them
    from .limits import Record

    Send = Callable[[Record], None]
    Job = dict[str, Any]


def try_candidates(job: Job, write: Send) -> None:
    """Collect once, and run each candidate in a fork of that.

    A candidate that changes more than functions is collected for by itself.
    """
    deadline = time.monotonic() + job["seconds"]
    own = OwnFiles(job["root"])
    anew: list[int] = []
    ordered = False

    def receive(record: Record) -> None:
        nonlocal ordered
        if record["kind"] == "ordered":
            ordered = True
        elif record["kind"] == "candidate" and record["outcome"] == "anew":
            anew.append(record["number"])
        else:
            write(record)

    def serve(send: Send) -> None:
        def then(session: Session) -> None:
            silence()
            _serve(job, session, own, send, deadline)

        session = Session(own, then)
        status = session.main(job["arguments"])
        if not session.ran:
            send({"kind": "failure", "message": f"pytest ended with status {status}"})

    _relay(Child(serve), receive, deadline + 2 * _SPARE)

    def start(number: int, whole: bool) -> Child:
        def alone(send: Send) -> None:
            candidate = job["candidates"][number]
            serve_source(job["root"], candidate["path"], _source(job, candidate))

            def then(session: Session) -> None:
                silence()
                judge = Judge(job, session)
                judge.ordered = ordered
                judge.judge(candidate, send, whole=whole)

            silence()
            session = Session(own, then)
            session.main(job["arguments"])
            if not session.ran:
                send(candidate_record(candidate, "failed"))

        return Child(alone)

    _together(job, anew, start, write, deadline)
    write({"kind": "end", "reason": "time" if time.monotonic() > deadline else ""})


def _relay(child: Child, receive: Send, until: float) -> None:
    while True:
        ready, _, _ = select.select([child.reading], [], [], max(0.0, until - time.monotonic()))
        records = child.receive() if ready else None
        if records is None:
            break
        for record in records:
            receive(record)
    child.end()


def _serve(job: Job, session: Session, own: OwnFiles, send: Send, deadline: float) -> None:
    paths = sorted({candidate["path"] for candidate in job["candidates"]})
    functions = LiveFunctions(own, {path: _read(job, path) for path in paths})
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()

    judge = Judge(job, session)
    if _some_pass(job, judge):
        judge.ordered = True
        send({"kind": "ordered"})

    def start(number: int, whole: bool) -> Child:
        candidate = job["candidates"][number]

        def work(give: Send) -> None:
            if judge.needs_collection:
                give(candidate_record(candidate, "anew"))
                return
            new = _source(job, candidate)
            try:
                functions.replace(candidate["path"], new)
            except CannotReplace:
                give(candidate_record(candidate, "anew"))
                return
            except (SyntaxError, ValueError):
                give(candidate_record(candidate, "invalid"))
                return
            serve_source(job["root"], candidate["path"], new)
            judge.judge(candidate, give, whole=whole)

        return Child(work)

    _together(job, list(range(len(job["candidates"]))), start, send, deadline)


def _some_pass(job: Job, judge: Judge) -> bool:
    """Whether a failing test passes alone, with nothing changed."""
    unchanged = {"number": -1, "targets": list(range(len(job["targets"])))}
    child = Child(lambda send: judge.judge(unchanged, send, whole=False))
    until = time.monotonic() + 4 * max([job["test_seconds"], *job["limits"].values()]) + _SPARE
    found: list[Record] = []
    _relay(child, found.append, until)
    return any(record.get("passed") for record in found)


def _together(
    job: Job, numbers: list[int], start: Callable[[int, bool], Child], send: Send, deadline: float
) -> None:
    """Run candidates, some at the same time, and send one record for each that was tried."""
    waiting = list(reversed(numbers))
    running: dict[int, Child] = {}
    told: dict[int, Record] = {}
    longest = max([job["test_seconds"], *job["limits"].values()])
    hard = 4 * longest + _SPARE
    while running or (waiting and time.monotonic() < deadline):
        while waiting and len(running) < job["workers"] and time.monotonic() < deadline:
            number = waiting.pop()
            running[number] = start(number, False)
        ready, _, _ = select.select([child.reading for child in running.values()], [], [], 0.5)
        for number, child in list(running.items()):
            if child.reading in ready:
                records = child.receive()
                if records is not None:
                    for record in records:
                        if record["kind"] == "candidate":
                            told[number] = record
                    continue
            elif time.monotonic() < min(child.heard + hard, deadline + _SPARE):
                continue
            child.end()
            del running[number]
            record = told.pop(number, candidate_record(job["candidates"][number], "stopped"))
            if record["outcome"] == "passes":
                running[number] = start(number, True)
            else:
                send(record)


def _source(job: Job, candidate: Record) -> bytes:
    source = _read(job, candidate["path"])
    for start, end, text in sorted(candidate["edits"], reverse=True):
        source = source[:start] + text.encode() + source[end:]
    return source


def _read(job: Job, path: str) -> bytes:
    with open(os.path.join(job["root"], path), "rb") as file:  # noqa: PTH118, PTH123
        return file.read()
