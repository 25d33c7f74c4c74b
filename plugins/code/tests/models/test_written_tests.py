"""Tests that a model writes: they pass on the code, and notice when it is changed."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from perdure.testing import (
    AgentContract,
    ModelServer,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    rehearse,
    says,
)
from perdure_code.models.changes.mutations import choose_mutations
from perdure_code.tasks.testing import asks_for_tests

CODE: Final = """\
LOYAL = 3


def discount(years, total):
    if years >= LOYAL:
        return 10
    if total > 500 and years:
        return 5
    return 0
"""
GOOD: Final = """\
from discounts import discount


def test_loyal():
    assert discount(3, 0) == 10
    assert discount(2, 0) == 0


def test_large():
    assert discount(1, 501) == 5
    assert discount(1, 500) == 0
"""
IDLE: Final = "import discounts\n\n\ndef test_there():\n    assert discounts.discount\n"
WRONG: Final = "from discounts import discount\n\n\ndef test_x():\n    assert discount(3, 0) == 9\n"

DOUBLED: Final = "from sums import double\n\n\ndef test_x():\n    assert double(3) == 6\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "discounts.py").write_text(CODE)
    return tmp_path


def adds(path: str, content: str) -> Reply:
    return calls(ToolCall("add_file", {"path": path, "content": content}))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def written(shop: Path, goal: str = "Write tests for discount") -> Rehearsal:
    return await rehearse("code", goal, {"path": str(shop), "task": "test"})


def apply(patch: bytes, folder: Path) -> None:
    subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, check=True)


async def test_new_tests_are_delivered_with_what_they_notice(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers(
        [adds("tests/test_discounts.py", GOOD), calls(ToolCall("run_tests")), says("Boundaries.")]
    )
    rehearsal = await written(shop)
    data: Any = rehearsal.result.data["new_tests"]
    assert rehearsal.result.metadata["way"] == "model"
    assert data["tests"] == [
        "tests/test_discounts.py::test_loyal",
        "tests/test_discounts.py::test_large",
    ]
    assert data["noticed"] >= 3
    assert "adds 2 tests that pass on the code as it is" in rehearsal.result.summary
    assert names(shop) == ["discounts.py"]
    report = rehearsal.files["tests.md"].decode()
    assert "### Said by the model, and not checked\n\n> Boundaries." in report
    apply(rehearsal.files["tests.patch"], shop)
    assert (shop / "tests" / "test_discounts.py").read_text() == GOOD


async def test_tests_that_notice_nothing_are_said_to_prove_little(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([adds("test_there.py", IDLE), adds("test_x.py", WRONG), says("Done.")])
    rehearsal = await written(shop)
    assert "none notices any of" in rehearsal.result.summary
    assert "proves little" in rehearsal.result.summary
    data: Any = rehearsal.result.data["new_tests"]
    assert data["files"] == ["test_there.py"]
    assert "test_x.py::test_x fails on the code as it is" in data["left_out"][0]
    assert b"test_x" not in rehearsal.files["tests.patch"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([adds("test_x.py", WRONG), says("All pass.")], "fails on the code as it is"),
        ([adds("discounts2.py", "x = 1"), says("Done.")], "it wrote no test"),
        ([adds("test_x.py", "x = 1"), says("Done.")], "no test in it was run"),
        ([says("All functions are tested now.")], "it wrote no test"),
    ],
)
async def test_tests_that_do_not_pass_are_not_delivered(
    model_server: ModelServer, shop: Path, script: list[Reply], why: str
) -> None:
    model_server.answers(script)
    rehearsal = await written(shop)
    assert "tests.patch" not in rehearsal.files
    assert rehearsal.result.metadata["way"] == "rules"
    assert why in str(rehearsal.result.metadata["way_reason"])
    assert "No tests were written, which takes a model" in rehearsal.result.summary
    assert why in rehearsal.files["tests.md"].decode()


async def test_no_model_is_asked_by_a_goal_that_only_runs_them(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([])
    rehearsal = await written(shop, "Run the tests")
    assert rehearsal.result.summary == "It has no tests."
    assert "way" not in rehearsal.result.metadata
    assert model_server.requests == ()


@pytest.mark.parametrize(
    ("goal", "asks"),
    [
        ("Write tests for discount", True),
        ("add a few tests", True),
        ("Which tests are missing? Add them", True),
        ("Run its tests", False),
        ("Do the tests pass?", False),
        ("Test this", False),
    ],
)
def test_a_goal_says_whether_tests_are_to_be_written(goal: str, asks: bool) -> None:
    assert asks_for_tests(goal) is asks


def test_mutations_are_of_what_the_tests_name(shop: Path) -> None:
    (shop / "other.py").write_text("def unrelated(a):\n    return a + 1\n")
    found = choose_mutations(shop, {"test_discounts.py": GOOD})
    assert {one.path for one in found} == {"discounts.py"}
    assert {one.line for one in found} >= {5, 7}
    assert len({one.text for one in found}) == len(found)
    assert all(compile(one.text, one.path, "exec") for one in found)


class TestWithAModel(AgentContract):
    """A small file, as each change of it is tried in a sandbox, in each of many executions."""

    agent = "code"
    description = "Write tests for double"
    model_script = [
        adds("test_double.py", DOUBLED),
        says("It doubles."),
    ]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_repository(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("sums")
        (folder / "sums.py").write_text("def double(a):\n    return a + a\n")
        cls.parameters = {"path": str(folder), "task": "test"}
