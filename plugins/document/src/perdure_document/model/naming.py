"""Whether the words beside a value say that it is what a field asks for."""

import re
from typing import Final

from perdure_document.fields.labels import CONCEPTS, concept_of, is_barred, labels_of
from perdure_document.fields.schema import WantedField
from perdure_document.summary.common_words import COMMON, word_set

# What a field's name says of its kind only: "invoice date" is named by "invoice".
_OF_A_KIND: Final = word_set(
    "date day time number no nr id code amount value name text list is has total count"
)
_GROUPS: Final = (
    "agreement contract vertrag contrat contrato contratto",
    "amount sum total betrag summe gesamt montant importe importo line",
    "begin beginning start commencement commence commences effective beginn début inicio",
    "buyer client customer purchaser kunde käufer acheteur cliente",
    "description item article artikel product produkt bezeichnung désignation concepto position",
    "end expiry expiration expires terminates ende fin",
    "employee staff worker personnel",
    "party parties parteien",
    "period term duration laufzeit durée",
    "price rate cost preis prix precio prezzo einzelpreis",
    "quantity qty pieces menge anzahl quantité cantidad hours units",
    "seller supplier vendor provider lieferant fournisseur proveedor fornitore",
)
_SAME: Final[dict[str, frozenset[str]]] = {
    word: word_set(group) for group in _GROUPS for word in group.split()
}
_WORD: Final = re.compile(r"[^\W\d_]+")
_LONG: Final = 5


def names_field(field: WantedField, around: str) -> bool:
    """Say whether words beside a value name a field: by a label, or half of the words of its name.

    Args:
        field: The field.
        around: The words beside the value.
    """
    if not around or is_barred(field, around) or _names_another(field, around):
        return False
    concept = concept_of(field)
    if concept is not None:
        # Only the first of its labels says by itself what is meant.
        return concept.stated[0].search(around) is not None
    return any(label.search(around) for label in labels_of(field)) or names_part(field, around)


def names_part(field: WantedField, around: str) -> bool:
    """Say whether words name a field of an item, which is no field of the whole document.

    Args:
        field: The field: the "amount" of an item is not that of an invoice.
        around: The words beside the value, such as the head of its column.
    """
    said = set(map(str.casefold, _WORD.findall(around)))
    return any(_named(words, said) for words in field.words[:2])


def words_of_field(field: WantedField) -> set[str]:
    """Return the words by which a document may speak of a field, and of the fields of its items."""
    words = {word.casefold() for text in field.words for word in _WORD.findall(text)} - COMMON
    words |= {other for word in words for other in _SAME.get(word, ())}
    for item in field.items:
        words |= words_of_field(item)
    return words


def _named(name: str, said: set[str]) -> bool:
    words = {word.casefold() for word in _WORD.findall(name)} - COMMON
    telling = words - _OF_A_KIND or words
    hits = sum(_is_said(word, said) for word in telling)
    return bool(telling) and 2 * hits >= len(telling)


def _is_said(word: str, said: set[str]) -> bool:
    if said & ({word} | _SAME.get(word, frozenset())):
        return True
    return len(word) >= _LONG and any(other.startswith(word[:-1]) for other in said)


def _names_another(field: WantedField, around: str) -> bool:
    """Say whether the words hold the label of something else that documents state."""
    own = concept_of(field)
    return any(
        concept.stated[0].search(around)
        for concept in CONCEPTS
        if own is not None
        and concept.name != own.name
        # A word such as "total" stands in the labels of others.
        and not own.stated[0].search(around)
    )
