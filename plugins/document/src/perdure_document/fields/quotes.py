"""Comparing quotes with what a file says: word for word, however blanks and cells divide it."""

import re
from typing import Final

_BLANKS: Final = re.compile(r"[\s|]+")
_LETTER: Final = "0-9A-Za-z\u00c0-\u024f\u0370-\u052f"
_ENDED: Final = r"[,;]?\s*\|?\s*"


def flat(text: str) -> str:
    """Return a text with one blank for blanks and edges of cells, in lower case."""
    return _BLANKS.sub(" ", text).strip().casefold()


def same_text(one: str, other: str) -> bool:
    """Say whether two texts are the same, blanks and letters' case apart."""
    return re.sub(r"\s", "", one).casefold() == re.sub(r"\s", "", other).casefold()


def text_form(value: str) -> "re.Pattern[str] | None":
    """Return what finds a text as whole words; ``None`` when it has none.

    Where it has a comma or a blank, the line may end instead.
    """
    words = [re.escape(word.strip(",;")) for word in value.split() if word.strip(",;|")]
    if not words or not any(map(str.isalnum, value)):
        return None
    inner = _ENDED.join(words)
    return re.compile(
        rf"(?<![{_LETTER}])(?<!\d[.,]){inner}(?![{_LETTER}])(?![.,]\d)", re.IGNORECASE
    )
