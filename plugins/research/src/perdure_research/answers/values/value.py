# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""The value that a statement answers with: a figure, dates, names, or a description."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from perdure_research.answers.language.dates import dates_in, is_date_word
from perdure_research.answers.language.function_words import is_function_word
from perdure_research.answers.language.numbers import (
    Number,
    digits_value,
    han_numbers,
    numbers_in,
)
from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import Token, plain, tokens_of
from perdure_research.answers.matching.figures import figures_in
from perdure_research.answers.matching.fit import names_in
from perdure_research.answers.matching.scopes import stems_in
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement

Kind = Literal["figure", "date", "name", "words"]

_ROUGHLY: Final = re.compile(
    r"\b(about|around|some|nearly|almost|roughly|approximately|over|more than|up to|circa|ca"
    r"|etwa|rund|fast|gut|environ|près"
    r"|unos|cerca|aproximadamente|около)\b|约|大约|約|およそ",
    re.IGNORECASE,
)
_CLOSE: Final = 0.05
_COMPLEMENT: Final = re.compile(
    r"\b(?:is|are|was|were|ist|sind|war|waren|est|sont|était|es|son|fue|era)\s+(?P<said>[^;.]+)"
)
# "What is the cause of …": two answers to it that share no word contradict each other.
_ASKS_WHAT_IS: Final = re.compile(
    r"(?:what|which) (?:is|was|are|were) the\b|was (?:ist|war) (?:der|die|das)\b"
    r"|quel(?:le)?s? (?:est|etait|sont)\b|cual (?:es|era)\b"
)
_WHERE: Final = re.compile(
    r"\b(?:in|at|on|near|from|to|into|auf|am|im|bei|aus|à|au|dans|sur|en|de)\s+(?:the\s+|der\s+|la\s+|le\s+)?"
    r"(?P<name>[^\W\d_a-zß-ÿ][\w'-]*(?:\s+[^\W\d_a-zß-ÿ][\w'-]*)*)"
)


@dataclass(frozen=True, slots=True)
class Value:
    """What is answered.

    Attributes:
        kind: What it is.
        unit: Of a figure, its kind of unit and, for money, its name; of a date, its kind.
        figures: Of a figure, what it comes to.
        words: Of a date or name, its words; of a description, the stems of its words.
        is_rough: Whether it is said to be rough.
    """

    kind: Kind
    unit: str = ""
    figures: frozenset[float] = frozenset()
    words: frozenset[str] = frozenset()
    is_rough: bool = False


def value_of(question: Question, statement: Statement) -> Value | None:
    """Return what a statement answers with; ``None`` where that cannot be told."""
    if question.is_unspaced:
        return _unspaced(question, statement)
    if statement.shape == "row" and (cell := asked_cell(question, statement)):
        return _of_cell(question, cell)
    if question.kind == "thing" and question.units:
        return _figure_value(question, statement)
    reading = _READING.get(question.kind)
    return None if reading is None else reading(question, statement)


def _figure_value(question: Question, statement: Statement) -> Value | None:
    figure = _figure(question, statement)
    if figure is None:
        return None
    return Value(
        "figure",
        _unit(figure),
        frozenset([figure.value]),
        is_rough=_ROUGHLY.search(statement.words) is not None,
    )


def _unit(number: Number) -> str:
    return f"{number.kind} {number.unit}" if number.kind == "money" else number.kind


def _figure(question: Question, statement: Statement) -> Number | None:
    """Return the number nearest to the words that are asked about."""
    figures = figures_in(question, statement)
    if not figures:
        return None
    wanted = {other for term in question.core for other in (term.stem, *term.others)}
    wanted |= {question.counted} - {""}
    places = [
        at
        for at, token in enumerate(statement.tokens)
        if stem(token.key, question.language) in wanted or token.key in wanted
    ]
    if not places:
        return figures[0]

    def distance(number: Number) -> float:
        counted = statement.tokens[number.last : number.last + 3]
        is_counted = question.counted and any(
            stem(token.key, question.language) == question.counted for token in counted
        )
        apart = [min(abs(at - number.first), abs(at - number.last)) for at in places]
        return sum(apart) / len(apart) + min(apart) - (100 if is_counted else 0)

    return min(figures, key=distance)


def asked_cell(question: Question, statement: Statement) -> str:
    """Return the cell of a row whose column is asked for; empty where that cannot be told."""
    cells, columns = statement.cells, statement.columns
    if len(cells) == 2 and not columns:
        return cells[1]
    if len(cells) != len(columns) or len(cells) < 2:
        return ""
    wanted = {other for term in question.terms for other in (term.stem, *term.others)}
    exact = {term.stem for term in question.terms}
    best, found = 0.0, ""
    for column, cell in list(zip(columns, cells, strict=True))[1:]:
        stems = stems_in(plain(column), question.language)
        score = len(stems & exact) + 0.6 * len(stems & wanted)
        if score > best:
            best, found = score, cell
    if not found and len(cells) == 2:
        return cells[1]
    return found


def _of_cell(question: Question, cell: str) -> Value | None:
    text = plain(cell)
    if question.kind == "date" and (date := _date(question, text)) is not None:
        return date
    row = _bare(text)
    if row is not None and question.kind not in {"person", "list"}:
        return row
    stems = frozenset(
        stem(token.key, question.language)
        for token in tokens_of(text)
        if not is_function_word(token.key, question.language)
    )
    asks_what = question.kind == "thing" and _ASKS_WHAT_IS.match(" ".join(question.keys))
    if stems and (asks_what or question.kind in {"person", "place", "date"}):
        kind: Kind = "name" if question.kind == "person" else "words"
        return Value(kind, words=stems)
    return None


def _bare(text: str) -> Value | None:
    numbers = numbers_in(tokens_of(text), text)
    if len(numbers) != 1:
        return None
    return Value("figure", _unit(numbers[0]), frozenset([numbers[0].value]))


def _date(question: Question, text: str) -> Value | None:
    near = _nearest_clause(question, text)
    for part in (near, text):
        bare = part
        for key in question.keys:
            if key.isdigit():
                bare = re.sub(rf"\b{key}\b", " ", bare)
        keys = [token.key for token in tokens_of(bare)]
        dates = dates_in(bare, keys)
        order = [question.date_kind] if question.date_kind else []
        for kind in (*order, "day", "time", "year", "month", "weekday", "season"):
            if kind in dates:
                words = dates[kind]
                return Value("date", kind, words=words)
    return None


def _nearest_clause(question: Question, text: str) -> str:
    """Return what follows the word that is asked about, up to the next clause."""
    wanted = {other for term in question.core for other in (term.stem, *term.others)}
    telling = {term.stem for term in question.core if not term.is_name and not term.is_subject}
    others = {
        o for term in question.core if term.stem in telling for o in (term.stem, *term.others)
    }
    tokens = tokens_of(text)
    at = next(
        (
            token.start
            for token in tokens
            if stem(token.key, question.language) in (others or wanted)
        ),
        None,
    )
    if at is None:
        return text
    return re.split(r"[,;]\s|\band\b|\bund\b|\bet\b|\by\b", text[at:])[0]


def _name(question: Question, statement: Statement) -> Value | None:
    groups = names_in(statement.tokens, frozenset(question.keys))
    if not groups:
        return None
    wanted = {
        other for term in question.core if not term.is_name for other in (term.stem, *term.others)
    }
    places = [
        token.start for token in statement.tokens if stem(token.key, question.language) in wanted
    ]

    def distance(group: list[Token]) -> float:
        after = re.search(r"\b(?:by|von|durch|par|por)\s+$", statement.words[: group[0].start])
        apart = min((abs(group[0].start - place) for place in places), default=0)
        return apart - (1000 if after else 0)

    best = min(groups, key=distance)
    return Value("name", words=frozenset(token.key for token in best))


def _place(question: Question, statement: Statement) -> Value | None:
    """Return the name behind the first "in", "at" or the like that follows what is asked about."""
    telling = {o for t in question.core if not t.is_name for o in (t.stem, *t.others)}
    begin = min(
        (t.start for t in statement.tokens if stem(t.key, question.language) in telling), default=0
    )
    for match in _WHERE.finditer(statement.words, begin):
        names = frozenset(
            token.key
            for token in tokens_of(match["name"])
            if token.key not in question.keys and not is_date_word(token.key)
        )
        if names:
            return Value("name", words=names - {"the"})
    return None


def _complement(question: Question, statement: Statement) -> Value | None:
    """Return what is said of the thing that is asked about: "The cause was …"."""
    if not _ASKS_WHAT_IS.match(" ".join(question.keys)):
        return None
    match = _COMPLEMENT.search(statement.words)
    if match is None:
        return None
    before = stems_in(statement.words[: match.start()], question.language)
    telling = {term.stem for term in question.core if not term.is_name}
    if not telling & before:
        return None
    said = re.split(r",|\bwhere\b|\bwhich\b|\bwho\b", match["said"])[0]
    words = frozenset(
        stem(token.key, question.language)
        for token in tokens_of(said)
        if not is_function_word(token.key, question.language)
    )
    return Value("words", words=words) if words else None


def _unspaced(question: Question, statement: Statement) -> Value | None:
    text = statement.words
    rough = _ROUGHLY.search(text) is not None
    if question.kind == "figure":
        anchors = [term.key for term in question.terms] + [term.key[-2:] for term in question.terms]
        at = max((text.rfind(key) + len(key) for key in anchors if key in text), default=0)
        digits = [
            (match.start(), digits_value(match.group()))
            for match in re.finditer(r"\d+(?:[.,]\d+)*", text)
        ]
        found = [(start, value) for start, value in digits if value is not None]
        found += [(start, value) for value, start, _ in han_numbers(text)]
        after = sorted(one for one in found if one[0] >= at) or sorted(found)
        if not after:
            return None
        unit = re.match(
            r"[\d.,零〇一二两三四五六七八九十百千万萬億亿]+\s*([^\d\s，。、]?)", text[after[0][0] :]
        )
        return Value("figure", unit[1] if unit else "", frozenset([after[0][1]]), is_rough=rough)
    if question.kind == "date":
        dates = dates_in(text, [token.key for token in statement.tokens])
        years = frozenset(re.findall(r"\d{4}(?=年)", text))
        if question.date_kind == "year" or (years and "time" not in dates):
            return Value("date", "year", words=years) if years else None
        for kind, words in dates.items():
            return Value("date", kind, words=words)
    return None


_READING: Final[dict[str, Callable[[Question, Statement], Value | None]]] = {
    "figure": _figure_value,
    "date": lambda question, statement: _date(question, statement.words),
    "person": _name,
    "place": _place,
    "thing": _complement,
}


def agree(one: Value, other: Value) -> bool | None:
    """Say whether two values are the same; ``None`` where they cannot be compared."""
    if one.kind != other.kind:
        return None
    if one.kind == "figure":
        return _figures_agree(one, other)
    if one.kind == "date":
        return None if one.unit != other.unit else not one.words.isdisjoint(other.words)
    shared = len(one.words & other.words)
    if one.kind == "name" or shared >= 0.5 * min(len(one.words), len(other.words)):
        return shared > 0
    return None if shared else False


def _figures_agree(one: Value, other: Value) -> bool | None:
    if one.unit != other.unit and one.unit and other.unit:
        return None
    rough = one.is_rough or other.is_rough
    return all(
        any(math.isclose(a, b, rel_tol=_CLOSE if rough else 1e-6) for b in other.figures)
        for a in one.figures
    )
