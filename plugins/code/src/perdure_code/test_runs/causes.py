"""Why a run of pytest ended before its tests did, in one sentence."""

import re
import signal
from typing import Final

from perdure_code.sandbox.limits import CommandResult
from perdure_code.test_runs.report_lines import ReportedRun

INTERRUPTED, USAGE, NO_TESTS = 2, 4, 5
_SHOWN: Final = 300
_FILES: Final = 3


def why_ended(done: CommandResult, report: ReportedRun, root: str) -> str:
    """Say why pytest ended, from what it reported and printed.

    Args:
        done: What the command came to.
        report: What pytest reported.
        root: The repository's folder, as pytest saw it.
    """
    output = done.output.replace(f"{root}/", "").replace(root, "the repository")
    if report.collecting and not report.cases:
        return _cannot_import(report)
    if found := re.search(r"ImportError while loading conftest '([^']+)'", output):
        return f"its {found[1]} cannot be imported ({_raised(output[found.end() :])})"
    if report.internal or "INTERNALERROR>" in output:
        return _internal(report, output)
    if done.status == USAGE:
        return f"pytest refused to start ({_complaint(output)})"
    return _broken_off(done, report, output)


def _broken_off(done: CommandResult, report: ReportedRun, output: str) -> str:
    while_running = f" while {report.running} ran" if report.running else ""
    if done.status == INTERRUPTED:
        return f"the tests were interrupted{while_running} ({_complaint(output)})"
    if done.status is not None and done.status > 128:
        try:
            name = signal.Signals(done.status - 128).name
        except ValueError:
            name = f"signal {done.status - 128}"
        return f"pytest was ended by {name}{while_running or ' before a test had begun'}"
    before = "" if report.cases else " before a test had begun"
    return f"pytest ended with status {done.status}{while_running or before}"


def missing_modules(report: ReportedRun) -> list[str]:
    """Return the modules that tests could not import, sorted."""
    return sorted(
        {
            found[1]
            for case in (*report.collecting, *report.cases)
            if (found := re.search(r"No module named '([^']+)'", case.message))
        }
    )


def unknown_arguments(output: str) -> list[str]:
    """Return the arguments that pytest does not know."""
    found = re.search(r"error: unrecognized arguments: (.+)", output)
    return found[1].split() if found else []


def _cannot_import(report: ReportedRun) -> str:
    missing = missing_modules(report)
    if missing:
        return (
            f"the Python that ran them lacks {', '.join(missing)}: give the repository a .venv with"
            " its dependencies and pytest, or pass install=true"
        )
    shown = ", ".join(f"{case.id} ({case.message})" for case in report.collecting[:_FILES])
    more = len(report.collecting) - _FILES
    return f"no test file can be imported: {shown}{f' and {more} more' if more > 0 else ''}"


def _internal(report: ReportedRun, output: str) -> str:
    lines = [line[14:].strip() for line in output.splitlines() if line.startswith("INTERNALERROR>")]
    said = report.internal or next((line for line in reversed(lines) if line), "")
    where = [
        found[1]
        for line in lines
        if (
            found := re.search(
                r'File "[^"]*?(?:site-packages/)?([\w.-]+(?:/[\w.-]+)?)", line', line
            )
        )
    ]
    inside = f", in {where[-1]}" if where else ""
    return f"pytest itself failed ({said[:_SHOWN] or 'without a word'}{inside})"


def _raised(text: str) -> str:
    raised = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return (raised[-1] if raised else _complaint(text))[:_SHOWN]


def _complaint(output: str) -> str:
    """Return the line of an output that says best what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for pattern in (
        r"^(?:.*?: )?(?:ERROR|error): (?:usage: )?(?P<said>(?!usage).+)",
        r"^!+ (?:_pytest\.outcomes\.Exit: )?(?P<said>.+?) !+$",
        r"^(?P<said>[\w.]*(?:Error|Warning|Exception|Exit)\b.*)",
    ):
        for line in reversed(lines):
            found = re.match(pattern, line)
            if found and not line.endswith(":"):  # what is wrong comes later
                return found["said"][:_SHOWN]
    return lines[-1][:_SHOWN] if lines else "without a word"
