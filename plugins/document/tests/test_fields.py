"""Fifty invoices of five layouts: every value is right or said to be unsure."""

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import docx
import openpyxl
import pytest
from pydantic import JsonValue

from perdure.agents import StepFailed
from perdure.testing import AgentContract, rehearse
from perdure_document.facts import Block, Document
from perdure_document.fields.evidence import EvidenceCheck, Proposal
from perdure_document.fields.filled import FilledField
from perdure_document.fields.filling import fill_fields
from perdure_document.fields.schema import wanted_fields
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "invoice_date": {"type": "string", "format": "date"},
        "due_date": {"type": ["string", "null"], "format": "date"},
        "net_amount": {"type": "number"},
        "vat_amount": {"type": "number"},
        "total": {"type": "number"},
        "currency": {"type": "string"},
        "iban": {"type": "string"},
        "email": {"type": "string", "format": "email"},
    },
    "required": ["invoice_number", "total"],
}
TRICKS = (
    *("", "no due date", "no iban", "wrong iban", "delivery", "deposit", "two totals", "many"),
)
IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606", "GB29NWBK60161331926819")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août"),
    *("septembre", "octobre", "novembre", "décembre"),
)


class Invoice(NamedTuple):
    """The truth about an invoice; ``None`` for what it does not say."""

    number: str
    day: date
    due: date | None
    net: int  # in cents
    tax: int
    currency: str
    iban: str
    email: str
    trick: str

    @property
    def truth(self) -> dict[str, JsonValue]:
        return {
            "invoice_number": self.number,
            "invoice_date": self.day.isoformat(),
            "due_date": self.due.isoformat() if self.due else None,
            "net_amount": self.net / 100,
            "vat_amount": self.tax / 100,
            "total": (self.net + self.tax) / 100,
            "currency": self.currency,
            "iban": self.iban or None,
            "email": self.email or None,
        }


def invoice(seed: int, currency: str = "EUR") -> Invoice:
    chance = random.Random(seed)
    day = date(2024, 1, 1) + timedelta(days=chance.randrange(700))
    net = chance.choice([chance.randrange(500, 90_000), chance.randrange(100_000, 9_000_000)])
    tricks = (
        "",
        "no due date",
        "no iban",
        "wrong iban",
        "delivery",
        "deposit",
        "two totals",
        "many",
    )
    trick = tricks[seed % len(tricks)]
    iban = "" if trick == "no iban" else IBANS[seed % 3]
    return Invoice(
        number=chance.choice(["INV-2024-{:04}", "{:06}", "R{:05}/24", "2024.{:03}"]).format(
            seed * 7
        ),
        day=day,
        due=None if trick == "no due date" else day + timedelta(days=14),
        net=net,
        tax=round(net * 0.19),
        currency=currency,
        iban=iban,
        email=f"billing{seed}@firm.example" if seed % 5 else "",
        trick=trick,
    )


def spaced(iban: str, trick: str) -> str:
    if trick == "wrong iban":
        iban = iban[:-1] + ("1" if iban[-1] != "1" else "2")
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def money(cents: int, thousands: str = ",", decimals: str = ".") -> str:
    return f"{cents / 100:,.2f}".replace(",", "T").replace(".", decimals).replace("T", thousands)


def english_text(one: Invoice, folder: Path) -> Path:
    lines = ["Harbour Supplies Ltd", "", f"Invoice No: {one.number}"]
    lines += ["", f"Invoice date: {one.day:%d/%m/%Y}"]
    if one.trick == "delivery":
        lines += ["", f"Delivery date: {one.day + timedelta(days=3):%d/%m/%Y}"]
    if one.due:
        lines += ["", f"Due date: {one.due:%d/%m/%Y}"]
    lines += ["", "Terms: 30 days net", "", f"Net amount: EUR {money(one.net)}"]
    lines += ["", f"VAT 19 %: EUR {money(one.tax)}", "", f"Total: EUR {money(one.net + one.tax)}"]
    if one.trick == "deposit":
        paid = (one.net + one.tax) // 3
        lines += ["", f"Deposit paid: EUR {money(paid)}"]
        lines += ["", f"Amount due: EUR {money(one.net + one.tax - paid)}"]
    if one.iban:
        lines += ["", f"Pay to {spaced(one.iban, one.trick)} please."]
    lines += ["", f"Questions? {one.email}" if one.email else "Questions? Call us."]
    return written(folder / "a.txt", "\n".join(lines))


def german_markdown(one: Invoice, folder: Path) -> Path:
    def euros(cents: int) -> str:
        return f"{money(cents, '.', ',')} €"

    lines = [f"# Rechnung {one.number}", "", f"Rechnungsdatum: {one.day:%d.%m.%Y}", ""]
    if one.trick == "delivery":
        lines += [f"Lieferdatum: {one.day - timedelta(days=3):%d.%m.%Y}", ""]
    if one.due:
        lines += [f"Zahlbar bis {one.due:%d.%m.%Y}", ""]
    lines += ["| Pos | Artikel | Menge | Summe |", "|--|--|--|--|"]
    lines += [f"| 1 | Seil | 3 | {euros(one.net // 2)} |"]
    lines += [f"| 2 | Anker | 1 | {euros(one.net - one.net // 2)} |"]
    lines += [f"| | Zwischensumme | | {euros(one.net)} |", f"| | MwSt 19 % | | {euros(one.tax)} |"]
    lines += [f"| | Gesamtbetrag | | {euros(one.net + one.tax)} |", ""]
    if one.trick == "many":
        lines += ["Bei Zahlung in 7 Tagen 2 % Skonto.", ""]
    lines += [f"IBAN: {spaced(one.iban, one.trick)}" if one.iban else "Bar bezahlt.", "", one.email]
    return written(folder / "a.md", "\n".join(lines))


def french_word(one: Invoice, folder: Path) -> Path:
    def long(day: date) -> str:
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    document = docx.Document()
    document.add_heading("Facture", level=1)
    rows = [("Facture n°", one.number), ("Date de facture", long(one.day))]
    if one.trick == "delivery":
        rows.append(("Date de livraison", long(one.day + timedelta(days=2))))
    if one.due:
        rows.append(("Échéance", long(one.due)))
    totals = [("Total HT", one.net), ("TVA 19 %", one.tax), ("Total TTC", one.net + one.tax)]
    rows += [(name, f"{money(cents, ' ', ',')} EUR") for name, cents in totals]
    if one.trick == "deposit":
        rows.append(("Acompte", f"{money(one.net // 4, ' ', ',')} EUR"))
    if one.iban:
        rows.append(("IBAN", spaced(one.iban, one.trick)))
    table = document.add_table(len(rows), 2)
    for row, (name, value) in zip(table.rows, rows, strict=True):
        row.cells[0].text, row.cells[1].text = name, value
    document.add_paragraph(f"Contact : {one.email}" if one.email else "Merci.")
    document.save(str(folder / "a.docx"))
    return folder / "a.docx"


def american_page(one: Invoice, folder: Path) -> Path:
    rows = [("Subtotal", one.net), ("Sales tax", one.tax), ("Total due", one.net + one.tax)]
    if one.trick == "two totals":
        rows[0] = ("Total", one.net)
    cells = "".join(f"<tr><td>{name}<td>${money(cents)}" for name, cents in rows)
    due = f"<p>Payment due: {one.due:%m/%d/%Y}</p>" if one.due else "<p>Due on receipt</p>"
    return written(
        folder / "a.html",
        f"<!doctype html><title>Bill</title><body><h1>INVOICE</h1><p>Invoice # {one.number}</p>"
        f"<p>Date: {one.day:%m/%d/%Y}</p>{due}<table>{cells}</table>"
        f"<p>Account {spaced(one.iban, one.trick)}</p><p>{one.email}</p>",
    )


def workbook(one: Invoice, folder: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    rows: list[list[object]] = [
        ["Invoice number", one.number, "", "Issue date", one.day.isoformat()]
    ]
    rows += [["Due date", one.due.isoformat()]] if one.due else []
    rows += [["Item", "Qty", "Price", "Amount"], ["Rope", 2, one.net / 200, one.net / 100]]
    rows += [["Net", "", "", f"{money(one.net)} EUR"], ["VAT", "19%", "", f"{money(one.tax)} EUR"]]
    rows += [["Grand total", "", "", f"{money(one.net + one.tax)} EUR"]]
    rows += [["IBAN", spaced(one.iban, one.trick)]] if one.iban else []
    rows += [["E-mail", one.email]] if one.email else []
    for row in rows:
        sheet.append(row)
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


LAYOUTS: dict[str, tuple[Callable[[Invoice, Path], Path], str]] = {
    "english text": (english_text, "EUR"),
    "german markdown": (german_markdown, "EUR"),
    "french word": (french_word, "EUR"),
    "american page": (american_page, "USD"),
    "workbook": (workbook, "EUR"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_value_of_an_invoice_is_wrong_in_silence(layout: str, tmp_path: Path) -> None:
    write, currency = LAYOUTS[layout]
    fields = wanted_fields(SCHEMA)
    outcomes: Counter[str] = Counter()
    for seed in range(10):
        one = invoice(seed, currency)
        document = read_whole(look_at(str(write(one, tmp_path))))
        for field in fill_fields(document, fields):
            right = one.truth[field.path]
            shown = f"{layout} {seed} ({one.trick}): {field.model_dump_json()}, truth {right!r}"
            if field.status == "found":
                assert field.value == right, shown
                assert quoted(document, field), shown
                outcomes["right"] += 1
            elif right is not None:
                outcomes[f"{field.status} {field.path}"] += 1
    assert outcomes["right"] >= 70, outcomes


def quoted(document: Document, field: FilledField) -> bool:
    """Say whether the evidence leads to words of the document that the quote repeats."""
    (evidence,) = field.evidence
    block = document.blocks[evidence.position.block]
    row, column = evidence.position.row, evidence.position.column
    text = block.text if row is None or column is None else block.rows[row][column]
    said = text[evidence.position.start : evidence.position.end]
    return bool(said) and said in evidence.quote


@cache
def fields_of(schema: str) -> Any:
    return tuple(wanted_fields(json.loads(schema)))


def filled(text: str, **properties: Any) -> dict[str, FilledField]:
    blocks = tuple(Block(type="paragraph", text=line) for line in text.split("\n"))
    document = Document(title="t", kind="text", blocks=blocks)
    fields = fields_of(json.dumps({"properties": properties}))
    return {one.path: one for one in fill_fields(document, fields)}


TEXT = {"type": "string"}
NUMBER = {"type": "number"}
DATE = {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("text", "name", "kind", "status", "value"),
    [
        ("Invoice date: 03/04/2024", "invoice_date", DATE, "unsure", "2024-04-03"),
        (
            "Invoice date: 03/04/2024\nDue date: 25/04/2024",
            "invoice_date",
            DATE,
            "found",
            "2024-04-03",
        ),
        ("Date: 03/04/2024\nDue date: 04/25/2024", "invoice_date", DATE, "found", "2024-03-04"),
        ("Date: 4 March 2024", "invoice_date", DATE, "found", "2024-03-04"),
        ("Date: 04.03.24", "invoice_date", DATE, "unsure", "2024-03-04"),
        ("Date: 31/02/2024", "invoice_date", DATE, "absent", None),
        ("Due date: 5 May 2024", "invoice_date", DATE, "absent", None),
        ("Service date: 1 May 2024 - 31 May 2024", "service_date", DATE, "unsure", "2024-05-01"),
        ("Total: 1.250", "total", NUMBER, "unsure", 1250),
        ("Total: 1.250 €\nNet: 1.050,42 €", "total", NUMBER, "found", 1250),
        ("Total: 100.00\nTotal: 119.00", "total", NUMBER, "unsure", 100),
        ("Net: 100.00\nVAT: 19.00\nTotal: 119.00", "total", NUMBER, "found", 119),
        ("Total: -12.50 EUR", "total", NUMBER, "found", -12.5),
        ("Total weight: 12.50 kg", "total", NUMBER, "absent", None),
        ("VAT number: DE123456789", "vat", NUMBER, "absent", None),
        ("VAT 19 % of 100.00 EUR: 19.00 EUR", "vat", NUMBER, "unsure", 100),
        ("Total (3 items): CHF 1'250.50", "total", NUMBER, "unsure", 3),
        ("Grand total CHF 1'250.50", "total", NUMBER, "found", 1250.5),
        ("Invoice date:   Due date: 15 March 2024", "invoice_date", DATE, "absent", None),
        (
            "Order no. 17, invoice no. 4711",
            "invoice_number",
            {"type": "string"},
            "found",
            "4711",
        ),
        ("Customer no: 815", "invoice_number", TEXT, "absent", None),
        (
            "IBAN DE89 3704 0044 0532 0130 01",
            "iban",
            {"type": "string"},
            "unsure",
            "DE89370400440532013001",
        ),
        (
            "To a@b.example, c@d.example",
            "email",
            {"type": "string"},
            "unsure",
            "a@b.example",
        ),
        (
            "IBAN DE89 3704 0044 0532 0130 00 or IBAN DE02 5001 0517 0137 0750 30",
            "iban",
            TEXT,
            "unsure",
            "DE89370400440532013000",
        ),
        ("Total due: $12.50 USD", "currency", TEXT, "found", "USD"),
        ("VAT @ 20 %: £24.00", "vat", NUMBER, "found", 24),
        ("Sales tax (8%)\n$24.00", "tax", NUMBER, "found", 24),
        ("NIF-IVA: ESB12345678", "vat_id", TEXT, "found", "ESB12345678"),
        ("Total factura: 12,50 €", "total", NUMBER, "found", 12.5),
        ("Pedido nº 4711", "order_number", TEXT, "found", "4711"),
        ("Credit note no. 55\nRefers to invoice no. 44", "invoice_number", TEXT, "absent", None),
        ("Net: 100.00\nVAT: 19.00\nAmount due: 71.40", "total", NUMBER, "unsure", 71.4),
        ("Subtotal: 90.00\nVAT: 19.00\nTotal: 119.00", "net_amount", NUMBER, "unsure", 90),
        ("Net: 90.00\nVAT 7 %: 3.50\nVAT 19 %: 9.50\nTotal: 103.00", "total", NUMBER, "found", 103),
        ("Delivery week: 17", "delivery_week", {"type": "integer"}, "found", 17),
        (
            "Supplier: Harbour Supplies Ltd",
            "supplier",
            {"type": "string"},
            "found",
            "Harbour Supplies Ltd",
        ),
        ("From: 1 March", "supplier", TEXT, "unsure", "1 March"),
        ("Invoice 2024", "invoice_number", TEXT, "unsure", "2024"),
        ("Rechnung R-0117", "invoice_number", TEXT, "found", "R-0117"),
        ("Print date: 5 May 2024", "invoice_date", DATE, "absent", None),
        ("Date of birth: 5 May 1971", "invoice_date", DATE, "absent", None),
        ("Total net: 100.00", "total", NUMBER, "absent", None),
        ("VAT (20.00 %) 24.00", "vat", NUMBER, "found", 24),
        ("Total due in 30 days: 119.00", "total", NUMBER, "unsure", 30),
        ("Price: $ 12.50", "currency", TEXT, "unsure", "USD"),
        ("Approved: yes", "approved", {"type": "boolean"}, "absent", None),
    ],
)
def test_fields_are_found_or_the_doubt_is_said(
    text: str, name: str, kind: dict[str, Any], status: str, value: JsonValue
) -> None:
    field = filled(text, **{name: kind})[name]
    assert (field.status, field.value) == (status, value), field
    assert field.why


def test_a_value_outside_the_schema_is_no_value() -> None:
    assert (
        filled("Total: 900.00", total={"type": "number", "maximum": 100})["total"].status
        == "absent"
    )
    code = {"type": "string", "pattern": "^R-"}
    assert filled("Invoice no: 17", invoice_number=code)["invoice_number"].status == "absent"


@pytest.mark.parametrize(
    ("value", "quote", "refused"),
    [
        (119.0, "Total: 119.00 EUR", ""),
        (119.0, "total:  119.00", ""),
        (191.0, "Total: 119.00 EUR", "does not say it"),
        (119.0, "Total: 120.00 EUR", "is not in the file"),
        (119.0, "", "without a quote"),
    ],
)
def test_a_proposed_value_must_stand_in_the_file(value: float, quote: str, refused: str) -> None:
    block = Block(type="paragraph", text="Total: 119.00 EUR")
    document = Document(title="t", kind="text", blocks=(block,))
    (field,) = wanted_fields({"properties": {"total": {"type": "number"}}})
    proposal = Proposal(path="total", value=value, quote=quote)
    checked = EvidenceCheck(document).check(proposal, field)
    assert refused in checked.refusal
    assert (checked.evidence is None) == bool(refused)


async def test_fields_of_several_files_in_json_and_html(tmp_path: Path) -> None:
    one = english_text(invoice(0), tmp_path)
    rehearsal = await rehearse(
        "document",
        "Read the invoices",
        {
            "action": "fields",
            "paths": [str(one), str(tmp_path / "gone.pdf")],
            "json_schema": SCHEMA,
        },
    )
    (found,) = json.loads(rehearsal.files["fields.json"])["files"]
    assert found["values"]["total"] == invoice(0).truth["total"]
    assert found["complete"] is True
    assert "Invoice No: " in rehearsal.files["fields.html"].decode()
    assert json.loads(rehearsal.files["fields.schema.json"])["title"] == "FilledFiles"
    assert "1 file could not be used" in rehearsal.result.summary


async def test_a_schema_from_a_file_or_a_refusal(tmp_path: Path) -> None:
    parameters = {"action": "fields", "path": str(EXAMPLES / "notes.md")}
    for name, content, says in (
        ("a.json", "[1]", "holds no JSON object"),
        ("b.json", "{", "cannot be read as JSON"),
    ):
        written(tmp_path / name, content)
        with pytest.raises(StepFailed, match=says):
            await rehearse("document", "x", {**parameters, "json_schema": str(tmp_path / name)})
    written(tmp_path / "c.json", json.dumps({"properties": {"loaves": {"type": "integer"}}}))
    rehearsal = await rehearse(
        "document", "x", {**parameters, "json_schema": str(tmp_path / "c.json")}
    )
    assert rehearsal.result.summary.startswith("Found")


class TestContract(AgentContract):
    agent = "document"
    description = "Read the report's date"
    parameters = {
        "action": "fields",
        "path": str(EXAMPLES / "report.docx"),
        "json_schema": {"properties": {"date": {"type": "string", "format": "date"}}},
    }
    bad_parameters = (
        {"action": "fields", "path": str(EXAMPLES / "notes.md"), "json_schema": {"properties": {}}},
    )
