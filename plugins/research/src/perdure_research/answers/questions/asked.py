"""What a question asks for: what is measured or counted, and the noun behind "which"."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from perdure_research.answers.language.function_words import is_function_word
from perdure_research.answers.language.stems import is_irregular
from perdure_research.answers.language.tokens import Token
from perdure_research.answers.questions.nouns import AMOUNTS, measures_of
from perdure_research.answers.questions.question import Kind, Term

_UNCOUNTED: Final = frozenset(
    ["time", "temps", "zeit", "tiempo", "tempo", "money", "argent", "geld", "dinero"]
)
_ADJECTIVES: Final = frozenset(
    """
    high tall deep wide broad long old big large fast hot cold warm heavy far expensive loud thick
    """.split()  # noqa: SIM905 -- words
)
_PLURALS: Final = frozenset(["people", "children", "men", "women", "mice", "sheep", "fish", "deer"])
PLACES: Final = frozenset(["building", "city", "town", "country", "village", "region", "street"])
_CLOSING: Final = frozenset(
    ["in", "at", "on", "under", "by", "with", "for", "from", "to", "of", "into"]
)


def measured(
    terms: list[Term], tokens: Sequence[Token], kind: Kind, language: str
) -> tuple[list[Term], frozenset[str]]:
    """Mark the term that is measured; return the kinds of unit that its figures have."""
    attributes = _attributes(tokens) if language == "en" else frozenset()
    if kind not in {"figure", "thing"}:
        return terms, frozenset()
    measures = measures_of(language)
    if any(term.key in AMOUNTS for term in terms):
        # "How high is the rent?" asks for no height.
        terms = [term for term in terms if term.key not in {"high", "hoch"}]
    for place, term in enumerate(terms):
        units = measures.get(term.key)
        if units is None and not term.key.endswith(("er", "est")):
            units = measures.get(term.stem)
        if term.key in attributes:
            continue
        if units is not None and not term.is_name and not term.is_subject:
            marked = replace(term, is_measure=True, is_light=False)
            return [*terms[:place], marked, *terms[place + 1 :]], units
    return terms, frozenset()


def _attributes(tokens: Sequence[Token]) -> frozenset[str]:
    """Return the adjectives that only say which thing is meant: "old" in "the old motor"."""
    return frozenset(
        token.key
        for at, token in enumerate(tokens[:-1])
        if token.key in _ADJECTIVES
        and at
        and tokens[at - 1].key in {"the", "a", "an", "its", "this", "that", "their"}
        and not is_function_word(tokens[at + 1].key, "en")
    )


def with_asked_noun(terms: list[Term], tokens: tuple[Token, ...], kind: Kind) -> list[Term]:
    """Let an answer do without the noun behind "which", where it is bound by other words.

    "Which licence is it under?" is answered by "It is under the MIT licence" and by "under MIT".
    """
    if kind not in {"thing", "list", "date", "place", "person"}:
        return terms
    asking = {"which", "what", "welche", "welcher", "welches", "welchem", "quel", "quelle", "quels",
              "quelles", "que", "whose", "quale", "qual", "welk", "welke"}  # fmt: skip
    at = next((at for at, token in enumerate(tokens) if token.key in asking), None)
    if at is None or at + 1 >= len(tokens):
        return terms
    noun = tokens[at + 1].key
    if kind == "place" and noun in PLACES:
        # "In which building is it?" is answered by any.
        return [
            replace(term, is_light=term.is_light or (term.key == noun and not term.is_name))
            for term in terms
        ]
    others = [term for term in terms if term.key != noun and not term.is_light and not term.is_name]
    if not [term for term in others if not term.is_subject] or not _has_verb(tokens[at + 2 :]):
        return terms
    return [
        replace(term, is_light=True) if term.key == noun and not term.is_name else term
        for term in terms
    ]


def counted_in(tokens: tuple[Token, ...], kind: Kind, language: str) -> str:
    """Return the key of what is counted; empty where nothing is."""
    if kind != "figure":
        return ""
    asking = {"many", "much", "viele", "vieler", "viel", "combien", "cuantos", "cuantas", "hoeveel",
              "quanti", "quante", "quantos", "quantas", "сколько", "wieviele",
              "wieviel"}  # fmt: skip
    at = next((at for at, token in enumerate(tokens) if token.key in asking), None)
    if at is None:
        return ""
    run: list[str] = []
    for token in tokens[at + 1 : at + 6]:
        if token.key in {"of", "the", "de", "d", "different", "more", "other"} and not run:
            continue
        if is_function_word(token.key, language) or token.has_digit:
            break
        if token.key in measures_of(language) or token.key in _UNCOUNTED:
            break
        run.append(token.key)
    # Of "red panda cubs" it is the cubs, where English has its noun; elsewhere the first word.
    nouns = [key for key in run if key.endswith("s") or key in _PLURALS]
    if nouns and language == "en":
        return nouns[-1]
    return run[0] if run else ""


def date_kind_of(text: str) -> str:
    """Return what kind of date is asked for; empty if any will do.

    Args:
        text: The question in lower case and without accents.
    """
    if re.search(r"\b(time|uhr|heure|hora|ora|laat|o'clock)\b|во сколько", text):
        return "time"
    if re.search(r"\b(year|jahr|annee|ano|anno|jaar|году)\b", text):
        return "year"
    if re.search(r"\b(weekday|which day|what day|welchem tag|quel jour|que dia)\b", text):
        return "day"
    return ""


def _has_verb(tokens: Sequence[Token]) -> bool:
    """Say whether there is a verb that tells more than "is" and "has" behind "which colour".

    "Which licence does it have?" asks for a licence, "Which licence is it sold under?" need not.
    """
    if not tokens or tokens[-1].key in {"have", "has", "had", "got"}:
        return False
    if tokens[0].key not in {"is", "are", "was", "were"}:
        return True
    rest = tokens[1:]
    participle = any(
        token.key.endswith(("ed", "ing", "en")) or is_irregular(token.key) for token in rest
    )
    return participle or tokens[-1].key in _CLOSING
