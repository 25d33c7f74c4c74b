"""Turns of phrase in a question, and what they mean in a word."""

from perdure_research.answers.language.function_words import is_function_word, is_light
from perdure_research.answers.language.same_meaning import phrases_among, same_meaning
from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import Token


def phrases_in(
    tokens: tuple[Token, ...], names: set[int], language: str
) -> tuple[dict[int, frozenset[str]], set[int]]:
    """Return what phrases mean by the place of their first word, and the places of the others."""
    stems = [stem(token.key, language) for token in tokens]
    meanings: dict[int, frozenset[str]] = {}
    within: set[int] = set()
    for at, length, meant in phrases_among(stems, language):
        places = range(at, at + length)
        telling = [
            place
            for place in places
            if place not in names
            and not is_function_word(tokens[place].key, language)
            and not (length < 3 and is_light(tokens[place].key))
        ]
        if not telling and stems[at] == "get":
            telling = [at]
        if telling:
            first = telling[0]
            known = meanings.get(first, frozenset())
            meanings[first] = known | same_meaning(meant, language) | {meant}
            within.update(place for place in places if place != first)
    keys = [token.key for token in tokens]
    if language == "en" and keys[-1:] in (["of"], ["from"]) and "made" in keys:
        # "What is the cover of the book made of?"
        meanings[keys.index("made")] = same_meaning("materi", language) | {"materi"}
    return meanings, within - set(meanings)
