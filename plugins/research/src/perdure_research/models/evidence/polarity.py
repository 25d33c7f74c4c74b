# ruff: noqa: RUF001 -- signs of other scripts are meant here
"""The words that turn a statement round, or make it less than a statement."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from perdure_research.models.evidence.clauses import shared, statements_of, terms_of


class _Turn(NamedTuple):
    """Words that must be on both sides or on neither.

    Attributes:
        form: What finds them.
        why: What is wrong where they are on one side only.
    """

    form: re.Pattern[str]
    why: str


def _words(*words: str) -> re.Pattern[str]:
    joined = "|".join(words)
    return re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])", re.IGNORECASE)


_NOT: Final = re.compile(
    r"(?<![^\W_])(?:no(?! (?:doubt|later|sooner|\.)|\.?\s*\d)|not(?! (?:only|least|just))|none"
    r"|never|nobody|nothing|nowhere|neither|nor|without|cannot|\w+n['’]t|hardly|nein|nicht|kein|keine"
    r"|keinen|keiner|keinem|ohne|nie|niemals|weder|ne|n['’]\w+|jamais|aucun|aucune|sans|niet|geen"
    r"|nunca|jamás|sin|ninguna?|non|nessuna?|mai|não|sem|ikke|inte|aldrig|ingen|inget|nie|değil"
    r"|не|нет|ни|никогда|без|לא|אין|בלי|لا|ليس|ليست|لم|لن|غير|नहीं)(?![^\W_])"
    r"|[不没沒無无未非]|ない|ません|なかった|ず(?=[。、])|ไม่|않|없|못",
    re.IGNORECASE,
)
_REVERSED: Final = _words(
    "den(?:y|ies|ied|ying)", "refus(?:e[sd]?|ing)", "reject(?:s|ed|ing)?", "dismiss(?:es|ed)?",
    "fail(?:s|ed|ing|ure)?", "lack(?:s|ed|ing)?", "cancel(?:s|led|ed|ling|lation)?",
    "abandon(?:s|ed|ing)?", "prevent(?:s|ed|ing)?", "forbid(?:s|den|ding)?",
    "prohibit(?:s|ed|ing)?", "ban(?:s|ned|ning)?", "ceas(?:e[sd]?|ing)", "untrue", "false(?:ly)?",
    "wrong(?:ly)?", "myths?", "hoax(?:es)?", "debunk(?:s|ed|ing)?", "disprov(?:e[sdn]?|ing)",
    "refut(?:e[sd]?|ing)", "incorrect(?:ly)?", "absen(?:t|ce)", "withdr[ae]w(?:n|s)?", "falsch",
    "stop(?:s|ped|ping)?", "avoid(?:s|ed|ing)?", "unsafe", "contrary",
)  # fmt: skip
_UNSURE: Final = re.compile(
    r"(?<![^\W_])(?:(?-i:may|might)|could|would|perhaps|possibly|probably|maybe|allegedly|alleged"
    r"|reportedly|supposedly|purportedly|rumou?r(?:s|ed)?|claim(?:s|ed)? (?:that|to)|plan(?:s|ned)?"
    r"|planning|propos(?:e[sd]?|als?)|expect(?:s|ed)?|forecasts?|projected|predict(?:s|ed)?"
    r"|intend(?:s|ed)?|hop(?:es|ed)|aim(?:s|ed)?|target(?:s|ed)?|considers?|considering|likely"
    r"|unlikely|estimated?|estimates|suggests?|should|kann|könnte[nst]*|soll(?:te)?n?|dürfte[nst]*"
    r"|vielleicht|wahrscheinlich|angeblich|plant|geplant|peut-être|pourraient?|devraient?|podría)"
    r"(?![^\W_])|かもしれ|だろう|可能|也许|或许|计划|อาจ",
    re.IGNORECASE,
)
_CONDITION: Final = _words(
    "if", "unless", "provided that", "except", "excluding", "only", "solely", "until", "wenn",
    "falls", "nur", "außer", "sauf", "si", "seulement", "uniquement",
)  # fmt: skip
_UP: Final = _words(
    "ris(?:e[sn]?|ing)", "rose", "increas(?:e[sd]?|ing)", "gr[eo]w(?:s|n|ing|th)?", "higher", "up",
    "gain(?:s|ed)?", "climb(?:s|ed)?", "more", "above", "exceed(?:s|ed)?", "larger?", "bigger",
    "stieg(?:en)?", "gestiegen", "höher", "mehr", "accept(?:s|ed)?", "win(?:s)?", "won", "before",
    "open(?:s|ed)?", "allow(?:s|ed)?", "includ(?:e[sd]?|ing)", "best", "first", "most", "highest",
    "largest", "faster", "older", "longer", "better",
)  # fmt: skip
_DOWN: Final = _words(
    "fall(?:s|en|ing)?", "fell", "decreas(?:e[sd]?|ing)", "declin(?:e[sd]?|ing)", "lower", "down",
    "drop(?:s|ped)?", "los(?:e[s]?|t|ses)", "shr[aiu]nk(?:s)?", "less", "below", "smaller?",
    "fewer", "sank", "gesunken", "fiel(?:en)?", "niedriger", "weniger", "refus(?:e[sd]?)", "after",
    "clos(?:e[sd]?|ing)", "forbid(?:s|den)?", "exclud(?:e[sd]?|ing)", "worst", "last", "least",
    "lowest", "smallest", "slower", "younger", "shorter", "worse",
)  # fmt: skip
_TURNS: Final = (
    _Turn(_NOT, "it says no where its quotations do not, or the other way round"),
    _Turn(_REVERSED, "its quotations turn it round, or it them"),
)
_NEARLY: Final = 0.9


def polarity_troubles(sentence: str, said: str) -> Iterator[str]:
    """Yield what speaks against a sentence: a "not", a "perhaps" or an "if" on one side only.

    Args:
        sentence: The sentence.
        said: Its quotations, one a line.
    """
    for claimed in statements_of(sentence):
        nearest = _nearest(claimed, said)
        for turn in _TURNS:
            mine = len(turn.form.findall(claimed))
            theirs = [len(turn.form.findall(one)) for one in nearest]
            if any(bool(count) != bool(mine) or mine > count for count in theirs):
                yield turn.why
        unsure = [one for one in nearest if _UNSURE.search(one)]
        if nearest and len(unsure) == len(nearest) and not _UNSURE.search(sentence):
            yield "its quotations say it is planned or possible, and it says that it is so"
        conditions = [one for one in nearest if _CONDITION.search(one)]
        if nearest and len(conditions) == len(nearest) and not _CONDITION.search(sentence):
            yield "it leaves out under which condition its quotations say it"
    direction, directions = _directions(sentence), _directions(said)
    if direction and directions and not direction & directions:
        yield "it says the opposite of what its quotations say"


def turns_round(one: str, other: str) -> bool:
    """Say whether one of two sentences denies, or turns the other way, what the other says."""
    if (_NOT.search(one) is None) != (_NOT.search(other) is None):
        return True
    mine, its = _directions(one), _directions(other)
    return bool(mine) and bool(its) and not mine & its


def _nearest(claimed: str, said: str) -> list[str]:
    """Return the statements of the quotations that a statement is about, by the words in both."""
    terms = terms_of(claimed)
    statements = list(statements_of(said))
    common = [shared(terms, terms_of(one)) for one in statements]
    most = max(common, default=0)
    return [
        one
        for one, number in zip(statements, common, strict=True)
        if most and number >= _NEARLY * most
    ]


def _directions(text: str) -> frozenset[str]:
    return frozenset(
        name for name, form in (("up", _UP), ("down", _DOWN)) if form.search(text) is not None
    )
