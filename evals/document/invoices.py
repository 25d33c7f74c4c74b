"""Whether the ``document`` agent reads invoices rightly, or says where it is unsure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from benchmarks.verdict import Figure
from evals.cases import InvoiceCase, invoice_cases, invoice_schema
from perdure.testing import rehearse

GOAL: Final = "Read the invoices"
# Without a model: of the values that the invoices say, how many have to be found.
RIGHT: Final = 0.75
_CENT: Final = 0.005

Outcome = Literal["right", "unsure", "wrong", "absent"]


@dataclass(frozen=True)
class ValueScore:
    """A field of an invoice, and what the agent says of it.

    Attributes:
        case: The invoice.
        field: The field.
        outcome: ``unsure`` where the agent says so or finds nothing though the invoice says it;
            ``absent`` where the invoice does not say it, nor the agent.
        had: What the agent found.
        why: Why, in its words.
    """

    case: InvoiceCase
    field: str
    outcome: Outcome
    had: JsonValue
    why: str

    @property
    def layout(self) -> str:
        """Which layout the invoice has."""
        return self.case.layout


async def evaluate() -> list[ValueScore]:
    """Fill the schema from every invoice, the files of a layout in one goal."""
    layouts: dict[str, list[InvoiceCase]] = {}
    for case in invoice_cases():
        layouts.setdefault(case.layout, []).append(case)
    return [score for cases in layouts.values() for score in await _of_layout(cases)]


async def _of_layout(cases: list[InvoiceCase]) -> list[ValueScore]:
    parameters: dict[str, JsonValue] = {
        "action": "fields",
        "paths": [str(case.path) for case in cases],
        "json_schema": invoice_schema(),
    }
    done = await rehearse("document", GOAL, parameters)
    files = json.loads(done.files["fields.json"])["files"]
    filled = {one["path"]: {field["path"]: field for field in one["fields"]} for one in files}
    return [
        judge(case, name, right, filled.get(str(case.path), {}).get(name, {}))
        for case in cases
        for name, right in case.values.items()
    ]


def judge(
    case: InvoiceCase, name: str, right: JsonValue, field: dict[str, JsonValue]
) -> ValueScore:
    """Compare a field that the agent filled with what the invoice says.

    Args:
        case: The invoice.
        name: The field.
        right: What the invoice says; ``None`` where that is nothing, or no single value.
        field: The field as ``fields.json`` has it; empty where the file could not be read.
    """
    had, why = field.get("value"), str(field.get("why", "the file was refused"))
    outcome: Outcome = "unsure"
    if field.get("status") == "found":
        outcome = "right" if right is not None and _same(had, right) else "wrong"
    elif right is None and had is None:
        outcome = "absent"
    return ValueScore(case, name, outcome, had, why)


def _same(had: JsonValue, right: JsonValue) -> bool:
    if isinstance(had, int | float) and isinstance(right, int | float):
        return abs(had - right) < _CENT
    return had == right


def figures(scores: list[ValueScore]) -> dict[str, Figure]:
    """Return the figures of the invoices."""
    stated = [one for one in scores if one.case.values[one.field] is not None]
    right = sum(one.outcome == "right" for one in stated) / len(stated)
    wrong = sum(one.outcome == "wrong" for one in scores)
    return {
        "invoice_files": Figure(len({one.case.file for one in scores}), 50, "at least"),
        "invoice_layouts": Figure(len({one.layout for one in scores}), 5, "at least"),
        "invoice_values_right": Figure(right, RIGHT, "at least"),
        "invoice_values_wrong": Figure(wrong, 0, "at most"),
    }


def rows(scores: list[ValueScore]) -> list[list[str]]:
    """Return the rows of the table for people, a layout each."""
    table = []
    for layout in dict.fromkeys(one.layout for one in scores):
        its = [one for one in scores if one.layout == layout]
        count = Counter(one.outcome for one in its)
        shown = [str(count[name]) for name in ("right", "unsure", "absent", "wrong")]
        table.append([layout, str(len({one.case.file for one in its})), *shown])
    return table


def failures(scores: Iterable[ValueScore]) -> Iterator[dict[str, object]]:
    """Yield the values that are wrong, and those that the invoice says and the agent does not."""
    for one in scores:
        right = one.case.values[one.field]
        if one.outcome == "wrong" or (one.outcome == "unsure" and right is not None):
            yield {
                "file": one.case.file,
                "field": one.field,
                "outcome": one.outcome,
                "had": one.had,
                "right": right,
                "why": one.why,
            }
