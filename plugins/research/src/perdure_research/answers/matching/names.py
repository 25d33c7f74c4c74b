"""Names in texts: whether a text speaks of the one that is asked about, or of another."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from perdure_research.answers.language.dates import is_date_word
from perdure_research.answers.language.function_words import FUNCTION_WORDS
from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import Token

_FAR: Final = 4
_BEGINNING: Final = 7
_SET_ASIDE: Final = re.compile(
    r"\b(?:unlike|in contrast to|as opposed to|compared (?:to|with)|rather than|instead of"
    r"|other than|except(?: for)?|im Gegensatz zu|anders als|contrairement à"
    r"|a diferencia de)\s+[^,;.]*",
    re.IGNORECASE,
)
_PREPOSITIONS: Final = frozenset(
    """
    in at on from by to for with near under over after before since until through during about
    between into against off like als bei in aus nach zu mit seit a au aux chez dans en par
    pour sur con desde en hasta para por
    """.split()  # noqa: SIM905 -- a column of words reads worse
)

# What stands beside a name and makes no other name of it.
_NEUTRAL: Final = frozenset(
    """
    ltd inc corp corporation co company gmbh ag plc llc group sa spa nv bv mr mrs ms dr prof
    professor captain general king queen mayor president herr frau monsieur madame don dona sir
    lady count
    """.split()  # noqa: SIM905 -- a column of words reads worse
)
_WITHIN: Final = frozenset(["of", "the", "de", "du", "la", "von", "der", "den", "del"])
_DETERMINERS: Final = frozenset(["the", "a", "an", "its", "their", "his", "her", "this", "that"])
_VERBS: Final = frozenset(
    """
    is are was were has have had does do did can may must will ist sind war waren hat haben wird
    est sont etait ont es son fue era tiene
    """.split()  # noqa: SIM905 -- a column of words reads worse
)


# Neighbouring statements have each other's texts around them.
@lru_cache(maxsize=20_000)
def set_aside(text: str) -> str:
    """Return a text without what it only compares with: "unlike Acme"."""
    return _SET_ASIDE.sub(lambda match: " " * len(match.group()), text)


def places_of(
    name: Sequence[str], exact: Sequence[str], tokens: Sequence[Token], language: str
) -> list[int]:
    """Return where a name begins in a text.

    Args:
        name: The keys of its words.
        exact: The same words as they are written, where capital letters count; else empty.
        tokens: The text.
        language: The question's.
    """
    if not name:
        return []
    if len(name) == 2 and len(name[1]) <= 3 and (len(name[1]) == 1 or name[1][:1].isdigit()):
        return _places_of_letter(name, exact, tokens, language)
    return [
        place
        for place, first in enumerate(tokens[: max(0, len(tokens) - len(name) + 1)])
        if _is(first, name[0], exact[0])
        and all(_is(tokens[place + at], name[at], exact[at]) for at in range(1, len(name)))
    ]


def _is(token: Token, key: str, exact: str) -> bool:
    if exact and exact.isascii():
        return token.text == exact or (exact in {"US", "UK"} and token.text == f"{exact}A")
    # "Winter Kings" above a list of them
    return token.key == key or (len(key) > 3 and token.key == f"{key}s")


def _places_of_letter(
    name: Sequence[str], exact: Sequence[str], tokens: Sequence[Token], language: str
) -> list[int]:
    """Return where "pump B" is: also in "pumps A and B", and in a cell "B" of a column "Pump"."""
    noun = stem(name[0], language)
    found = []
    for place, token in enumerate(tokens):
        if not _is(token, name[1], exact[1]):
            continue
        near = tokens[max(0, place - _FAR) : place]
        nouns = [one for one in near if stem(one.key, language) == noun]
        if nouns and (
            near[-1] is nouns[-1] or all(_lists(one) for one in near[near.index(nouns[-1]) + 1 :])
        ):
            found.append(place)
    return found


def _lists(token: Token) -> bool:
    """Say whether a word may stand between a noun and the letter that is meant: "pumps A and B"."""
    return len(token.text) <= 3


def is_extended(
    place: int, length: int, tokens: Sequence[Token], text: str, asked: frozenset[str]
) -> bool:
    """Say whether a name in a text is part of a longer one that is not asked about.

    Args:
        place: Where it begins.
        length: How many words it has.
        tokens: The text's tokens.
        text: The text.
        asked: The keys of the question's words.
    """
    after = place + length
    if after < len(tokens):
        token, last = tokens[after], tokens[after - 1]
        gap = text[last.end : token.start]
        if gap in {" ", "-"} and token.key not in asked and _is_name_word(token):
            return True
        if gap == " " and token.key == "the" and after + 1 < len(tokens):
            # "Hugh Farrant the younger"
            return tokens[after + 1].key in {"younger", "elder", "second", "third", "great"}
    if place > 0:
        token = tokens[place - 1]
        gap = text[token.end : tokens[place].start]
        is_first = place == 1 or text[max(0, token.start - 2) : token.start].strip() in {".", "|"}
        if gap in {" ", "-"} and token.key not in asked and _is_name_word(token):
            return not is_first or _is_qualifier(token)
    return False


def _is_name_word(token: Token) -> bool:
    if is_date_word(token.key) or token.key in FUNCTION_WORDS["en"] or token.key in _NEUTRAL:
        return False
    return token.is_capitalised or (
        token.has_digit and len(token.text) < 4 and not token.text.isdigit()
    )


def _is_qualifier(token: Token) -> bool:
    """Say whether a word at a sentence's beginning makes another name: "Little Orla"."""
    return token.key in {
        "little", "great", "new", "old", "north", "south", "east", "west", "upper", "lower", "lake",
        "mount", "port", "saint", "st", "fort", "cape", "big", "san", "santa", "greater", "inner",
        "outer",
    }  # fmt: skip


def subject_names(tokens: Sequence[Token], text: str, proper: frozenset[str]) -> list[str]:
    """Return the words of the name that a sentence begins with; none where it begins otherwise.

    Args:
        tokens: The sentence.
        text: Its text.
        proper: Words that the sources always write with a capital letter: names.
    """
    found: list[str] = []
    content = 0
    for place, token in enumerate(tokens[:_BEGINNING]):
        if token.key in _VERBS or (
            not found and (content >= _FAR or (content and token.key in _DETERMINERS))
        ):
            break
        english = token.key in FUNCTION_WORDS["en"]
        # "Nine arches carry the Torrig Railway": what stands behind a noun and "the" is no subject.
        content += not (english or token.is_capitalised or token.key in _WITHIN)
        is_name = token.is_capitalised and not english and not is_date_word(token.key)
        if is_name and place == 0:
            following = tokens[1] if len(tokens) > 1 else None
            joined = (
                following is not None
                and following.is_capitalised
                and text[token.end : following.start] == " "
            )
            is_name = joined or token.key in proper or token.text[1:2].isupper()
        if is_name:
            if not found and place and tokens[place - 1].key in _PREPOSITIONS:
                return []
            found.append(token.key)
        elif found and not _connects(tokens, place):
            break
    return found


def _connects(tokens: Sequence[Token], place: int) -> bool:
    """Say whether a word stands within a name: "Battle of Ostrow"."""
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    return tokens[place].key in _WITHIN and after is not None and after.is_capitalised
