"""Whether quotations bear out a sentence: nothing is in it that they do not say."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Final

from perdure_research.answers.instructions import is_instruction
from perdure_research.answers.sentences import sentence_spans
from perdure_research.models.evidence.clauses import is_in, is_pair, terms_of
from perdure_research.models.evidence.figures import figure_troubles, is_figure
from perdure_research.models.evidence.names import (
    addresses_of,
    has_name,
    names_of,
    places_of_name,
)
from perdure_research.models.evidence.polarity import polarity_troubles
from perdure_research.models.evidence.splicing import NEUTRAL, splicing_troubles

LONGEST_SENTENCE: Final = 400
# Where no blanks divide words, another order of them makes pairs of letters that nobody wrote.
_MOST_FOREIGN_PAIRS: Final = 0.25
_MARKUP: Final = re.compile(
    r"!?\[[^\]]*\]\s*[(\[]|<\s*[a-z!/?]|```|javascript:|data:\w+/", re.IGNORECASE
)
_SOFT_HYPHEN: Final = "\u00ad"
_PASSIVE: Final = re.compile(r"\b(?:by|von|durch|par|por)\b", re.IGNORECASE)


def support_troubles(
    sentence: str,
    quotations: Sequence[str],
    is_ordinary: Callable[[str], bool],
    about: str = "",
) -> Iterator[str]:
    """Yield what speaks against a sentence, the plainest first; nothing for one that is borne out.

    Args:
        sentence: The sentence.
        quotations: The words of the sources that are said to bear it out, as whole sentences.
        is_ordinary: Says whether a word in lower case is in one of the sources.
        about: What rows and items among the quotations are about, as their headings say.
    """
    yield from _form_troubles(sentence)
    said = "\n".join(" ".join(one.split()) for one in quotations)
    if is_instruction(said) or is_instruction(sentence):
        yield "it or its quotation is an instruction and no statement"
    for address in addresses_of(sentence):
        if address.casefold() not in said.casefold():
            yield f"{address!r} is not in its quotations"
    yield from figure_troubles(sentence, said)
    names = list(names_of(sentence, is_ordinary))
    for name in names:
        if not has_name(f"{said}\n{about}", name):
            yield f"{name!r} is not in its quotations"
    yield from polarity_troubles(sentence, said)
    yield from _order_troubles(sentence, names, said)
    yield from _word_troubles(sentence, f"{said}\n{about}")
    yield from splicing_troubles(sentence, said, about)


def _word_troubles(sentence: str, said: str) -> Iterator[str]:
    """Yield the words of a sentence that its quotations do not have in any form."""
    terms, known = terms_of(sentence) - NEUTRAL, terms_of(said)
    missing = sorted(term for term in terms if not (is_figure(term) or is_in(term, known)))
    pairs = [term for term in missing if is_pair(term)]
    words = [term for term in missing if not is_pair(term)]
    if words:
        yield f"its quotations have no {', '.join(map(repr, words[:5]))}"
    if len(pairs) > _MOST_FOREIGN_PAIRS * sum(map(is_pair, terms)) or not terms:
        yield "its quotations say something else"


def _form_troubles(sentence: str) -> Iterator[str]:
    if not sentence or len(sentence) > LONGEST_SENTENCE:
        yield f"it is not one of up to {LONGEST_SENTENCE} characters"
    if len(list(sentence_spans(sentence))) > 1:
        yield "it is more than one sentence"
    if sentence.rstrip().endswith("?"):
        yield "it is a question"
    if _MARKUP.search(sentence):
        yield "it holds markup"
    shown = sentence.replace(_SOFT_HYPHEN, "")
    if any(unicodedata.category(one) in {"Cc", "Cf", "Co", "Cs"} for one in shown):
        yield "it holds characters that cannot be seen"


def _order_troubles(sentence: str, names: Sequence[str], said: str) -> Iterator[str]:
    """Yield where two names have changed places: who did it, and to whom it was done."""
    if _PASSIVE.search(sentence) or _PASSIVE.search(said):
        return
    once = [name for name in dict.fromkeys(names) if len(places_of_name(sentence, name)) == 1]
    for first, second in combinations(once, 2):
        orders = set[bool]()
        for line in said.split("\n"):
            places = places_of_name(line, first), places_of_name(line, second)
            if all(len(one) == 1 for one in places):
                orders.add(places[0] < places[1])
        if orders == {False}:
            yield f"{first!r} and {second!r} have changed places in it"
