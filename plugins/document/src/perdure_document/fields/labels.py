"""The words by which documents announce their fields, in the languages of Europe's invoices."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from perdure_document.fields.schema import WantedField

_EDGE: Final = r"(?<![^\W_])"


class Concept(NamedTuple):
    """Something that many documents state.

    Attributes:
        name: What it is.
        asked: What a field is called that asks for it.
        stated: The labels that announce it, the most telling first.
        barred: What shows that a label announces something else.
    """

    name: str
    asked: "re.Pattern[str]"
    stated: tuple["re.Pattern[str]", ...]
    barred: "re.Pattern[str] | None" = None


def _form(text: str) -> "re.Pattern[str]":
    return re.compile(text, re.IGNORECASE)


def _label(text: str) -> "re.Pattern[str]":
    return _form(rf"{_EDGE}(?:{text})(?![^\W_])")


_NO: Final = r"\s*[-/]?\s*(?:number|nummer|num|no|nr|n°|nº|id|#|code)\.?"
_TAX: Final = r"vat|sales tax|tax|mwst|mehrwertsteuer|umsatzsteuer|ust|tva|iva|btw|gst|moms"
_NET_WORDS: Final = (
    r"net(?:to)?(?:\s?(?:amount|total|sum|price|betrag|summe|bedrag|o))?|sub-?\s?total|zwischensumme"
    r"|total (?:net|excl|before tax|ht)|nettobetrag|nettosumme|hors taxes?|montant ht|total ht"
    r"|base imponible|imponibile|summe netto|gesamt netto|excl(?:uding)?\.? (?:vat|tax|btw)"
    r"|amount before tax|taxable amount|subtotaal|total netto"
)
CONCEPTS: Final = (
    Concept(
        "invoice number",
        _form(r"invoice (?:number|no|nr|num|id|code|ref)|rechnungsnummer|bill number"),
        (
            _label(
                rf"invoice{_NO}|invoice\s*#|inv\.?{_NO}|rechnungs?{_NO}|rechnungsnr\.?"
                rf"|facture\s*(?:n°|no|num[ée]ro|nº)|n°\s?(?:de\s)?facture|factura\s*(?:n[°º]|núm\.?|no)"
                rf"|fattura\s*(?:n\.|n°|no|nr)|factuur{_NO}|faktura\s*(?:nr|no)\.?|bill{_NO}"
            ),
            _label(r"invoice|rechnung|facture|factura|fattura|factuur"),
        ),
        _form(
            r"customer|kunden|client|order|bestell|date|datum|vat|ust|tax|cliente"
            r"|refer|replac|correct|credit|cancel|previous|original|betrifft|storn|gutschrift|avoir"
            r"|annul|rectif"
        ),
    ),
    Concept(
        "order number",
        _form(r"(?:order|purchase order|po) (?:number|no|nr|id|ref)|bestellnummer"),
        (
            _label(
                rf"(?:purchase )?order{_NO}|p\.?o\.?{_NO}|bestell(?:ung)?{_NO}|commande\s*(?:n°|no)"
                rf"|pedido{_NO}|n[º°]\s?(?:de\s)?pedido|ordine{_NO}"
            ),
        ),
    ),
    Concept(
        "customer number",
        _form(r"(?:customer|client|account) (?:number|no|nr|id)|kundennummer"),
        (_label(rf"(?:customer|client|account){_NO}|kunden{_NO}|n°\s?client"),),
    ),
    Concept(
        "vat id",
        _form(r"(?:vat|tax) (?:id|number|no|nr|registration)|ust id"),
        (
            _label(
                rf"(?:vat|tax)\s*(?:reg(?:istration)?\.?)?{_NO}|ust-?id(?:-?nr)?\.?"
                r"|p(?:artita|\.)?\s?iva|n°\s?(?:de\s)?tva|tva intra(?:communautaire|com\.?)"
                r"|nif(?:-iva)?|cif|btw-?(?:nr|nummer)"
            ),
        ),
    ),
    Concept(
        "due date",
        _form(r"due|payable by|fällig|pay by|échéance|payment date|vencimiento|scadenza"),
        (
            _label(
                r"due(?:\s?date)?(?:\s(?:by|on))?|payable (?:by|until|before)"
                r"|pay(?:ment)? (?:by|due)"
                r"|fällig(?:\s?(?:am|bis|zum))?|fälligkeit(?:sdatum)?|zahlbar (?:bis|am)"
                r"|zahlungsziel"
                r"|échéance|à payer avant(?: le)?|vencimiento|scadenza|vervaldatum|te betalen voor"
            ),
        ),
        _form(r"amount|total|betrag|balance"),
    ),
    Concept(
        "delivery date",
        _form(r"deliver|service date|ship|liefer|leistung"),
        (
            _label(
                r"(?:date of )?(?:delivery|shipping|shipment|supply)(?:\s?date)?|delivered(?: on)?"
                r"|shipped(?: on)?|service date|liefer(?:datum|tag|termin)"
                r"|leistungs(?:datum|zeitpunkt)"
                r"|date de livraison"
            ),
        ),
    ),
    Concept(
        "order date",
        _form(r"order(?:ed)? (?:date|on)|date of order|bestelldatum"),
        (_label(r"order(?:ed)?\s?(?:date|on)|date of order|bestelldatum|bestellt am"),),
    ),
    Concept(
        "invoice date",
        _form(r"invoice date|issue|billing date|rechnungsdatum|date of invoice|^date$"),
        (
            _label(
                r"(?:invoice|issue|billing|bill)\s?date|date of (?:issue|invoice)|issued(?: on)?"
                r"|invoiced(?: on)?"
                r"|rechnungsdatum|ausgestellt(?: am)?|date de (?:la )?facture"
                r"|date d['\u2019]émission"
                r"|fecha de (?:la )?(?:factura|emisión)|data fattura|factuurdatum|dated"
            ),
            _label(r"date|datum|fecha|data|le"),
        ),
        _form(
            r"due|deliver|liefer|fällig|order|bestell|échéance|leistung|service|ship|payable|until"
        ),
    ),
    Concept(
        "vat rate",
        _form(r"(?:vat|tax) (?:rate|percent)|steuersatz"),
        (_label(_TAX),),
    ),
    Concept(
        "vat",
        _form(r"\bvat\b|\btax\b|mwst|umsatzsteuer|\btva\b|\biva\b|\bbtw\b"),
        (_label(_TAX),),
        _form(
            rf"\b(?:{_TAX})\s*(?:id|no|nr|number|reg)|ust-?id|incl|inkl|excl|before|exkl|after|ttc|gross"
            r"|plus all|total|subtotal|net\b|taxable|zzgl\.? aller"
        ),
    ),
    Concept(
        "net amount",
        _form(r"\bnet|subtotal|excluding|before tax|netto|excl"),
        (_label(_NET_WORDS),),
        _form(r"gross|brutto|\bdays\b|tage\b|jours|weight|gewicht"),
    ),
    Concept(
        "amount due",
        _form(r"(?:amount|balance|sum) (?:due|payable|to pay)|zahlbetrag|payable amount"),
        (
            _label(
                r"(?:amount|balance|total) (?:due|payable|to pay)|(?:zu )?zahl(?:en|betrag)|to pay"
                r"|net à payer|à payer|a pagar|da pagare|te betalen|zu zahlen|outstanding"
                r"|pendiente de pago"
            ),
        ),
    ),
    Concept(
        "total",
        _form(r"total|gross|brutto|sum|gesamt|amount|betrag|montant|importe"),
        (
            _label(
                r"grand total|gross(?:\s?(?:amount|total|sum))?"
                r"|total (?:gross|incl\w*|ttc|due|payable|amount|(?:de la )?factura|fattura)"
                r"|amount (?:due|payable)|invoice (?:total|amount)|gesamt(?:betrag|summe)?"
                r"|rechnungsbetrag"
                r"|brutto(?:betrag|summe)?|endbetrag|total ttc|net à payer|à payer|importe total"
                r"|totale"
                r"|totaal(?:bedrag)?|summe brutto|zu zahlen|balance due"
            ),
            _label(r"total|summe|sum"),
        ),
        _form(
            rf"{_NET_WORDS}|discount|rabatt|remise|total (?:{_TAX})|(?:{_TAX}) total|shipping"
            r"|versand"
            r"|deposit|anzahlung|acompte|paid|bezahlt|previous|quantity|hours|items|weight|pages"
        ),
    ),
    Concept("currency", _form(r"currency|währung"), (_label(r"currency|währung|devise|moneda"),)),
    Concept(
        "supplier",
        _form(r"supplier|vendor|seller|issuer|from\b|lieferant|biller"),
        (
            _label(r"supplier|vendor|seller|sold by|issued by|lieferant|fournisseur|billed by"),
            _label(r"from|von"),
        ),
    ),
    Concept(
        "customer",
        _form(r"customer|client|buyer|bill(?:ed)? to|recipient|kunde|to\b"),
        (
            _label(
                r"customer|client|buyer|bill(?:ed)? to|invoice to|sold to|kunde|käufer|destinataire"
            ),
            _label(r"an|to"),
        ),
    ),
)
_BY_NAME: Final = {concept.name: concept for concept in CONCEPTS}
_KINDS: Final = {
    "date": ("due date", "delivery date", "order date", "invoice date"),
    "amount": ("net amount", "amount due", "vat", "total"),
    "number": ("vat rate",),
    "integer": (),
    "currency": ("currency",),
    "code": ("invoice number", "order number", "customer number", "vat id"),
    "text": ("invoice number", "order number", "customer number", "vat id", "supplier", "customer"),
}


def concept_of(field: WantedField) -> Concept | None:
    """Return what a field asks for; ``None`` when only its own name says it.

    The field's name counts before its title, and that before its description.
    """
    for words in field.words:
        for name in _KINDS.get(field.kind, ()):
            if _BY_NAME[name].asked.search(words):
                return _BY_NAME[name]
    return None


def labels_of(field: WantedField) -> Iterator["re.Pattern[str]"]:
    """Yield the labels that may announce a field, the most telling first."""
    concept = concept_of(field)
    if concept is not None:
        yield from concept.stated
        return
    for words in field.words[:2]:
        parts = [re.escape(part) for part in re.findall(r"[^\W_]+", words)]
        if parts and len(parts) <= 6:
            yield _label(r"[\s_-]*".join(parts))


def is_barred(field: WantedField, around: str) -> bool:
    """Say whether the words around a label show that it announces something else."""
    concept = concept_of(field)
    return bool(concept and concept.barred and concept.barred.search(around))
