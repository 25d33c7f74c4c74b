# ruff: noqa: RUF001 -- Cyrillic letters are meant here
"""Words of other languages than English that differ in their ending alone, as German plurals do.

SQLite's tokenizer takes English endings off. For other languages the index is searched for the
words that are there with another of their endings.
"""

from collections.abc import Collection
from typing import Final

# Words that hardly any question in English is without, and that mean nothing in other languages.
_ENGLISH: Final = frozenset(
    """
    the of what which how who when where why does did are were and with from that this many much
    """.split()  # noqa: SIM905 -- one word a line reads worse
)
# As the index has them: without accents.
_LATIN: Final = frozenset(
    """
    e en em er es n s t st te ten tet tes est end ern in innen a as o os i is an am ano ono ato
    ata ati ate are ere ire ar ir ez ent ant ons ont ais ait aient ees ee x aux al ale ado ada
    ados adas ando iendo ia ian io ie y ava avano eva evano u um ou ow ami ach om mi eme ete
    """.split()  # noqa: SIM905 -- one word a line reads worse
)
_CYRILLIC: Final = frozenset(
    """
    а ы и у е о я ю ь ой ей ом ем ам ям ах ях ами ями ов ев ью ию ий ый ая яя ое ее ые ие ого
    его ому ему ым им ых их ую юю ет ит ют ят ут ат ал ала ало али ил ила ило или ть
    """.split()  # noqa: SIM905 -- one word a line reads worse
)
_ENDINGS: Final = _LATIN | _CYRILLIC
_LONGEST_ENDING: Final = 5
_SHORTEST_STEM: Final = 4


def is_english(words: Collection[str]) -> bool:
    """Say whether the words of a question are English ones."""
    return not _ENGLISH.isdisjoint(words)


def stems_of(token: str) -> list[str]:
    """Return what may be the stem of a word of another language, the shortest first."""
    if not token.isalpha():
        return []
    stems = [
        token[:-length]
        for length in range(min(_LONGEST_ENDING, len(token) - _SHORTEST_STEM), 0, -1)
        if token[-length:] in _ENDINGS
    ]
    return [*stems, token] if len(token) >= _SHORTEST_STEM else []


def has_other_ending(token: str, stems: Collection[str]) -> bool:
    """Say whether a word is one of the stems, with an ending or without one."""
    return any(
        token.startswith(stem) and (token == stem or token[len(stem) :] in _ENDINGS)
        for stem in stems
    )
