"""Checking a plugin by its project's own tests, the contract's among them."""

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
from perdure.testing.contracts.carrying import ALL_THERE, DIFFERS, JOURNALS, REPORT

TEST_SECONDS: Final = 900.0
_FOUND_AGAIN: Final = "test_it_finds_every_step_again"


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
        told = _run(project, Path(folder), "1")
        yield _of_tests(told)
        contracts = told.get("contracts", {})
        for agent in agents:
            yield _of_contract(agent, contracts.get(agent))
        (Path(folder) / "journals" / ALL_THERE).touch()
        again = _run(project, Path(folder), "2", "-k", _FOUND_AGAIN) if contracts else {}
        for agent in agents:
            yield _of_replay(agent, contracts, again)


def _of_tests(told: dict[str, Any]) -> Verdict:
    if "error" in told:
        return failed("tests", told["error"])
    if told["failed"]:
        return failed("tests", f"{told['failed']} of its tests fail, at first {told['first']}")
    if not told["passed"]:
        return failed("tests", "it has no test that passes: write one")
    return ok("tests", f"{told['passed']} pass, {told['skipped']} are skipped")


def _of_contract(agent: str, outcomes: dict[str, str] | None) -> Verdict:
    check = f"contract of {agent}"
    if outcomes is None:
        return failed(
            check,
            f"no test class for {agent!r} inherits AgentContract: write class TestContract"
            f"(AgentContract): agent = {agent!r}",
        )
    broken = [said for said in outcomes.values() if said]
    return failed(check, broken[0]) if broken else ok(check, f"{len(outcomes)} tests pass")


def _of_replay(agent: str, contracts: dict[str, Any], again: dict[str, Any]) -> Verdict:
    check = f"replay of {agent}"
    outcome = again.get("contracts", {}).get(agent, {}).get(_FOUND_AGAIN)
    if agent not in contracts or outcome is None:
        return not_checked(check, again.get("error", "there is no contract to take a journal from"))
    if DIFFERS in outcome:
        return not_checked(check, DIFFERS)
    if contracts[agent].get(_FOUND_AGAIN) or outcome:
        return failed(check, contracts[agent].get(_FOUND_AGAIN) or outcome)
    return ok(check, "another process finds every step of the first one's journal")


def _run(project: Path, folder: Path, seed: str, *options: str) -> dict[str, Any]:
    report = folder / f"report-{seed}.json"
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
        REPORT: str(report),
        JOURNALS: str(folder / "journals"),
    }
    try:
        ended = subprocess.run(
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
    if ended.returncode not in {0, 1} or not report.exists():
        lines = (ended.stdout + ended.stderr).strip().splitlines() or ["nothing was said"]
        return {"error": f"pytest ended with status {ended.returncode} ({lines[-1]})"}
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told
