"""A pytest plugin that writes down how each contract of a test run ended.

``perdure plugins check`` loads it with ``-p``, and names in ``PERDURE_CONTRACT_REPORT`` the file.
"""

import json
import os
from pathlib import Path

import pytest

from perdure.testing.contracts.journal_files import REPORT_VARIABLE


class ContractReport:
    """Collects the outcomes of contract tests while tests run."""

    def __init__(self) -> None:
        self._agents: dict[str, str] = {}
        self._contracts: dict[str, dict[str, str]] = {}
        self._counts = {"passed": 0, "failed": 0, "skipped": 0}
        self._first_failure = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Find which tests are a contract's, and of which agent."""
        from perdure.testing.contracts.contract import AgentContract

        for item in items:
            kind = getattr(item, "cls", None)
            name = getattr(item, "originalname", item.name)
            if kind is None or not issubclass(kind, AgentContract) or not hasattr(kind, "agent"):
                continue
            if name in vars(AgentContract):
                self._agents[item.nodeid] = getattr(kind.agent, "name", kind.agent)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record how a test ended."""
        if report.when != "call" and report.passed:
            return
        self._counts[report.outcome] += 1
        reason = "" if report.passed else _reason(report)
        if report.failed and not self._first_failure:
            self._first_failure = f"{report.nodeid}: {reason}"
        if report.nodeid in self._agents:
            outcomes = self._contracts.setdefault(self._agents[report.nodeid], {})
            name = report.nodeid.rpartition("::")[2].partition("[")[0]
            outcomes[name] = outcomes.get(name) or reason

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        report = {"contracts": self._contracts, "first": self._first_failure, **self._counts}
        Path(os.environ[REPORT_VARIABLE]).write_text(json.dumps(report), encoding="utf-8")


def _reason(report: pytest.TestReport) -> str:
    lines = report.longreprtext.splitlines()
    errors = [line for line in lines if line.startswith(("BrokenContract: ", "E  "))]
    return (errors or lines or [report.outcome])[0].removeprefix("BrokenContract: ").lstrip("E ")


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes where a report is asked for."""
    if os.environ.get(REPORT_VARIABLE):
        config.pluginmanager.register(ContractReport(), "perdure-contract-report")
