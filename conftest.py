"""Rules that hold for every test run, the core's and each plugin's alike."""

import gc
import os
import signal
import sys
from collections.abc import Generator

import pytest

_FAILS_WHEN_SKIPPED = bool(os.environ.get("CI"))


def pytest_configure() -> None:
    """Let the processes that tests start hear Ctrl-C.

    A shell's background job is started with SIGINT ignored, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files with a slow test begin first, so that several processes end at the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Take what was imported for the run out of the garbage collector's sight.

    A full collection of a test process, on a machine with other work, otherwise stops a workflow
    for longer than the two seconds after which the SDK calls it deadlocked.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test pass by skipping where CI is set."""
    report = yield
    if report.skipped and _FAILS_WHEN_SKIPPED and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let no whole file pass by skipping where CI is set."""
    report = yield
    if report.skipped and _FAILS_WHEN_SKIPPED:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"skipped, and where CI is set that is a failure: {reason}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Refuse a run in which the package was imported by its folder's name."""
    # The same file as core.… and as perdure.… makes two different classes of one.
    if "core" in sys.modules:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write("\nsomething imported core.…: import perdure.… instead\n")


def pytest_unconfigure() -> None:
    """Let go of every Temporal client before the interpreter ends.

    A client that is still there at exit can abort the process (exit status 134).
    """
    gc.collect()
