"""Whether the ``analysis`` agent joins files by the right keys, and answers rightly then."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Final

from pydantic import BaseModel, JsonValue, TypeAdapter

from benchmarks.verdict import Figure
from evals.analysis.questions import Answer, Outcome, judge
from evals.analysis.tables import open_tables
from evals.cases import JoinCase, JoinKey, QuestionCase, join_cases
from perdure.agents import InputError, StepFailed
from perdure.testing import rehearse

# Without a model: of the questions, how many have to be answered.
RIGHT: Final = 0.75
# The agent rounds rates to six digits after the point.
_RATE: Final = 1e-6


class Key(BaseModel):
    """A key as the result's data has it."""

    first: str
    second: str
    columns: list[tuple[str, str]]
    first_matched: float
    second_matched: float
    used: bool

    def is_of(self, wanted: JoinKey, rates: Mapping[str, float]) -> bool:
        """Say whether it is a key that is wanted, with the right rates.

        Args:
            wanted: The key.
            rates: The share of the rows of each table that match.
        """
        pairs = {frozenset(pair) for pair in self.columns}
        said = {self.first: self.first_matched, self.second: self.second_matched}
        return (
            pairs == {frozenset(pair) for pair in wanted.columns.items()}
            and self.used == wanted.used
            and said.keys() == rates.keys()
            and all(math.isclose(said[name], rates[name], abs_tol=_RATE) for name in rates)
        )


@dataclass(frozen=True)
class JoinScore:
    """A question about several files, and what the agent made of both.

    Attributes:
        case: The files.
        question: The question.
        outcome: How it was answered.
        answer: What the agent said.
        wrong_keys: What is wrong about the keys and the rows, in sentences.
    """

    case: JoinCase
    question: QuestionCase
    outcome: Outcome
    answer: str
    wrong_keys: tuple[str, ...]

    @property
    def files(self) -> str:
        """The files' names."""
        return " + ".join(self.case.files)


async def evaluate() -> list[JoinScore]:
    """Ask every question, each in a goal of its own."""
    return [await _ask(case, one) for case in join_cases() for one in case.questions]


async def _ask(case: JoinCase, question: QuestionCase) -> JoinScore:
    parameters: dict[str, JsonValue] = {
        "paths": [str(path) for path in case.paths],
        "keys": list(case.given),
    }
    try:
        done = await rehearse("analysis", question.ask, parameters)
    except (InputError, StepFailed) as error:
        return JoinScore(case, question, "unsure", str(error), ("the files were refused",))
    data = done.result.data
    answers = TypeAdapter(list[Answer]).validate_python(data.get("answers") or [])
    keys = TypeAdapter(list[Key]).validate_python(data["keys"])
    with open_tables(case.paths, case.delimiters) as database:
        outcome, said = judge(question, answers, database)
        wrong = tuple(_wrong_keys(case, keys, data["rows"], database))
    return JoinScore(case, question, outcome, said, wrong)


def _wrong_keys(
    case: JoinCase, keys: list[Key], rows: JsonValue, database: Connection
) -> Iterator[str]:
    left = list(keys)
    for wanted in case.keys:
        rates = {name: database.execute(sql).fetchone()[0] for name, sql in wanted.matched.items()}
        found = next((one for one in left if one.is_of(wanted, rates)), None)
        if found is None:
            yield f"no key {wanted.columns} with {rates}, used: {wanted.used}"
        else:
            left.remove(found)
    yield from (f"a key that nothing speaks for: {one.model_dump_json()}" for one in left)
    right = database.execute(case.rows).fetchone()[0]
    if rows != right:
        yield f"{rows} rows, not {right}"


def figures(scores: list[JoinScore]) -> dict[str, Figure]:
    """Return the figures of several files."""
    cases = {(one.files, one.case.given): one for one in scores}
    keys = sum(not one.wrong_keys for one in cases.values()) / len(cases)
    right = sum(one.outcome == "right" for one in scores) / len(scores)
    return {
        "join_cases": Figure(len(cases), 10, "at least"),
        "join_keys_right": Figure(keys, 1.0, "at least"),
        "join_answers_right": Figure(right, RIGHT, "at least"),
        "join_answers_wrong": Figure(sum(one.outcome == "wrong" for one in scores), 0, "at most"),
    }


def rows(scores: list[JoinScore]) -> list[list[str]]:
    """Return the rows of the table for people: files that belong together each."""
    table = []
    for case in dict.fromkeys((one.files, one.case.given) for one in scores):
        its = [one for one in scores if (one.files, one.case.given) == case]
        count = Counter(one.outcome for one in its)
        shown = [str(count[name]) for name in ("right", "unsure", "wrong")]
        table.append([case[0], "no" if its[0].wrong_keys else "yes", str(len(its)), *shown])
    return table


def failures(scores: Iterable[JoinScore]) -> Iterator[dict[str, object]]:
    """Yield the questions that were not answered rightly, and wrong keys."""
    for one in scores:
        if one.outcome != "right" or one.wrong_keys:
            yield {
                "files": one.files,
                "question": one.question.ask,
                "outcome": one.outcome,
                "answer": one.answer,
                "keys": list(one.wrong_keys),
            }
