"""What a model's SQL is: one SELECT over the table, of known functions, parsed by DuckDB itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from perdure_analysis.database.connection import TABLE, Database
from perdure_analysis.language.words import plain_words

MOST_CHARACTERS: Final = 4_000
_TABLES: Final = frozenset({"BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY"})
_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"})
_CLASSES: Final = plain_words(
    "COLUMN_REF CONSTANT FUNCTION COMPARISON CONJUNCTION BETWEEN OPERATOR CASE CAST SUBQUERY STAR"
    " WINDOW TYPE"
)
# What looks at values alone: no file, no network, no setting, no clock, no chance.
_FUNCTIONS: Final = plain_words(
    "+ - * / // % ** ^ || ~~ !~~ ~~* !~~* abs acos approx_count_distinct arg_max arg_min asin"
    " atan avg bool_and bool_or cbrt ceil ceiling century coalesce concat concat_ws contains"
    " corr cos count count_if count_star covar_pop covar_samp cume_dist date_diff date_part"
    " date_trunc datediff datepart datesub date_sub datetrunc day dayname dayofmonth dayofweek"
    " dayofyear decade dense_rank ends_with epoch exp extract first first_value floor geomean"
    " greatest hour ifnull isfinite isinf isnan isodow isoyear iqr kurtosis lag last last_day"
    " last_value lcase lead least left len length ln log log10 log2 lower lpad ltrim mad max"
    " max_by mean median min min_by minute mode month monthname nth_value ntile nullif"
    " percent_rank pow power prefix product quantile quantile_cont quantile_disc quarter rank"
    " regexp_extract regexp_full_match regexp_matches regexp_replace regr_intercept regr_r2"
    " regr_slope replace reverse right round row_number rpad rtrim second sign sin skewness"
    " split_part sqrt starts_with stddev stddev_pop stddev_samp strftime strip_accents strlen"
    " strpos struct_pack substr substring suffix sum tan to_days to_hours to_minutes to_months"
    " to_weeks to_years trim trunc try_strptime strptime ucase upper var_pop var_samp variance"
    " week weekday weekofyear year yearweek"
)
_COUNTING: Final = plain_words("count_star row_number rank dense_rank")


@dataclass(slots=True)
class Select:
    """A query that was found to be a plain SELECT over the table.

    Attributes:
        sql: The query.
        columns: What it calls columns, in lower case.
        functions: The functions it calls.
        texts: The texts written in it.
        numbers: The numbers written in it, as digits.
    """

    sql: str
    columns: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)


class QueryRefused(ValueError):
    """A query is not one to run; the message says why, for who wrote it."""


def parse(database: Database, sql: str) -> Select:
    """Return what a query is made of.

    Raises:
        QueryRefused: It is anything but one SELECT over the table, of functions that only look at
            values, or it gives out what it does not take from the table.
    """
    text = sql.strip().removesuffix(";").strip()
    if not text or len(text) > MOST_CHARACTERS:
        raise QueryRefused(f"write one SELECT of at most {MOST_CHARACTERS:,} characters")
    (written,) = database.row("SELECT json_serialize_sql(?)", (text,))
    tree = json.loads(str(written))
    if tree.get("error"):
        raise QueryRefused(f"this is no SELECT that can be run: {tree.get('error_message', '')}")
    statements = tree["statements"]
    if len(statements) != 1:
        raise QueryRefused(f"write one SELECT, not {len(statements)} statements")
    found = Select(text)
    named = {
        str(entry["key"]).lower()
        for node in _nodes(statements[0])
        for entry in node.get("cte_map", {}).get("map", ())
    }
    reads = False
    for node in _nodes(statements[0]):
        reads |= _look_at(node, found, named)
    if not reads:
        raise QueryRefused(f"the query must read the table {TABLE}")
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a tree."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _look_at(node: dict[str, Any], found: Select, named: set[str]) -> bool:
    """Note what an object of the tree is; say whether it is the table.

    Raises:
        QueryRefused: It may not be in a query.
    """
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE"):
        if kind not in _NODES:
            raise QueryRefused(f"{kind.removesuffix('_NODE').lower()} may not be used")
        for item in node.get("select_list", ()):
            _refuse_invented(item)
    if node.get("sample"):
        raise QueryRefused("a sample may not be taken: the whole table counts")
    if "sample" in node and not kind.endswith("_NODE"):
        return _is_the_table(node, kind, named)
    expression = node.get("class")
    if expression is not None:
        _look_at_expression(node, str(expression), found)
    return False


def _is_the_table(node: dict[str, Any], kind: str, named: set[str]) -> bool:
    if kind not in _TABLES:
        raise QueryRefused(f"only the table {TABLE} may be read, no {kind.lower()}")
    if kind != "BASE_TABLE":
        return False
    name = str(node.get("table_name", "")).lower()
    if node.get("schema_name") or node.get("catalog_name"):
        raise QueryRefused(f"only the table {TABLE} may be read, without a schema")
    if name != TABLE and name not in named:
        raise QueryRefused(f"only the table {TABLE} may be read, not {name!r}")
    return name == TABLE


def _look_at_expression(node: dict[str, Any], kind: str, found: Select) -> None:
    if kind not in _CLASSES:
        raise QueryRefused(f"{kind.lower()} may not be used")
    if kind in {"FUNCTION", "WINDOW"}:
        name = str(node.get("function_name", "")).lower()
        if name not in _FUNCTIONS or node.get("schema") or node.get("catalog"):
            raise QueryRefused(f"the function {name!r} may not be used")
        found.functions.add(name)
    elif kind == "COLUMN_REF":
        found.columns.add(str(node["column_names"][-1]).lower())
    elif kind == "CONSTANT":
        literal = node.get("literal") or {}
        written = str(literal.get("text", ""))
        if literal.get("kind") == "STRING":
            found.texts.append(written)
        elif literal.get("kind") in {"INTEGER", "NUMERIC"}:
            found.numbers.append(written)
        elif literal.get("kind") not in {"NULL_LITERAL", "BOOLEAN", "TRUE", "FALSE"}:
            raise QueryRefused(f"{written!r} may not be written in the query")


def _refuse_invented(item: dict[str, Any]) -> None:
    """Refuse a result that is not taken from the table, such as ``SELECT 42``."""
    for node in _nodes(item):
        if node.get("class") in {"COLUMN_REF", "STAR"}:
            return
        if str(node.get("function_name", "")).lower() in _COUNTING:
            return
    raise QueryRefused("every column of the result must be taken from the table's columns")
