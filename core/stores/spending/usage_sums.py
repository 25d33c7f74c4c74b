"""Sums of what runs have used and how good they were, over those there are and those deleted.

What a run has used is in its rows for as long as it is there: nothing is counted beside them, so
nothing can be counted twice or be lost, however often the run is resumed, retried or settled. When
it is deleted, one transaction reads the sums of its rows, adds them to those of their days, and
deletes the rows; a reader takes both in one statement, and finds each run in one of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    FromClause,
    RowMapping,
    Select,
    Table,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from perdure.models import GoalStatus
from perdure.models.usage import UsageGrouping
from perdure.stores.database import schema
from perdure.stores.database.columns import in_utc
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.tenancy import Tenancy
from perdure.stores.spending.ledger import OPEN, THROWN

_GOALS: Final = schema.goals.c
_ROWS: Final = schema.spending.c
_TOTALS: Final = schema.totals.c
_SCORES: Final = schema.scores.c
# By which daily sums are kept, as a report groups them.
_COLUMNS: Final[Mapping[UsageGrouping, str]] = {
    "day": "day",
    "tenant": "tenant",
    "agent": "agent_type",
    "key": "started_by",
}
# PostgreSQL would take parameters for others where they are repeated to group by.
_UTC: Final[ColumnElement[str]] = literal_column("'UTC'")
_DAY: Final[ColumnElement[str]] = literal_column("'YYYY-MM-DD'")
_NOBODY: Final[ColumnElement[str]] = literal_column("''")
_TOKENS: Final = _ROWS.input_tokens + _ROWS.output_tokens
_IS_THROWN: Final = _ROWS.state == THROWN


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


_Query = Select[*tuple[Any, ...]]


class _Source(NamedTuple):
    """Rows of runs that something is summed up from.

    Attributes:
        rows: The rows, with those of their goals.
        alone: The same without those, where a day or a tenant is asked for.
        run: The column of the run.
        time: The column that says of which day a row is.
        tenant: The column that says whose it is.
        sums: The sums by name; what is not named is nothing.
        condition: Which rows count.
        parts: By what else they are summed up.
    """

    rows: FromClause
    alone: FromClause
    run: ColumnElement[str]
    time: ColumnElement[datetime]
    tenant: ColumnElement[str]
    sums: Mapping[str, ColumnElement[Any]]
    condition: ColumnElement[bool] | None = None
    parts: Sequence[ColumnElement[Any]] = ()


_STARTED: Final = _Source(
    schema.goals,
    schema.goals,
    _GOALS.workflow_id,
    _GOALS.started_at,
    _GOALS.tenant,
    {
        "goals": func.count(),
        **{
            status.value: _number_of(_GOALS.status == status.value)
            for status in GoalStatus
            if status.final
        },
        "seconds": func.coalesce(func.sum(_GOALS.execution_time), 0.0),
    },
)
_SPENT: Final = _Source(
    schema.spending.join(schema.goals),
    schema.spending,
    _ROWS.workflow_id,
    _ROWS.at,
    _ROWS.tenant,
    {
        "requests": func.count(),
        # The ledger has no cost for a model whose price nobody knows.
        "unpriced": _number_of((_TOKENS > 0) & (_ROWS.cost == 0)),
        "spent_input": func.sum(_ROWS.input_tokens),
        "spent_output": func.sum(_ROWS.output_tokens),
        "spent_cost": func.sum(_ROWS.cost),
        "thrown_input": func.sum(case((_IS_THROWN, _ROWS.input_tokens), else_=0)),
        "thrown_output": func.sum(case((_IS_THROWN, _ROWS.output_tokens), else_=0)),
        "thrown_cost": func.sum(case((_IS_THROWN, _ROWS.cost), else_=0.0)),
    },
    _ROWS.state != OPEN,
)
_SAVED: Final = _Source(
    schema.totals.join(schema.goals),
    schema.totals.join(schema.goals),
    _TOTALS.workflow_id,
    _GOALS.started_at,
    _TOTALS.tenant,
    {
        "saved_input": func.sum(_TOTALS.saved_input_tokens),
        "saved_output": func.sum(_TOTALS.saved_output_tokens),
        "saved_cost": func.sum(_TOTALS.saved_cost),
    },
)
_SCORED: Final = _Source(
    schema.scores.join(schema.goals),
    schema.scores,
    _SCORES.workflow_id,
    _SCORES.at,
    _SCORES.tenant,
    {
        "count": func.count(),
        "numbers": func.count(_SCORES.number),
        "total": func.coalesce(func.sum(_SCORES.number), 0.0),
    },
    parts=(_SCORES.name,),
)
_LOCK_LEDGER: Final = (
    select(_ROWS.entry)
    .where(_ROWS.workflow_id.in_(bindparam("runs", expanding=True)))
    .with_for_update()
)


class _DailyTable:
    """A table of daily sums, and the rows of runs that it is the sums of."""

    def __init__(self, table: Table, sources: Sequence[_Source], database: Database) -> None:
        self._table = table
        self._sources = sources
        self._is_sqlite = database.is_sqlite
        keys = list(table.primary_key.columns)
        self._parts = [column.name for column in keys if column.name not in _COLUMNS.values()]
        self._names = [column.name for column in table.c if not column.primary_key]
        insert = database.insert(table)
        self._add = insert.on_conflict_do_update(
            index_elements=keys,
            set_={name: table.c[name] + insert.excluded[name] for name in self._names},
        )

    def report(self, tenancy: Tenancy, since: datetime, by: UsageGrouping) -> Executable:
        """Return the statement that sums up what happened since a time, by ``key``."""
        selects: list[_Query] = []
        for source in self._sources:
            keys = {"key": self._keys(source)[by]}
            rows = source.alone if by in {"day", "tenant"} else source.rows
            query = self._select(source, keys, rows).where(source.time >= since)
            selects.append(tenancy.limited(query, source.tenant))
        kept = self._table.c
        # A day of runs that were deleted is not divided.
        day = in_utc(since).date().isoformat()
        deleted: _Query = (
            select(
                kept[_COLUMNS[by]].label("key"),
                *(kept[name] for name in self._parts),
                *(kept[name] for name in self._names),
            )
            .select_from(self._table)
            .where(kept.day >= day)
        )
        return self._added([*selects, tenancy.limited(deleted, kept.tenant)], ["key"])

    def fold(self, transaction: Transaction, runs: Sequence[str]) -> None:
        """Add the sums of runs' rows to those of their days."""
        selects: list[_Query] = []
        for source in self._sources:
            keys = {_COLUMNS[by]: key for by, key in self._keys(source).items()}
            query = self._select(source, keys, source.rows)
            selects.append(query.where(source.run.in_(runs)))
        rows = transaction.connection.execute(self._added(selects, [*_COLUMNS.values()]))
        if added := [_plain(row) for row in rows.mappings()]:
            transaction.connection.execute(self._add, added)

    def _select(
        self, source: _Source, keys: Mapping[str, ColumnElement[str]], rows: FromClause
    ) -> _Query:
        nothing: ColumnElement[Any] = literal_column("0")
        sums = [source.sums.get(name, nothing).label(name) for name in self._names]
        labelled = [key.label(name) for name, key in keys.items()]
        query: _Query = select(*labelled, *source.parts, *sums).select_from(rows)
        # By what they are, since a label may be a column's name too.
        query = query.group_by(*keys.values(), *source.parts)
        return query if source.condition is None else query.where(source.condition)

    def _added(self, selects: Sequence[_Query], keys: Sequence[str]) -> Executable:
        every = union_all(*selects).subquery()
        by = [every.c[name] for name in (*keys, *self._parts)]
        sums = [func.sum(every.c[name]).label(name) for name in self._names]
        return select(*by, *sums).group_by(*by)

    def _keys(self, source: _Source) -> Mapping[UsageGrouping, ColumnElement[str]]:
        return {
            "day": func.date(source.time)  # SQLite keeps times in UTC
            if self._is_sqlite
            else func.to_char(func.timezone(_UTC, source.time), _DAY),
            "tenant": source.tenant,
            "agent": _GOALS.agent_type,
            "key": func.coalesce(_GOALS.started_by, _NOBODY),
        }


class UsageSums:
    """The sums of usage, and of scores."""

    def __init__(self, database: Database) -> None:
        self._usage = _DailyTable(schema.daily_sums, (_STARTED, _SPENT, _SAVED), database)
        self._scores = _DailyTable(schema.daily_scores, (_SCORED,), database)

    def usage(
        self, connection: Connection, tenancy: Tenancy, since: datetime, by: UsageGrouping
    ) -> Sequence[RowMapping]:
        """Return the columns of ``daily_sums`` since a time, by ``key``."""
        return connection.execute(self._usage.report(tenancy, since, by)).mappings().all()

    def scores(
        self, connection: Connection, tenancy: Tenancy, since: datetime, by: UsageGrouping
    ) -> Sequence[RowMapping]:
        """Return the columns of ``daily_scores`` since a time, by ``key`` and ``name``."""
        return connection.execute(self._scores.report(tenancy, since, by)).mappings().all()

    def fold(self, transaction: Transaction, runs: Sequence[str]) -> None:
        """Add the sums of runs that are deleted in this transaction to those of their days.

        Their records must be locked: an execution that writes for them locks them too.
        """
        # A request may be settled by an execution that has lost its claim, at any time.
        transaction.connection.execute(_LOCK_LEDGER, {"runs": list(runs)}).all()
        self._usage.fold(transaction, runs)
        self._scores.fold(transaction, runs)


def _plain(row: RowMapping) -> dict[str, Any]:
    """Return a row whose sums PostgreSQL has as decimals."""
    return {name: _number(value) for name, value in row.items()}


def _number(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else int(value)
