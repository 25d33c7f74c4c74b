# ruff: noqa: RUF001 -- other quotation marks and dashes are meant here
"""Finding a quotation in a source's text: word for word, whatever forms its characters have.

White space, kinds of quotation marks and dashes, ligatures, soft hyphens, words divided at the end
of a line, full width and Markdown's marks of emphasis are form. Letters, digits, their case, their
order and every other mark are not.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Final

from perdure_research.answers.sentences import sentence_spans
from perdure_research.sources.source import Block, SourceText

LONGEST: Final = 1_000
_LONGEST_SENTENCE: Final = 600
_MOST_PLACES: Final = 50

_DOUBLE: Final = '"“”„‟«»″'
_SINGLE: Final = "'’‘‚‛′ʼ‹›"
_DASHES: Final = "-‐‑‒–—―−"
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_LIGATURES: Final = {"ﬃ": "ffi", "ﬄ": "ffl", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬅ": "st", "ﬆ": "st"}
_IDEOGRAPHS: Final = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNSPACED: Final = re.compile(f"[{_IDEOGRAPHS}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")

_DIVIDED: Final = rf"(?:[-‐\u00ad][ \t]*\n\s*|[{_INVISIBLE}])?"
_MARKS: Final = rf"(?:\]\([^()\s]{{0,300}}\)|[*_`~\[\]|{_INVISIBLE}]){{0,6}}"
_BLANKS: Final = rf"(?:\]\([^()\s]{{0,300}}\)|[\s*_`~\[\]|{_INVISIBLE}]){{1,200}}"
_PIECE: Final = re.compile(r"[^\W_]+|\s+|\.\.\.|.", re.DOTALL)
LEANS: Final = re.compile(
    r"""["'“‘(]*(?:(?:It|They|He|She|This|That|These|Those|Such|Both|Its|Their|His|Her)\b"""
    r"""|(?:However|But|So|Therefore|Instead|Otherwise|Also|And|Then|Thus|Hence|Yet)\b"""
    r"""|(?:Er|Sie|Es|Dies|Diese|Dieser|Dieses|Sein|Seine|Ihr|Ihre|Il|Elle|Ils|Elles|Cela)\b)"""
)


def places_of(text: str, quotation: str) -> Iterator[tuple[int, int]]:
    """Yield where a quotation begins and ends in a text, at most fifty times.

    Args:
        text: The source's archived text.
        quotation: What is said to stand there.
    """
    bare = quotation.strip()
    if not any(map(str.isalnum, bare)) or len(bare) > LONGEST:
        return
    for one in dict.fromkeys((bare, _without_outer_marks(bare))):
        found = [match.span() for match in islice(_form(one).finditer(text), _MOST_PLACES)]
        if found:
            yield from found
            return


def sentence_around(source: SourceText, start: int, end: int) -> tuple[int, int]:
    """Return where the whole sentences begin and end in which a part of a text stands.

    What is cut out of a sentence may say the opposite of it. Rows and list items are taken whole,
    and a sentence that leans on the one before it brings that along. What would be too long to be
    shown is not widened.
    """
    blocks = [one for one in source.blocks if one.start < end and start < one.end]
    if not blocks:
        return start, end
    begin = min(start, _sentence(source, blocks[0], start)[0])
    finish = max(end, _sentence(source, blocks[-1], end - 1)[1])
    if begin == blocks[0].start and LEANS.match(source.text[begin:finish]):
        begin = _sentence_before(source, blocks[0])
    return (
        (begin, finish) if finish - begin <= max(_LONGEST_SENTENCE, end - start) else (start, end)
    )


def _sentence_before(source: SourceText, block: Block) -> int:
    """Return where the last sentence before a paragraph begins, if a paragraph is before it."""
    number = source.blocks.index(block) - 1
    if number < 0 or source.blocks[number].form != "paragraph" or block.form != "paragraph":
        return block.start
    before = source.blocks[number]
    return _sentence(source, before, before.end - 1)[0]


def _sentence(source: SourceText, block: Block, place: int) -> tuple[int, int]:
    """Return the sentence of a block in which a place lies, as far as that is prose."""
    whole = (block.start, block.end)
    if block.form != "paragraph" and block.end - block.start <= _LONGEST_SENTENCE:
        return whole
    before: tuple[int, int] | None = None
    for one in sentence_spans(source.of(block)):
        span = (block.start + one[0], block.start + one[1])
        if place < span[1]:
            leans = before is not None and LEANS.match(source.text[span[0] : span[1]])
            fits = before is not None and span[1] - before[0] <= _LONGEST_SENTENCE
            return (before[0], span[1]) if before is not None and leans and fits else span
        before = span
    return whole


def _without_outer_marks(text: str) -> str:
    """Return a quotation without the quotation marks that a model puts around it."""
    return text.strip(_DOUBLE + _SINGLE).strip()


def _form(quotation: str) -> re.Pattern[str]:
    """Return what finds a quotation whatever the forms of its characters, as whole words."""
    plain = unicodedata.normalize("NFC", quotation)
    plain = re.sub(r"(?<=[^\W\d_])[-‐][ \t]*\n\s*(?=[^\W\d_])", "", plain)
    plain = re.sub(f"[{_INVISIBLE}]", "", plain).replace("…", "...")
    for ligature, letters in _LIGATURES.items():
        plain = plain.replace(ligature, letters)
    pieces = _PIECE.findall(plain)
    written = [_piece(piece) for piece in pieces]
    joined = written[0]
    for (before, after), form in zip(pairwise(pieces), written[1:], strict=True):
        joined += form if before.isspace() or after.isspace() else _MARKS + form
    opening = r"(?<![^\W_])(?<!\d[.,])" if _is_spaced(plain[0]) else ""
    closing = r"(?![^\W_])(?![.,]\d)" if _is_spaced(plain[-1]) else ""
    return re.compile(opening + joined + closing)


def _is_spaced(character: str) -> bool:
    """Say whether a character belongs to a word that blanks divide from others."""
    return character.isalnum() and not _UNSPACED.match(character)


def _piece(piece: str) -> str:
    if piece.isspace():
        return _BLANKS
    if piece == "...":
        return r"(?:…|\.\.\.)"
    letters = list(_letters(piece))
    joined = letters[0][1]
    for (before, _), (after, form) in pairwise(letters):
        between = r"\s?" if _UNSPACED.match(before) and _UNSPACED.match(after) else _DIVIDED
        joined += between + form
    return joined


def _letters(word: str) -> Iterator[tuple[str, str]]:
    """Yield the letters of a word, or the parts that have a ligature, and what finds each."""
    place = 0
    while place < len(word):
        for letters in sorted(set(_LIGATURES.values()), key=len, reverse=True):
            if word.startswith(letters, place):
                yield letters, _ligature(letters)
                place += len(letters)
                break
        else:
            yield word[place], _character(word[place])
            place += 1


def _ligature(letters: str) -> str:
    signs = "".join(sign for sign, written in _LIGATURES.items() if written == letters)
    forms = [f"[{signs}]", _DIVIDED.join(letters)]
    if len(letters) == 3:
        pair = "".join(sign for sign, written in _LIGATURES.items() if written == letters[1:])
        forms += [f"{letters[0]}{_DIVIDED}[{pair}]", f"ﬀ{_DIVIDED}{letters[2]}"]
    return f"(?:{'|'.join(forms)})"


def _character(character: str) -> str:
    for group in (_DOUBLE, _SINGLE):
        if character in group:
            return f"[{re.escape(group)}]"
    if character in _DASHES:
        return rf"[{re.escape(_DASHES)}](?:[ \t]*\n\s*)?"
    forms = {character, unicodedata.normalize("NFD", character)}
    if "!" <= character <= "~":
        forms.add(chr(ord(character) + 0xFEE0))
    elif "！" <= character <= "～":
        forms.add(chr(ord(character) - 0xFEE0))
    if len(forms) == 1:
        return re.escape(character)
    return f"(?:{'|'.join(map(re.escape, sorted(forms)))})"
