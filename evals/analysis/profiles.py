"""Whether the figures of the ``analysis`` agent are those of plain SQL on the same rows."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Final

from pydantic import JsonValue

from benchmarks.verdict import Figure
from evals.analysis.tables import open_table
from evals.cases import TableCase, table_cases
from perdure.agents import InputError, StepFailed
from perdure.testing import rehearse

Value = str | int | float | None
# The agent rounds statistics to ten significant digits.
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Check:
    """A figure of the agent, and what plain SQL says.

    Attributes:
        name: What it is of: ``rows``, or the column and the fact.
        right: What SQL says.
        had: What the agent says; ``None`` when it says nothing.
    """

    name: str
    right: Value
    had: Value

    @property
    def holds(self) -> bool:
        """Whether both are the same."""
        if isinstance(self.right, int | float) and isinstance(self.had, int | float):
            return math.isclose(self.right, self.had, rel_tol=_TOLERANCE, abs_tol=1e-12)
        return self.right == self.had


@dataclass(frozen=True)
class TableScore:
    """A case and its checks.

    Attributes:
        case: The case.
        checks: What was compared.
        refusal: Why the agent refused the file.
    """

    case: TableCase
    checks: tuple[Check, ...]
    refusal: str = ""

    @property
    def holds(self) -> bool:
        """Whether every figure is right, or the file refused as it should be."""
        return self.case.refused == bool(self.refusal) and all(one.holds for one in self.checks)


def expected(case: TableCase, database: Connection) -> Iterator[tuple[str, Value]]:
    """Yield each fact's name and its value, by SQL written for this purpose."""
    yield "rows", _one(database, "SELECT count(*) FROM t")
    for column, expression in case.numbers.items():
        name = f'"{column}"'
        value = expression or f"CAST({name} AS REAL)"
        marks = _quoted(case.missing)
        there = f"{name} IS NOT NULL AND trim({name}) NOT IN ({marks}) AND ({value}) IS NOT NULL"
        rows = f"(SELECT {value} AS v FROM t WHERE {there})"
        facts = {
            "count": f"SELECT count(*) FROM {rows}",
            "missing": f"SELECT count(*) FROM t WHERE NOT ({there})",
            "distinct": f"SELECT count(DISTINCT v) FROM {rows}",
            "numbers.minimum": f"SELECT min(v) FROM {rows}",
            "numbers.maximum": f"SELECT max(v) FROM {rows}",
            "numbers.total": f"SELECT total(v) FROM {rows}",
            "numbers.mean": f"SELECT avg(v) FROM {rows}",
            "numbers.median": f"SELECT avg(v) FROM (SELECT v FROM {rows} ORDER BY v"
            f" LIMIT 2 - (SELECT count(*) FROM {rows}) % 2"
            f" OFFSET (SELECT (count(*) - 1) / 2 FROM {rows}))",
            "numbers.zeros": f"SELECT count(*) FROM {rows} WHERE v = 0",
            "numbers.negatives": f"SELECT count(*) FROM {rows} WHERE v < 0",
        }
        for fact, query in facts.items():
            yield f"{column}.{fact}", _one(database, query)
    for fact, query in case.values.items():
        yield fact, _one(database, query)
    for column, kind in case.kinds.items():
        yield f"{column}.kind", kind


async def evaluate() -> list[TableScore]:
    """Profile every table, and compare."""
    return [await _score(case) for case in table_cases()]


async def _score(case: TableCase) -> TableScore:
    parameters: dict[str, JsonValue] = {"path": str(case.path)}
    if case.table:
        parameters["table"] = case.table
    try:
        done = await rehearse("analysis", case.goal, parameters)
    except (InputError, StepFailed) as error:
        return TableScore(case, (), refusal=str(error))
    data = dict(done.result.data)
    with open_table(case.truth, **case.read.model_dump(), table=case.table) as database:
        checks = tuple(
            Check(name, right, _value(data, name)) for name, right in expected(case, database)
        )
    return TableScore(case, checks)


def figures(scores: list[TableScore]) -> dict[str, Figure]:
    """Return the figures of the tables."""
    checks = [check for one in scores for check in one.checks]
    return {
        "analysis_cases": Figure(len(scores), 25, "at least"),
        "analysis_right": Figure(sum(one.holds for one in scores) / len(scores), 1.0, "at least"),
        "analysis_false_figures": Figure(sum(not one.holds for one in checks), 0, "at most"),
    }


def rows(scores: list[TableScore], peer: dict[str, dict[str, dict[str, float]]]) -> list[list[str]]:
    """Return the rows of the table for people, a file each.

    Args:
        scores: The agent's.
        peer: What pandas says, by file, column and fact, where it was tried.
    """
    table = []
    for one in scores:
        row = [one.case.file, str(len(one.checks)), str(sum(check.holds for check in one.checks))]
        said = {
            f"{column}.{name}": value
            for column, facts in peer.get(one.case.file, {}).items()
            for name, value in facts.items()
        }
        both = [
            Check(check.name, said[name], check.had)
            for check in one.checks
            if (name := check.name.replace("numbers.", "")) in said
        ]
        if one.case.file in peer:
            row += [str(len(both)), str(sum(check.holds for check in both))]
        table.append(row)
    return table


def failures(scores: Iterable[TableScore]) -> Iterator[dict[str, object]]:
    """Yield what is wrong of each table, for those that are not right."""
    for one in scores:
        if not one.holds:
            wrong = [check for check in one.checks if not check.holds]
            yield {
                "file": one.case.file,
                "refusal": one.refusal,
                "wrong": [f"{check.name}: {check.had!r}, not {check.right!r}" for check in wrong],
            }


def _value(data: dict[str, JsonValue], name: str) -> Value:
    """Return a fact of the result; those of a column begin with its name."""
    columns = data.get("columns")
    found: JsonValue = data
    rest = name
    for column in columns if isinstance(columns, list) else ():
        if isinstance(column, dict) and name.startswith(f"{column['name']}."):
            found, rest = column, name.removeprefix(f"{column['name']}.")
    for part in rest.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, str | int | float) else None


def _one(database: Connection, query: str) -> Value:
    value: Value = database.execute(query).fetchone()[0]
    return value


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
