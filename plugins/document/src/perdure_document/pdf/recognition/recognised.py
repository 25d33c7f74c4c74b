"""What a recognition finds on a page."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.drawings import Rule
from perdure_document.pdf.pages.words import Word


class Recognised(NamedTuple):
    """What was recognised on a page.

    Attributes:
        words: Its words.
        rules: Its ruling lines.
        turns: How many quarters the page has to be turned counter-clockwise to be upright: one
            that was scanned lying on its side. All places are those of the page so turned.
        width: How wide it is then.
        height: How high.
    """

    words: list[Word]
    rules: list[Rule]
    turns: int
    width: float
    height: float


def to_plain(found: Recognised) -> dict[str, object]:
    """Return what was recognised as plain data."""
    return {
        "words": [
            [one.text, list(one.box), one.base, one.size, one.order, one.end, one.confidence]
            for one in found.words
        ],
        "rules": [list(rule) for rule in found.rules],
        "turns": found.turns,
        "width": found.width,
        "height": found.height,
    }


def from_plain(plain: Mapping[str, Any]) -> Recognised:
    """Return what :func:`to_plain` was given."""
    words = [
        Word(text, Box(*box), base, size, order, end, confidence=confidence)
        for text, box, base, size, order, end, confidence in plain["words"]
    ]
    rules = [Rule(*rule) for rule in plain["rules"]]
    return Recognised(words, rules, plain["turns"], plain["width"], plain["height"])
