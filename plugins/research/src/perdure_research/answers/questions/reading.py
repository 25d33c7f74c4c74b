"""Understanding a question: its kind, its names, and the words that an answer must hold."""

import re
from dataclasses import replace
from typing import Final

from perdure_research.answers.language.dates import is_date_word
from perdure_research.answers.language.function_words import (
    is_function_word,
    is_light,
    language_of,
    only_asks,
)
from perdure_research.answers.language.numbers import names_of_unit, unit_of
from perdure_research.answers.language.same_meaning import opposes, same_meaning
from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import (
    Token,
    folded,
    is_unspaced,
    plain,
    tokens_of,
)
from perdure_research.answers.questions.asked import (
    counted_in,
    date_kind_of,
    measured,
    with_asked_noun,
)
from perdure_research.answers.questions.dispensable import beside_the_point, lightened
from perdure_research.answers.questions.forms import asks_changes, kind_of
from perdure_research.answers.questions.nouns import AMOUNTS, TAKES_IN, kinds_of_things, measures_of
from perdure_research.answers.questions.phrases import phrases_in
from perdure_research.answers.questions.question import Kind, Question, Term
from perdure_research.answers.questions.unspaced import read_unspaced

_MOST_TERMS: Final = 40
_CONNECTING: Final = frozenset(
    [
        "of",
        "the",
        "for",
        "in",
        "at",
        "on",
        "from",
        "by",
        "to",
        "de",
        "du",
        "des",
        "la",
        "le",
        "les",
        "d",
        "l",
        "von",
        "vom",
        "der",
        "die",
        "das",
        "dem",
        "den",
        "im",
        "am",
        "del",
        "el",
        "los",
        "las",
    ]
)
_CALLED: Final = frozenset(["called", "named", "name"])
_PERSONS: Final = frozenset(["engineer", "king", "queen"])
_LONGEST_OWNER: Final = 5
_DEFINING: Final = frozenset(
    """
    mean means meant meaning define definition term word called bedeutet heisst versteht begriff
    signifie veut dire definition significa quiere decir definicion
    """.split()  # noqa: SIM905 -- a column of words reads worse
)


def read_question(text: str) -> Question:
    """Return a question as it is understood.

    Args:
        text: One question, or one part of a question.
    """
    said = plain(text)
    if is_unspaced(said):
        return replace(read_unspaced(said), text=text)
    tokens = tokens_of(said)
    keys = [token.key for token in tokens]
    language = _language(said, keys)
    kind = _kind(said, keys, language)
    names = _names(tokens, language)
    terms = _terms(tokens, names, language)
    if kind not in {"yes-no", "open", "definition"}:
        # "It opened in 1976" tells nothing of when it closed.
        terms = [replace(term, others=term.others - opposes(term.stem, language)) for term in terms]
    if kind == "definition":
        terms = [term for term in terms if term.key not in _DEFINING] or terms
    terms = with_asked_noun(terms, tokens, kind)
    terms, units = measured(terms, tokens, kind, language)
    terms = lightened(terms, tokens, kind, language)
    terms += _in_order(said, language)
    counted = counted_in(tokens, kind, language)
    if TAKES_IN & set(keys):
        # "How many children does it take?" is answered in places.
        terms = [replace(term, is_light=True) if term.key == counted else term for term in terms]
    unit = unit_of(counted) if counted else None
    named = [
        group
        for group in _groups(tokens, names, language)
        if len(group) > 1 or not is_date_word(tokens[group[0]].key)
    ]
    return Question(
        text=text,
        language=language,
        kind=kind,
        terms=tuple(terms[:_MOST_TERMS]),
        names=tuple(tuple(tokens[at].key for at in group) for group in named),
        exact_names=tuple(
            tuple(tokens[at].text if _is_exact(tokens[at]) else "" for at in group)
            for group in named
        ),
        units=units,
        counted=stem(counted, language) if counted else "",
        counted_unit=unit[0] if unit else "",
        date_kind=date_kind_of(folded(said)) if kind == "date" else "",
        negated=re.search(r"\b(not|nicht|never)\b|n't\b", said) is not None,
        asks_changes=asks_changes(said),
        keys=tuple(keys),
    )


def _in_order(said: str, language: str) -> list[Term]:
    """Return what asks for who was there before or after somebody: "mayor before Lund"."""
    asked = re.match(
        r"who (?:is|was|were|had been|became|served as|led|ran)\b.*?\b(before|after) [A-Z]",
        said,
        re.IGNORECASE,
    )
    if asked is None or language != "en":
        return []
    word = "predecessor" if asked[1] == "before" else "successor"
    stemmed = stem(word, language)
    return [Term(word, word, stemmed, others=same_meaning(stemmed, language) - {stemmed})]


def _language(text: str, keys: list[str]) -> str:
    if re.search("[\u0400-\u04ff]", text):
        return "ru"
    if re.search("[\u0590-\u05ff]", text):
        return "he"
    if re.search("[\u0600-\u06ff]", text):
        return "ar"
    if "¿" in text:
        return "es"
    return language_of(keys)


def _kind(text: str, keys: list[str], language: str) -> Kind:
    bare = folded(text).strip(" ¿¡?!.\"'")
    kind = kind_of(bare + ("?" if text.rstrip().endswith("?") else ""), language)
    if language == "en" and kind in {"thing", "list"}:
        short = re.match(r"what (is|are) (an? |the )?([\w+#.-]+(?: [\w+#.-]+){0,2})$", bare)
        measured = short and any(
            word in measures_of("en") or word in AMOUNTS for word in short[3].split()
        )
        if short and not measured and not re.search(r"\b(of|in|for|at|from|by)\b", short[3]):
            return "definition"
    if kind == "definition" and language in {"de", "fr", "es"}:
        content = [key for key in keys if not is_function_word(key, language)]
        if len(content) > 2 or any(key in measures_of(language) for key in content):
            return "thing"
    return kind


def _names(tokens: tuple[Token, ...], language: str) -> set[int]:
    """Return the places of the words that are part of a name, or a number."""
    found = set()
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        if token.has_digit:
            found.add(at)
        elif len(token.text) == 1 and token.text.isalpha():
            if _is_letter_name(tokens, at, language):
                found.add(at)
        elif token.text[-1:] in "+#" or token.text.startswith(".") or _is_exact(token):
            found.add(at)
        elif not token.is_capitalised or is_function_word(token.key, language):
            continue
        elif language == "ru":
            continue  # names are inflected there: they are words like others
        elif language == "de":
            if before is not None and before.is_capitalised and at > 1:
                found.add(at)
        elif at and tokens[at - 1].end <= token.start:
            found.add(at)
    return found


def _is_letter_name(tokens: tuple[Token, ...], at: int, language: str) -> bool:
    """Say whether a single letter is a name, as in "pump B" and "vitamin d"."""
    token, before = tokens[at], tokens[at - 1] if at else None
    if before is None or (before.end == token.start - 1 and token.key in {"s", "t", "d", "m", "l"}):
        # Behind an apostrophe or a hyphen; "vitamin D" has a space there.
        return before is not None and token.text.isupper()
    if token.text.islower() and language != "en" and is_function_word(token.key, language):
        return False
    if token.text.isupper():
        return token.text != "I" and not (
            token.text == "A" and is_function_word(before.key, language)
        )
    return token.key not in {"a", "i", "y", "e", "o", "u"} and not is_function_word(
        before.key, language
    )


def _is_exact(token: Token) -> bool:
    """Say whether capital letters count: "US", "IT", "C", "C++"."""
    return (
        (token.text.isupper() and token.text.isalpha() and len(token.text) <= 5)
        or token.text[-1:] in "+#"
        or token.text.startswith(".")
    )


def _groups(tokens: tuple[Token, ...], names: set[int], language: str) -> list[list[int]]:
    """Return the names, each the places of its words; a letter or number brings its noun along."""
    groups: list[list[int]] = []
    for at in sorted(names):
        adjoining = groups and groups[-1][-1] == at - 1
        if adjoining and not (len(tokens[at].text) == 4 and tokens[at].text.isdigit()):
            groups[-1].append(at)
            continue
        group = [at]
        short = len(tokens[at].text) <= 3 and (tokens[at].has_digit or len(tokens[at].text) == 1)
        before = tokens[at - 1] if at else None
        if short and before is not None and not is_function_word(before.key, language):
            is_unit = at + 1 < len(tokens) and unit_of(tokens[at + 1].key) is not None
            if not is_unit and not only_asks(before.key):
                group = [at - 1, at]
        groups.append(group)
    return groups


def _terms(tokens: tuple[Token, ...], names: set[int], language: str) -> list[Term]:
    found: dict[str, Term] = {}
    beside = beside_the_point(tokens, language)
    phrases, within = phrases_in(tokens, names, language)
    aside = _clause_at(tokens, language)
    owner = _owner_at(tokens, language)
    for at, token in enumerate(tokens):
        if at not in names:
            if at not in phrases and (is_function_word(token.key, language) or len(token.key) < 2):
                continue
            if at in within:
                continue
            if not any(map(str.isalnum, token.key)):
                continue
        stemmed = stem(token.key, language)
        meant = phrases.get(at, frozenset())
        name = at in names
        term = Term(
            text=token.text,
            key=token.key,
            stem=token.key if name else stemmed,
            others=_abbreviated(token)
            if name
            else _in_units(token) | (same_meaning(stemmed, language) | meant) - {stemmed},
            is_name=name,
            is_exact=name and _is_exact(token),
            is_light=not name and not meant and (at in beside or _is_light(tokens, at)),
            is_subject=not name and (at > min(aside, owner) or _says_kind(tokens, at, names)),
        )
        found.setdefault(term.text if term.is_exact else term.key, term)
    terms = list(found.values())
    if not terms:
        # A question of nothing but words that ask is taken word for word.
        return [
            Term(text=token.text, key=token.key, stem=stem(token.key, language))
            for token in tokens
            if len(token.key) > 1
        ]
    if all(term.is_light for term in terms):
        return [replace(term, is_light=False) for term in terms]
    if all(term.is_light or term.is_name or term.is_subject for term in terms):
        # "What was the company called?" asks for nothing but that.
        return [replace(term, is_light=term.is_light and term.key not in _CALLED) for term in terms]
    return terms


def _clause_at(tokens: tuple[Token, ...], language: str) -> int:
    """Return where a clause begins that says when or if: "when the pipe burst"."""
    clauses = {
        "en": {"when", "if", "after", "before", "while", "during"},
        "de": {"als", "wenn", "falls", "nachdem", "bevor", "wahrend"},
        "fr": {"quand", "lorsque", "si", "apres", "avant", "pendant"},
        "es": {"cuando", "si", "tras", "antes", "durante"},
    }.get(language, set())
    places = (at for at, token in enumerate(tokens) if at > 2 and token.key in clauses)
    return next(places, len(tokens))


def _owner_at(tokens: tuple[Token, ...], language: str) -> int:
    """Return where the words begin for what something is asked of: "the wingspan of the tern"."""
    last = max((at for at, token in enumerate(tokens) if token.key == "of"), default=0)
    if language != "en" or not last or last + 1 >= len(tokens):
        return len(tokens)
    is_definite = tokens[last + 1].key in {"the", "a", "an", "its", "their", "this"}
    return last if is_definite and len(tokens) - last <= _LONGEST_OWNER else len(tokens)


def _is_light(tokens: tuple[Token, ...], at: int) -> bool:
    """Say whether an answer may do without a word: "year" in "which year", not in "is a year"."""
    key = tokens[at].key
    if key in {"make", "makes", "made"}:
        return False
    if key in {"day", "year", "days", "years", "time", "number", "type", "name"} and at > 1:
        article = tokens[at - 1].key in {"a", "the", "an"}
        if article and tokens[at - 2].key in {"is", "are", "was", "were", "does", "has"}:
            return False
    return is_light(key) or only_asks(key)


def _abbreviated(token: Token) -> frozenset[str]:
    """Return what else a country goes by; nothing for other names."""
    for names in (("us", "usa"), ("uk", "gb")):
        if token.key in names and token.text.isupper():
            return frozenset(names) - {token.key}
    return frozenset()


def _in_units(token: Token) -> frozenset[str]:
    """Return the other names of a unit: "kilogram" of "kilo"."""
    return frozenset(stem(word, "en") for word in names_of_unit(token.key) if len(word) > 1)


def _says_kind(tokens: tuple[Token, ...], at: int, names: set[int]) -> bool:
    """Say whether a noun tells what kind of thing a name beside it is of."""
    if tokens[at].key not in kinds_of_things():
        return False
    if tokens[at].key in _PERSONS and at + 1 < len(tokens) and tokens[at + 1].key == "of":
        # "The engineer of the bridge" is no bridge.
        return False
    after = at + 1
    while after < len(tokens) and tokens[after].key in _CONNECTING:
        after += 1
    before = at - 1
    while before >= 0 and tokens[before].key == "s":
        before -= 1
    return after in names or before in names
