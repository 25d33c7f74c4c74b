# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""Whether a statement affirms or denies what is asked."""

import re
from typing import Final

from perdure_research.answers.language.same_meaning import opposes
from perdure_research.answers.language.tokens import is_unspaced
from perdure_research.answers.matching.scopes import stems_in
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement

_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|cannot|without|nicht|kein\w*|nie|niemals|niemand|nirgends"
    r"|ne|n|jamais|aucune?|no|nunca|ninguna?|ningún|sin|не|нет|нельзя|ни|никогда|non|mai|não|niet|geen)\b|n't\b",
    re.IGNORECASE,
)
# "No more than" and "not only" deny nothing.
_NO_NEGATION: Final = re.compile(
    r"\b(?:no (?:more|less|fewer|later|earlier|longer|higher) than|not only|no doubt|nicht nur"
    r"|non seulement|no solo|no sólo|not until|need not worry|no\.? \d)",
    re.IGNORECASE,
)
_UNSPACED_NEGATION: Final = re.compile(
    "不(?!仅|但|过|同|断|久)|没有|未|无法|禁止|ません|ない|なし|不可"
)
_CLAUSE: Final = re.compile(
    r"[;:,.!?()—–]\s|\b(?:but|although|though|while|whereas|aber|mais|pero|но)\b"
)


def denies(question: Question, statement: Statement) -> bool:
    """Say whether a statement denies rather than affirms what is asked.

    Only the part of a sentence counts that speaks of it, and a word of opposite meaning denies too.
    """
    text = statement.words
    if is_unspaced(text):
        return _denies_unspaced(question, text)
    clause = _NO_NEGATION.sub(" ", _clause(question, text))
    negations = 1 if _NEGATION.search(clause) else 0
    if re.match(r"(?:no|nein|non|нет)\b[.,;:]", text, re.IGNORECASE):
        negations = 1
    stems = stems_in(clause, question.language)
    everything = (
        stems_in(text, question.language) if statement.shape in {"row", "record"} else stems
    )
    for term in question.core:
        if term.stem not in stems and opposes(term.stem, question.language) & everything:
            negations += 1
    return negations % 2 == 1


def _clause(question: Question, text: str) -> str:
    """Return the clause that has most of the question's words."""
    clauses = [clause for clause in _CLAUSE.split(text) if clause and clause.strip()]
    wanted = {term.stem for term in question.core} | {
        other for term in question.core for other in term.others
    }
    if len(clauses) < 2:
        return text
    return max(clauses, key=lambda clause: len(wanted & stems_in(clause, question.language)))


def _denies_unspaced(question: Question, text: str) -> bool:
    clauses = [clause for clause in re.split("[，、；。,;]|但是?|可是|が、", text) if clause]
    keys = [term.key for term in question.terms]
    pairs = {key[at : at + 2] for key in keys for at in range(max(1, len(key) - 1))}
    clause = max(clauses, key=lambda one: sum(pair in one for pair in pairs), default=text)
    return _UNSPACED_NEGATION.search(clause) is not None
