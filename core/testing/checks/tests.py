"""A check of a plugin by its project's own tests, the contract's among them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from perdure.testing.checks.verdicts import Verdict, failed, not_checked, ok
from perdure.testing.contracts.journal_files import (
    ALL_SAVED,
    JOURNALS_VARIABLE,
    PARAMETERS_DIFFER,
    REPORT_VARIABLE,
)

TEST_SECONDS: Final = 900.0
_REPLAY_TEST: Final = "test_it_finds_every_step_again"


def check_tests(project: Path, agents: list[str]) -> Iterator[Verdict]:
    """Run a project's tests, and its contracts a second time in another process.

    Args:
        project: Its folder.
        agents: The names of its agents, each of which needs a contract.

    Yields:
        A verdict on the tests, on each agent's contract, and on each agent's replay.
    """
    if find_spec("pytest") is None:
        yield not_checked("tests", "pytest is not installed: run pip install 'perdure[testing]'")
        return
    with TemporaryDirectory(prefix="perdure-check-") as folder:
        (Path(folder) / "journals").mkdir()
        report = _run_tests(project, Path(folder), "1")
        yield _tests_verdict(report)
        contracts = report.get("contracts", {})
        for agent in agents:
            yield _contract_verdict(agent, contracts.get(agent))
        (Path(folder) / "journals" / ALL_SAVED).touch()
        replay = _run_tests(project, Path(folder), "2", "-k", _REPLAY_TEST) if contracts else {}
        for agent in agents:
            yield _replay_verdict(agent, contracts, replay)


def _tests_verdict(report: dict[str, Any]) -> Verdict:
    if "error" in report:
        return failed("tests", report["error"])
    if report["failed"]:
        return failed("tests", f"{report['failed']} of its tests fail, at first {report['first']}")
    if not report["passed"]:
        return failed("tests", "it has no test that passes: write one")
    return ok("tests", f"{report['passed']} pass, {report['skipped']} are skipped")


def _contract_verdict(agent: str, outcomes: dict[str, str] | None) -> Verdict:
    check = f"contract of {agent}"
    if outcomes is None:
        return failed(
            check,
            f"no test class for {agent!r} inherits AgentContract: write class TestContract"
            f"(AgentContract): agent = {agent!r}",
        )
    failures = [reason for reason in outcomes.values() if reason]
    return failed(check, failures[0]) if failures else ok(check, f"{len(outcomes)} tests pass")


def _replay_verdict(agent: str, contracts: dict[str, Any], replay: dict[str, Any]) -> Verdict:
    check = f"replay of {agent}"
    outcome = replay.get("contracts", {}).get(agent, {}).get(_REPLAY_TEST)
    if agent not in contracts or outcome is None:
        return not_checked(
            check, replay.get("error", "there is no contract to take a journal from")
        )
    if PARAMETERS_DIFFER in outcome:
        return not_checked(check, PARAMETERS_DIFFER)
    if contracts[agent].get(_REPLAY_TEST) or outcome:
        return failed(check, contracts[agent].get(_REPLAY_TEST) or outcome)
    return ok(check, "another process finds every step of the first one's journal")


def _run_tests(project: Path, folder: Path, seed: str, *options: str) -> dict[str, Any]:
    report_file = folder / f"report-{seed}.json"
    # The same temporary folders both times, so that parameters that name them stay the same.
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "perdure.testing.contracts.report"),
        *("-p", "no:cacheprovider", "--basetemp", str(folder / "made"), *options, "tests"),
    ]
    if find_spec("xdist") is not None:
        command += ["-n", "0"]  # one process sees every contract
    environment = os.environ | {
        "PYTHONHASHSEED": seed,
        "PYTHONSAFEPATH": "1",
        REPORT_VARIABLE: str(report_file),
        JOURNALS_VARIABLE: str(folder / "journals"),
    }
    try:
        process = subprocess.run(
            command,
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TEST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"its tests did not end within {TEST_SECONDS:.0f} s"}
    if process.returncode not in {0, 1} or not report_file.exists():
        lines = (process.stdout + process.stderr).strip().splitlines() or ["nothing was said"]
        return {"error": f"pytest ended with status {process.returncode} ({lines[-1]})"}
    report: dict[str, Any] = json.loads(report_file.read_text(encoding="utf-8"))
    return report
