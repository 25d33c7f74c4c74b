"""Finding the numbers and dates that stand in columns of text, a few stray words among them."""

from dataclasses import dataclass
from typing import Final

from perdure_analysis.database import TABLE, Database, quoted

ENOUGH: Final = 0.9
_SHOWN: Final = 3

_PLAIN = "regexp_replace(trim({0}), '[$€£¥%\\s]', '', 'g')"
_NUMBERS: Final[dict[str, str]] = {
    "numbers": f"TRY_CAST({_PLAIN} AS DOUBLE)",
    "numbers with a comma for thousands": (
        f"CASE WHEN regexp_full_match({_PLAIN}, '[-+]?\\d{{{{1,3}}}}(,\\d{{{{3}}}})*(\\.\\d+)?')"
        f" THEN TRY_CAST(replace({_PLAIN}, ',', '') AS DOUBLE) END"
    ),
    "numbers with a decimal comma": (
        f"CASE WHEN regexp_full_match({_PLAIN},"
        " '[-+]?(\\d{{1,3}}(\\.\\d{{3}})+|\\d+)(,\\d+)?')"
        f" THEN TRY_CAST(replace(replace({_PLAIN}, '.', ''), ',', '.') AS DOUBLE) END"
    ),
}
_DATES: Final[dict[str, str]] = {
    "dates": "TRY_CAST(trim({0}) AS TIMESTAMP)",
    **{
        f"dates written {shown}": f"try_strptime(trim({{0}}), '{pattern}')"
        for shown, pattern in {
            "day.month.year": "%d.%m.%Y",
            "day/month/year": "%d/%m/%Y",
            "month/day/year": "%m/%d/%Y",
            "day-month-year": "%d-%m-%Y",
            "day month-name year": "%d %b %Y",
        }.items()
    },
}


@dataclass(frozen=True, slots=True)
class _Candidate:
    what: str
    expression: str
    fits: int


def refine(database: Database) -> list[str]:
    """Turn columns of text that hold numbers or dates, in nine of ten values or more, into those.

    The values that do not fit become missing, and are told.

    Returns:
        A note for each column changed in a way that a reader must know.
    """
    notes: list[str] = []
    for name, kind in database.columns().items():
        if kind == "VARCHAR":
            notes += _refine_column(database, name)
    return notes


def _refine_column(database: Database, name: str) -> list[str]:
    column = quoted(name)
    present = database.whole(f"SELECT count(nullif(trim({column}), '')) FROM {TABLE}")  # noqa: S608
    if present == 0 or _has_leading_zeros(database, column):
        return []
    for candidates, target in ((_NUMBERS, "DOUBLE"), (_DATES, "TIMESTAMP")):
        tried = _try(database, column, candidates)
        best = max(tried, key=lambda candidate: candidate.fits)
        if best.fits >= ENOUGH * present:
            notes = _describe(database, name, best, present)
            notes += _ambiguous(name, best, tried)
            _convert(database, column, best, target)
            return notes
    return []


def _has_leading_zeros(database: Database, column: str) -> bool:
    """Tell codes such as '00123', which are names rather than numbers."""
    return bool(
        database.whole(
            f"SELECT count(*) FROM {TABLE} WHERE regexp_full_match({column}, '0\\d+')"  # noqa: S608
        )
    )


def _try(database: Database, column: str, candidates: dict[str, str]) -> list[_Candidate]:
    expressions = {what: text.format(column) for what, text in candidates.items()}
    counts = ", ".join(f"count({expression})" for expression in expressions.values())
    fits = database.row(f"SELECT {counts} FROM {TABLE}")  # noqa: S608
    return [
        _Candidate(what, expression, int(str(fit)))
        for (what, expression), fit in zip(expressions.items(), fits, strict=True)
    ]


def _convert(database: Database, column: str, best: _Candidate, target: str) -> None:
    if target == "TIMESTAMP":
        midnight = database.row(
            f"SELECT coalesce(bool_and(date_trunc('day', {best.expression})"  # noqa: S608
            f" = {best.expression}), false) FROM {TABLE}"
        )[0]
        target = "DATE" if midnight else "TIMESTAMP"
    else:
        whole = database.row(
            f"SELECT coalesce(bool_and(isfinite({best.expression})"  # noqa: S608
            f" AND {best.expression} = trunc({best.expression})"
            f" AND abs({best.expression}) < 9e15), false) FROM {TABLE}"
        )[0]
        target = "BIGINT" if whole else "DOUBLE"
    database.rows(
        f"ALTER TABLE {TABLE} ALTER {column} TYPE {target}"
        f" USING CAST({best.expression} AS {target})"
    )


def _describe(database: Database, name: str, best: _Candidate, present: int) -> list[str]:
    column, stray = quoted(name), present - best.fits
    if not stray:
        # A plain number or an ISO date needs no word.
        return [] if best.what in {"numbers", "dates"} else [f"`{name}` was read as {best.what}."]
    values = database.rows(
        f"SELECT trim({column}), count(*) FROM {TABLE}"  # noqa: S608
        f" WHERE nullif(trim({column}), '') IS NOT NULL AND {best.expression} IS NULL"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_SHOWN}"
    )
    shown = ", ".join(f"'{str(value)[:30]}'" for value, _ in values)
    are = "value is" if stray == 1 else "values are"
    note = f"`{name}` was read as {best.what}; {stray:,} {are} something else ({shown})"
    return [f"{note} and {'counts' if stray == 1 else 'count'} as missing."]


def _ambiguous(name: str, best: _Candidate, tried: list[_Candidate]) -> list[str]:
    if best.what != "dates written day/month/year":
        return []
    other = next(one for one in tried if one.what == "dates written month/day/year")
    if other.fits < best.fits:
        return []
    return [f"Days and months of `{name}` cannot be told apart: it may be month/day/year."]
