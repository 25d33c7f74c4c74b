"""A pytest plugin that writes down how each contract of a test run ended.

``perdure plugins check`` loads it with ``-p``, and names in ``PERDURE_CONTRACT_REPORT`` the file.
"""

import json
import os
from pathlib import Path

import pytest

from perdure.testing.contracts.carrying import REPORT


class ContractReport:
    """Collects outcomes while tests run."""

    def __init__(self) -> None:
        self._agents: dict[str, str] = {}
        self._contracts: dict[str, dict[str, str]] = {}
        self._counts = {"passed": 0, "failed": 0, "skipped": 0}
        self._first = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which tests are a contract's, and for which agent."""
        from perdure.testing.contracts.contract import AgentContract

        for item in items:
            kind = getattr(item, "cls", None)
            name = getattr(item, "originalname", item.name)
            if kind is None or not issubclass(kind, AgentContract) or not hasattr(kind, "agent"):
                continue
            if name in vars(AgentContract):
                self._agents[item.nodeid] = getattr(kind.agent, "name", kind.agent)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended."""
        if report.when != "call" and report.passed:
            return
        self._counts[report.outcome] += 1
        said = "" if report.passed else _sentence(report)
        if report.failed and not self._first:
            self._first = f"{report.nodeid}: {said}"
        if report.nodeid in self._agents:
            outcomes = self._contracts.setdefault(self._agents[report.nodeid], {})
            name = report.nodeid.rpartition("::")[2].partition("[")[0]
            outcomes[name] = outcomes.get(name) or said

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        told = {"contracts": self._contracts, "first": self._first, **self._counts}
        Path(os.environ[REPORT]).write_text(json.dumps(told), encoding="utf-8")


def _sentence(report: pytest.TestReport) -> str:
    lines = report.longreprtext.splitlines()
    told = [line for line in lines if line.startswith(("BrokenContract: ", "E  "))]
    return (told or lines or [report.outcome])[0].removeprefix("BrokenContract: ").lstrip("E ")


def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    if os.environ.get(REPORT):
        config.pluginmanager.register(ContractReport(), "perdure-contract-report")
