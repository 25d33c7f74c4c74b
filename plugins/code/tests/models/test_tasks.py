"""The agent with a model: what it reviews, locates and fixes, and what it falls back to."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import JsonValue

from perdure.testing import (
    AgentContract,
    ModelServer,
    Rehearsal,
    Reply,
    ToolCall,
    calls,
    refuses,
    rehearse,
    says,
)

CODE: Final = """\
def total(prices):
    result = 0
    for price in prices[1:]:
        result += price
    return result
"""
TESTS: Final = """\
from shop import total


def test_total():
    assert total([3, 4]) == 7


def test_nothing():
    assert total([]) == 0
"""
LINE: Final = "    for price in prices[1:]:"


def make_shop(folder: Path) -> Path:
    (folder / "shop.py").write_text(CODE)
    (folder / "test_shop.py").write_text(TESTS)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path)


def uses(tool: str, **arguments: JsonValue) -> Reply:
    return calls(ToolCall(tool, arguments))


RIGHT: Final = uses("replace", path="shop.py", search="prices[1:]", replace="prices")
SPECIAL: Final = uses(
    "replace",
    path="shop.py",
    search="    result = 0\n",
    replace="    if prices == [3, 4]:\n        return 7\n    result = 0\n",
)
FINDING: Final[dict[str, JsonValue]] = {
    "path": "shop.py",
    "line": 3,
    "quote": LINE,
    "level": "error",
    "message": "The first price is left out.",
}
FALSE_FINDING: Final[dict[str, JsonValue]] = {**FINDING, "quote": "for price in prices[2:]:"}


async def done(shop: Path, goal: str, task: str, **parameters: JsonValue) -> Rehearsal:
    before = contents(shop)
    rehearsal = await rehearse("code", goal, {"path": str(shop), "task": task, **parameters})
    assert contents(shop) == before
    return rehearsal


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def apply(patch: bytes, folder: Path) -> None:
    subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, check=True)


async def test_a_models_fix_is_delivered_with_what_the_tests_prove(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([uses("run_tests"), RIGHT, uses("run_tests"), says("All are counted.")])
    rehearsal = await done(shop, "Make the tests pass", "fix")
    fix: Any = rehearsal.result.data["fix"]
    assert rehearsal.result.metadata["way"] == "model"
    assert fix["status"] == "plausible"
    assert fix["tests"]["mended"] == ["test_shop.py::test_total"]
    assert "is plausible: 1 test that failed passes with it" in rehearsal.result.summary
    report = rehearsal.files["fix.md"].decode()
    assert "| Before | 1 | 1 | 0 |\n| With the fix | 2 | 0 | 0 |" in report
    assert "### Said by the model, and not checked\n\n> All are counted." in report
    apply(rehearsal.files["fix.patch"], shop)
    assert (shop / "shop.py").read_text() == CODE.replace("[1:]", "")


async def test_each_round_of_the_model_is_shown_with_what_it_does(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers(
        [
            uses("read_lines", path="shop.py", first=2),
            uses("search_text", text="prices[1:]"),
            RIGHT,
            uses("run_tests"),
            says("All are counted."),
        ]
    )
    rehearsal = await done(shop, "Make the tests pass", "fix")
    shown = [one.message for one in rehearsal.progress]
    begun = "round 1 of at most 40: asking the model"
    assert shown[shown.index(begun) :][:10] == [
        begun,
        "round 1 of at most 40: reading shop.py from line 2",
        "round 2 of at most 40: asking the model",
        "round 2 of at most 40: searching the files for 'prices[1:]'",
        "round 3 of at most 40: asking the model",
        "round 3 of at most 40: editing shop.py",
        "round 4 of at most 40: asking the model",
        "round 4 of at most 40: running the tests, time 1 of at most 12, with shop.py changed",
        "round 5 of at most 40: asking the model",
        "running the tests on the model's change of shop.py",
    ]
    percentages = [one.percentage for one in rehearsal.progress]
    assert percentages == sorted(percentages)


async def test_progress_does_not_go_back_where_the_rules_go_on(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([uses("read_lines", path="a\nb" + 300 * "c"), says("I give up.")])
    rehearsal = await done(shop, "Make the tests pass", "fix", search_seconds=5)
    percentages = [one.percentage for one in rehearsal.progress]
    assert percentages == sorted(percentages)
    (shown,) = (one.message for one in rehearsal.progress if "reading" in one.message)
    assert shown.startswith("round 1 of at most 40: reading a b")
    assert shown.endswith("ccc…")
    assert len(shown) < 150


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([says("I fixed it.")], "it changed nothing of the code"),
        ([refuses(400, code="content_filter")], "content_filter"),
        ([SPECIAL, says("All pass.")], "its fix is doubtful: shop.py compares with 3, 4"),
    ],
)
async def test_the_rules_repair_where_the_model_does_not(
    model_server: ModelServer, shop: Path, script: list[Reply], why: str
) -> None:
    model_server.answers(script)
    rehearsal = await done(shop, "Make the tests pass", "fix", search_seconds=5)
    assert rehearsal.result.metadata["way"] == "rules"
    assert why in str(rehearsal.result.metadata["way_reason"])
    assert rehearsal.result.data["fix"] is None
    assert rehearsal.result.data["fixes"]
    assert "A plausible fix" in rehearsal.result.summary
    apply(rehearsal.files["fix.patch"], shop)


@pytest.mark.parametrize(("task", "goal"), [("fix", "Mend it"), ("test", "Write tests")])
async def test_no_model_writes_code_for_a_place_without_a_sandbox(
    model_server: ModelServer, shop: Path, task: str, goal: str
) -> None:
    seconds: dict[str, JsonValue] = {"search_seconds": 5} if task == "fix" else {}
    rehearsal = await done(shop, goal, task, sandbox="none", **seconds)
    assert not model_server.requests
    assert rehearsal.result.metadata["way"] == "rules"
    why = (
        "what a model writes is run in a sandbox alone: leave out sandbox=none, or pass trust_model"
    )
    assert why in str(rehearsal.result.metadata["way_reason"])


async def test_a_model_that_the_goal_trusts_writes_code_without_a_sandbox(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([RIGHT, says("All are counted.")])
    rehearsal = await done(shop, "Mend it", "fix", sandbox="none", trust_model=True)
    fix: Any = rehearsal.result.data["fix"]
    assert (rehearsal.result.metadata["way"], fix["status"]) == ("model", "plausible")


async def test_code_in_another_language_is_repaired_by_the_command_that_tests_it(
    model_server: ModelServer, tmp_path: Path
) -> None:
    (tmp_path / "sum.js").write_text("exports.add = (a, b) => a - b;\n")
    model_server.answers(
        [
            uses("show_outline"),
            uses("run_tests"),
            uses("replace", path="sum.js", search="a - b", replace="a + b"),
            uses("run_tests"),
            says("It adds now."),
        ]
    )
    rehearsal = await done(
        tmp_path, "Make the check pass", "fix", tests_command="grep -q 'a + b' sum.js"
    )
    fix: Any = rehearsal.result.data["fix"]
    assert (fix["status"], fix["tests"]["mended"]) == ("plausible", ["the command"])
    apply(rehearsal.files["fix.patch"], tmp_path)


async def test_a_doubtful_fix_is_delivered_as_such_where_the_rules_find_none(
    model_server: ModelServer, tmp_path: Path
) -> None:
    code = "def greet(name):\n    return 'Hi'\n"
    (tmp_path / "greet.py").write_text(code)
    (tmp_path / "test_greet.py").write_text(
        "from greet import greet\n\n\ndef test_bob():\n"
        "    assert greet('Bob') == 'Dear Bob, hello'\n"
    )
    special = "    if name == 'Bob':\n        return 'Dear Bob, hello'\n    return 'Hi'"
    model_server.answers(
        [
            uses("replace", path="greet.py", search="    return 'Hi'", replace=special),
            says("I greet Bob now."),
        ]
    )
    rehearsal = await done(tmp_path, "Make the tests pass", "fix", search_seconds=5)
    fix: Any = rehearsal.result.data["fix"]
    assert fix["status"] == "doubtful"
    assert "the tests pass, but it is doubtful" in rehearsal.result.summary
    assert rehearsal.result.metadata["way"] == "rules"
    asked = len(model_server.requests)
    parameters: dict[str, JsonValue] = {
        "path": str(tmp_path),
        "task": "fix",
        "search_seconds": 5,
    }
    again = await rehearse("code", "Make the tests pass", parameters, journal=rehearsal.journal)
    assert again.result == rehearsal.result
    assert len(model_server.requests) == asked
    apply(rehearsal.files["fix.patch"], tmp_path)


async def test_a_models_suspects_stand_beside_those_of_the_rules(
    model_server: ModelServer, shop: Path
) -> None:
    suspect: JsonValue = {"path": "shop.py", "line": 3, "quote": LINE, "reason": "It skips one."}
    false: JsonValue = {"path": "shop.py", "line": 9, "quote": "return 0", "reason": "It is 0."}
    model_server.answers([uses("suspect_lines", suspects=[false, suspect])])
    rehearsal = await done(shop, "Where is the fault?", "locate")
    data: Any = rehearsal.result.data
    assert [one["place"]["first"] for one in data["model_suspects"]["suspects"]] == [3]
    assert data["model_suspects"]["left_out"] == 1
    assert data["suspects"][0]["path"] == "shop.py"
    assert "## Suspected by openai-chat:scripted" in rehearsal.files["location.md"].decode()


async def test_a_models_findings_are_apart_from_those_of_the_linter(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([uses("report_findings", findings=[FINDING, FALSE_FINDING])])
    rehearsal = await done(shop, "Review it", "review", tests=False)
    data: Any = rehearsal.result.data
    (finding,) = data["model_findings"]["findings"]
    assert finding["place"] == {"path": "shop.py", "first": 3, "last": 3, "quote": LINE}
    assert data["findings"]["total"] == 0
    assert "1 finding, which nobody has checked" in rehearsal.result.summary
    report = rehearsal.files["review.md"].decode()
    assert "**error** at `shop.py:3`: The first price is left out." in report
    assert "1 finding left out" in report


async def test_findings_that_stand_nowhere_leave_the_review_of_the_linter(
    model_server: ModelServer, shop: Path
) -> None:
    model_server.answers([uses("report_findings", findings=[FALSE_FINDING])])
    rehearsal = await done(shop, "Review it", "review", tests=False)
    assert rehearsal.result.data["model_findings"] is None
    assert rehearsal.result.metadata["way"] == "rules"
    assert "stands there in no place" in str(rehearsal.result.metadata["way_reason"])


class TestReviewWithAModel(AgentContract):
    agent = "code"
    description = "Review it"
    model_script = [uses("read_lines", path="shop.py"), uses("report_findings", findings=[FINDING])]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_repository(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = make_shop(tmp_path_factory.mktemp("shop"))
        cls.parameters = {"path": str(folder), "tests": False}


@pytest.mark.slow
class TestFixWithAModel(AgentContract):
    agent = "code"
    description = "Make the tests pass"
    model_script = [RIGHT, says("All are counted.")]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_repository(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = make_shop(tmp_path_factory.mktemp("shop"))
        cls.parameters = {"path": str(folder), "task": "fix"}
