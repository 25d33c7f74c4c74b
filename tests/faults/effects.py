"""What agents do to the outside world, on record: one file a run, a line an effect.

The lines are appended whole, in the order in which things happened in whatever process, so that
they tell what was done twice. An agent notes ``kept`` once its step has returned, which is when the
journal holds it: whatever begins the same step after that repeats what was paid for.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = "PERDURE_FAULT_FOLDER"


@dataclass(frozen=True)
class Line:
    """One line: what happened (``begin``, ``done``, ``kept`` …), in which step, and where."""

    what: str
    step: str
    pid: int
    detail: str = ""


def folder() -> Path:
    """Return where this run of the tests keeps its files."""
    return Path(os.environ[FOLDER])


def note(run: str, what: str, step: str, detail: str = "") -> None:
    """Append a line to the record of a run."""
    line = "\t".join((what, step, str(os.getpid()), detail)) + "\n"
    file = os.open(_place(run), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def lines(run: str) -> list[Line]:
    """Return the record of a run so far."""
    try:
        text = _place(run).read_text()
    except FileNotFoundError:
        return []
    parts = (line.split("\t") for line in text.splitlines())
    return [Line(what, step, int(pid), detail) for what, step, pid, detail in parts]


def noted(run: str, what: str) -> int:
    """Return how many lines of a kind there are."""
    return sum(line.what == what for line in lines(run))


def broken_rules(run: str) -> Iterator[str]:
    """Yield every effect that should not have come about, in words."""
    record = lines(run)
    kept: set[str] = set()
    for line in record:
        if line.what == "kept":
            kept.add(line.step)
        elif line.what == "begin" and line.step in kept:
            yield f"{line.step} was begun again in {line.pid} although it was journaled"
    once = Counter(line.step for line in record if line.what == "done" and line.detail == "once")
    yield from (f"{step} took effect {count} times" for step, count in once.items() if count > 1)
    keys: dict[str, set[str]] = {}
    for line in record:
        if line.what == "key":
            keys.setdefault(line.step, set()).add(line.detail)
    yield from (f"{step} got {len(found)} keys" for step, found in keys.items() if len(found) > 1)


def _place(run: str) -> Path:
    return folder() / "effects" / run
