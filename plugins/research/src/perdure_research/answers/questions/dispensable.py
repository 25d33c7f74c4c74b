"""Words of a question that an answer need not say again."""

import re
from dataclasses import replace
from typing import Final

from perdure_research.answers.language.function_words import is_function_word, is_light
from perdure_research.answers.language.stems import is_irregular
from perdure_research.answers.language.tokens import Token
from perdure_research.answers.questions.asked import counted_in
from perdure_research.answers.questions.question import Kind, Term

_IDIOMS: Final = tuple(
    tuple(idiom.split())
    for idiom in (
        "in the end", "at first", "at last", "in total", "in fact", "at the moment", "at present",
        "these days", "so far", "in general", "at all", "in practice", "up to now", "as a whole",
    )
)  # fmt: skip
# "When is it expected to open?"
_HEDGES: Final = frozenset(
    "expected planned scheduled supposed estimated thought believed due".split()  # noqa: SIM905
)
_AUXILIARIES: Final = frozenset(
    """
    is are was were be been being has have had do does did can could may might must shall should
    will would get gets got
    """.split()  # noqa: SIM905 -- words
)
_PLACING: Final = frozenset(["at", "in", "on", "near", "from", "by", "under", "inside", "for"])
# "How often does it meet?": when, is said without the verb.
_OFTEN: Final = frozenset(["often", "oft"])
_RECURRING: Final = frozenset(
    """
    run runs happen happens occur occurs held meet meets appear appears take place go goes come
    comes published done applied used taken given
    """.split()  # noqa: SIM905 -- words
)
_MAY: Final = frozenset(["may", "can", "allowed", "permitted", "forbidden", "must"])
# Verbs that tell no more than that there is something.
_BEING: Final = frozenset(
    """
    live lives lived keep keeps kept exist exists contain contains include includes house houses own
    owns offer offers provide provides serve serves operate operates belong belongs show shows
    stand stands stay stays use uses used get gets
    """.split()  # noqa: SIM905 -- words
)
_WHERE: Final = frozenset(
    """
    in on at to into onto from with without for across through over under around near behind by off
    along inside outside up down
    """.split()  # noqa: SIM905 -- words
)
# "Where do I find the key?": an answer says where it is. "Since when has it existed?"
_FINDING: Final = frozenset(["find", "get", "see", "look", "kept", "found"])
_EXISTING: Final = frozenset(["exist", "exists", "existed"])
# Behind "and that" or "of which" nothing more is said of a thing.
_LINKING: Final = frozenset(["of", "the", "for", "in", "at", "on", "from", "by", "to"])
# "How much flour is needed?": the amount is said without the word.
_NEEDED: Final = frozenset(
    ["needed", "required", "used", "contained", "included", "temps", "zeit", "tiempo", "time"]
)


def lightened(
    terms: list[Term], tokens: tuple[Token, ...], kind: Kind, language: str
) -> list[Term]:
    """Return the terms of a question, what goes without saying in an answer of its kind light."""
    keys = {token.key for token in tokens}
    aside: frozenset[str] = frozenset()
    if kind == "yes-no" and _MAY & keys:
        return _without_deed(terms, tokens)
    if kind == "place":
        aside = _FINDING
    if kind == "date" and tokens[0].key == "since":
        aside = _EXISTING
    if kind == "figure":
        aside = _NEEDED
        if not is_light(counted_in(tokens, kind, language) or "people"):
            # "How many species live there?" is answered by how many are kept.
            aside |= _BEING
        if _OFTEN & keys:
            aside |= _RECURRING
    return [replace(term, is_light=True) if term.key in aside else term for term in terms]


def _without_deed(terms: list[Term], tokens: tuple[Token, ...]) -> list[Term]:
    """Return terms with what is done light, where something else says what it is done to.

    "Is one allowed to light fires?" is answered by "Fires are forbidden".
    """
    keys = [token.key for token in tokens]
    for at in range(1, len(keys) - 1):
        if keys[at] in {"to", "one", "i", "you", "we"} and _MAY & set(keys[:at]):
            others = [term for term in terms if not term.is_light and term.key != keys[at + 1]]
            does = not is_function_word(keys[at + 1], "en")
            if others and does and (keys[at + 2 :] or [""])[0] not in _WHERE:
                return [
                    replace(term, is_light=True) if term.key == keys[at + 1] else term
                    for term in terms
                ]
    return terms


def beside_the_point(tokens: tuple[Token, ...], language: str) -> set[int]:
    """Return the places of words that an answer need not say again: "property that is lost".

    They are in a clause that says more of a thing, behind a participle that says where it is, or
    part of a turn of phrase such as "in the end".
    """
    if language != "en":
        return set()
    keys = [token.key for token in tokens]
    found: set[int] = set()
    for idiom in _IDIOMS:
        for at in range(len(keys) - len(idiom) + 1):
            if tuple(keys[at : at + len(idiom)]) == idiom:
                found.update(range(at, at + len(idiom)))
    asked = re.match(r"(?:which|what) (?!do)\w+ .*?\b(?:do|does|did) ", " ".join(keys))
    if asked is not None and "use" in keys:
        # "Which cipher does it use?"
        found.add(keys.index("use"))
    for at in range(2, len(keys) - 1):
        if keys[at] in {"who", "that", "which"} and keys[at - 1] not in _LINKING:
            found.update(range(at, len(keys)))
        if keys[at] in _HEDGES and keys[at + 1] in {"to", "back", "in", "on", "for", "at"}:
            found.add(at)
        participle = keys[at].endswith("ed") or is_irregular(keys[at])
        stands_apart = keys[at - 1] not in _AUXILIARIES and not is_function_word(
            keys[at - 1], language
        )
        # It is beside the point only where the verb of the question follows: "made of".
        follows = any(_is_verb(key) for key in keys[at + 2 :])
        if participle and stands_apart and keys[at + 1] in _PLACING and follows:
            found.add(at)
    return found


def _is_verb(key: str) -> bool:
    return key in _AUXILIARIES or key.endswith("ed") or is_irregular(key)
