# ruff: noqa: RUF001 -- other quotation marks and dashes are meant here
"""Finding the sentences of a text, without changing a character of it."""

import re
from collections.abc import Iterator
from typing import Final

_ABBREVIATIONS: Final = frozenset(
    """
    al approx ca cf co corp dept dr e.g eq est etc fig figs gen i.e inc jr ltd mr mrs ms mt no nos p
    pp prof resp sec sr st vol vs jan feb mar apr jun jul aug sep sept oct nov dec
    """.split()  # noqa: SIM905 -- one word a line reads worse
)
_END: Final = re.compile(
    r"""(?P<mark>[.!?…]+)["'”’»)\]*_]*\s+(?=["'“‘«(\[*_]*[\w])|[。！？]+""", re.UNICODE
)
_LAST_WORD: Final = re.compile(r"[\w.]+$")


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence begins and ends; the spaces between them belong to none."""
    begin = 0
    for match in _END.finditer(text):
        if match["mark"] is not None and not _ends_sentence(text, begin, match):
            continue
        yield from _trimmed(text, begin, match.end())
        begin = match.end()
    yield from _trimmed(text, begin, len(text))


def _ends_sentence(text: str, begin: int, match: re.Match[str]) -> bool:
    following = text[match.end() :].lstrip("\"'“‘«([*_")[:1]
    if following.islower():
        return False
    if match["mark"] != ".":
        return True
    word = _LAST_WORD.search(text[begin : match.start()])
    if word is None:
        return True
    last = word.group().lower()
    if last.isdigit():
        # "1. Dig a hole" is a numbered item, "in 2021. Then" the end of a sentence.
        return text[begin : match.start()].strip() != word.group()
    initial = len(last) == 1 and last.isalpha() and word.group().isupper()
    return not initial and last not in _ABBREVIATIONS


def _trimmed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[begin:end]
    bare = piece.strip()
    if bare:
        start = begin + len(piece) - len(piece.lstrip())
        yield start, start + len(bare)
