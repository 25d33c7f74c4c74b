"""The words that a person reads in a text, and how many of them another text has.

A word is a row of letters or a row of digits: a number holds the points, commas, colons and slashes
between its digits, so that ``12.50`` is one word and not two, and a footnote's number is a word of
its own wherever it hangs. Chinese, Japanese and Thai do not mark where words end: there each
character counts as one. Compared without case, ligatures and soft hyphens.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Final

_UNSPACED: Final = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTERS: Final = rf"[^\W\d_{_UNSPACED}]+"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|\d+(?:[.,:/]\d+)*|{_LETTERS}(?:'{_LETTERS})*")
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_HYPHENATED: Final = re.compile(r"(?<=[^\W\d_])-\n\s*(?=[^\W\d_])")
_APOSTROPHES: Final = str.maketrans("\u2018\u2019\u02bc`", "''''")


def words_of(text: str) -> Counter[str]:
    """Count the words of a text."""
    shown = _HYPHENATED.sub("", _INVISIBLE.sub("", text))
    # Compatibility forms after superscripts were set apart: 10³ is no 103.
    plain = re.sub("[\u00b2\u00b3\u00b9\u2070-\u209c]+", lambda found: f" {found[0]} ", shown)
    plain = unicodedata.normalize("NFKC", plain).translate(_APOSTROPHES).casefold()
    return Counter(_WORD.findall(plain))


@dataclass(frozen=True)
class Overlap:
    """How far the words of a text are those that a person sees.

    Attributes:
        recall: The share of the seen words that the text has, 0 to 1.
        precision: The share of the text's words that are seen, 0 to 1; of none, 0 where there are
            words to see.
        lost: The seen words that it lacks, with how often each.
        added: Its words that nobody sees, with how often each.
    """

    recall: float
    precision: float
    lost: Counter[str]
    added: Counter[str]


def compare_words(seen: str, text: str, also: str = "") -> Overlap:
    """Compare a text with what a person sees.

    Args:
        seen: What a person sees.
        text: What an agent made of it.
        also: What it may hold beside that, such as the comments of a document.
    """
    wanted, allowed, had = words_of(seen), words_of(also), words_of(text)
    lost, added = wanted - had, had - wanted - allowed
    return Overlap(
        recall=1 - lost.total() / max(1, wanted.total()),
        precision=1 - added.total() / had.total() if had else float(not wanted),
        lost=lost,
        added=added,
    )
