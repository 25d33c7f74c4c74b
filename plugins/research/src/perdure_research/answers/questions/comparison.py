"""Questions that compare two things: each of the two is asked about by itself."""

import re
from typing import Final

_COMPARED: Final = (
    re.compile(
        r"(?:which|what|who)\b.*?\b(?P<how>\w+er|more|less|better|worse)\b(?P<noun>[^,:]*)[,:]"
        r"\s*(?P<one>.+?) or (?P<other>.+?)\??",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:is|are|was|were|does|do|did|has|have) (?P<one>.+?) (?P<how>\w+er|more|less)"
        r"(?P<noun>.*?) than (?P<other>.+?)\??",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:welche[rs]?|was|wer)\b.*?\b(?P<how>\w+er)\b(?P<noun>[^,:]*)[,:]"
        r"\s*(?P<one>.+?) oder (?P<other>.+?)\??",
        re.IGNORECASE,
    ),
)
_IRREGULAR: Final = {"better": "good", "worse": "bad", "farther": "far", "further": "far"}
_E: Final = ("larg", "wid", "strang", "lat", "saf", "clos", "larg", "pal", "rar", "fin")
_NO_COMPARATIVES: Final = frozenset(
    """
    other after over under never ever however either neither whether river water member number
    order paper power tower user letter winter summer centre center owner player driver former
    """.split()  # noqa: SIM905 -- a column of words reads worse
)


def compared(text: str) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return the two things that a question compares, each with the question about it alone.

    Args:
        text: The question.
    """
    for place, pattern in enumerate(_COMPARED):
        match = pattern.fullmatch(text.strip())
        if match is None or match["how"].lower() in _NO_COMPARATIVES:
            continue
        how, noun = match["how"].lower(), match["noun"].strip()
        one, other = match["one"].strip(), match["other"].strip()
        asking = _german if place == 2 else _english
        return (one, asking(how, noun, one)), (other, asking(how, noun, other))
    return None


def _english(how: str, noun: str, side: str) -> str:
    words = noun.split()
    if how in {"more", "less"} and words:
        if words[0].endswith("s"):
            return f"How many {noun} does {side} have?"
        return f"How {words[0]} is {side}?"
    if words and words[0] not in {"from", "in", "on", "at", "to"}:
        return f"How {_positive(how)} is the {noun} of {side}?"
    return f"How {_positive(how)} is {side}?"


def _german(how: str, noun: str, side: str) -> str:
    return f"Wie {_positive(how)} ist {side}?" if not noun else f"Wie {how} ist {noun} {side}?"


def _positive(comparative: str) -> str:
    if comparative in _IRREGULAR:
        return _IRREGULAR[comparative]
    bare = comparative.removesuffix("er")
    if bare.endswith("i"):
        return f"{bare[:-1]}y"
    if len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "lsf":
        return bare[:-1]
    return f"{bare}e" if bare.endswith(_E) else bare
