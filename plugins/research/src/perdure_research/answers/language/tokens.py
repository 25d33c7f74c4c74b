"""Words, numbers and signs of a text, in the form in which they are compared."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from perdure_research.sources.text_forms import comparable

# Chinese, Japanese, Thai, Lao, Khmer, Burmese: no spaces between words.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\u3005\uf900-\ufaff"
)
_WORD: Final = rf"[^\W_{_UNSPACED}]"
_TOKEN: Final = re.compile(
    rf"(?P<number>\d{{1,3}}(?:[ ,.]\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,:]\d+)*(?!{_WORD}))"
    rf"|(?P<initials>(?:[A-Z]\.){{2,}}[A-Z]?(?!{_WORD}))"
    rf"|(?P<code>\.NET\b|\b[A-Za-z]\+\+|\b[A-Z]\#)"
    r"|(?P<unit>\b(?:km/h|m/s|l/min)\b)"
    rf"|(?P<word>{_WORD}+)"
    rf"|(?P<run>[{_UNSPACED}]+)"
    r"|(?P<sign>°[CFK]?|[%‰€$£¥₹₽])"
)
_UNSPACED_RUN: Final = re.compile(f"[{_UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, a sign, or a run of a script that has no spaces.

    Attributes:
        text: As it is written.
        key: In lower case and without accents.
        start: Where it begins in the text that was split.
        end: Where it ends.
    """

    text: str
    key: str
    start: int
    end: int

    @property
    def is_capitalised(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[:1].isupper()

    @property
    def has_digit(self) -> bool:
        """Whether there is a digit in it."""
        return any(map(str.isdigit, self.text))


@lru_cache(maxsize=20_000)
def plain(text: str) -> str:
    """Return a text in the form in which texts are compared, without what differs in form only."""
    return comparable(text)


@lru_cache(maxsize=50_000)
def folded(word: str) -> str:
    """Return a word in lower case and without accents."""
    split = unicodedata.normalize("NFD", word.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in split if not _is_accent(c)))


def _is_accent(character: str) -> bool:
    # Marks of Latin, Greek and Cyrillic letters only: elsewhere a mark is a letter of its own.
    return "\u0300" <= character <= "\u036f"


@lru_cache(maxsize=20_000)
def tokens_of(text: str) -> tuple[Token, ...]:
    """Split a plain text."""
    found = []
    for match in _TOKEN.finditer(text):
        word = match.group()
        if match.lastgroup == "initials":
            word = word.replace(".", "")
        found.append(Token(word, folded(word), match.start(), match.end()))
    return tuple(found)


def is_unspaced(text: str) -> bool:
    """Say whether a text is in a script without spaces between its words."""
    return _UNSPACED_RUN.search(text) is not None
