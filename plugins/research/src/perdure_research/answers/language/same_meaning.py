"""Words that mean the same, or that the same fact is told with; and pairs that are opposites."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.thesaurus import english, families
from perdure_research.answers.language.thesaurus.opposites import INSTANCES, OPPOSITES
from perdure_research.answers.language.tokens import folded

_FAMILIES: Final = {"en": english.FAMILIES, **families.FAMILIES}
_PHRASES: Final = {"en": english.PHRASES}


@cache
def _families(language: str) -> dict[str, frozenset[str]]:
    known: dict[str, set[str]] = defaultdict(set)
    text = _FAMILIES.get(language, "")
    for line in text.split(";" if ";" in text else "\n"):
        asked, _, only_said = line.partition("<")
        family = {stem(folded(word), language) for word in asked.split()}
        answering = family | {stem(folded(word), language) for word in only_said.split()}
        for member in family:
            known[member] |= answering
    for one, other in _pairs(language):
        known[one].add(other)
        known[other].add(one)
    return {member: frozenset(family) for member, family in known.items()}


@cache
def _pairs(language: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for pair in filter(str.strip, OPPOSITES.get(language, "").split(";")):
        one, other = (stem(folded(word), language) for word in pair.split())
        pairs.append((one, other))
    return tuple(pairs)


@cache
def _negatives(language: str) -> frozenset[str]:
    return frozenset(other for _, other in _pairs(language))


@cache
def _instances(language: str) -> dict[str, frozenset[str]]:
    known = {}
    for line in filter(str.strip, INSTANCES.get(language, "").splitlines()):
        word, instances = line.split(":")
        known[stem(word.strip(), language)] = frozenset(
            stem(instance, language) for instance in instances.split()
        )
    return known


def same_meaning(stemmed: str, language: str) -> frozenset[str]:
    """Return the stems of words that tell of the same, opposites included."""
    families, instances = _families(language), _instances(language)
    return families.get(stemmed, frozenset()) | instances.get(stemmed, frozenset())


def are_opposites(one: str, other: str, language: str) -> bool:
    """Say whether two stems are of words that exclude each other, such as "open" and "closed"."""
    pairs = _pairs(language)
    return (one, other) in pairs or (other, one) in pairs


def opposes(stemmed: str, language: str) -> frozenset[str]:
    """Return the stems of words that exclude a word."""
    pairs = _pairs(language)
    return frozenset(b for a, b in pairs if a == stemmed) | frozenset(
        a for a, b in pairs if b == stemmed
    )


@cache
def _phrases(language: str) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Return the phrases of a language by their first stem: their stems, and what they mean."""
    known: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for entry in filter(str.strip, _PHRASES.get(language, "").split(";")):
        phrase, meant = entry.split(":")
        stems = tuple(stem(word, language) for word in phrase.split())
        known[stems[0]].append((stems, stem(meant.strip(), language)))
    return dict(known)


def phrases_among(stems: Sequence[str], language: str) -> Iterator[tuple[int, int, str]]:
    """Yield where a phrase begins among stems, how long it is, and the stem of what it means."""
    known = _phrases(language)
    for at, first in enumerate(stems):
        for phrase, meant in known.get(first, ()):
            if tuple(stems[at : at + len(phrase)]) == phrase:
                yield at, len(phrase), meant
