"""One session of pytest, whose tests are run in an order and with limits of our own."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from .limits import Alarm, Stopped
from .tracing import OwnFiles, Tracer

if TYPE_CHECKING:
    from .limits import Record

_MESSAGE = 400
_FRAMES = 60
_NOTICE = 0.05
# Options that would run the tests elsewhere, trace them as well, or stop them in another way.
_PLUGINS = {"xdist": ["-n0"], "pytest_cov": ["--no-cov"], "pytest_timeout": ["--timeout=0"]}


class Session:
    """A pytest plugin that collects, and leaves what happens then to a function.

    Attributes:
        items: The tests, by their ids, in pytest's order.
        errors: A record of each file that could not be collected.
    """

    def __init__(self, own: OwnFiles, then: Callable[[Session], None]) -> None:
        self.items: dict[str, Any] = {}
        self.errors: list[Record] = []
        self._own = own
        self._then = then
        self._failure: Record = {}
        self.ran = False

    def main(self, arguments: list[str]) -> int:
        """Collect and go on; return pytest's status. Options that it refuses are left out."""
        status = int(pytest.main([*_arguments(), *arguments], plugins=[self]))
        if status == pytest.ExitCode.USAGE_ERROR and not self.ran:
            status = int(
                pytest.main([*_arguments(plugins=False), "-o", "addopts=", *arguments], [self])
            )
        return status

    def pytest_collectreport(self, report: Any) -> None:
        """Keep why a file could not be collected."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = str(report.longrepr)
            self.errors.append(
                {
                    "kind": "test",
                    "id": report.nodeid,
                    "outcome": "uncollected",
                    "seconds": 0.0,
                    "error": "",
                    "message": (crash.message if crash else _last_line(text))[:_MESSAGE],
                    "trace": self._places(text),
                }
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Go on with the collected tests."""
        self.ran = True
        self.items = {item.nodeid: item for item in session.items}
        for item in session.items:
            item.repr_failure = _no_text  # writing it takes longer than most tests
        self._then(self)
        return True

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: Any) -> Any:
        """Keep what was raised, and where."""
        yield
        if call.excinfo is not None and not self._failure:
            self._failure = self._describe(call.excinfo)

    def run(
        self, name: str, following: str | None, seconds: float, tracer: Tracer | None = None
    ) -> Record:
        """Run one test, and return its record.

        Args:
            name: Its id.
            following: The id of the test after it, which may share its fixtures.
            seconds: After how long it is stopped.
            tracer: What records its lines, where they are wanted.
        """
        self._failure = {}
        alarm = Alarm(tracer.cut if tracer else None, _NOTICE)
        began = time.perf_counter()
        try:
            if tracer:
                tracer.start()
            alarm.start(seconds)
            try:
                reports = runtestprotocol(
                    self.items[name],
                    log=False,
                    nextitem=self.items[following] if following else None,
                )
            finally:
                alarm.cancel()
                if tracer:
                    tracer.stop()
            outcome = _outcome(reports)
        except Stopped:  # outside of the test itself
            outcome = "failed"
            self._failure = {"error": "Stopped", **self._failure}
        record: Record = {
            "kind": "test",
            "id": name,
            "outcome": outcome,
            "seconds": round(time.perf_counter() - began, 4),
        }
        if outcome == "failed":
            record.update({"error": "", "message": "", "trace": []})
            record.update(self._failure)
            if record["error"] == "Stopped":
                record["outcome"] = "stopped"
        return record

    def _describe(self, excinfo: Any) -> Record:
        places = []
        step = excinfo.tb
        while step is not None:
            path = self._own.relative(step.tb_frame.f_code.co_filename)
            if path:
                places.append([path, step.tb_lineno])
            step = step.tb_next
        return {
            "error": excinfo.type.__name__,
            "message": str(excinfo.value)[:_MESSAGE],
            "trace": places[-_FRAMES:],
        }

    def _places(self, text: str) -> list[list[Any]]:
        """Return the places in a text that pytest wrote: ``path:line: …``."""
        places: list[list[Any]] = []
        for written in text.splitlines():
            line = written[1:].strip() if written.startswith("E ") else written.strip()
            path, _, rest = line.partition(":")
            number = rest.partition(":")[0]
            own = self._own.relative(path) if path.endswith(".py") and number.isdigit() else ""
            if own:
                places.append([own, int(number)])
            elif line.startswith('File "'):
                path, _, rest = line[6:].partition('"')
                number = rest.rpartition("line ")[2].split(",")[0]
                own = self._own.relative(path) if number.isdigit() else ""
                if own:
                    places.append([own, int(number)])
        return places


def _no_text(*_: object, **__: object) -> str:
    return ""


def _outcome(reports: Any) -> str:
    outcomes = {report.outcome for report in reports}
    return next((one for one in ("failed", "skipped") if one in outcomes), "passed")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.startswith("E ")]
    lines = lines or [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return lines[-1].lstrip("E ").strip()


def _arguments(*, plugins: bool = True) -> list[str]:
    # Options for the cache are understood, and find an empty one.
    cache = os.path.join(tempfile.gettempdir(), f"perdure-cache-{os.getpid()}")  # noqa: PTH118
    arguments = ["-q", "-s", "-o", f"cache_dir={cache}", "--color=no", "--tb=native"]
    if plugins and not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        for module, options in _PLUGINS.items():
            if importlib.util.find_spec(module):
                arguments += options
    return arguments
