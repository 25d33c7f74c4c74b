"""What the spans of a timeline cost, by the ledger of the run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping

from perdure.agents.steps.keys import StepKey, stream_of
from perdure.models import Usage
from perdure.schemas.timelines import PricedUsage, Span
from perdure.stores.spending.ledger import OPEN, THROWN


def spans_with_costs(spans: Sequence[Span], spending: Sequence[RowMapping]) -> dict[int, Span]:
    """Return the spans with what they used, by the identity of the span without."""
    by_key: dict[str, list[RowMapping]] = defaultdict(list)
    for row in spending:
        if row["state"] != OPEN:
            key = stream_of(StepKey(row["name"], row["digest"], row["occurrence"]))
            by_key[key].append(row)
    keys = _keys_by_name(spans, by_key)
    priced: dict[int, Span] = {}
    # Those without an outcome first: what was thrown away until the step began anew is theirs.
    for span in sorted(spans, key=lambda span: not _is_without_outcome(span)):
        left = by_key.get(span.key or keys.get(span.name, ""), [])
        if _is_without_outcome(span):
            anew = [
                one.started_at
                for one in spans
                if one.name == span.name and one.started_at > span.started_at
            ]
            until = min(anew, default=None)
            own = [
                row
                for row in left
                if row["state"] == THROWN and (until is None or row["at"] < until)
            ]
        else:
            own = [] if span.key is None else list(left)
        for row in own:
            left.remove(row)
        update: dict[str, Any] = {
            "usage": usage_of(own),
            "thrown_away": usage_of(row for row in own if row["state"] == THROWN),
        }
        if own and span.kind == "step":
            update["kind"] = "model"
        priced[id(span)] = span.model_copy(update=update) if own else span
    paid = [span for span in priced.values() if _weight(span) > (0.0, 0)]
    if len(paid) > 1:
        dearest = max(paid, key=_weight)
        for identity, span in priced.items():
            if span is dearest:
                priced[identity] = span.model_copy(update={"is_dearest": True})
    return priced


def _is_without_outcome(span: Span) -> bool:
    """Return whether a step ended and the journal has nothing of it, so that it is done anew."""
    return span.status == "lost" or (span.status == "failed" and span.key is None)


def _keys_by_name(spans: Sequence[Span], by_key: Mapping[str, object]) -> dict[str, str]:
    """Return the keys of paid steps by what names them in an execution.

    A step that is not in the journal is known by its name alone: where one key of that name is
    left over, it is that one's.
    """
    keys = {span.name: span.key for span in spans if span.key is not None}
    others: dict[str, list[str]] = defaultdict(list)
    for key in by_key.keys() - set(keys.values()):
        others[key.rsplit("#", 2)[0]].append(key)
    for span in spans:
        left = others[span.name.rpartition("#")[0]]
        if span.name not in keys and len(left) == 1:
            keys[span.name] = left[0]
    return keys


def _weight(span: Span) -> tuple[float, int]:
    return span.usage.cost or 0.0, span.usage.tokens


def usage_of(rows: Iterable[RowMapping]) -> PricedUsage:
    """Return what entries of a ledger come to."""
    return sum((_usage(row) for row in rows), PricedUsage())


def _usage(row: RowMapping) -> PricedUsage:
    used = Usage(
        input_tokens=row["input_tokens"], output_tokens=row["output_tokens"], cost=row["cost"]
    )
    return _priced(used).model_copy(update={"requests": 1})


def _priced(usage: Usage) -> PricedUsage:
    """Return usage with its cost as unknown where tokens were used and no price was known."""
    is_unknown = usage.cost == 0 and usage.tokens_used > 0
    return PricedUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=None if is_unknown else usage.cost,
    )


def saved_usage(totals: RowMapping | None) -> PricedUsage:
    """Return what the journal answered instead of a model."""
    if totals is None:
        return PricedUsage()
    return _priced(
        Usage(
            input_tokens=totals["saved_input_tokens"],
            output_tokens=totals["saved_output_tokens"],
            cost=totals["saved_cost"],
        )
    )
