"""Every way to read a question: each figure, grouping and condition as it may be meant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from perdure_analysis.language.names import code_list
from perdure_analysis.questions.counting import Choice, Wanted
from perdure_analysis.questions.groups import Groups
from perdure_analysis.questions.queries import Condition, Grouping, Query
from perdure_analysis.questions.sentence import Placed

Doubt = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Combination:
    """One way to read a question.

    Attributes:
        query: With its conditions; figures and groups are not yet in it.
        wanted: The figures; ``None`` where none is named.
        noun: The grouping of which some groups are wanted.
        each: The explicit groupings.
    """

    query: Query
    wanted: Wanted | None
    noun: Grouping | None
    each: tuple[Grouping, ...]


def combinations(
    choice: Choice | None, groups: Groups, conditions: Sequence[Placed], part: Sequence[Placed]
) -> Iterator[Combination]:
    """Yield every way to read a question.

    Args:
        choice: Its figures.
        groups: What it groups by.
        conditions: The conditions of all rows.
        part: The conditions of those whose share is wanted.
    """
    wanted = choice.options if choice is not None else (None,)
    nouns = groups.wanted or (None,)
    placed = [_options(one) for one in (*conditions, *part)]
    for chosen, noun, each, meant in product(
        wanted, nouns, product(*groups.each), product(*placed)
    ):
        if _mixes_dates(groups, conditions, each, [one for one, _ in meant]):
            continue
        query = Query(
            conditions=tuple(one for one, _ in meant[: len(conditions)]),
            part=tuple(one for one, _ in meant[len(conditions) :]),
            assumptions=tuple(why for _, why in meant if why),
        )
        yield Combination(query, chosen, noun, each)


def doubt_between(choice: Choice | None, groups: Groups, conditions: Sequence[Placed]) -> Doubt:
    """Return what it is that cannot be told between several ways, and the columns it is about."""
    doubts: list[Doubt] = []
    for options in (groups.wanted, *groups.each):
        if len(options) > 1:
            names = tuple(one.column for one in options)
            doubts.append((f"which column is meant: {code_list(names)}", names))
    doubts += [(one.doubt, one.candidates) for one in conditions if len(one.options) > 1]
    if choice is not None and len(choice.options) > 1:
        doubts.append((choice.doubt, choice.candidates))
    said = dict.fromkeys(doubt for doubt, _ in doubts if doubt)
    candidates = dict.fromkeys(name for _, names in doubts for name in names)
    return " and ".join(said) or "how it is meant", tuple(candidates)


def _mixes_dates(
    groups: Groups,
    conditions: Sequence[Placed],
    each: Sequence[Grouping],
    meant: Sequence[Condition],
) -> bool:
    """Say whether periods and groups are of two columns of dates, neither of which is named."""
    open_groups = {
        one.column
        for one, options in zip(each, groups.each, strict=True)
        if one.unit is not None and len(options) > 1
    }
    open_periods = {
        one.column
        for one, placed in zip(meant, conditions, strict=False)
        if one.comparison == "within" and len({option.column for option in placed.options}) > 1
    }
    return bool(open_groups and open_periods) and open_groups != open_periods


def _options(placed: Placed) -> list[tuple[Condition, str]]:
    return list(zip(placed.options, placed.assumptions or ("",) * len(placed.options), strict=True))
