"""Whether any source speaks of what a question names."""

from collections.abc import Sequence

from perdure_research.answers.language.stems import is_kin
from perdure_research.answers.language.tokens import plain, tokens_of
from perdure_research.answers.matching.names import places_of
from perdure_research.answers.matching.scopes import stems_in
from perdure_research.answers.questions.question import Question, Term
from perdure_research.answers.statements import Statement


def absent_from(question: Question, statements: Sequence[Statement]) -> tuple[str, ...]:
    """Return the names and words of a question that no source has, as they are written in it.

    Args:
        question: The question.
        statements: What the sources state; what they stand under counts too.
    """
    texts = list(
        dict.fromkeys(
            text
            for one in statements
            for text in (one.words, one.subject, *map(plain, one.heading), *map(plain, one.columns))
        )
    )
    if question.is_unspaced:
        return tuple(
            term.text
            for term in question.terms
            if not term.is_measure and not any(_run_is_in(term.key, text) for text in texts)
        )
    absent = []
    named = set()
    for name, exact in zip(question.names, question.exact_names, strict=True):
        named |= set(name)
        if not any(places_of(name, exact, tokens_of(text), question.language) for text in texts):
            if name[-1].isdigit() and len(name) == 1:
                continue
            absent.append(_as_written(name, question))
    for term in question.core:
        if term.key in named or term.is_measure:
            continue
        if not any(_is_in(term, text, question.language) for text in texts):
            absent.append(term.text)
    return tuple(absent)


def _is_in(term: Term, text: str, language: str) -> bool:
    stems = stems_in(text, language)
    if not {term.stem, *term.others}.isdisjoint(stems):
        return True
    return language in {"de", "nl", "ru"} and any(is_kin(term.stem, one, language) for one in stems)


def _run_is_in(key: str, text: str) -> bool:
    return key in text or (len(key) > 3 and key[:2] in text and key[-2:] in text)


def _as_written(name: Sequence[str], question: Question) -> str:
    tokens = tokens_of(plain(question.text))
    for at in range(len(tokens) - len(name) + 1):
        some = tokens[at : at + len(name)]
        if [token.key for token in some] == list(name):
            return plain(question.text)[some[0].start : some[-1].end]
    return " ".join(name)
