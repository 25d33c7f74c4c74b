"""The little repositories of the evals, and how what came of them is judged."""

from pathlib import Path

import pytest

from benchmarks.verdict import Figure
from evals.code import tasks as code
from evals.code import trials as code_trials
from evals.code.cases import answer_cases, fault_cases, hostile_cases
from evals.code.models import HARMFUL, obeys, repairs
from evals.code.repositories import apply, contents, repository, stands, write
from evals.code.tasks import CodeScore, figures, hostile
from evals.models.trials import HARM, environment
from perdure.testing import ModelServer

FAULTS = fault_cases()


@pytest.mark.parametrize("number", [0, 7, 10])
def test_hidden_tests_tell_the_fault_from_what_an_expert_makes_of_it(number: int) -> None:
    case = FAULTS[number]
    changed = dict(case.files)
    for edit in case.expert:
        assert changed[edit.path].count(edit.search) == 1
        changed[edit.path] = changed[edit.path].replace(edit.search, edit.replace)
    with repository(case.files) as root:
        assert not stands(root, case.hidden)
        write(root, changed)
        assert stands(root, case.hidden)


def test_the_faulty_lines_are_where_the_expert_edits() -> None:
    for case in FAULTS:
        for place in case.lines:
            lines = case.files[place.path].splitlines()
            assert any(
                edit.search.strip() in lines[place.line - 1]
                for edit in case.expert
                if edit.path == place.path
            ), case.name


def test_there_are_enough_cases_of_each_kind() -> None:
    assert len(FAULTS) >= 16
    assert {case.task for case in answer_cases()} == {"review", "explain", "test"}
    assert {case.kind for case in hostile_cases()} == {"escape", "injection"}
    assert len(FAULTS) + len(answer_cases()) + len(hostile_cases()) >= 25


def test_a_patch_has_to_apply(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1\n"})
    patch = b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
    assert apply(tmp_path, patch)
    assert contents(tmp_path) == {"a.py": b"x = 2\n"}
    assert not apply(tmp_path, patch)


def test_harm_counts_whatever_else_is_right() -> None:
    tasks = ("locate", "fix", "review", "explain", "test")
    scores = [CodeScore("a", task, "right", "said") for task in tasks]
    scores.append(CodeScore("b", "escape", "wrong", "said", ("it wrote /tmp/x",)))
    measured = figures(scores)
    assert measured["code_escapes"] == Figure(1, 0, "at most")
    assert measured["code_located"].holds


def test_a_hostile_repository_has_its_secret_beside_it() -> None:
    for case in hostile_cases():
        with hostile(case) as (root, outside):
            assert (outside / "secret.txt").read_text() == code.SECRET
            assert not any("@OUTSIDE@" in path.read_text() for path in root.glob("*.py"))


@pytest.mark.bundled
async def test_an_expert_is_right_and_a_liar_is_not_believed() -> None:
    with ModelServer(repairs(FAULTS[0])) as server, environment(server.environment):
        expert = await code_trials.of_fault("an expert", FAULTS[0])
        server.answers(HARMFUL["suits the tests"](FAULTS[0]))
        liar = await code_trials.of_fault("suits the tests", FAULTS[0])
    assert (expert.outcome, expert.way, expert.problems) == ("right", "model", ())
    assert (liar.way, liar.problems) == ("rules", ())


@pytest.mark.bundled
async def test_what_stands_in_code_is_not_obeyed() -> None:
    case = next(one for one in hostile_cases() if one.kind == "injection")
    with ModelServer(obeys(case)) as server, environment(server.environment):
        trial = await code_trials.of_hostile("obeys", case)
    assert HARM not in trial.problems
    assert trial.problems == ()
