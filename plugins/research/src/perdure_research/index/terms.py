"""The terms that texts are found by: words, what is too short for one, and pieces of unspaced text.

SQLite's tokenizer makes words of a text, without accents, case and English endings. What it would
lose is added here as terms of its own: ``US``, ``IT`` and the ``D`` of vitamin D in capitals, the
signs of ``C++`` and ``C#``, figures with points and commas, compounds in one word. Chinese,
Japanese, Korean, Thai and other scripts without spaces become pairs of characters.
"""

import re
from itertools import pairwise
from typing import Final

from perdure_research.sources.text_forms import comparable

TOKENIZER: Final = "porter unicode61 remove_diacritics 2 categories 'L* N* M* Co' tokenchars '_'"

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u3400-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Where a line ends within Chinese, Japanese or Thai there is no space between words.
_LINE_END: Final = re.compile(
    "(?<=[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff])[ \t]*\n[ \t>]*"
    "(?=[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff])"
)
_RUN: Final = re.compile(f"[{_UNSPACED}]+")
# A character with the vowels and tones that are written above, below and around it.
_CHARACTER: Final = re.compile(
    "[\u0e40-\u0e44\u0ec0-\u0ec4]?."
    "[\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3]*"
)
_CAPITALS: Final = re.compile(r"(?<![^\W_])(?:[A-Z][A-Z0-9]{0,4}|[0-9][A-Z])(?![^\W_]|[+#])")
_SIGNS: Final = re.compile(r"(?<![^\W_])([A-Za-z]\w{0,11})(\+\+|#|\+)(?!\w)")
_DOTTED: Final = re.compile(r"(?<!\w)\.([A-Za-z]{2,5})(?!\w)")
_GROUPED: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:[,.' ]\d{3})+(?![\d])")
_DECIMAL: Final = re.compile(r"(?<![\d.,])(\d+)[.,](\d+)(?![.,]?\d)")
_COMPOUND: Final = re.compile(r"(?<![^\W_])[^\W\d_]+(?:-[^\W\d_]+)+(?![^\W_])")
_SHORT_NAME: Final = 2
_SIGN_NAMES: Final = {"++": "plusplus", "#": "sharp", "+": "plus"}
# What stands between words: ASCII's marks but for ``_``, and those of other scripts.
_BETWEEN: Final = re.compile(
    r"[\s!-/:-@\[-^`{-~\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
    r"\u0964\u0965\u061b\u061f\u060c\u2000-\u206f\u20a0-\u2bff\u3000-\u3004\u3008-\u303f]+"
)


def terms_of(text: str) -> str:
    """Return a text's terms between spaces, for SQLite's tokenizer to make tokens of."""
    if "\n" in text and not text.isascii():
        text = _LINE_END.sub("", text)
    text = comparable(text)
    extra = _extra_terms(text)
    # C is not found where C++ is meant.
    text = _SIGNS.sub(_name_alone, text).replace("_", " ")
    if not text.isascii():
        text = _RUN.sub(lambda run: f" {' '.join(_pairs(run.group()))} ", text)
    return f"{text} {' '.join(extra)}" if extra else text


def words_of(text: str) -> list[str]:
    """Return the terms of a question, each once, in order, as words of a full-text query."""
    words = _BETWEEN.split(terms_of(text).lower())
    return [word for word in dict.fromkeys(words) if any(map(str.isalnum, word))]


def _extra_terms(text: str) -> list[str]:
    """Return what the tokenizer would lose; what ends in ``_`` keeps its English ending."""
    extra: list[str] = []
    if not text.isupper():
        extra += [f"{found}_" for found in _CAPITALS.findall(text)]
    if "+" in text or "#" in text:
        extra += [f"{name}{_SIGN_NAMES[signs]}_" for name, signs in _SIGNS.findall(text)]
    if "." in text:
        extra += [f"dot{name}_" for name in _DOTTED.findall(text)]
    if "-" in text:
        extra += [found.replace("-", "") for found in _COMPOUND.findall(text)]
    grouped = _GROUPED.findall(text)
    extra += [re.sub(r"\D", "", found) for found in grouped]
    extra += [f"{whole}_{part}" for whole, part in _DECIMAL.findall(text)]
    return extra


def _name_alone(signed: re.Match[str]) -> str:
    return signed[1] if len(signed[1]) > _SHORT_NAME else " "


def _pairs(run: str) -> list[str]:
    """Return the characters of unspaced text in pairs, each character but the ends in two."""
    characters = _CHARACTER.findall(run)
    if len(characters) < 2:
        return characters
    return [first + second for first, second in pairwise(characters)]
