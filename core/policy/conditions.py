"""Whether the conditions of a rule hold for a subject."""

import math
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from perdure.policy.rules import (
    DAYS,
    CostCondition,
    Names,
    Rule,
    Scalar,
    TimeCondition,
    ValueCondition,
)
from perdure.policy.subject import Subject


def holds(rule: Rule, subject: Subject) -> bool:
    """Return whether a rule is about a subject.

    A rule that names neither a tool nor a step is about the whole goal: it denies, or asks about,
    each of its steps too, but what it allows is that the goal begins.
    """
    when = rule.when
    if rule.is_about_goals and rule.then == "allow" and subject.kind != "goal":
        return False
    names = (
        (when.agent, subject.goal.agent_type),
        (when.tenant, subject.goal.tenant),
        (when.tool, subject.tool),
        (when.step, subject.step),
    )
    if not all(patterns is None or _is_named(name, patterns) for patterns, name in names):
        return False
    if when.time is not None and not _is_at(when.time, subject):
        return False
    if when.cost is not None and not _costs(when.cost, subject):
        return False
    given = subject.goal.parameters if rule.is_about_goals else subject.parameters
    # What cannot be compared must not be a way past a rule.
    doubt = rule.then != "allow"
    return all(
        _fits(condition, list(_values(given, name)), doubt=doubt)
        for name, condition in (when.parameters or {}).items()
    )


def _is_named(name: str | None, patterns: Names) -> bool:
    return name is not None and any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_at(condition: TimeCondition, subject: Subject) -> bool:
    local = subject.at.astimezone(ZoneInfo(condition.zone))
    if DAYS[local.weekday()] not in condition.days:
        return False
    if condition.hours is None:
        return True
    start, end = condition.hours
    now = local.time()
    return start <= now < end if start < end else now >= start or now < end


def _costs(condition: CostCondition, subject: Subject) -> bool:
    budget = subject.goal.budget
    allowed = math.inf if budget is None or budget.cost is None else budget.cost
    return (condition.spent_over is None or subject.spent > condition.spent_over) and (
        condition.budget_over is None or allowed > condition.budget_over
    )


def _values(given: object, name: str) -> Iterator[object]:
    """Yield what a dotted name stands for; of lists each item, and nothing where it is not."""
    if isinstance(given, list | tuple):
        for item in given:
            yield from _values(item, name)
        return
    if not name:
        yield given
        return
    if not isinstance(given, Mapping):
        return
    if name in given:  # a name that has a dot itself
        yield from _values(given[name], "")
        return
    first, _, rest = name.partition(".")
    if rest and first in given:
        yield from _values(given[first], rest)


def _fits(condition: ValueCondition, values: list[object], *, doubt: bool) -> bool:
    if condition.not_ is not None and any(_is_one_of(value, condition.not_) for value in values):
        return False
    positive = (condition.is_, condition.over, condition.under, condition.matches)
    if all(part is None for part in positive):
        return True
    return any(_fits_one(condition, value, doubt=doubt) for value in values)


def _fits_one(condition: ValueCondition, value: object, *, doubt: bool) -> bool:
    if condition.is_ is not None and not _is_one_of(value, condition.is_):
        return False
    if condition.matches is not None:
        if isinstance(value, dict):
            return doubt
        if re.search(condition.matches, _text(value)) is None:
            return False
    if condition.over is None and condition.under is None:
        return True
    number = _number(value)
    if number is None:
        return doubt
    return (condition.over is None or number > condition.over) and (
        condition.under is None or number < condition.under
    )


def _is_one_of(value: object, wanted: tuple[Scalar, ...]) -> bool:
    return any(_is(value, one) for one in wanted)


def _is(value: object, wanted: Scalar) -> bool:
    if isinstance(wanted, str):
        return not isinstance(value, dict) and fnmatchcase(
            _text(value).casefold(), wanted.casefold()
        )
    if isinstance(wanted, bool) or wanted is None:
        # Models write them as text, too.
        return value is wanted or (isinstance(value, str) and value.casefold() == _text(wanted))
    return _number(value) == wanted


def _text(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number
