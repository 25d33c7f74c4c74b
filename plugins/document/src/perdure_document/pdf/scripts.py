"""Characters as they are read: their direction, accents that stand alone, soft hyphens."""

import unicodedata
from collections.abc import Sequence

_ACCENTS = {
    "`": "\u0300",
    "\xb4": "\u0301",
    "\u02c6": "\u0302",
    "\u02dc": "\u0303",
    "\xaf": "\u0304",
    "\u02d8": "\u0306",
    "\u02d9": "\u0307",
    "\xa8": "\u0308",
    "\u02da": "\u030a",
    "\u02dd": "\u030b",
    "\u02c7": "\u030c",
    "\xb8": "\u0327",
    "\u02db": "\u0328",
}
_OPENING, _CLOSING = "([{\xab", ")]}\xbb"
_MIRRORED = str.maketrans(_OPENING + _CLOSING, _CLOSING + _OPENING)
_BASES = {"\u0131": "i", "\u0237": "j"}  # without a dot, under an accent


def is_right_to_left(text: str) -> bool:
    """Say whether text has letters that are read from right to left."""
    return (
        not text.isascii()
        and any(
            "\u0590" <= one <= "\u08ff"
            or "\ufb1d" <= one <= "\ufefc"
            or "\U00010800" <= one <= "\U00010fff"
            for one in text
        )
        and any(unicodedata.bidirectional(one) in {"R", "AL"} for one in text)
    )


def in_reading_order(text: str, *, leftward: bool) -> str:
    """Return a word that is read from right to left in the order in which it is read.

    Args:
        text: Its characters.
        leftward: Whether these already stand from right to left.
    """
    if any("\ufb1d" <= one <= "\ufefc" for one in text):
        text = unicodedata.normalize("NFKC", text)
    text = text if leftward or len(text) < 2 else text[::-1]
    # Brackets are drawn mirrored: as some programs write them, they close before they open.
    if text and (text[0] in _CLOSING or text[-1] in _OPENING):
        text = text.translate(_MIRRORED)
    return text


def composed(characters: Sequence[str], ends: Sequence[tuple[float, float]]) -> str:
    """Put the characters of a word together.

    An accent that is drawn over a letter becomes one with it; a hyphen that may divide the word
    stays at its end alone, elsewhere it is one that is seen, or that takes no room.

    Args:
        characters: The characters.
        ends: Where each begins and ends along the line.
    """
    text = ""
    accent = ""
    for place, one in enumerate(characters):
        width = ends[place][1] - ends[place][0]
        if one == "\xad" and place < len(characters) - 1:
            text += "-" if width > 0.1 else ""
        elif one in _ACCENTS and place and _is_over(ends[place], ends[place - 1], width):
            text = unicodedata.normalize("NFC", text + _ACCENTS[one])
        elif (
            one in _ACCENTS
            and place + 1 < len(ends)
            and _is_over(ends[place], ends[place + 1], width)
        ):
            accent = _ACCENTS[one]
        else:
            text += unicodedata.normalize("NFC", _BASES.get(one, one) + accent) if accent else one
            accent = ""
    return text


def _is_over(accent: tuple[float, float], letter: tuple[float, float], width: float) -> bool:
    """Say whether an accent stands over a letter rather than beside it."""
    shared = min(accent[1], letter[1]) - max(accent[0], letter[0])
    return shared > 0.6 * min(width, letter[1] - letter[0])
