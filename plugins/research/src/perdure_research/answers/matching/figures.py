"""The figures of a statement that may answer a question, and whether they count what is asked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from perdure_research.answers.language.numbers import Number, numbers_in
from perdure_research.answers.language.same_meaning import same_meaning
from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import Token, plain, tokens_of
from perdure_research.answers.questions.nouns import TAKES_IN
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement

# Words of lengths and times, which have units of their own.
_LENGTHS: Final = frozenset(
    ["high", "deep", "wide", "long", "tall", "height", "depth", "width", "length", "old", "age"]
)
_DIMENSIONS: Final = (
    frozenset(["high", "tall", "height", "above", "altitude", "elevation"]),
    frozenset(["wide", "broad", "width", "breadth", "across"]),
    frozenset(["long", "length"]),
    frozenset(["deep", "depth"]),
    frozenset(["thick", "thickness"]),
)
# "How many children does the school take?" is answered in places.
_ROOM: Final = frozenset(stem(word, "en") for word in ("place", "seat", "bed", "room"))
_AGE: Final = frozenset(["old", "age"])
_BEFORE_AGES: Final = frozenset(["of", "than", "under", "over", "from", "aged", "age", "between"])
_ANY: Final = frozenset(["animals", "individuals", "specimens", "pieces", "copies", "birds"])
# What much of something is said in: "How much blood?"
_OF_STUFF: Final = frozenset(["volume", "mass", "area", "energy", "data"])
_BEFORE_YEARS: Final = frozenset(["in", "since", "until", "from", "by", "of", "between"])


def figures_in(question: Question, statement: Statement) -> list[Number]:
    """Return the numbers of a statement that may answer: not those that were asked with."""
    asked = set(question.keys)
    tokens = statement.tokens
    numbers = []
    for number in numbers_in(tokens, statement.words):
        if all(token.key in asked for token in tokens[number.first : number.last + 1]):
            continue
        if tokens[number.first].key in asked and not number.kind:
            continue
        if (
            number.is_year
            and not question.units
            and statement.shape != "row"
            and not question.counted
        ):
            continue
        dated = number.first and tokens[number.first - 1].key in _BEFORE_YEARS
        if number.is_year and dated and statement.shape not in {"row", "record"}:
            continue
        numbers.append(number)
    if question.units:
        numbers = [one for one in numbers if not _is_of_another_dimension(question, one, tokens)]
        fitting = [one for one in numbers if one.kind in question.units]
        bare = [one for one in numbers if not one.kind and not one.is_year]
        if fitting:
            return fitting
        if statement.shape in {"row", "record"}:
            return bare or _in_column_of(numbers, question, statement)
        if "time" in question.units and (ages := _ages(question, bare, statement)):
            return ages
        if "money" in question.units and (prices := _without_currency(bare, statement)):
            return prices
        # "It cost four minutes": what is measured is said, in another unit.
        stems = {term.stem for term in question.terms if term.is_measure}
        said = {stem(token.key, question.language) for token in tokens}
        return [one for one in numbers if one.kind] if stems & said - _LENGTHS else []
    return numbers


def _ages(question: Question, numbers: Sequence[Number], statement: Statement) -> list[Number]:
    """Return numbers that are ages without a unit: "from the age of four"."""
    if not _AGE & set(question.keys):
        return []
    return [
        replace(number, kind="time")
        for number in numbers
        if number.first and statement.tokens[number.first - 1].key in _BEFORE_AGES
    ]


def _without_currency(numbers: Sequence[Number], statement: Statement) -> list[Number]:
    """Return numbers that are prices like the one before: "… 86,000 crowns, … for 31,000"."""
    earlier = [
        number for one in statement.before[:1] for number in numbers_in(one.tokens, one.words)
    ]
    if not any(number.kind == "money" for number in earlier):
        return []
    return [
        replace(number, kind="money")
        for number in numbers
        if number.first and statement.tokens[number.first - 1].key in {"for", "at", "to", "only"}
    ]


def _in_column_of(
    numbers: Sequence[Number], question: Question, statement: Statement
) -> list[Number]:
    """Return the numbers of a row in the column that a word of the question names."""
    wanted = {
        stem_ for term in question.terms if term.is_measure for stem_ in (term.stem, *term.others)
    }
    named = [
        cell
        for name, cell in zip(statement.columns, statement.cells, strict=False)
        if wanted & {stem(token.key, question.language) for token in tokens_of(plain(name))}
    ]
    return [number for number in numbers if not number.kind and number.text in named]


def _is_of_another_dimension(question: Question, number: Number, tokens: Sequence[Token]) -> bool:
    """Say whether a length is said to be another one than is asked for: "760 mm wide"."""
    asked = [dimension for dimension in _DIMENSIONS if dimension & set(question.keys)]
    if number.kind != "length" or len(asked) != 1:
        return False
    behind = {token.key for token in tokens[number.last + 1 : number.last + 2]}
    before = tokens[max(0, number.first - 2) : number.first]
    nouns = {token.key for token in before} if before and before[-1].key == "of" else set()
    said = behind | nouns
    return not said & asked[0] and any(said & other for other in _DIMENSIONS)


def counts(question: Question, statement: Statement) -> bool:
    """Say whether a statement has a number of what is counted: "55 litres" of "how many litres"."""
    counted = question.counted
    names = same_meaning(counted, question.language) | {counted}
    if TAKES_IN & set(question.keys):
        names |= _ROOM
    said = {stem(token.key, question.language) for token in statement.tokens}
    for number in figures_in(question, statement):
        if question.counted_unit and number.kind == question.counted_unit:
            return True
        if "much" in question.keys and number.kind in _OF_STUFF and names & said:
            return True
        # "54 per cent of the votes", "512 MB of memory", but not "1.5 degrees" of trees.
        far = {"": 5, "share": 7}.get(number.kind, 3)
        near = statement.tokens[number.last : number.last + far]
        before = statement.tokens[max(0, number.first - 3) : number.first]
        if number.kind not in {"", "share"}:
            before = ()
        if any(stem(token.key, question.language) in names for token in (*near, *before)):
            return True
        if _counts_what_is_spoken_of(near, names, question, statement):
            return True
        if _is_of_them(statement.tokens[number.last + 1 : number.last + 3]) and any(
            not names.isdisjoint(stem(token.key, question.language) for token in earlier.tokens)
            for earlier in statement.before[:2]
        ):
            return True
    columns = tokens_of(plain(" ".join(statement.columns)))
    return statement.shape == "row" and any(
        stem(token.key, question.language) in names for token in columns
    )


def _counts_what_is_spoken_of(
    near: Sequence[Token], names: frozenset[str], question: Question, statement: Statement
) -> bool:
    """Say whether "140 animals" are those that the text is about: beavers."""
    if not any(token.key in _ANY for token in near):
        return False
    around = " . ".join((statement.subject, *(one.words for one in statement.before)))
    return any(stem(token.key, question.language) in names for token in tokens_of(plain(around)))


def _is_of_them(tokens: Sequence[Token]) -> bool:
    """Say whether a number counts what was named before: "61 of them"."""
    keys = [token.key for token in tokens]
    return keys[:1] == ["of"] and keys[-1] in {"them", "these", "those", "which", "whom"}
