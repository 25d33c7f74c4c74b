"""Whether a sentence is about what a question asks, as far as their words say."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from perdure_research.answers.language.function_words import FUNCTION_WORDS
from perdure_research.answers.language.tokens import folded
from perdure_research.answers.question import words_of
from perdure_research.models.evidence.clauses import is_in, terms_of
from perdure_research.models.evidence.names import has_name, names_of
from perdure_research.sources.source import Fact

_YEAR: Final = re.compile(r"(?<![\d.,])(?:1[0-9]|20)\d\d(?![\d.,])")
_SEVERAL: Final = re.compile(
    r"\b(?:and|or|vs\.?|versus|compare[ds]?|between|than|both|und|oder|et|ou)\b|,", re.IGNORECASE
)
_NEEDED_TERMS: Final = 2
_ASKING: Final = frozenset[str]().union(*FUNCTION_WORDS.values())


class Question(Fact):
    """What is asked of a model.

    Attributes:
        text: The question.
        part: The part of it that is looked at now; the question itself where it is not split.
        linked: Names by which an earlier answer leads on: that of Acme's founder, once it is known.
    """

    text: str
    part: str
    linked: tuple[str, ...] = ()


class Context(NamedTuple):
    """The text around the quotations of a sentence.

    Attributes:
        near: They themselves, with the titles, dates and headings of their sources.
        beside: The paragraphs before and after them.
        all: The whole text of their sources.
    """

    near: str
    beside: str
    all: str


def asked_names(text: str, is_ordinary: Callable[[str], bool]) -> list[str]:
    """Return the names that a question asks of, those of several words whole."""
    grouped: list[str] = []
    words = words_of(text)
    place = 0
    # A word that only asks, such as "Compare" or "Wie", is no name.
    for name in names_of(
        text, lambda word: word not in words or folded(word) in _ASKING or is_ordinary(word)
    ):
        found = text.find(name, place)
        joined = grouped and text[place:found] == " " and place
        place = found + len(name)
        if joined:
            grouped[-1] += f" {name}"
        else:
            grouped.append(name)
    return list(dict.fromkeys(grouped))


def relevance_troubles(
    question: Question, sentence: str, context: Context, is_ordinary: Callable[[str], bool]
) -> Iterator[str]:
    """Yield what a sentence should speak of and does not.

    Args:
        question: The question.
        sentence: The sentence.
        context: Where its quotations stand.
        is_ordinary: Says whether a word in lower case is in one of the sources.
    """
    asked = asked_names(question.text, is_ordinary)
    of_part = [
        name
        for name in asked_names(question.part, is_ordinary)
        if name in asked or any(has_name(name, one) for one in question.linked)
    ]
    wanted = of_part or [*asked, *question.linked]
    # A sentence that names something else is not of what is named elsewhere in its source.
    others = [name for name in names_of(sentence, is_ordinary) if not has_name(question.part, name)]
    around = context.near if others else context.near + (context.beside if of_part else context.all)
    missing = [name for name in wanted if not speaks_of(around, name)]
    one_is_enough = not of_part or _SEVERAL.search(question.part)
    if missing and (len(missing) == len(wanted) or not one_is_enough):
        yield f"it does not speak of {missing[0]!r}"
    years = _YEAR.findall(question.part) or _YEAR.findall(question.text)
    if years and not any(year in context.near for year in years):
        yield f"it does not speak of {years[0]}"
    terms = terms_of(" ".join(words_of(f"{question.text} {question.part}")))
    known = terms_of(context.near + context.beside)
    common = sum(is_in(term, known) for term in terms)
    if common < min(_NEEDED_TERMS, len(terms)):
        yield "it does not speak of what is asked"


def speaks_of(text: str, name: str) -> bool:
    """Say whether a text speaks of a name: by a word of it, or by its initials.

    A single letter or a number in the name tells one thing from another, and must be there.
    """
    words = name.split()
    codes = [word for word in words if len(word) == 1 or any(map(str.isdigit, word))]
    if codes:
        return all(has_name(text, word) for word in codes)
    if any(has_name(text, word) for word in words):
        return True
    initials = "".join(word[0] for word in words).upper()
    if len(words) > 1 and has_name(text, initials):
        return True
    return name.isupper() and name.isalpha() and _has_initials(text, name)


def _has_initials(text: str, letters: str) -> bool:
    """Say whether a text has a name of several words with these initials: United States for US."""
    form = r"[\s-]+(?:(?:of|the|and|for|de|la)\s+)*".join(
        rf"(?<!\w){re.escape(letter)}[^\W\d_]+" for letter in letters
    )
    return len(letters) > 1 and re.search(form, text) is not None
