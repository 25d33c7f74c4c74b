"""A plugin for pytest that writes one line of JSON for whatever happens to a test.

It is loaded by the repository's pytest on the repository's Python, both of which may be older than
Perdure's, and imports nothing of Perdure. Lines are written at once, so that they are there however
the run ends.
"""

# ruff: noqa: D102, D103 -- pytest calls these hooks, and names their arguments

import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import pytest

_MESSAGE = 300
_DETAILS = 4000
_DETAILED_FAILURES = 50
_PLACE = re.compile(r"""^(?:E? +File ")?([^\s":][^":\n]*\.py)(?:", line |:)(\d+)""", re.MULTILINE)


class Reporter:
    """Writes the file that the variable ``PERDURE_TEST_REPORT`` names."""

    def __init__(self) -> None:
        self._root = Path.cwd()
        self._failures = 0
        self._process = os.getpid()
        self._path = Path(os.environ["PERDURE_TEST_REPORT"])
        self._write(kind="session", pytest=pytest.__version__, python=platform.python_version())

    def _write(self, **values: object) -> None:
        if os.getpid() == self._process:  # not in a process that a test has forked
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")

    def pytest_collection_finish(self, session: Any) -> None:
        self._write(kind="collected", number=len(session.items))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(kind="start", id=nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._write(
            kind="test",
            id=report.nodeid,
            when=report.when,
            outcome=report.outcome,
            expected=hasattr(report, "wasxfail"),
            seconds=getattr(report, "duration", 0.0),
            **(self._failure(report) if report.failed else {}),
        )

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._write(kind="collecting", id=report.nodeid, **self._failure(report))

    def pytest_internalerror(self, excinfo: Any) -> None:
        said = f"{excinfo.type.__name__}: {excinfo.value}"
        self._write(kind="internal", message=said[:_MESSAGE])

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._write(kind="end", status=int(exitstatus))

    def _failure(self, report: Any) -> "dict[str, object]":
        self._failures += 1
        text = str(report.longrepr)
        crash = getattr(report.longrepr, "reprcrash", None)
        said = crash.message if crash is not None else _last_raised(text)
        path, line = self._place(report, crash, text)
        details = text[-_DETAILS:] if self._failures <= _DETAILED_FAILURES else ""
        return {
            "message": (said.strip().splitlines() or [""])[0][:_MESSAGE],
            "path": path,
            "line": line,
            "details": details,
        }

    def _place(self, report: Any, crash: Any, text: str) -> "tuple[str, int]":
        """Return the innermost place of a failure that is in the repository."""
        entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ())
        found = [getattr(entry, "reprfileloc", None) for entry in entries]
        places = [(str(place.path), place.lineno) for place in (crash, *found) if place is not None]
        if not places:  # a file that could not be imported
            places = [(path, int(line)) for path, line in _PLACE.findall(text)]
        for path, line in reversed(places):
            full = self._root / path
            if full.is_file() and self._root in full.parents:
                return full.relative_to(self._root).as_posix(), line
        return "", 0


def _last_raised(text: str) -> str:
    raised = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    lines = raised or [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def pytest_configure(config: Any) -> None:
    # A worker of pytest-xdist reports to the process that has started it.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(), "perdure-reporter")
