"""What each word of a question is: a column, a value, a period, a number, an aggregate, …."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

from perdure_analysis.language.doubt import CannotTell
from perdure_analysis.language.names import Table
from perdure_analysis.language.periods import Period, period_at
from perdure_analysis.language.values import Values
from perdure_analysis.language.vocabulary import (
    GOODS_WORDS,
    LONGEST_PHRASE,
    MONEY_WORDS,
    OCCURRENCES,
    PEOPLE,
    PHRASES,
    ROWS,
    SALES,
    STOPS,
    Role,
)
from perdure_analysis.language.words import Word, comparable, name_words, plain_words

LONGEST_VALUE: Final = 6
_NUMBER_WORDS: Final = {
    word: number
    for number, word in enumerate(
        ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twenty"), 2
    )
} | {"twenty": 20}

_ORDINALS: Final = {
    word: number
    for number, word in enumerate(
        ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"), 2
    )
}
# Words that are names where they stand in capitals; elsewhere they say nothing.
_ABBREVIATIONS: Final = plain_words("IT US ME MY HI WE HE SO AS DO")

Kind = Role | Literal["column", "value", "period", "number", "rows", "stop", "unknown"]


@dataclass(frozen=True, slots=True)
class Mention:
    """One or a few words of a question, and what they are.

    Attributes:
        said: The words.
        kind: What they are.
        meaning: Which aggregate, rank, unit and so on.
        columns: The columns that may be meant.
        exact: Whether the words are a column's whole name.
        sales: Whether they are a word for sales that is no column's name.
        values: The columns and spellings in which a value occurs.
        period: The period.
        number: The number; of an ordinal its place, 2 for ``second``.
        percent: Whether a percent sign follows it.
        comma: Whether a comma stands before.
    """

    said: str
    kind: Kind
    meaning: str = ""
    columns: tuple[str, ...] = ()
    exact: bool = False
    sales: bool = False
    values: tuple[tuple[str, str], ...] = ()
    period: Period | None = None
    number: Decimal | None = None
    percent: bool = False
    comma: bool = False


def grams(words: Sequence[Word]) -> Iterator[str]:
    """Yield the texts of a question that may be values: runs of words, and singulars of them."""
    for begin in range(len(words)):
        for end in range(begin + 1, min(begin + LONGEST_VALUE, len(words)) + 1):
            yield from _forms(words[begin:end])


def _forms(run: Sequence[Word]) -> Iterator[str]:
    text = " ".join(word.text for word in run)
    yield text
    if run[-1].quoted or not text[-1:].isalpha() or len(text) < 3:
        return
    yield text + "s"
    yield text + "es"
    if text.endswith("s"):
        yield text[:-1]
    if text.endswith("es"):
        yield text[:-2]
    if text.endswith("ies"):
        yield text[:-3] + "y"


def mentions_of(words: Sequence[Word], table: Table, values: Values) -> list[Mention]:
    """Return what a question's words are, in their order, the longest meaning first."""
    found: list[Mention] = []
    place = 0
    lexer = _Lexer(words, table, values)
    while place < len(words):
        length, mention = lexer.best(place, found)
        said = " ".join(word.text for word in words[place : place + length])
        found.append(replace(mention, said=said, comma=words[place].comma))
        place += length
    return found


class _Lexer:
    def __init__(self, words: Sequence[Word], table: Table, values: Values) -> None:
        self._words = words
        self._table = table
        self._values = values

    def best(self, place: int, before: list[Mention]) -> tuple[int, Mention]:
        """Return the meaning of the most words from a place on."""
        word = self._words[place]
        if word.quoted:
            return 1, self._quoted(word)
        candidates = [
            *self._periods(place, before),
            *self._columns(place),
            *self._value(place, before),
            *self._percentile(place),
            *self._ordinal(place),
            *self._phrases(place),
        ]
        if candidates:
            length = max(length for length, _ in candidates)
            longest = [mention for size, mention in candidates if size == length]
            return length, _merged(longest)
        return self._single(place)

    def _quoted(self, word: Word) -> Mention:
        values = tuple(self._values.get(comparable(word.text), ()))
        if any(text == word.text for _, text in values):
            values = tuple(one for one in values if one[1] == word.text)
        columns = self._table.named(comparable(word.text).split())
        if values:
            return Mention("", "value", values=values, columns=columns)
        if columns:
            return Mention("", "column", columns=columns, exact=True)
        return Mention("", "unknown")

    def _periods(self, place: int, before: list[Mention]) -> Iterator[tuple[int, Mention]]:
        found = period_at(self._words, place, self._table.reaches)
        if found is None:
            return
        end, period = found
        last = next((one for one in reversed(before) if one.kind != "stop"), None)
        bare = re.fullmatch(r"between \d{4} and \d{4}", period.said.lower())
        compared = any(
            PHRASES.get((word.plain,), ("stop", ""))[0] in {"growth", "versus"}
            for word in self._words
        )
        if bare and not compared and last is not None and last.kind == "column":
            named = last.columns[0]
            if self._table.is_measure(named):
                if not self._is_in_time(period):
                    return
                if _reaches(self._table, named, period):
                    trouble = f"they may be years or values of `{named}`"
                    period = replace(period, trouble=trouble)
        yield end - place, Mention("", "period", period=period)

    def _is_in_time(self, period: Period) -> bool:
        """Say whether a column of dates or years reaches into a period."""
        if period.first is None or period.last is None:
            return False
        first, last = period.first.year, period.last.year
        return any(a <= last and z >= first for a, z in self._table.reaches)

    def _columns(self, place: int) -> Iterator[tuple[int, Mention]]:
        for length in range(min(self._table.longest_name + 2, len(self._words) - place), 0, -1):
            run = self._words[place : place + length]
            if any(word.quoted for word in run):
                continue
            columns = self._table.named([word.plain for word in run])
            if columns:
                exact = [name for name in columns if comparable(name) == comparable(_text(run))]
                yield (
                    length,
                    Mention("", "column", columns=tuple(exact) or columns, exact=True),
                )
                return

    def _value(self, place: int, before: list[Mention]) -> Iterator[tuple[int, Mention]]:
        for length in range(min(LONGEST_VALUE, len(self._words) - place), 0, -1):
            run = self._words[place : place + length]
            if any(word.quoted for word in run):
                continue
            values = self._values_of(run, before, place)
            if values and length == 1 and self._is_a_date(place):
                continue
            if values:
                yield length, Mention("", "value", values=values)
                return

    def _is_a_date(self, place: int) -> bool:
        """Say whether a word beside a period is part of the name of a column of dates."""
        columns = self._table.partly_named([self._words[place].stem])
        dated = any(map(self._table.is_date, columns))
        return (
            dated
            and place + 1 < len(self._words)
            and bool(period_at(self._words, place + 1, self._table.reaches))
        )

    def _values_of(
        self, run: Sequence[Word], before: list[Mention], place: int
    ) -> tuple[tuple[str, str], ...]:
        for text in _forms(run):
            values = self._values.get(comparable(text), ())
            if not values:
                continue
            if not all(_is_common(word) for word in run):
                return tuple(values)
            # A word such as "it" or "a" is a value only where it is written as one.
            capital = place > 0 and any(one.isupper() for one in _text(run))
            if (
                self._plain(place - 1) in {"in", "from", "for"}
                and not capital
                and text == run[0].text
            ):
                column, value = values[0]
                if not value.isdigit():
                    raise CannotTell(
                        f"whether '{text}' is the value '{value}' of `{column}`: put it in quotes"
                        " if it is",
                        (column,),
                    )
            return tuple(
                (column, value)
                for column, value in values
                if (capital and value == _text(run)) or _names_just_before(before, column)
            )
        return ()

    def _percentile(self, place: int) -> Iterator[tuple[int, Mention]]:
        match = re.fullmatch(r"(\d{1,2})(st|nd|rd|th)", self._plain(place))
        if match is not None and self._plain(place + 1) in {"percentile", "percentiles"}:
            yield 2, Mention("", "aggregate", f"percentile {match[1]}")

    def _ordinal(self, place: int) -> Iterator[tuple[int, Mention]]:
        """Read ``second`` of ``second highest``; alone it may be anything."""
        word = self._plain(place)
        match = re.fullmatch(r"(\d{1,2})(?:nd|rd|th|st)", word)
        number = int(match[1]) if match is not None else _ORDINALS.get(word, 0)
        following = next((mention for _, mention in self._phrases(place + 1)), None)
        is_ranked = following is not None and following.kind in {"rank", "frequency"}
        if number > 1 and is_ranked:
            yield 1, Mention("", "ordinal", number=Decimal(number))

    def _phrases(self, place: int) -> Iterator[tuple[int, Mention]]:
        for length in range(min(LONGEST_PHRASE, len(self._words) - place), 0, -1):
            run = self._words[place : place + length]
            meaning = PHRASES.get(tuple(word.plain for word in run))
            if meaning is not None and not any(word.quoted for word in run):
                if meaning[1] in {"where", "when"} and place > 0:
                    # Within a sentence they begin a condition.
                    yield 1, Mention("", "stop")
                    return
                yield length, Mention("", meaning[0], meaning[1])
                return

    def _single(self, place: int) -> tuple[int, Mention]:
        """Return what a word is that no phrase, value or whole name of a column begins with."""
        word = self._words[place]
        number = number_of(word.plain)
        if number is not None:
            percent = word.plain.endswith("%") or self._plain(place + 1) in {"%", "percent"}
            length = 1 + (percent and not word.plain.endswith("%"))
            return length, Mention("", "number", number=number, percent=percent)
        return self._part_of_name(place) or (1, self._other(word))

    def _part_of_name(self, place: int) -> tuple[int, Mention] | None:
        sales = self._words[place].stem in MONEY_WORDS | GOODS_WORDS
        for length in range(min(3, len(self._words) - place), 0, -1):
            run = self._words[place : place + length]
            if any(one.plain in STOPS or one.quoted for one in run):
                continue
            columns = self._table.partly_named([one.stem for one in run])
            if sales:
                columns = tuple(filter(self._table.is_measure, columns))
            if columns:
                return length, Mention("", "column", columns=columns)
        return None

    def _other(self, word: Word) -> Mention:
        stem = word.stem
        if stem in MONEY_WORDS | GOODS_WORDS:
            columns = self._table.money_or_goods(stem)
            return Mention("", "column", columns=columns, sales=True)
        if stem in PEOPLE and self._table.persons():
            return Mention("", "column", columns=self._table.persons())
        if word.plain in STOPS:
            return Mention("", "unknown" if word.text in _ABBREVIATIONS else "stop")
        if stem in ROWS:
            return Mention("", "rows", "row")
        if stem in set(name_words(self._table.name)) or self._is_a_row(stem):
            return Mention("", "rows", "occurrence")
        return Mention("", "unknown")

    def _is_a_row(self, stem: str) -> bool:
        """Say whether a row can be one of what a word names, whatever the key's name says."""
        keyed = {
            word
            for name in self._table.columns
            if self._table.is_key(name) and not self._table.is_date(name)
            for word in self._table.words(name)[:-1]
        }
        return stem in OCCURRENCES and (not keyed or (stem in SALES and bool(keyed & SALES)))

    def _plain(self, place: int) -> str:
        return self._words[place].plain if 0 <= place < len(self._words) else ""


def _merged(longest: list[Mention]) -> Mention:
    """Return one mention of words that are several things, such as a column called total."""
    first = longest[0]
    for other in longest[1:]:
        if first.kind == "column" and other.kind == "value":
            first = replace(first, values=other.values)
        elif first.kind in {"column", "value"} and not first.meaning and other.meaning:
            first = replace(first, meaning=f"{other.kind} {other.meaning}")
    return first


def _is_common(word: Word) -> bool:
    return (
        word.plain in STOPS
        or (word.plain,) in PHRASES
        or word.plain in _NUMBER_WORDS
        or word.stem in ROWS
        or len(word.plain) == 1
        or word.plain[:1].isdigit()
    )


def _names_just_before(before: list[Mention], column: str) -> bool:
    last = next((one for one in reversed(before) if one.said not in {"is", "of", "="}), None)
    return last is not None and last.kind == "column" and column in last.columns


def _reaches(table: Table, name: str, period: Period) -> bool:
    """Say whether the values of a column of numbers reach into a period's years."""
    numbers = table.columns[name].numbers
    if numbers is None or period.first is None or period.last is None:
        return False
    return numbers.maximum >= period.first.year and numbers.minimum <= period.last.year


def _text(run: Sequence[Word]) -> str:
    return " ".join(word.text for word in run)


def number_of(text: str) -> Decimal | None:
    """Return the number that a word is: digits, with commas between thousands, or two to ten."""
    bare = text.rstrip("%").replace("\u2212", "-")
    if bare in _NUMBER_WORDS:
        return Decimal(_NUMBER_WORDS[bare])
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", bare):
        return Decimal(bare.replace(",", ""))
    return Decimal(bare) if re.fullmatch(r"[-+]?\d+(\.\d+)?", bare) else None
