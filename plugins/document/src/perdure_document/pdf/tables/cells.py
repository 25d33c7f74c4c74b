"""The text of cells."""

import re
from collections import Counter
from collections.abc import Iterable

from perdure_document.pdf.pages.words import Word

_DIVIDED = re.compile(r"[^\W\d_]{2}-$")


def joined_lines(lines: Iterable[str]) -> str:
    """Put the lines of a cell together, and words that a hyphen divides at a line's end."""
    text = ""
    for line in lines:
        if not text:
            text = line
        elif text.endswith("\xad") or (_DIVIDED.search(text) and line[:1].islower()):
            text = text[:-1] + line
        else:
            text = f"{text} {line}"
    return text.replace("\xad", "")


def usual_size(words: Iterable[Word]) -> float:
    """Return the size of most characters of words."""
    weights: Counter[float] = Counter()
    for word in words:
        weights[round(word.size, 1)] += len(word.text)
    return max(weights, key=lambda size: (weights[size], size), default=0.0)
