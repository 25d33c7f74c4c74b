"""Words, in scripts that put blanks between them and in those that do not."""

import re
from collections.abc import Iterator
from typing import Final

_IDEOGRAPHS: Final = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
)
_RARE_IDEOGRAPHS: Final = "\U00020000-\U0003ffff"
_JOINED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_IDEOGRAPH: Final = re.compile(f"[{_IDEOGRAPHS}{_RARE_IDEOGRAPHS}]")
_JOINED_RUN: Final = re.compile(f"[{_JOINED}]+")
_UNSPACED_RUN: Final = re.compile(f"[{_IDEOGRAPHS}{_RARE_IDEOGRAPHS}]+|[{_JOINED}]+")
_SPACED_WORD: Final = re.compile(r"[^\W_]{2,}")
_MARK: Final = re.compile(
    r"[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u102b-\u103e\u17b4-\u17d3]"
)
_LETTERS_OF_A_WORD: Final = 4


def count_words(text: str) -> int:
    """Count the words of a text.

    Chinese and Japanese characters count as a word each, as word processors count them. Thai, Lao,
    Khmer and Burmese words are only told apart by a dictionary: every four letters count as one.
    """
    if text.isascii():
        return len(text.split())
    ideographs = len(_IDEOGRAPH.findall(text))
    joined = sum(_estimate(run) for run in _JOINED_RUN.findall(text))
    spaced = _UNSPACED_RUN.sub(" ", text) if ideographs or joined else text
    return ideographs + joined + sum(any(map(str.isalnum, word)) for word in spaced.split())


def reading_length(text: str) -> int:
    """Return how long a text is to read, in English words: two ideographs are about one."""
    return count_words(text) - len(_IDEOGRAPH.findall(text)) // 2


def terms_of(text: str) -> Iterator[str]:
    """Yield what a text can be compared by: its words, and pairs of letters where none divide."""
    text = text.casefold()
    for run in _UNSPACED_RUN.findall(text):
        yield from (run[place : place + 2] for place in range(len(run) - 1))
    yield from _SPACED_WORD.findall(_UNSPACED_RUN.sub(" ", text))


def _estimate(run: str) -> int:
    letters = len(run) - len(_MARK.findall(run))
    return max(-(-letters // _LETTERS_OF_A_WORD), 1)
