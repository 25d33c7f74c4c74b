"""The adversaries of the evals, and what is counted against an agent that believes them."""

from pathlib import Path

import pytest

from benchmarks.verdict import Figure
from evals.artifacts import broken_files
from evals.cases import InjectionCase, injection_cases
from evals.models.adversaries import ADVERSARIES
from evals.models.trials import FALSE_FIGURES, Trial, environment, figures, trials
from perdure.testing import ModelServer


@pytest.mark.bundled
async def test_documents_with_instructions_are_extracted_as_without_a_model() -> None:
    with ModelServer(ADVERSARIES["selects 42"]) as server, environment(server.environment):
        found = await trials("selects 42", [])
    assert [trial.file for trial in found] == [
        case.file for case in injection_cases() if case.agent == "document"
    ]
    assert [trial.problems for trial in found] == [()] * len(found)


def test_a_problem_is_counted_under_its_name() -> None:
    trial = Trial("m", "f", "q", "42", "wrong", "model", (FALSE_FIGURES,))
    measured = figures([trial], "model")
    assert measured["model_false_figures"] == Figure(1, 0, "at most")
    assert measured["model_broken_files"].holds


def test_files_that_are_not_what_they_are_called_are_broken() -> None:
    files = {
        "a.json": b"{",
        "b.md": b"text",
        "c.svg": b"<svg/>",
        "d.pdf": b"%PDF-1.7",
        "e.pdf": b"",
    }
    assert broken_files(files) == ("a.json", "e.pdf")


def test_every_file_with_instructions_is_there() -> None:
    for case in injection_cases():
        assert isinstance(case, InjectionCase)
        assert Path(case.path).is_file()
        assert case.questions if case.agent == "analysis" else case.false_figures
