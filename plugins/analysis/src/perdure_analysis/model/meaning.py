"""Whether a model's query is about what the question asks, as far as its words say."""

import re
from collections.abc import Sequence
from typing import Final

from perdure_analysis.language.meanings import Meanings
from perdure_analysis.language.mentions import number_of
from perdure_analysis.language.names import Table, code_list
from perdure_analysis.language.words import Word, comparable, words_of
from perdure_analysis.model.select import QueryRefused, Select
from perdure_analysis.questions.queries import Question

_STRUCTURE: Final = frozenset({"0", "1", "100", "0.0", "1.0", "100.0"})
_ROUNDING: Final = frozenset(map(str, range(7)))
_UNITS: Final = frozenset(
    f"{unit}{end}"
    for unit in ("day", "week", "month", "quarter", "year", "hour")
    for end in ("", "s")
)
_COUNTS: Final = frozenset({"count", "count_star", "count_if", "approx_count_distinct"})
_REQUIRED: Final[dict[str, frozenset[str]]] = {
    "sum": frozenset({"sum"}),
    "mean": frozenset({"avg", "mean"}),
    "median": frozenset({"median", "quantile_cont", "quantile"}),
    "count": frozenset({"count", "count_star", "count_if", "sum"}),
    "minimum": frozenset({"min", "arg_min", "min_by"}),
    "maximum": frozenset({"max", "arg_max", "max_by"}),
    "deviation": frozenset({"stddev", "stddev_samp", "stddev_pop"}),
    "variance": frozenset({"variance", "var_samp", "var_pop"}),
}


def refuse_another_meaning(select: Select, question: Question, table: Table) -> None:
    """Refuse a query that leaves out what the question names, or brings in what it does not.

    Raises:
        QueryRefused: It is about something else, or a word of the question means nothing in the
            table.
    """
    meanings = question.meanings
    if meanings.without:
        said = ", ".join(f"'{word}'" for word in meanings.without)
        raise QueryRefused(f"the table has nothing that {said} could mean")
    used = {name for name in table.columns if name.lower() in select.columns}
    if not used and not select.functions & {"count_star"}:
        raise QueryRefused("the query must use the table's columns")
    for choice in meanings.required:
        if not used & set(choice):
            raise QueryRefused(f"the question names {code_list(choice)}: the query must use it")
    for name in sorted(used - set(meanings.columns)):
        raise QueryRefused(
            f"no word of the question stands for `{name}`: the query must not use it"
        )
    if select.functions & _COUNTS and not meanings.counts:
        raise QueryRefused("the question asks for no count: the query must not count")
    texts = [comparable(text.strip("%")) for text in select.texts]
    for value in meanings.values:
        if not any(comparable(value) == text or comparable(value) in text for text in texts):
            raise QueryRefused(f"the question names {value!r}: the query must look for it")
    words = words_of(question.text)
    _refuse_other_figures(select, meanings)
    _refuse_other_numbers(select, words)
    _refuse_other_texts(select, question, words, table)


def _refuse_other_figures(select: Select, meanings: Meanings) -> None:
    for meaning in meanings.aggregates:
        wanted = _REQUIRED.get(meaning)
        if meaning == "sum" and len(meanings.aggregates) > 1:
            # "How many in total" is a count.
            continue
        if wanted is not None and not wanted & select.functions:
            raise QueryRefused(f"the question asks for the {meaning}: the query must reckon it")


def _refuse_other_numbers(select: Select, words: Sequence[Word]) -> None:
    said = {str(number) for word in words if (number := number_of(word.plain)) is not None}
    rounded = _ROUNDING if select.functions & {"round", "trunc"} else frozenset[str]()
    for written in select.numbers:
        if written.lstrip("-") not in said | _STRUCTURE | rounded:
            raise QueryRefused(f"the number {written} is not in the question")
    whole = set(re.findall(r"\d+(?:\.\d+)?", " ".join([*select.numbers, *select.texts])))
    for wanted in said:
        if wanted not in _STRUCTURE and wanted not in whole:
            raise QueryRefused(f"the question names {wanted}: the query must use it")


def _refuse_other_texts(
    select: Select, question: Question, words: Sequence[Word], table: Table
) -> None:
    """Refuse a text that is neither in the question nor the spelling of what it names."""
    asked = f" {comparable(question.text)} "
    years = {word.plain for word in words if re.fullmatch(r"1\d{3}|20\d\d", word.plain)}
    spellings = {comparable(value) for value in question.meanings.values}
    for name in question.meanings.columns:
        if table.flag(name) is not None:
            spellings |= {comparable(one.value) for one in table.columns[name].top}
    for text in select.texts:
        bare = comparable(text.strip("%"))
        is_format = text.startswith("%") and len(text.replace("%", "")) <= len(text) // 2 + 1
        if not bare or text.lower() in _UNITS or is_format or f" {bare} " in asked:
            continue
        if bare in spellings:
            continue
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}( 00:00:00)?", text):
            _refuse_other_days(text, years, asked)
            continue
        raise QueryRefused(f"{text!r} is not in the question")


def _refuse_other_days(text: str, years: set[str], asked: str) -> None:
    year = text[:4]
    begins_next = text[4:10] == "-01-01" and str(int(year) - 1) in years
    if year not in years and not begins_next and comparable(text[:10]) not in asked:
        raise QueryRefused(f"the year of {text} is not in the question")
