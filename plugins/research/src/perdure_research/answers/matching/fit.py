# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""Whether a statement has what a question asks for: a figure, a date, a name, a definition."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from perdure_research.answers.language.dates import dates_in, is_date_word
from perdure_research.answers.language.function_words import FUNCTION_WORDS, is_function_word
from perdure_research.answers.language.numbers import han_numbers, numbers_in
from perdure_research.answers.language.same_meaning import same_meaning
from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import Token, plain, tokens_of
from perdure_research.answers.matching.figures import counts, figures_in
from perdure_research.answers.questions.asked import PLACES
from perdure_research.answers.questions.nouns import TAKES_IN
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement

_REASONS: Final = re.compile(
    r"\b(because|since|due to|owing to|caused|cause|reason|so that|in order to|thanks to|leads? to"
    r"|as a result"
    r"|weil|denn|wegen|grund|damit|parce que|car|à cause|grâce|porque|debido|ya que|потому|из-за)\b"
    r"|因为|由于|ため|から|ので",
    re.IGNORECASE,
)
_DEFINES: Final = (
    # "A tombstone is a mark"; what is done to it, as in "each tombstone is deleted", is none.
    r"{0}\s*(?:\([^)]*\)\s*)?(?:is|are|was|were|ist|sind|est|sont|es|son|—|это)\s+"
    r"(?:an?|the|one|any|some|what|when|how|that|called|those|eine?|der|die|das|une?|des|la|les?|un[ao]?"
    r"|los|las|el)\b"
    r"|^\W*(?:(?:an?|the|eine?|der|die|das|une?|la|les?|l'|una?|el)\s*)?{0}\s*(?:\([^)]*\)\s*)?"
    r"(?:is|are|ist|sind|est|sont|es|son)\s(?!\w+ed\b)"
    r"|{0}\s*(?:\([^)]*\)\s*)?(?:means|refers to|denotes|describes|is called|bezeichnet|bedeutet"
    r"|désigne|signifie|significa)\b"
    r"|^\W*{0}\W{{0,4}}\s*[:–—]\s|\bcalled (?:an? )?{0}\b|^\W*{0}[.:]\W*\s|^\W*{0}\s*\|"
    r"|\b(?:is|are) an? {0}[,.:;]"
)
_PLACE: Final = re.compile(
    r"\b(?:in|at|on|near|from|to|between|above|below|beside|behind|under|off|along|auf|an|am|im|bei|à|au|dans|sur|près"
    r"|en|entre|cerca|hasta|в|на|у)\b\s+(?!\d)\w",
    re.IGNORECASE,
)
# Where something is, and not what goes there.
_LIES: Final = re.compile(
    r"\b(?:is|are|was|were|lies|lay|stands|stood|sits|built|born|died|housed|located|situated|based"
    r"|founded|held|lives|lived|made)\b(?:\s\w+)?\s(?:in|on|at|near)\b",
    re.IGNORECASE,
)
_FREE: Final = re.compile(r"\b(free|gratis|kostenlos|gratuite?|gratuito)\b", re.IGNORECASE)
_NONE: Final = frozenset(
    "no kein keine keinen aucun aucune ningun ninguna nessun geen".split()  # noqa: SIM905 -- words
)
_WITHHELD: Final = re.compile(
    r"\b(?:not|never) (?:been )?"
    r"(?:disclosed?|revealed?|published?|known|stated?|decided|announced?)\b"
    r"|\b(?:unknown|undisclosed|undecided|nicht bekannt|unbekannt|inconnue?s?|desconocid[oa])\b",
    re.IGNORECASE,
)
_TOLD_IN_LISTS: Final = frozenset(["list", "thing", "definition", "manner", "reason", "open"])
_BEFORE_PLACES: Final = frozenset(
    ["in", "at", "near", "from", "into", "im", "am", "aus", "bei", "dans", "à", "en"]
)
_NOT: Final = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|cannot|without|except|nicht|kein\w*|ne|pas|sin)\b|n't\b",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"\b(?:after|within|in|older than|nach|innerhalb von|apr[èe]s|dentro de|despu[ée]s de) "
    r"(?:\w+ ){0,2}?"
    r"(?:hour|day|week|month|year|Stunde|Tag|Woche|Monat|Jahr|heure|jour|semaine|mois|an"
    r"|hora|d[íi]a|semana|mes|año)(?:s|n|en|e|es)?\b",
    re.IGNORECASE,
)
# Somebody without a name: "bought by a dentist".
_BY_SOMEBODY: Final = re.compile(r"\bby (?:an?|the|his|her|their|its) [a-z]", re.IGNORECASE)
_ASIDE: Final = re.compile(r"\([^)]*\)")
_OFTEN: Final = re.compile(
    r"\b(every|each|once|twice|times|daily|weekly|monthly|yearly|annually|hourly|never|always"
    r"|jede[nrs]?|mal|täglich|fois|chaque|veces|cada|per (?:day|week|month|year)"
    r"|an? (?:day|week|month|year|night|hour|quarter)|in the (?:morning|evening)s?)\b",
    re.IGNORECASE,
)


def fits(question: Question, statement: Statement, *, counted_light: bool) -> bool:
    """Say whether a statement has the kind of thing that is asked for.

    Args:
        question: The question.
        statement: The statement.
        counted_light: Whether what is counted goes without saying, such as people.
    """
    if question.is_unspaced:
        return _fits_unspaced(question, statement)
    if question.kind == "figure" and not question.counted and _asks_how_often(question):
        return _OFTEN.search(statement.words) is not None
    if question.kind == "figure":
        return _has_figure(question, statement, counted_light=counted_light)
    if question.kind == "thing" and question.units:
        return bool(figures_in(question, statement)) or _is_withheld(question, statement)
    if question.kind in {"thing", "list", "person"} and not _tells(question, statement):
        return False
    fitting = _FITTING.get(question.kind)
    is_told = statement.shape != "list" or question.kind in _TOLD_IN_LISTS
    return is_told and (fitting is None or fitting(question, statement))


def _tells(question: Question, statement: Statement) -> bool:
    """Say whether a statement can be what a thing, a version, a number or a name is said in."""
    if question.negated:
        # "Which bones were not found?"
        return _NOT.search(statement.words) is not None
    heading = tokens_of(plain(" ".join(statement.heading)))
    told = (*statement.tokens, *(heading if "version" in question.keys else ()))
    has_digits = any(token.has_digit and token.key not in question.keys for token in told)
    if question.kind != "person" and "version" in question.keys:
        return has_digits
    if question.kind != "thing":
        return True
    # "The phone number" is one of digits, and not that there is a telephone.
    if "number" in question.keys:
        return has_digits or bool(numbers_in(statement.tokens, statement.words))
    return _adds_something(question, statement)


def _adds_something(question: Question, statement: Statement) -> bool:
    """Say whether a statement says more than the question, "Encryption at rest (since 2.0)" not."""
    if statement.shape in {"row", "list"}:
        return True
    asked = {stem_ for term in question.terms for stem_ in (term.key, term.stem)}
    bare = _ASIDE.sub(" ", statement.words)
    return any(
        token.key not in asked
        and stem(token.key, question.language) not in asked
        and not is_function_word(token.key, question.language)
        for token in tokens_of(bare)
    )


def _asks_how_often(question: Question) -> bool:
    return bool({"often", "oft"} & set(question.keys))


def _has_figure(question: Question, statement: Statement, *, counted_light: bool) -> bool:
    if statement.shape == "list":
        return False
    if question.units == {"money"} and _FREE.search(statement.words):
        return True
    if _says_none(question, statement) or _is_withheld(question, statement):
        return True
    if not figures_in(question, statement):
        return False
    goes_without_saying = counted_light and not TAKES_IN & set(question.keys)
    return not question.counted or goes_without_saying or counts(question, statement)


def _says_none(question: Question, statement: Statement) -> bool:
    """Say whether there is none of what is counted: "no cars"."""
    if not question.counted:
        return False
    names = same_meaning(question.counted, question.language) | {question.counted}
    tokens = statement.tokens
    return any(
        token.key in _NONE
        and any(stem(one.key, question.language) in names for one in tokens[at + 1 : at + 3])
        for at, token in enumerate(tokens)
    )


def _is_withheld(question: Question, statement: Statement) -> bool:
    """Say whether it is said that something is not known: "did not disclose the price"."""
    if _WITHHELD.search(statement.words) is None:
        return False
    stems = {stem(token.key, question.language) for token in statement.tokens}
    return all(
        term.stem in stems or bool(term.others & stems)
        for term in question.core
        if term.is_measure or term.stem == question.counted
    )


def _has_place(question: Question, statement: Statement) -> bool:
    if PLACES & set(question.keys[:3]):
        return statement.shape == "row" or _LIES.search(statement.words) is not None
    return _PLACE.search(statement.words) is not None or _has_name(question, statement)


def _has_date(question: Question, statement: Statement) -> bool:
    tokens = [token for token in statement.tokens if token.key not in question.keys]
    text = statement.words
    for key in question.keys:
        if key.isdigit():
            text = re.sub(rf"\b{key}\b", " ", text)
    dates = dates_in(text, [token.key for token in tokens])
    wanted = question.date_kind
    if not wanted and _AFTER.search(text) is not None:
        # "Messages older than two years are deleted."
        return True
    if wanted == "time":
        return "time" in dates
    if wanted == "year":
        return "year" in dates
    if wanted == "day":
        return bool(dates.keys() & {"day", "weekday"})
    return bool(dates)


def _has_name(question: Question, statement: Statement) -> bool:
    asked = set(question.keys)
    if statement.shape in {"row", "record"}:
        return any(
            token.is_capitalised and token.key not in asked and len(token.text) > 1
            for token in statement.tokens
        )
    if not re.search("[A-Za-zÀ-ÿА-я]", statement.words):
        return True
    if re.search("[\u0590-\u06ff]", statement.words):
        return True
    if question.kind == "person" and _BY_SOMEBODY.search(statement.words) is not None:
        return True
    return bool(names_in(statement.tokens, frozenset(asked), places=question.kind == "place"))


def names_in(
    tokens: Sequence[Token], asked: frozenset[str], *, places: bool = False
) -> list[list[Token]]:
    """Return the names in a text, each its words.

    Args:
        tokens: The text.
        asked: Words that do not count: those of the question.
        places: Whether places count, which stand behind "in" and the like.
    """
    groups: list[list[Token]] = []
    for at, token in enumerate(tokens):
        if (
            not token.is_capitalised
            or token.key in asked
            or is_date_word(token.key)
            or token.key in FUNCTION_WORDS["en"]
        ):
            continue
        if groups and tokens[at - 1] is groups[-1][-1]:
            groups[-1].append(token)
        elif places or not at or tokens[at - 1].key not in _BEFORE_PLACES:
            groups.append([token])
    return [group for group in groups if len(group) > 1 or group[0].start > 0]


def defines(question: Question, statement: Statement) -> bool:
    """Say whether a statement says what a thing is."""
    words = [re.escape(term.text) for term in question.terms]
    if not words:
        return False
    if statement.shape == "row" and {
        token.key for token in tokens_of(plain(statement.cells[0]))
    } <= {term.key for term in question.terms}:
        # "red | overheated", of a red light
        return True
    word = r"\s+".join(words)
    if len(words) == 2 and words[1].isdigit():
        word = rf"(?:{words[0]}\s+)?{words[1]}"
    pattern = _DEFINES.format(rf"\b{word}(?:s|es)?")
    text = statement.words.replace("*", "").replace("_", "")
    if re.search(pattern, text, re.IGNORECASE):
        return True
    heading = statement.heading[-1] if statement.heading else ""
    leans = re.match(
        r"(it|this|they|es|sie|er|il|elle)\s+(is|are|means|ist|sind|est)\b", text, re.IGNORECASE
    )
    return leans is not None and re.fullmatch(rf"\W*{word}\W*", heading, re.IGNORECASE) is not None


_FITTING: Final[dict[str, Callable[[Question, Statement], bool]]] = {
    "date": _has_date,
    "person": _has_name,
    "place": _has_place,
    "definition": defines,
}


def gives_reason(statement: Statement) -> bool:
    """Say whether a statement gives a reason."""
    return _REASONS.search(statement.words) is not None


def _fits_unspaced(question: Question, statement: Statement) -> bool:
    text = statement.words
    if question.kind == "figure":
        return re.search(r"\d", text) is not None or any(
            end - begin > 1 or value != 1 for value, begin, end in han_numbers(text)
        )
    if question.kind == "date":
        dates = dates_in(text, [token.key for token in statement.tokens])
        if question.date_kind == "time":
            return "time" in dates or re.search(r"\d{1,2}:\d\d", text) is not None
        if question.date_kind == "year":
            return re.search(r"\d{3,4}\s*年|[一二三四五六七八九〇零]{4}年", text) is not None
        return bool(dates) or re.search(r"\d{3,4}\s*年|月|時", text) is not None
    if question.kind == "definition":
        word = next((term.text for term in question.terms), "")
        return re.search(rf"{re.escape(word)}(是|为|指|とは|は)", text) is not None
    return True
