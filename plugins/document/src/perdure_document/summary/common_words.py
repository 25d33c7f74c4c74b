"""English and German words too common to say what a text is about."""

from typing import Final


def word_set(words: str) -> frozenset[str]:
    """Return words that blanks divide."""
    return frozenset(words.split())


_WORDS: Final = """
a about after all also an and any are as at be been before but by can could did do does each
every few first for from had has have he her his how if in into is it its last less many may
more most much new no not now of on one only or other our out over own per same she should since
so some such than that the their them then there these they this those to two under until up was
we were what when where which while who will with would you your aber als am auch auf aus bei
bis das dass dem den der des die durch ein eine einem einen einer eines er es für hat haben ich
ihr im in ist kein mit nach nicht noch nur oder sich sie sind so um und uns von vor war waren
was wenn werden wie wir wird wurde zu zum zur über document report file page slide sheet section
summary summarise summarize extract
"""

COMMON: Final = word_set(_WORDS)
