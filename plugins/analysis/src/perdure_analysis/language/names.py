"""Which columns a word may mean."""

import difflib
from collections.abc import Iterable, Sequence
from functools import cached_property

from perdure_analysis.facts import Column, Columns
from perdure_analysis.language.measure import is_level
from perdure_analysis.language.vocabulary import (
    FALSE,
    GOODS_NAMES,
    GOODS_WORDS,
    HINTS,
    MONEY_NAMES,
    MONEY_WORDS,
    PERSONS,
    PLACES,
    SYNONYMS,
    TRUE,
)
from perdure_analysis.language.words import comparable, name_words, stem, stems

_NUMBER_TYPES = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
_ENOUGH_ROWS = 20
_PREFIXES = {"is", "has", "was"}
_KEYS = stems("id uuid guid key nr no code number zip postcode phone isbn ean sku year month week")


class Table:
    """A table's columns as questions name them.

    Attributes:
        name: The file's name without its end.
        rows: How many rows it has.
    """

    def __init__(self, name: str, rows: int, columns: Columns) -> None:
        self.name = name
        self.rows = rows
        self.columns = {column.name: column for column in columns.columns}
        self._words = {name: name_words(name) for name in self.columns}

    @cached_property
    def longest_name(self) -> int:
        """How many words the longest column's name has."""
        return max(map(len, self._words.values()), default=1)

    def words(self, name: str) -> tuple[str, ...]:
        """Return the stems of a column's name."""
        return self._words[name]

    def named(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the columns whose whole name the words are; ``is_`` and the like may lack."""
        said = tuple(map(stem, words))
        joined = "".join(words)
        return tuple(
            name
            for name, words in self._words.items()
            if words
            and (
                words == said
                or comparable(name).replace(" ", "") == joined
                or _without_prefix(words) == said
            )
        )

    def partly_named(self, stems: Sequence[str]) -> tuple[str, ...]:
        """Return the columns in whose name every one of the words, or a synonym, stands."""
        return tuple(
            name
            for name, words in self._words.items()
            if words and all(any(_alike(said, word) for word in words) for said in stems)
        )

    def money_or_goods(self, said: str) -> tuple[str, ...]:
        """Return the columns that sales words may mean, such as ``sold``."""
        found = []
        for name, words in self._words.items():
            if not self.is_measure(name) or is_level(self.columns[name]):
                continue
            if (said in MONEY_WORDS and MONEY_NAMES & set(words)) or (
                said in GOODS_WORDS and GOODS_NAMES & set(words)
            ):
                found.append(name)
        return tuple(found)

    def is_number(self, name: str) -> bool:
        """Say whether a column holds numbers."""
        kind = self.columns[name].type
        return any(part in kind for part in _NUMBER_TYPES) and not kind.endswith("]")

    def is_measure(self, name: str) -> bool:
        """Say whether a column holds numbers to reckon with, not keys or years."""
        words = self._words[name]
        keyed = bool(words) and words[-1] in _KEYS
        is_number = self.is_number(name) and self.columns[name].kind == "number"
        return is_number and not keyed and not self.numbers_rows(name)

    def is_key(self, name: str) -> bool:
        """Say whether a column tells rows or things apart, as a number or a date does."""
        words = self._words[name]
        keyed = bool(words) and words[-1] in _KEYS
        return self.columns[name].kind == "identifier" or keyed or self.numbers_rows(name)

    def numbers_rows(self, name: str) -> bool:
        """Say whether a column only numbers the rows: ``trip`` in ``trips.csv``, 1 to 160."""
        column = self.columns[name]
        numbers = column.numbers
        unique = column.distinct == column.count == self.rows
        if numbers is None or not unique or "INT" not in column.type:
            return False
        consecutive = numbers.maximum - numbers.minimum == self.rows - 1
        from_start = consecutive and numbers.minimum in {0, 1} and self.rows >= _ENOUGH_ROWS
        return from_start or set(self._words[name]) <= set(name_words(self.name))

    def persons(self) -> tuple[str, ...]:
        """Return the columns that tell people apart."""
        alike = PERSONS | {word for group in SYNONYMS if group & PERSONS for word in group}
        return tuple(
            name
            for name, words in self._words.items()
            if set(words) & alike and not self.is_measure(name) and not self.is_date(name)
        )

    def places(self) -> tuple[str, ...]:
        """Return the columns that tell places apart."""
        return tuple(
            name
            for name, words in self._words.items()
            if set(words) & PLACES and not self.is_measure(name)
        )

    def hinted(self, hint: str) -> tuple[str, ...]:
        """Return the columns of numbers that an adjective is about: ``price`` of expensive."""
        return tuple(
            dict.fromkeys(
                name
                for word in HINTS.get(hint, (hint,))
                for name in self.partly_named([stem(word)])
                if self.is_measure(name)
            )
        )

    def years(self) -> tuple[str, ...]:
        """Return the columns that hold years as whole numbers."""
        return tuple(filter(self.is_year, self.columns))

    def in_time(self) -> tuple[str, ...]:
        """Return the columns that say when: dates, and years as numbers."""
        return (*(column.name for column in self.of("date")), *self.years())

    def is_date(self, name: str) -> bool:
        """Say whether a column holds dates."""
        return self.columns[name].kind == "date"

    def is_year(self, name: str) -> bool:
        """Say whether a column holds years as whole numbers."""
        return self.columns[name].years is not None

    @cached_property
    def reaches(self) -> tuple[tuple[int, int], ...]:
        """The first and the last year of each column of dates or years."""
        years = [one.years for one in self.columns.values() if one.years is not None]
        ends = [
            (one.dates.earliest[:4], one.dates.latest[:4])
            for one in self.of("date")
            if one.dates is not None
        ]
        dated = [(int(a), int(z)) for a, z in ends if a.isdecimal() and z.isdecimal()]
        return (*years, *dated)

    def is_orderable(self, name: str) -> bool:
        """Say whether a column has a least and a greatest value that mean something."""
        return self.is_number(name) or self.columns[name].kind in {"date", "time", "duration"}

    def flag(self, name: str) -> tuple[str, ...] | None:
        """Return how a column of yes and no writes yes; ``None`` for any other column."""
        column = self.columns[name]
        if column.kind == "boolean":
            return ("true",)
        if self.is_number(name):
            numbers = column.numbers
            if numbers is not None and column.distinct == 2:
                return ("1",) if (numbers.minimum, numbers.maximum) == (0, 1) else None
            texts = [one.value for one in column.top]
            return ("1",) if column.distinct == 2 and set(texts) == {"0", "1"} else None
        texts = [one.value for one in column.top]
        known = bool(texts) and all(comparable(text) in TRUE | FALSE for text in texts)
        if not known or len(texts) != column.distinct:
            return None
        return tuple(text for text in texts if comparable(text) in TRUE) or None

    def of(self, *kinds: str) -> list[Column]:
        """Return the columns of the given kinds."""
        return [column for column in self.columns.values() if column.kind in kinds]

    def measures(self) -> tuple[str, ...]:
        """Return the columns of numbers to reckon with."""
        return tuple(name for name in self.columns if self.is_measure(name))

    def close_to(self, word: str) -> tuple[str, ...]:
        """Return the columns whose names are spelled much like a word."""
        spelled = {
            said: name for name in self.columns for said in (comparable(name), *self._words[name])
        }
        near = difflib.get_close_matches(stem(word), spelled, n=3, cutoff=0.75)
        return tuple(dict.fromkeys(spelled[one] for one in near))


def code_list(names: Iterable[str], joint: str = "or") -> str:
    """Write columns' names as ``a``, ``b`` or ``c``."""
    shown = [f"`{name}`" for name in names]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} {joint} {shown[-1]}"


def _without_prefix(words: tuple[str, ...]) -> tuple[str, ...]:
    return words[1:] if words and words[0] in _PREFIXES else words


def _alike(said: str, word: str) -> bool:
    if said == word:
        return True
    return any(said in group and word in group for group in SYNONYMS)
