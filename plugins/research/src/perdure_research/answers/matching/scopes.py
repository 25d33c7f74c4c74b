"""Where around a statement the words of a question stand."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from perdure_research.answers.language.dates import between
from perdure_research.answers.language.same_meaning import phrases_among
from perdure_research.answers.language.stems import is_kin, stem
from perdure_research.answers.language.tokens import Token, plain, tokens_of
from perdure_research.answers.matching.names import set_aside
from perdure_research.answers.questions.question import Term
from perdure_research.answers.statements import Statement

# In the statement, in what it is right under, in the sentences before it, in its source's title,
# in the paragraphs before it under the same heading.
HERE: Final = 0
UNDER: Final = 1
BEFORE: Final = 2
SUBJECT: Final = 3
EARLIER: Final = 4
NOWHERE: Final = 5


@lru_cache(maxsize=50_000)
def stems_in(text: str, language: str) -> frozenset[str]:
    """Return the stems of the words of a plain text."""
    tokens = tokens_of(text)
    stems = [stem(token.key, language) for token in tokens]
    meant = [word for _, _, word in phrases_among(stems, language)]
    spanned = [stem(word, language) for word in between([token.key for token in tokens])]
    return frozenset((*stems, *meant, *spanned))


@dataclass(frozen=True)
class Scopes:
    """A statement and the texts around it, nearest first.

    Attributes:
        statement: The statement.
        language: The question's language, whose stems are compared.
    """

    statement: Statement
    language: str

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The texts: the statement's, what it is under, the sentences before it, the subject."""
        one = self.statement
        under = [one.around]
        if one.lead is not None:
            under.append(one.lead.words)
        if one.before and one.before[0].asks:
            under.append(one.before[0].words)
        before = " . ".join(earlier.words for earlier in reversed(one.before))
        subject = " . ".join((one.subject, *map(plain, one.heading[:-1])))
        texts = (one.words, " . ".join(under), before, subject)
        return tuple(map(set_aside, texts))

    @cached_property
    def tokens(self) -> tuple[tuple[Token, ...], ...]:
        """The tokens of the texts."""
        return tuple(map(tokens_of, self.texts))

    def place_of(self, term: Term) -> int:
        """Return in which of the texts a word is first, or :data:`NOWHERE`."""
        wanted = {term.stem, *term.others}
        if self.statement.shape not in {"row", "record"}:
            # A first place is a 1 in tables alone; elsewhere that counts something.
            wanted = {one for one in wanted if one == term.stem or not one[0].isdigit()}
        for scope, text in enumerate(self.texts):
            stems = stems_in(text, self.language)
            if not wanted.isdisjoint(stems):
                return scope
            if (
                self.language in {"de", "nl", "ru", "en"}
                and len(term.stem) > 3
                and any(is_kin(term.stem, one, self.language) for one in stems)
            ):
                return scope
        # In German and Russian names are words like others: those of before are of something else.
        for earlier in self.statement.earlier if self.language not in {"de", "ru"} else ():
            if not wanted.isdisjoint(stems_in(earlier.words, self.language)):
                return EARLIER
        return NOWHERE

    def context_of(self, words: list[str]) -> int:
        """Return how many of the sentences before are needed for words that are only there."""
        for count, earlier in enumerate(self.statement.before, 1):
            stems = stems_in(earlier.words, self.language) | {token.key for token in earlier.tokens}
            words = [word for word in words if word not in stems]
            if not words:
                return count
        return len(self.statement.before)
