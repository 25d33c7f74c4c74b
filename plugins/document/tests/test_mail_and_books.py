"""E-mails and electronic books: what is read, in which order, and what is only named."""

import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from perdure_document.facts import Document
from perdure_document.reading.mail.recognition import is_email
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at

TABLE = "<p>The <b>figures</b>:</p><table><tr><th>Port<th>Tons<tr><td>Oslo<td>41.50</table>"


def read(file: Path) -> Document:
    return read_whole(look_at(str(file)))


def message() -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Jörg Müller <jorg@example.org>"
    made["To"] = "Ann <ann@example.org>, Bo <bo@example.org>"
    made["Cc"] = "Cy <cy@example.org>"
    made["Subject"] = "Zahlen für März"
    made["Date"] = "Tue, 01 Apr 2025 09:30:00 +0200"
    return made


def test_an_email_has_its_headers_its_richest_text_and_its_attachments(tmp_path: Path) -> None:
    made = message()
    made.set_content("The figures: see the table.")
    made.add_alternative(TABLE, subtype="html")
    made.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="März.pdf")
    forwarded = message()
    forwarded.set_content("Before")
    made.add_attachment(forwarded)
    file = tmp_path / "a.eml"
    file.write_bytes(bytes(made).replace(b"\n", b"\r\n"))
    found = read(file)
    assert (found.kind, found.title) == ("eml", "Zahlen für März")
    assert found.metadata == {
        "author": "Jörg Müller <jorg@example.org>",
        "created": "2025-04-01T09:30:00+02:00",
    }
    assert [block.text for block in found.blocks] == [
        "Zahlen für März",
        "From: Jörg Müller <jorg@example.org>",
        "To: Ann <ann@example.org>, Bo <bo@example.org>",
        "Cc: Cy <cy@example.org>",
        "Date: Tue, 01 Apr 2025 09:30:00 +0200",
        "The figures:",
        "",
        "Zahlen für März",
        "From: Jörg Müller <jorg@example.org>",
        "To: Ann <ann@example.org>, Bo <bo@example.org>",
        "Cc: Cy <cy@example.org>",
        "Date: Tue, 01 Apr 2025 09:30:00 +0200",
        "Before",
        "März.pdf",
    ]
    assert found.blocks[6].rows == (("Port", "Tons"), ("Oslo", "41.50"))
    assert [(one.name, one.media_type) for one in found.attachments] == [
        ("März.pdf", "application/pdf")
    ]
    assert found.left_out == {"attachment": 1}


@pytest.mark.parametrize("html", ["", "<html><body> </body></html>"])
def test_plain_text_is_read_when_there_is_no_other(html: str, tmp_path: Path) -> None:
    made = message()
    made.set_content("Dear Ann,\n\nall is well.\n\n> Is all well?\n")
    if html:
        made.add_alternative(html, subtype="html")
    file = tmp_path / "a.eml"
    file.write_bytes(bytes(made))
    assert [(block.type, block.text) for block in read(file).blocks[5:]] == [
        ("paragraph", "Dear Ann,"),
        ("paragraph", "all is well."),
        ("quote", "Is all well?"),
    ]


def test_an_email_in_an_unknown_encoding_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.eml"
    file.write_bytes(
        b"From: a@b.org\nSubject: =?unheard-of?Q?x?=\nContent-Type: text/plain; charset=unheard-of"
        b"\n\nStill here\n"
    )
    assert read(file).blocks[-1].text == "Still here"


@pytest.mark.parametrize(
    ("head", "suffix", "is_one"),
    [
        ("Received: by x\nFrom: a\nTo: b\n\ntext", "", True),
        ("From: a\nTo: b\nSubject: c\n\ntext", ".txt", False),
        ("From: a\nTo: b\nSubject: c\n\ntext", ".eml", True),
        ("Name: Rita\nAge: 51\n", ".txt", False),
        ("Dear Ann,\nFrom: here\n", ".txt", False),
    ],
)
def test_emails_are_told_from_other_texts(head: str, suffix: str, is_one: bool) -> None:
    assert is_email(head, suffix) is is_one


def test_a_book_is_read_in_the_order_of_its_pages(tmp_path: Path) -> None:
    file = tmp_path / "a.epub"

    def page(content: str) -> str:
        return f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{content}</body></html>'

    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        )
        archive.writestr(
            "OPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Tides</dc:title>'
            "<dc:creator>Ann</dc:creator><dc:creator>Bo</dc:creator></metadata><manifest>"
            '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="a" href="a%20b.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
        )
        archive.writestr("OPS/a b.xhtml", page('<h1>One</h1><img src="../i/x.png" alt="A map"/>'))
        archive.writestr("OPS/b.xhtml", page("<h1>Two</h1><p>The end.</p>"))
    found = read(file)
    assert (found.kind, found.title, found.metadata) == ("epub", "Tides", {"author": "Ann, Bo"})
    assert [block.text for block in found.blocks] == ["One", "A map", "Two", "The end."]
    picture = found.blocks[1].picture
    assert picture is not None
    assert picture.reference == "i/x.png"


def test_an_email_of_outlook_is_read() -> None:
    found = read(Path(__file__).parent / "files" / "attachment.msg")
    assert (found.kind, found.title) == ("msg", "Email with Attachment")
    assert found.metadata["created"] == "2026-05-20T10:30:00+00:00"
    assert [block.text for block in found.blocks[1:]] == [
        'From: "Alice Example" <alice@example.com>',
        "To: Bob Example <bob@example.com>",
        "Date: Wed, 20 May 2026 10:30:00 +0000",
        "This email contains an attachment.",
        "test.txt",
        "report.pdf",
    ]
    assert [(one.name, one.size) for one in found.attachments] == [
        ("test.txt", 64),
        ("report.pdf", 26),
    ]
