"""Questions about a corpus with a model: an honest script, four that lie, or a real one."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from benchmarks.verdict import Figure, report
from evals.cases import ResearchCase
from evals.models.trials import (
    BROKEN,
    FALSE_FIGURES,
    INVENTED,
    PROBLEMS,
    UNEXPLAINED,
    Trial,
    environment,
    in_a_loop_of_its_own,
)
from evals.research import corpus as research
from evals.research.corpus import ResearchScore
from evals.research.models import LIARS, honest
from perdure.testing import ModelServer

HONEST: Final = "quotes what it sees"
RIGHT: Final = 0.9
# Each that lies is asked every sixth question.
_EVERY: Final = 6
# A weak model takes a minute for a question.
FOR_A_MODEL: Final = 8
_OUTCOMES: Final = {"right": "right", "not said": "unsure", "wrong": "wrong"}


async def with_scripted_models(cases: Sequence[ResearchCase]) -> tuple[list[Trial], int]:
    """Ask with the honest model and with each that lies, and count the requests of those."""
    return await in_a_loop_of_its_own(_with_scripted_models(cases))


async def _with_scripted_models(cases: Sequence[ResearchCase]) -> tuple[list[Trial], int]:
    found: list[Trial] = []
    requests = 0
    with ModelServer() as server, environment(server.environment):
        report(f"A model that {HONEST}")
        for case in cases:
            server.answers(honest(_forms(case)))
            found.append(await _trial(HONEST, case, "standard"))
        for name, script in LIARS.items():
            report(f"A model that {name}")
            server.answers(script)
            found += [await _trial(name, case) for case in cases[::_EVERY]]
            requests += len(server.requests)
    return found, requests


async def with_model(model: str, cases: Sequence[ResearchCase]) -> list[Trial]:
    """Ask some of the questions with the model that the environment names."""
    every = max(len(cases) // FOR_A_MODEL, 1)
    return [await _trial(model, case) for case in cases[::every]]


def figures(found: Sequence[Trial], least: int = FOR_A_MODEL) -> dict[str, Figure]:
    """Return the figures of trials: how many, each problem, how the honest model was delivered.

    Args:
        found: The trials.
        least: How many there have to be.
    """
    counts = Counter(problem for trial in found for problem in trial.problems)
    measured = {"research_model_cases": Figure(len(found), least, "at least")}
    for problem in PROBLEMS:
        measured[f"research_model_{problem}"] = Figure(counts[problem], 0, "at most")
    right = [one.outcome == "right" for one in found if one.model == HONEST]
    if right:
        measured["honest_model_right"] = Figure(sum(right) / len(right), RIGHT, "at least")
    return measured


async def _trial(model: str, case: ResearchCase, depth: str = "quick") -> Trial:
    # A quick one has no plan, so that a weak model is asked for claims at once.
    score = await research.ask(case, depth)
    return Trial(
        model,
        "corpus",
        case.ask,
        score.answer,
        _OUTCOMES[score.outcome],
        score.way,
        tuple(_problems(score)),
    )


def _problems(score: ResearchScore) -> list[str]:
    problems = [INVENTED] if score.unverified or score.bare else []
    problems += [FALSE_FIGURES] if score.foreign else []
    problems += [BROKEN] if score.broken else []
    problems += [UNEXPLAINED] if score.way != "model" and not score.reason else []
    return problems


def _forms(case: ResearchCase) -> tuple[str, ...]:
    return (*case.right, *case.all, *(form for side in case.sides for form in side.right))
