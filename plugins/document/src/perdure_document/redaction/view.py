"""Text as a reader sees it, with the way back to the characters that it was written with."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

# Soft hyphens, zero-width signs, direction marks, and what PDFium gives for a divided word.
_UNSEEN: Final = frozenset(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063"
    "\u2066\u2067\u2068\u2069\ufeff\ufffe\u0002"
)
_ALIKE: Final = {
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4`", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\u00ac", "-"),
}
# A word that is divided at the end of a line.
_DIVIDED: Final = re.compile(r"(?<=[^\W\d_])[-\u00ad\ufffe\u0002]\s*\n\s*(?=[^\W\d_])")
_MARKUP: Final = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    r"|(?:%[0-9A-Fa-f]{2})+"
    r"|\\[!-/:-@\[-`{-~]"
    r"|<(?:!--|/?[A-Za-z])[^<>]{0,2000}>"
    r"|[*_`~]+"
)


class View:
    """A normalised text.

    Attributes:
        text: What a reader sees: compatibility forms such as ligatures written out, accents
            beside their letters, unseen characters and the hyphens of divided words gone.
    """

    def __init__(self, pieces: Iterator[tuple[str, int, int]]) -> None:
        """Gather pieces: what is seen, and the range of characters that it was written with."""
        texts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        for seen, start, end in pieces:
            texts.append(seen)
            self._starts += [start] * len(seen)
            self._ends += [end] * len(seen)
        self.text = "".join(texts)

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the source that the characters ``start`` to ``end`` come from."""
        return self._starts[start], self._ends[end - 1]


def plain_view(text: str) -> View:
    """Return plain text as a reader sees it."""
    return View(_normalised(text, 0, len(text), lambda at: (at, at + 1)))


def markup_view(text: str) -> View:
    """Return Markdown as a reader sees it: entities decoded, marks of emphasis and tags gone."""
    return View(_without_markup(text))


def normal(text: str) -> str:
    """Return a text as views show it."""
    return plain_view(text).text


def _without_markup(text: str) -> Iterator[tuple[str, int, int]]:
    last = 0
    for match in _MARKUP.finditer(text):
        yield from _normalised(text, last, match.start(), lambda at: (at, at + 1))
        last = match.end()
        seen = _decoded(match[0])
        span = match.span()
        yield from _normalised(seen, 0, len(seen), lambda _, span=span: span)  # type: ignore[misc]
    yield from _normalised(text, last, len(text), lambda at: (at, at + 1))


def _decoded(markup: str) -> str:
    if markup.startswith("&"):
        return html.unescape(markup)
    if markup.startswith("%"):
        return unquote(markup)
    return markup[1:] if markup.startswith("\\") else ""


def _normalised(
    text: str, start: int, end: int, place: Callable[[int], tuple[int, int]]
) -> Iterator[tuple[str, int, int]]:
    divided = iter([match.span() for match in _DIVIDED.finditer(text, start, end)])
    skip = next(divided, None)
    at = start
    while at < end:
        if skip is not None and at >= skip[0]:
            at = skip[1]
            skip = next(divided, None)
            continue
        character = text[at]
        if character not in _UNSEEN:
            seen = _ALIKE.get(character) or (
                character if character.isascii() else unicodedata.normalize("NFKD", character)
            )
            yield seen, *place(at)
        at += 1
