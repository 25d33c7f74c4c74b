"""Nouns and adjectives that say what is measured, and what kind of thing a name is of."""

from functools import cache
from typing import Final

from perdure_research.answers.language.stems import stem

# What is measured, by the words of it, and the kinds of unit of its figures.
_MEASURES: Final = {
    "length": """high tall height elevation altitude deep depth wide broad width far distance range
        wingspan span thick hoch tief breit weit haut hauteur profond profondeur altura profundidad
        высота глубина длина""",
    "length time extent": "long length lang lange lange longueur longitud dauer dauert duration",
    "mass": "heavy weigh weight weighs mass schwer wiegt gewicht poids peso pesa",
    "money": """spend spends worth fine penalty toll pay paid cost costs price fee fare expensive
        charge rent preis kostet kosten teuer eintritt prix coute coutent tarif precio cuesta
        cuestan vale цена стоит""",
    "time": "old age alt age edad dura tarda dure lifespan",
    "speed": "fast speed schnell",
    "temperature": "hot warm cold temperature temperatur temperatura",
    "sound": "loud noise laut",
    "area data volume length": "big large size gross groesse",
    "area": "area flache superficie surface",
    "share": "percentage percent share prozent pourcentage porcentaje",
}
# Nouns that say what kind of thing a name is of.
_KINDS_OF_THINGS: Final = """
    airline airport album app award bank bay bird book branch bridge building bus campsite canal
    cape castle chemist church city club coast college committee company concert council country
    court department district drug engineer factory ferry festival film firm fish football fund
    garden gardens glacier group harbour hill hospital hotel hut island isle lake language law
    league library lighthouse line magazine marathon medicine metal mineral ministry model
    mountain museum newspaper novel office organisation organization park peak plant planet port
    product program programme project province pump queue railway region restaurant river road
    school sea ship site society software song species square state station store street studio
    syrup tablet tablets team temple theatre tool tower town train treaty tribe university
    valley venue vessel village ward volcano article machine device engine motor store plugin
    package library framework tribe king queen fluss see berg stadt bad hallenbad freibad
    bibliothek museum brucke schiff verein hotel schule dorf insel musee riviere lac mont ville
    village bibliotheque phare moulin pont bateau ecole ile tour museo rio lago monte ciudad
    pueblo biblioteca faro puente barco escuela isla tren torre музей озеро река город мост
    библиотека
"""

# Nouns of amounts, which are high without a height.
AMOUNTS: Final = frozenset(
    """
    fine rent price cost costs tax revenue turnover share salary deposit fee unemployment rate wage
    allowance bonus limit quota income
    temperature budget debt loss profit pressure percentage speed toll penalty interest
    umsatz kaution miete strafe preis gewinn anteil steuer grundsteuer gebuhr lohn gehalt betrag
    beitrag kosten schaden einnahmen ausgaben temperatur geschwindigkeit bussgeld zins quote budget
    schulden verlust eintritt rente
    """.split()  # noqa: SIM905 -- a column of words reads worse
)


# Verbs of what has room for those who are counted.
TAKES_IN: Final = frozenset(["take", "hold", "accommodate", "seat", "sleep", "fit", "capacity"])


@cache
def kinds_of_things() -> frozenset[str]:
    """Return the keys of nouns that say what kind of thing a name is of, such as "library"."""
    return frozenset(_KINDS_OF_THINGS.split())


@cache
def measures_of(language: str) -> dict[str, frozenset[str]]:
    """Return the kinds of unit of what words measure, by their keys and stems."""
    known = {}
    for units, words in _MEASURES.items():
        for word in words.split():
            known[word] = frozenset(units.split())
            known.setdefault(stem(word, language), frozenset(units.split()))
    return known
