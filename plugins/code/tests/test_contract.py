"""The code agent keeps the contract of every agent."""

from pathlib import Path

import pytest

from perdure.testing import AgentContract

SHOP = Path(__file__).parents[3] / "examples" / "code"


class TestCode(AgentContract):
    agent = "code"
    description = "Review this repository"
    parameters = {"path": str(SHOP), "tests": False}
    bad_parameters = ({"path": "/nowhere/shop"}, {"path": str(SHOP), "tests_timeout": 0})


class TestCodeWithTests(AgentContract):
    """A repository whose tests are run, with fixes that they are run with once more."""

    agent = "code"
    description = "Review this repository"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_repository(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("sums")
        (folder / "sums.py").write_text("import os\n\n\ndef add(a, b):\n    return a + b\n")
        (folder / "test_sums.py").write_text(
            "from sums import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
        )
        cls.parameters = {"path": str(folder)}


class TestCodeFixing(AgentContract):
    """A repository with a fault that a small edit mends; locating it is a part of that."""

    agent = "code"
    description = "Make the tests pass"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_repository(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("limits")
        (folder / "limits.py").write_text("def over(n):\n    return n >= 10\n")
        (folder / "test_limits.py").write_text(
            "from limits import over\n\n\ndef test_over():\n    assert over(11)\n\n\n"
            "def test_at():\n    assert not over(10)\n"
        )
        cls.parameters = {"path": str(folder), "task": "fix", "search_seconds": 5}
