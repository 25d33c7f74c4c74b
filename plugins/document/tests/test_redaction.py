"""Redacted text is gone from the bytes, wherever a format can hide it."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from docx.enum.style import WD_STYLE_TYPE
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName
from PIL import Image, PngImagePlugin

from perdure.agents import InputError, StepFailed
from perdure.testing import AgentContract, Rehearsal, rehearse
from perdure_document.reading.source import look_at
from perdure_document.redaction.copying import redact_file
from perdure_document.redaction.finder import Finder, Terms, replace

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
HIDDEN_WORD = f"""<w:body {W}>
<w:p><w:r><w:t>Our client Ri</w:t></w:r><w:proofErr w:type="spellStart"/>
  <w:r><w:rPr><w:b/></w:rPr><w:t>ta Mor</w:t></w:r><w:bookmarkStart w:id="3" w:name="Moreno"/>
  <w:bookmarkEnd w:id="3"/><w:r><w:t>eno signed.</w:t></w:r></w:p>
<w:p><w:del w:id="1" w:author="Rita Moreno" w:date="2024-03-01T00:00:00Z">
  <w:r><w:delText>Pay Rita first.</w:delText></w:r></w:del>
  <w:r><w:t>Pay Ri</w:t></w:r>
  <w:del w:id="2" w:author="A"><w:r><w:delText>sk</w:delText></w:r></w:del>
  <w:ins w:id="4" w:author="A"><w:r><w:t>ta later.</w:t></w:r></w:ins></w:p>
<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>Hidden: Moreno</w:t></w:r></w:p>
<w:p><w:r><w:instrText>HYPERLINK "mailto:rita@moreno.example"</w:instrText></w:r></w:p>
<w:p><w:sdt><w:sdtPr><w:alias w:val="Moreno"/><w:tag w:val="Rita"/></w:sdtPr>
  <w:sdtContent><w:r><w:t>RITA</w:t></w:r></w:sdtContent></w:sdt></w:p>
<w:tbl><w:tblPr/><w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid><w:tr><w:tc><w:p><w:r><w:t>Rita</w:t></w:r></w:p></w:tc>
  <w:tc><w:p><w:r><w:t>Margarita stays</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:r><w:t>R\u00adi\u200bta and \ufb01nally Mor-</w:t></w:r>
  <w:r><w:br/><w:t>eno</w:t></w:r></w:p>
"""
SECRETS = ("Rita", "RITA", "rita@", "Moreno", "moreno")


def picture(text: str = "") -> bytes:
    stream = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text, zip=True)
    Image.new("RGB", (2, 2)).save(stream, "png", pnginfo=info)
    return stream.getvalue()


@pytest.fixture
def word(tmp_path: Path) -> Path:
    """Make a Word document that says the name in every place that can hold text."""
    plain = docx.Document()
    plain.add_picture(io.BytesIO(picture("by Rita Moreno")))
    plain.sections[0].header.paragraphs[0].text = "For Rita Moreno only"
    plain.core_properties.author = "Rita Moreno"
    plain.core_properties.title = "Case of Moreno"
    plain.add_comment(plain.add_paragraph("Noted.").runs, text="ask Rita", author="Rita Moreno")
    plain.save(str(tmp_path / "plain.docx"))
    file = tmp_path / "letter.docx"
    with (
        zipfile.ZipFile(tmp_path / "plain.docx") as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "word/document.xml":
                inner = HIDDEN_WORD.partition(">")[2].encode()
                content = content.replace(b"<w:body>", b"<w:body>" + inner)
                content = content.replace(b'descr=""', b'descr="Rita Moreno at sea"')
                content = content.replace(b'name="Picture 1"', b'name="Picture of Rita"')
            elif name == "word/_rels/document.xml.rels":
                content = content.replace(
                    b"</Relationships>",
                    b'<Relationship Id="rId90" TargetMode="External" Type="http://schemas.openxml'
                    b'formats.org/officeDocument/2006/relationships/hyperlink"'
                    b' Target="https://x.example/?q=Rita%20Moreno"/>'
                    b'<Relationship Id="rId91" Type="http://schemas.openxmlformats.org/office'
                    b'Document/2006/relationships/package" Target="embeddings/a.xlsx"/>'
                    b"</Relationships>",
                )
            new.writestr(name, content)
        new.writestr("customXml/item9.xml", "<case><who>Rita Moreno</who><id n='Rita'/></case>")
        new.writestr("docProps/custom.xml", "<Properties><p name='Client'>Moreno</p></Properties>")
        new.writestr("docProps/thumbnail.jpeg", b"\xff\xd8 a picture of page 1")
        new.writestr("word/embeddings/a.xlsx", b"PK Rita in here, compressed")
        new.writestr("word/media/Rita.png", picture("x"))
    return file


async def redact(file: Path, **terms: Any) -> Rehearsal:
    parameters = {"action": "redact", "path": str(file), **terms}
    return await rehearse("document", "Take it out", parameters)


def copy(rehearsal: Rehearsal) -> bytes:
    (name,) = (name for name in rehearsal.files if ".redacted." in name)
    return rehearsal.files[name]


def unpacked(content: bytes | Path) -> Iterator[tuple[str, bytes]]:
    file = content if isinstance(content, Path) else io.BytesIO(content)
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            yield name, name.encode() + b"\n" + archive.read(name)


def leaks(content: bytes | Path, secrets: tuple[str, ...] = SECRETS) -> list[tuple[str, str]]:
    return [
        (name, secret)
        for name, part in unpacked(content)
        for secret in secrets
        for encoding in ("utf-8", "utf-16-le")
        if secret.encode(encoding) in part.replace(b"Margarita", b"")
    ]


def counts(rehearsal: Rehearsal) -> dict[str, int]:
    data: dict[str, Any] = dict(rehearsal.result.data)
    return dict(data["files"][0]["redaction"]["counts"])


async def test_a_word_document_forgets_everywhere(word: Path) -> None:
    assert len(leaks(word)) > 10
    rehearsal = await redact(word, names=["Rita Moreno"])
    content = copy(rehearsal)
    assert leaks(content) == []
    again = docx.Document(io.BytesIO(content))
    texts = [paragraph.text for paragraph in again.paragraphs]
    assert "Our client █████ signed." in texts
    assert "█████ and \ufb01nally █████" in [text.strip() for text in texts]
    assert again.tables[0].cell(0, 1).text == "Margarita stays"
    assert "thumbnail" not in str(list(unpacked(content)))
    notes = json.loads(rehearsal.files["redaction.json"])["files"][0]["redaction"]
    assert notes["removed"] == {"preview picture": 1, "embedded file": 1}
    assert notes["unsearched"] == {"picture": 2}
    assert "Rita" not in rehearsal.files["redaction.html"].decode()
    assert json.loads(rehearsal.files["redaction.schema.json"])["title"] == "RedactionReport"


async def test_the_page_says_no_more_than_the_copies(tmp_path: Path) -> None:
    names = ("Rita.txt", "notes of rita.md", "minutes.txt")
    for name in names:
        (tmp_path / name).write_text("Rita signed it.")
    (tmp_path / "Rita.html").write_text("<p>Rita</p>")
    paths = [str(tmp_path / name) for name in (*names, "Rita.html", "gone.txt")]
    parameters: dict[str, Any] = {"action": "redact", "paths": paths, "words": ["Rita"]}
    rehearsal = await rehearse("document", "Take it out", parameters)
    page = rehearsal.files["redaction.html"].decode()
    assert str(tmp_path) not in page
    assert "rita" not in page.casefold()
    assert "minutes.txt" in page
    assert "document-1.txt" in page
    assert "█████.html is HTML, which cannot be redacted safely" in page
    assert "there is no file gone.txt" in page


async def test_a_workbook_forgets_everywhere(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Rita"
    sheet.append(["Name", "Phone", "Card", "Paid on", "Code"])
    sheet.append(["Rita Moreno", 4915112345678, 4111111111111111, date(2024, 3, 1), 501])
    sheet.append(["Margarita", 12, 1250.5, 45352, 7])
    sheet["D3"].number_format = "dd.mm.yyyy"
    sheet["A4"] = '="Dear Rita"&A3'
    sheet["A5"] = "=Rita!A2"
    sheet["B2"].comment = Comment("call Rita", "Moreno")
    sheet["A3"].hyperlink = "mailto:rita@moreno.example"
    sheet.oddFooter.center.text = "Moreno confidential"
    book.create_sheet("Moreno")["A1"] = "Rita"
    book["Moreno"].sheet_state = "hidden"
    book.defined_names["Moreno_range"] = DefinedName("Moreno_range", attr_text="Rita!$A$1")
    book.properties.creator = "Rita Moreno"
    file = tmp_path / "list.xlsx"
    book.save(file)
    rehearsal = await redact(file, names=["Rita Moreno"], kinds=["phone", "credit-card", "date"])
    content = copy(rehearsal)
    secrets = (*SECRETS, "4915112345678", "4111111111111111", "45352")
    assert leaks(content, secrets) == []
    again = openpyxl.load_workbook(io.BytesIO(content))
    assert again.sheetnames == ["█████ 1", "█████ 2"]
    rows = [[cell.value for cell in row] for row in again.worksheets[0].iter_rows()]
    assert rows[1] == ["█████", "█████", "█████", "█████", 501]
    assert rows[2] == ["Margarita", 12, 1250.5, "█████", 7]
    assert not again.defined_names
    assert counts(rehearsal)["date"] == 4  # two in cells, two in the properties


TEXT = """Rita Moreno <rita.moreno@example.org>, born 3 May 1971.
Call her: tel. 0171 2345678 or +49 30 901820.
IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, order 4111 1111 1111 1112.
Invoice 2024/117 of 01.03.2024 over 1 250 000 euros; room 12, page 3-4, version 1.2.3.4.
Mor-
eno is Rita's. Margarita, RITA2024 and rita_m are others. R\u00adi\u200bta.
"""


@pytest.mark.parametrize(
    ("terms", "gone", "kept"),
    [
        ({"words": ["rita"]}, ["Rita ", "RITA", "rita", "R\u00adi"], ["Margarita", "Moreno"]),
        ({"names": ["Moreno, Rita"]}, ["Rita", "Mor-\neno", "moreno"], ["Margarita", "1971"]),
        ({"kinds": ["email"]}, ["rita.moreno@"], ["Rita Moreno"]),
        (
            {"kinds": ["phone"]},
            ["0171", "901820"],
            ["1971", "2024/117", "1 250 000", "0532", "3-4"],
        ),
        ({"kinds": ["iban"]}, ["DE89", "0130 00"], ["4111", "tel."]),
        ({"kinds": ["credit-card"]}, ["4111"], ["DE89", "1 250 000"]),
        ({"kinds": ["date"]}, ["3 May", "01.03.2024"], ["2024/117", "1.2.3.4", "3-4"]),
        ({"patterns": [r"Invoice \d{4}/\d+"]}, ["2024/117"], ["01.03"]),
    ],
)
async def test_text_loses_what_is_named_and_nothing_else(
    terms: dict[str, Any], gone: list[str], kept: list[str], tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text(TEXT, encoding="utf-8")
    text = copy(await redact(tmp_path / "letter.txt", **terms)).decode()
    assert [one for one in gone if one in text.replace("Margarita", "")] == []
    assert [one for one in kept if one not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "**Ri**ta",
        "R&#105;ta",
        "<b>Ri</b>ta",
        "[mail](mailto:x?subject=%52ita)",
        "`Rita`",
        "<!-- Rita -->",
        "![Rita](a.png)",
        "Rita&nbsp;Moreno",
    ],
)
async def test_markdown_loses_what_a_reader_would_see(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# Notes\n\nsaw {text} here\n", encoding="utf-8")
    content = copy(await redact(tmp_path / "a.md", words=["Rita"])).decode()
    assert "ita" not in content
    assert content.startswith("# Notes\n\nsaw ")


async def test_the_encoding_of_a_text_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Müller grüßt Rita.".encode("cp1252"))
    content = copy(await redact(tmp_path / "a.txt", words=["müller"]))
    assert content.decode("cp1252") == "XXXXX grüßt Rita."
    (tmp_path / "b.txt").write_bytes("Müller grüßt Rita.".encode("utf-16"))
    content = copy(await redact(tmp_path / "b.txt", words=["mu\u0308ller"]))
    assert content.decode("utf-16") == "█████ grüßt Rita."


@pytest.mark.parametrize("name", ["slides.pptx", "page.html"])
async def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(StepFailed, match="cannot be redacted safely: save it as PDF, DOCX, XLSX"):
        await redact(EXAMPLES / name, words=["Rita"])


async def test_macros_are_refused(word: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(word, "a") as package:
        package.writestr("word/vbaProject.bin", b"compressed")
    with pytest.raises(StepFailed, match="holds macros"):
        await redact(word, words=["Rita"])


async def test_a_name_that_holds_the_file_together_delivers_nothing(tmp_path: Path) -> None:
    document = docx.Document()
    document.styles.add_style("Moreno", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("Moreno was here", style="Moreno")
    document.save(str(tmp_path / "a.docx"))
    with pytest.raises(StepFailed, match="nothing of that file is delivered"):
        await redact(tmp_path / "a.docx", words=["Moreno"])


async def test_words_of_the_format_itself_can_be_taken_out(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("The header of this document", level=1)
    document.add_table(1, 1, style="Table Grid").cell(0, 0).text = "A normal table"
    document.save(str(tmp_path / "a.docx"))
    content = copy(
        await redact(tmp_path / "a.docx", words=["header", "document", "table", "normal"])
    )
    again = docx.Document(io.BytesIO(content))
    assert again.paragraphs[0].text == "The █████ of this █████"
    assert again.paragraphs[0].style is not None
    assert again.paragraphs[0].style.name == "Heading 1"
    assert again.tables[0].cell(0, 0).text == "A █████ █████"


async def test_the_name_of_the_file_says_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "Rita_Moreno.txt").write_text("Rita was here.", encoding="utf-8")
    rehearsal = await redact(tmp_path / "Rita_Moreno.txt", names=["Rita Moreno"])
    assert rehearsal.files["document-1.redacted.txt"].decode() == "█████ was here."


async def test_nothing_found_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Nobody is named here.", encoding="utf-8")
    rehearsal = await redact(tmp_path / "a.txt", words=["Rita"])
    assert "Nothing of what was named was found" in rehearsal.result.summary
    assert copy(rehearsal) == b"Nobody is named here."


def test_a_pattern_that_takes_for_ever_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure_document.redaction.finder._PATTERN_SECONDS", 0.2)
    (tmp_path / "a.txt").write_text("a" * 5000 + "!", encoding="utf-8")
    terms = Terms(patterns=("(?:a+)+(?:b+)+$|(a|aa)+$",))
    with pytest.raises(InputError, match="write it without repeats of repeats"):
        redact_file(look_at(str(tmp_path / "a.txt")), tmp_path / "b.txt", terms)


def test_names_in_other_scripts() -> None:
    for word, text, left in (
        ("田中", "田中さんと田中", "XさんとX"),
        ("Иван", "Иван и Иванов", "X и Иванов"),
        ("محمد", "قال محمد إنه", "قال X إنه"),
        ("office", "the o\ufb03ce and offices", "the X and offices"),
    ):
        assert replace(text, Finder(Terms(words=(word,))).find(text), "X") == left


class TestContract(AgentContract):
    agent = "document"
    description = "Take the islands out"
    parameters = {
        "action": "redact",
        "paths": [str(EXAMPLES / "figures.xlsx"), str(EXAMPLES / "report.docx")],
        "words": ["Island", "archive"],
    }
    bad_parameters = ({"action": "redact", "paths": ["/nowhere/a.md"], "words": ["x"]},)
