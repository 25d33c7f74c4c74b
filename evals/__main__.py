"""``python -m evals``: the agents on files and questions with known answers.

Prints a table for people on stderr, and on stdout one line of JSON: each figure, its target, and
whether it holds. Without ``--model`` everything is deterministic: the only models are scripts that
lie. ``--model`` names one that Perdure knows, whose key is in the environment; ``--model smollm2``
builds and serves a weak one that costs nothing. Then only what a model can change is tried.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.verdict import Figure, print_verdict, report
from evals.analysis import joins, questions
from evals.analysis import profiles as analysis
from evals.cases import research_cases, towns_cases
from evals.code import tasks as code
from evals.code import trials as code_trials
from evals.document import extraction as document
from evals.document import invoices, recognition
from evals.models import trials as with_model
from evals.models.weak_model import NAME, weak_model
from evals.peers.answers import pandas_answers, read_with_markitdown
from evals.research import corpus as research
from evals.research import trials as source_trials
from evals.table import print_table

Measured = tuple[dict[str, Figure], dict[str, object]]


async def _documents(*, peers: bool) -> Measured:
    scores = await document.evaluate()
    beside = read_with_markitdown(scores) if peers else []
    other = ("markitdown: recall", "precision", "cells") if peers else ()
    print_table(
        "Documents: words and cells that a person sees",
        ("Format", "Files", "Recall", "Precision", "Cells", "Worst", *other),
        document.rows(scores, document.by_format(beside)),
    )
    return document.figures(scores), {"documents": list(document.failures(scores))}


async def _scans(*, peers: bool) -> Measured:  # noqa: ARG001 -- they have the same on PDFs
    scores = await recognition.evaluate()
    if scores:
        print_table(
            "Scans: words and cells that a person sees",
            ("File", "Recall", "Precision", "Cells"),
            recognition.rows(scores),
        )
    return recognition.figures(scores), {"scans": list(recognition.failures(scores))}


async def _invoices(*, peers: bool) -> Measured:  # noqa: ARG001 -- nobody else fills schemas
    with with_model.environment({"PERDURE_MODEL": ""}):
        scores = await invoices.evaluate()
    print_table(
        "Invoices: values that they say, by a schema",
        ("Layout", "Files", "Right", "Unsure", "Absent", "Wrong"),
        invoices.rows(scores),
    )
    return invoices.figures(scores), {"invoices": list(invoices.failures(scores))}


async def _tables(*, peers: bool) -> Measured:
    scores = await analysis.evaluate()
    beside = pandas_answers(scores) if peers else {}
    print_table(
        "Tables: figures that are those of plain SQL",
        ("File", "Figures", "Right", *(("pandas: figures", "the same") if peers else ())),
        analysis.rows(scores, beside),
    )
    return analysis.figures(scores), {"tables": list(analysis.failures(scores))}


async def _joins(*, peers: bool) -> Measured:  # noqa: ARG001 -- nobody else proposes keys
    with with_model.environment({"PERDURE_MODEL": ""}):
        scores = await joins.evaluate()
    print_table(
        "Several files: joined by the right keys, questions answered as plain SQL answers them",
        ("Files", "Keys right", "Questions", "Right", "Unsure", "Wrong"),
        joins.rows(scores),
    )
    return joins.figures(scores), {"joins": list(joins.failures(scores))}


async def _questions(*, peers: bool) -> Measured:  # noqa: ARG001 -- nobody else answers them
    with with_model.environment({"PERDURE_MODEL": ""}):
        scores = await questions.evaluate()
    print_table(
        "Questions about tables, answered as plain SQL answers them",
        ("File", "Questions", "Right", "Unsure", "Wrong"),
        questions.rows(scores),
    )
    details = {"questions": list(questions.failures(scores))}
    found, lied = await _trials(scores, "")
    return questions.figures(scores) | found, details | lied


async def _research(*, peers: bool) -> Measured:  # noqa: ARG001 -- nobody else answers them
    with with_model.environment({"PERDURE_MODEL": ""}):
        scores = await research.evaluate(research_cases())
        towns = await research.evaluate(towns_cases())
    for title, asked in (("about a corpus", scores), ("in other words than the texts", towns)):
        print_table(
            f"Research: questions {title}, by kind",
            ("Kind", "Questions", "Right", "Not said", "Wrong"),
            research.rows(asked),
        )
    found, requests = await source_trials.with_scripted_models(research_cases())
    measured = {"liar_requests": Figure(requests, 1, "at least")}
    measured |= source_trials.figures(found, least=100)
    details: dict[str, object] = {
        "research": list(research.failures(scores)),
        "research_towns": list(research.failures(towns)),
        "research_models": list(with_model.failures(found)),
    }
    _print_trials("Research with models: questions about a corpus", found)
    measured |= research.figures_in_other_words(towns)
    return research.figures(scores) | measured, details


def _print_trials(title: str, found: Sequence[with_model.Trial]) -> None:
    print_table(
        title,
        ("Model", "Goals", "Its answers", "Right", "Unsure", "Wrong", *with_model.PROBLEMS),
        with_model.rows(found),
    )


async def _code(*, peers: bool) -> Measured:  # noqa: ARG001 -- nobody else repairs them
    with with_model.environment({"PERDURE_MODEL": ""}):
        scores = await code.evaluate()
    print_table(
        "Code: little repositories with faults, questions and escapes",
        ("Task", "Repositories", "Right", "Unsure", "Wrong", "Harm"),
        code.rows(scores),
    )
    experts = await code_trials.with_experts()
    measured = code.figures(scores) | code_trials.figures_of_experts(experts)
    failing = [*code.failures(scores), *with_model.failures(experts)]
    return measured, {"code": failing}


async def _trials(scores: Sequence[questions.QuestionScore], model: str) -> Measured:
    asked = with_model.questions_for_models(scores)
    measured: dict[str, Figure] = {}
    if model:
        report(f"{model}: {len(asked)} questions about tables, then documents")
        found = await with_model.trials(model, asked)
        report(f"{model}: invoices")
        found += await with_model.invoice_trials(model)
        report(f"{model}: code")
        found += await code_trials.with_any(model)
    else:
        found, requests = await with_model.with_adversaries(asked)
        found += await code_trials.with_adversaries()
        # Of a model that nobody asks, the other figures say nothing.
        measured["adversary_requests"] = Figure(requests, 1, "at least")
    _print_trials(
        "With a model: what the rules cannot tell, and files that hold instructions", found
    )
    prefix = "model" if model else "adversary"
    measured |= with_model.figures(found, prefix)
    return measured, {prefix: list(with_model.failures(found))}


async def evaluate_model(model: str) -> bool:
    """Try what a model can change, with one, and print what was measured."""
    began = time.monotonic()
    with with_model.environment({"PERDURE_MODEL": ""}):
        scores = await questions.evaluate()
    figures, details = await _trials(scores, model)
    report(f"{model}: questions about a corpus")
    found = await source_trials.with_model(model, research_cases())
    _print_trials("Research with a model: questions about a corpus", found)
    figures |= source_trials.figures(found)
    details |= {"research_model": list(with_model.failures(found))}
    details |= {"model_name": model, "seconds": round(time.monotonic() - began, 1)}
    return print_verdict(figures, details)


async def evaluate(*, peers: bool) -> bool:
    """Try every agent, and print what was measured."""
    began = time.monotonic()
    figures: dict[str, Figure] = {}
    details: dict[str, object] = {}
    for part in (
        _documents,
        _scans,
        _invoices,
        _tables,
        _joins,
        _questions,
        _research,
        _code,
    ):
        found, failing = await part(peers=peers)
        figures |= found
        details |= failing
    details["seconds"] = round(time.monotonic() - began, 1)
    return print_verdict(figures, details)


def main() -> None:
    """Read the command line and run; status 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="run markitdown and pandas beside")
    parser.add_argument("--model", default="", help="a model, such as openai:gpt-5-mini or smollm2")
    given = parser.parse_args()
    with ExitStack() as stack:
        if given.model == NAME:
            stack.enter_context(with_model.environment(stack.enter_context(weak_model())))
        elif given.model:
            stack.enter_context(with_model.environment({"PERDURE_MODEL": given.model}))
        measured = evaluate_model(given.model) if given.model else evaluate(peers=given.peers)
        good = asyncio.run(measured)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
