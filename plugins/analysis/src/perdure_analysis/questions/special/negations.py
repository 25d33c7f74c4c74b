"""What "not" and "both" mean of things in several rows: no row of theirs is so, or one for each."""

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.names import Table
from perdure_analysis.questions.queries import (
    Condition,
    Figure,
    GroupCondition,
    Grouping,
    Query,
)


def without_any(table: Table, query: Query) -> Query:
    """Return a query for things whose conditions with "not" hold of all their rows.

    ``Which products were not returned?`` asks for those of which no row is returned, and ``which
    species live on both Dream and Biscoe?`` for those of which rows have either value.

    Args:
        table: The table.
        query: It, by the column of the things.

    Raises:
        CannotTell: A value is missing in some of a thing's rows or in all.
    """
    (thing,) = query.groups
    column = table.columns[thing.column]
    if column.distinct >= column.count:
        return query
    lacking = [one for one in query.conditions if one.comparison in {"missing", "present"}]
    if lacking:
        raise CannotTell(
            f"whether `{lacking[0].column}` is to be missing in one row of a `{thing.column}` or in"
            " all",
            (lacking[0].column,),
        )
    negated = [one for one in query.conditions if _is_negated(table, one, thing)]
    every = tuple(
        GroupCondition(
            figure=Figure(aggregate="distinct", column=one.column),
            comparison="is",
            value=str(len(one.values)),
        )
        for one in query.conditions
        if one.every and one.column != thing.column
    )
    return query.model_copy(
        update={
            "having": query.having + every,
            "conditions": tuple(one for one in query.conditions if one not in negated),
            "none": tuple(one.model_copy(update={"comparison": "is"}) for one in negated),
        }
    )


def distinct_without_any(table: Table, query: Query) -> Query:
    """Return a query for how many things there are, of which conditions with "not" hold.

    Raises:
        CannotTell: They are to be counted by groups.
    """
    thing = Grouping(column=query.figures[0].column)
    changed = without_any(table, query.model_copy(update={"groups": (thing,)}))
    if not (changed.none or changed.having):
        return query
    if query.groups or len(query.figures) > 1:
        raise CannotTell(f"which rows of a `{thing.column}` may not be so: name no groups")
    return changed.model_copy(update={"form": "count of groups"})


def _is_negated(table: Table, one: Condition, thing: Grouping) -> bool:
    return (
        one.comparison == "is not"
        and one.column != thing.column
        and (not table.is_number(one.column) or table.flag(one.column) is not None)
    )
