"""A question as it is understood."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "figure",
    "date",
    "person",
    "place",
    "reason",
    "manner",
    "definition",
    "list",
    "yes-no",
    "thing",
    "open",
]
# What may be answered with several sentences, of which none needs to hold all that is asked.
OPEN_KINDS: frozenset[Kind] = frozenset({"reason", "manner", "open"})


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a question that an answer is to hold.

    Attributes:
        text: As it is written.
        key: In lower case, without accents.
        stem: Its stem.
        others: Stems of words that tell of the same.
        is_name: Whether it is part of a name, or a number: nothing stands in for it.
        is_exact: Whether capital letters count, as in "US" and "vitamin D".
        is_light: Whether an answer may do without it.
        is_subject: Whether it says what kind of thing a name is of, as "library" in "the library
            of Alma": it may stand elsewhere in the source.
        is_measure: Whether it is what is measured, as "high" or "price".
    """

    text: str
    key: str
    stem: str
    others: frozenset[str] = frozenset()
    is_name: bool = False
    is_exact: bool = False
    is_light: bool = False
    is_subject: bool = False
    is_measure: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question, or one part of a question.

    Attributes:
        text: The question.
        language: Its language, such as ``en``; of a script without spaces, that script's.
        kind: What is asked for.
        terms: What an answer is to hold.
        names: The names: the keys of the words of each, in order.
        exact_names: The same as they are written, for names in which capital letters count.
        units: The kinds of unit that a figure may have; empty if any, or none.
        counted: The stem of what is counted, as "litres" in "how many litres".
        counted_unit: The kind of unit that this is; empty where it is none.
        date_kind: What kind of date is asked for; empty if any.
        is_unspaced: Whether its script has no spaces between words.
        negated: Whether it asks in the negative.
        asks_changes: Whether it asks about versions, so that a changelog answers.
        keys: The keys of all its words.
        lent: The stems of what its "it" stands for, from the part of the question before it.
    """

    text: str
    language: str
    kind: Kind
    terms: tuple[Term, ...]
    names: tuple[tuple[str, ...], ...] = ()
    exact_names: tuple[tuple[str, ...], ...] = ()
    units: frozenset[str] = frozenset()
    counted: str = ""
    counted_unit: str = ""
    date_kind: str = ""
    is_unspaced: bool = False
    negated: bool = False
    asks_changes: bool = False
    keys: tuple[str, ...] = ()
    lent: frozenset[str] = frozenset()

    @property
    def core(self) -> tuple[Term, ...]:
        """The terms that an answer cannot do without."""
        return tuple(term for term in self.terms if not term.is_light)

    @property
    def search(self) -> str:
        """What to look for in an index."""
        return " ".join(term.text for term in self.terms)
