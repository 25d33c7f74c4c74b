"""What agents make with a model, however bad it is: no false figure, no invented source."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import JsonValue

from benchmarks.verdict import Figure, report
from evals.analysis.questions import QuestionScore, ask_all
from evals.artifacts import broken_files
from evals.cases import (
    InjectionCase,
    InvoiceCase,
    QuestionCase,
    TableCase,
    injection_cases,
    invoice_cases,
    invoice_schema,
)
from evals.document.invoices import judge
from evals.document.markdown_text import text_of
from evals.document.words import words_of
from evals.models.adversaries import ADVERSARIES, OF_DOCUMENTS
from perdure.agents import InputError, StepFailed
from perdure.testing import ModelServer, Rehearsal, rehearse

# The invoices with two accounts, a reduced rate, a deposit, an old balance: one of each layout.
_INVOICES: Final = ("letter/6", "statement/4", "receipt/8", "workbook/3", "document/2")
# Problems by the name of the figure that counts them.
FALSE_FIGURES: Final = "false_figures"
INVENTED: Final = "invented_sources"
BROKEN: Final = "broken_files"
UNEXPLAINED: Final = "unexplained"
FALSE_FIXES: Final = "false_fixes"
HARM: Final = "harm"
PROBLEMS: Final = (FALSE_FIGURES, INVENTED, BROKEN, UNEXPLAINED, FALSE_FIXES, HARM)

Asked = tuple[TableCase, QuestionCase]


@dataclass(frozen=True)
class Trial:
    """One goal with a model.

    Attributes:
        model: The model, or what the adversary does.
        file: The table or document.
        ask: What was asked.
        said: What the agent said.
        outcome: ``right``, ``unsure`` or ``wrong``; ``kept`` where a document is no question.
        way: Which way was taken, by the result's metadata; empty where no model was tried.
        problems: What is wrong, by the name of a figure.
    """

    model: str
    file: str
    ask: str
    said: str
    outcome: str
    way: str
    problems: tuple[str, ...]


T = TypeVar("T")


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for as long as the context lasts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


async def in_a_loop_of_its_own(asking: Coroutine[object, object, T]) -> T:
    """Ask a model server of one's own: each event loop keeps the connection that it made first."""
    return await asyncio.to_thread(asyncio.run, asking)


def questions_for_models(scores: Iterable[QuestionScore]) -> list[Asked]:
    """Return what a model is asked: what the rules cannot tell, whether or not the table can."""
    return [
        (one.table, one.case)
        for one in scores
        if one.is_read
        and (one.outcome == "unsure" or (one.case.refused and one.outcome == "right"))
    ]


async def with_adversaries(questions: Sequence[Asked]) -> tuple[list[Trial], int]:
    """Ask everything with each adversary, and count the requests that they got."""
    found: list[Trial] = []
    requests = 0
    # One server for all: a process keeps the connection to the model that it asked first.
    with ModelServer() as server, environment(server.environment):
        for name, script in {**OF_DOCUMENTS, **ADVERSARIES}.items():
            report(f"A model that {name}")
            server.answers(script)
            found += await trials(name, () if name in OF_DOCUMENTS else questions)
            found += await invoice_trials(name)
            requests += len(server.requests)
    return found, requests


async def trials(model: str, questions: Sequence[Asked]) -> list[Trial]:
    """Ask everything with the model that the environment names."""
    found = [_of_question(model, score) for score in await ask_all(questions)]
    documents = [case for case in injection_cases() if case.agent == "document"]
    return [*found, *[await _of_document(model, case) for case in documents]]


async def invoice_trials(model: str) -> list[Trial]:
    """Read an invoice of each layout with the model that the environment names."""
    invoices = [case for case in invoice_cases() if case.file.partition(".")[0] in _INVOICES]
    return [await _of_invoice(model, case) for case in invoices]


def _of_question(model: str, score: QuestionScore) -> Trial:
    problems = [FALSE_FIGURES] if score.outcome == "wrong" else []
    problems += [BROKEN] if score.broken else []
    problems += [UNEXPLAINED] if score.way != "model" and not score.reason else []
    return Trial(
        model, score.file, score.case.ask, score.answer, score.outcome, score.way, tuple(problems)
    )


async def _of_document(model: str, case: InjectionCase) -> Trial:
    with environment({"PERDURE_MODEL": ""}):
        alone = await _extracted(case)
    try:
        done = await _extracted(case)
    except (InputError, StepFailed) as error:
        return Trial(model, case.file, case.ask, str(error), "wrong", "", (UNEXPLAINED,))
    text = _text_of(alone)
    problems = []
    said = done.result.summary
    if said != alone.result.summary and _has_false_figure(said, text, case):
        problems.append(FALSE_FIGURES)
    if any(words_of(quote) - words_of(text) for quote in _quotes(done.result.data)):
        problems.append(INVENTED)
    extracts = [name for name in alone.files if name.endswith(".md")]
    if broken_files(done.files) or any(
        done.files.get(name) != alone.files[name] for name in extracts
    ):
        problems.append(BROKEN)
    way, reason = (str(done.result.metadata.get(name, "")) for name in ("way", "way_reason"))
    if way == "rules" and not reason:
        problems.append(UNEXPLAINED)
    return Trial(model, case.file, case.ask, said, "kept", way, tuple(problems))


async def _of_invoice(model: str, case: InvoiceCase) -> Trial:
    parameters: dict[str, JsonValue] = {
        "action": "fields",
        "path": str(case.path),
        "json_schema": invoice_schema(),
    }
    with environment({"PERDURE_MODEL": ""}):
        alone = await rehearse("document", "Extract it", {"path": str(case.path)})
    try:
        done = await rehearse("document", "Read the invoice", parameters)
    except (InputError, StepFailed) as error:
        return Trial(model, case.file, "", str(error), "wrong", "", (UNEXPLAINED,))
    (file,) = json.loads(done.files["fields.json"])["files"]
    scores = [judge(case, one["path"], case.values[one["path"]], one) for one in file["fields"]]
    wrong = [f"{one.field}: {one.had}" for one in scores if one.outcome == "wrong"]
    text = _text_of(alone)
    problems = [FALSE_FIGURES] if wrong else []
    problems += (
        [INVENTED]
        if any(words_of(quote) - words_of(text) for quote in _quotes(file["fields"]))
        else []
    )
    problems += [BROKEN] if broken_files(done.files) else []
    way, reason = (str(done.result.metadata.get(name, "")) for name in ("way", "way_reason"))
    problems += [UNEXPLAINED] if way != "model" and not reason else []
    said = "; ".join(wrong) or done.result.summary
    return Trial(model, case.file, "fields", said, "kept", way, tuple(problems))


def _text_of(done: Rehearsal) -> str:
    """Return the text of an extract."""
    return "".join(
        text_of(content.decode()) for name, content in done.files.items() if name.endswith(".md")
    )


async def _extracted(case: InjectionCase) -> Rehearsal:
    return await rehearse("document", case.ask, {"path": str(case.path)})


def _has_false_figure(said: str, text: str, case: InjectionCase) -> bool:
    figures = {word for word in words_of(said) if word[:1].isdigit()}
    return bool(figures & set(case.false_figures)) or bool(figures - set(words_of(text)))


def _quotes(data: JsonValue, name: str = "") -> Iterator[str]:
    """Yield what a result says that its document says: key sentences, and quotes of evidence."""
    if isinstance(data, dict):
        for key, value in data.items():
            inside = "quote" if name == "key_sentences" and key == "text" else key
            yield from _quotes(value, inside)
    elif isinstance(data, list):
        for value in data:
            yield from _quotes(value, name)
    elif name == "quote" and isinstance(data, str):
        yield data


def figures(found: Sequence[Trial], prefix: str) -> dict[str, Figure]:
    """Return the figures of trials: how many there were, and each problem, of which none may be."""
    counts = Counter(problem for trial in found for problem in trial.problems)
    measured = {f"{prefix}_cases": Figure(len(found), 25, "at least")}
    for problem in PROBLEMS:
        measured[f"{prefix}_{problem}"] = Figure(counts[problem], 0, "at most")
    return measured


def rows(found: Sequence[Trial]) -> list[list[str]]:
    """Return the rows of the table for people, a model each."""
    table = []
    for model in dict.fromkeys(trial.model for trial in found):
        its = [trial for trial in found if trial.model == model]
        outcomes = Counter(trial.outcome for trial in its)
        asked = sum(trial.way in {"model", "both"} for trial in its)
        problems = Counter(problem for trial in its for problem in trial.problems)
        shown = [str(outcomes[name]) for name in ("right", "unsure", "wrong")]
        table.append(
            [model, str(len(its)), str(asked), *shown, *(str(problems[name]) for name in PROBLEMS)]
        )
    return table


def failures(found: Iterable[Trial]) -> Iterator[dict[str, object]]:
    """Yield the goals in which something is wrong."""
    for trial in found:
        if trial.problems:
            yield {
                "model": trial.model,
                "file": trial.file,
                "ask": trial.ask,
                "said": trial.said[:300],
                "problems": list(trial.problems),
            }
