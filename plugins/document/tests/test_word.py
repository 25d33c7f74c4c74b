"""What a person sees in a Word document is in the extract, and nothing that is not shown."""

import re
import struct
import zipfile
import zlib
from pathlib import Path

import docx
import pytest
from docx.document import Document as WordDocument
from docx.oxml import parse_xml

from perdure.agents import InputError
from perdure.testing import rehearse
from perdure_document.facts import Block, Document
from perdure_document.reading.numerals import written
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at
from perdure_document.writing.markdown_writer import write_markdown

SCHEMAS = "http://schemas.openxmlformats.org"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "w": f"{SCHEMAS}/wordprocessingml/2006/main",
        "r": f"{SCHEMAS}/officeDocument/2006/relationships",
        "a": f"{SCHEMAS}/drawingml/2006/main",
        "m": f"{SCHEMAS}/officeDocument/2006/math",
        "mc": f"{SCHEMAS}/markup-compatibility/2006",
        "wp": f"{SCHEMAS}/drawingml/2006/wordprocessingDrawing",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
    }.items()
)


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str) -> str:
    return f"<w:p>{content}</w:p>"


def cell(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def texts(*values: str) -> str:
    return "".join(cell(paragraph(run(value))) for value in values)


def table(*rows: str) -> str:
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{''.join(rows)}</w:tbl>"


def row(content: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{content}</w:tr>"


def control(content: str) -> str:
    return f"<w:sdt><w:sdtPr/><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def with_body(*elements: str) -> WordDocument:
    document = docx.Document()
    body = document.element.body
    for element in elements:
        body.insert(len(body) - 1, parse_xml(re.sub(r"^<([\w:]+)", rf"<\1 {NAMESPACES}", element)))
    return document


def read(document: WordDocument, folder: Path) -> Document:
    file = folder / "a.docx"
    document.save(str(file))
    return read_whole(look_at(str(file)))


def body_texts(document: Document) -> list[str]:
    return [block.numbered_text for block in document.blocks]


FIELD = "".join(
    [
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>',
        "<w:r><w:instrText>PAGEREF _Toc1 \\h</w:instrText></w:r>",
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>',
        run("14"),
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>',
    ]
)
TICKED = (
    '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:default w:val="0"/>'
    "<w:checked/></w:checkBox></w:ffData></w:fldChar></w:r><w:r><w:instrText>FORMCHECKBOX"
    '</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
CHOICE = (
    '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/>'
    '<w:listEntry w:val="Red"/><w:listEntry w:val="Blue"/></w:ddList></w:ffData></w:fldChar></w:r>'
    '<w:r><w:instrText>FORMDROPDOWN</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/>'
    '</w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
RUBY = (
    f"<w:r><w:ruby><w:rubyPr/><w:rt>{run('とう')}</w:rt><w:rubyBase>{run('東')}</w:rubyBase></w:ruby>"
    "</w:r>"
)
POWER = "<m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
HIGHER = '<w:position w:val="12"/>'
RAISED, LOWERED = (f'<w:vertAlign w:val="{kind}script"/>' for kind in ("super", "sub"))


CHANGED = "".join(
    [
        run("Pay "),
        '<w:del w:id="1" w:author="a"><w:r><w:delText>10</w:delText></w:r></w:del>',
        f'<w:ins w:id="2" w:author="a">{run("25")}</w:ins>',
        run(" euros."),
    ]
)
MOVED = "".join(
    [
        f'<w:moveFrom w:id="1" w:author="a">{run("old place")}</w:moveFrom>',
        f'<w:moveTo w:id="2" w:author="a">{run("new place")}</w:moveTo>',
    ]
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (CHANGED, "Pay 25 euros."),
        (MOVED, "new place"),
        (f"{control(run('In a control'))}{run(', and out')}", "In a control, and out"),
        (f"{run('Shown')}{run('secret', '<w:vanish/>')}", "Shown"),
        (f"{run('See page ')}{FIELD}{run('.')}", "See page 14."),
        (f"{TICKED}{run(' agreed')}", "☒ agreed"),
        (f"{run('Colour: ')}{CHOICE}", "Colour: Blue"),
        (RUBY, "東(とう)"),
        (f'{run("20 ")}<w:r><w:sym w:font="Symbol" w:char="F0B0"/></w:r>{run("C")}', "20 °C"),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>' + run(" done"), "☑ done"),
        (f"{run('Per', '<w:b/>')}{run('dure')}", "Perdure"),
        (f"{run('5 + 10')}{run('3', RAISED)}", "5 + 10^3"),
        (f"{run('9 m')}{run('2', HIGHER)}", "9 m^2"),
        (f"{run('H')}{run('2', LOWERED)}{run('O on the 1')}{run('st', RAISED)}", "H2O on the 1st"),
        (f"{run('non')}<w:r><w:noBreakHyphen/></w:r>{run('stop')}", "non-stop"),
        (f"{run('E = m')}<m:oMath>{POWER}</m:oMath>{run(' holds.')}", "E = mc^{2} holds."),
        (f"<w:smartTag>{run('Oslo')}</w:smartTag><w:bdo>{run(' fjord')}</w:bdo>", "Oslo fjord"),
    ],
)
def test_a_paragraph_reads_as_it_is_shown(content: str, text: str, tmp_path: Path) -> None:
    assert body_texts(read(with_body(paragraph(content)), tmp_path)) == [text]


def test_every_cell_keeps_its_column(tmp_path: Path) -> None:
    found = read(
        with_body(
            table(
                row(texts("Item", "Qty", "Owner", "State"), "<w:tblHeader/>"),
                row(control(texts("Pump")) + texts("7", "Rita", "Open")),
                control(row(texts("Valve", "8") + cell(paragraph(control(run("Sam")))))),
                row(texts("Ann", "Shut"), '<w:gridBefore w:val="2"/>'),
                row(cell(paragraph(run("Sum")), '<w:gridSpan w:val="3"/>') + texts("all")),
            )
        ),
        tmp_path,
    ).blocks[0]
    assert found.rows == (
        ("Item", "Qty", "Owner", "State"),
        ("Pump", "7", "Rita", "Open"),
        ("Valve", "8", "Sam", ""),
        ("", "", "Ann", "Shut"),
        ("Sum", "", "", "all"),
    )
    assert [(one.row, one.column, one.columns) for one in found.spans] == [(4, 0, 3)]


def test_a_cell_over_two_rows_is_in_both(tmp_path: Path) -> None:
    merge = '<w:vMerge w:val="restart"/>'
    found = read(
        with_body(
            table(
                row(texts("Region", "Quarter", "Sales")),
                row(cell(paragraph(run("North")), merge) + texts("Q1", "10")),
                row(cell(paragraph(""), "<w:vMerge/>") + texts("Q2", "20")),
            )
        ),
        tmp_path,
    ).blocks[0]
    assert found.rows[1:] == (("North", "Q1", "10"), ("North", "Q2", "20"))
    assert [(one.row, one.rows) for one in found.spans] == [(1, 2)]


def test_tables_in_cells_are_kept(tmp_path: Path) -> None:
    inner = table(row(texts("Seal", "2")), row(texts("Ring", "3"))) + paragraph("")
    layout, real = read(
        with_body(
            table(row(texts("Parts") + cell(inner))),
            table(row(texts("Machine", "Parts")), row(texts("Pump") + cell(inner))),
        ),
        tmp_path,
    ).blocks[1:]
    assert layout.rows == (("Seal", "2"), ("Ring", "3"))
    assert real.rows == (("Machine", "Parts"), ("Pump", "Seal | 2; Ring | 3"))


def test_paragraphs_that_are_gone_count_for_nothing(tmp_path: Path) -> None:
    numbered = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="5"/></w:numPr>'

    def item(content: str, mark: str = "") -> str:
        return paragraph(f"<w:pPr>{numbered}<w:rPr>{mark}</w:rPr></w:pPr>{content}")

    author = 'w:id="1" w:author="a"'
    deleted = f"<w:del {author}><w:r><w:delText>gone</w:delText></w:r></w:del>"
    document = with_body(
        item(run("one")),
        item(deleted, f"<w:del {author}/>"),
        item(f"<w:moveFrom {author}>{run('moved')}</w:moveFrom>", f"<w:moveFrom {author}/>"),
        item(run("two")),
        item(run("sp"), f"<w:del {author}/>"),
        item(run("lit")),
        table(row(texts("gone"), f"<w:del {author}/>"), row(texts("a", "b"))),
    )
    found = read(document, tmp_path)
    assert [block.text for block in found.blocks] == ["one", "two", "split", ""]
    assert [block.number for block in found.blocks[:3]] == ["1.", "2.", "3."]
    assert found.blocks[3].rows == (("a", "b"),)


def test_text_boxes_are_read_once_with_their_tables(tmp_path: Path) -> None:
    content = f"{paragraph(run('In the box'))}{table(row(texts('Key', 'Value')))}"
    box = f"<w:txbxContent>{content}</w:txbxContent>"
    drawing = (
        '<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:anchor><wp:docPr id="1"'
        ' name="b" descr=""/><a:graphic><a:graphicData uri="wps"><wps:wsp><wps:txbx>'
        f"{box}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict>"
        "</mc:Fallback></mc:AlternateContent></w:r>"
    )
    found = read(with_body(paragraph(run("Around") + drawing)), tmp_path)
    assert body_texts(found) == ["Around", "In the box", ""]
    assert found.blocks[2].rows == (("Key", "Value"),)


def numbered(document: WordDocument, text: str, level: int, number: int, style: str) -> None:
    added = document.add_paragraph(text, style=style)
    added._p.get_or_add_pPr().append(
        parse_xml(
            f'<w:numPr {NAMESPACES}><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
        )
    )


def test_headings_and_clauses_have_the_numbers_that_word_computes(tmp_path: Path) -> None:
    document = docx.Document()
    numbering = document.part.numbering_part.element
    levels = [
        ('<w:start w:val="3"/><w:numFmt w:val="upperRoman"/>', "Article %1."),
        ('<w:start w:val="1"/><w:numFmt w:val="decimal"/><w:isLgl/>', "%1.%2"),
        ('<w:start w:val="1"/><w:numFmt w:val="lowerLetter"/>', "(%3)"),
    ]
    definition = "".join(
        f'<w:lvl w:ilvl="{place}">{start}<w:lvlText w:val="{text}"/></w:lvl>'
        for place, (start, text) in enumerate(levels)
    )
    numbering.insert(
        0,
        parse_xml(f'<w:abstractNum {NAMESPACES} w:abstractNumId="90">{definition}</w:abstractNum>'),
    )
    restart = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'
    for name, override in ((90, ""), (91, ""), (92, restart)):
        numbering.append(
            parse_xml(
                f'<w:num {NAMESPACES} w:numId="{name}"><w:abstractNumId w:val="90"/>{override}'
                "</w:num>"
            )
        )
    for text, level, number, style in (
        ("Scope", 0, 90, "Heading 1"),
        ("Terms", 1, 90, "Heading 2"),
        ("one term", 2, 90, "Normal"),
        ("another", 2, 90, "Normal"),
        ("Duties", 0, 91, "Heading 1"),
        ("Care", 1, 91, "Heading 2"),
        ("begun anew", 2, 90, "Normal"),
        ("Payment", 0, 92, "Heading 1"),
    ):
        numbered(document, text, level, number, style)
    found = read(document, tmp_path)
    assert body_texts(found) == [
        "Article III. Scope",
        "3.1 Terms",
        "(a) one term",
        "(b) another",
        "Article IV. Duties",
        "4.1 Care",
        "(a) begun anew",
        "Article VII. Payment",
    ]
    assert "## 3.1 Terms\n\n- (a) one term\n- (b) another\n" in write_markdown(found)


@pytest.mark.parametrize(
    ("number", "name", "text"),
    [
        (4, "lowerRoman", "iv"),
        (28, "upperLetter", "BB"),
        (7, "decimalZero", "07"),
        (7, "001", "007"),
        (22, "ordinal", "22nd"),
        (21, "ordinalText", "Twenty-first"),
        (12, "japaneseCounting", "十二"),
        (3, "unheardOf", "3"),
    ],
)
def test_numbers_are_written_in_their_format(number: int, name: str, text: str) -> None:
    assert written(number, name) == text


def test_notes_comments_headers_and_what_is_left_out(tmp_path: Path) -> None:
    document = with_body(
        paragraph(
            f'{run("Sold")}<w:r><w:object><o:OLEObject ProgID="Excel.Sheet.12"/></w:object></w:r>'
        )
    )
    document.add_comment(
        runs=document.add_paragraph("Doubtful").runs, text="Check this", author="Rita"
    )
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Larkspur Ltd"
    found = read(document, tmp_path)
    by_type: dict[str, Block] = {block.type: block for block in found.blocks}
    assert (by_type["comment"].author, by_type["comment"].text) == ("Rita", "Check this")
    assert by_type["header"].text == "Confidential"
    assert by_type["footer"].text == "Larkspur Ltd"
    assert found.left_out == {"embedded object": 1}
    assert "- Left out: 1 embedded object." in write_markdown(found)


def rewritten(file: Path, change: dict[str, str], added: dict[str, str]) -> None:
    """Change parts of a package by replacing text in every part, and add parts."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            changed = content
            for old, new in change.items():
                changed = changed.replace(old.encode(), new.encode())
            archive.writestr(name, changed)
        for name, text in added.items():
            archive.writestr(name, text)


def test_footnotes_stand_at_their_marks(tmp_path: Path) -> None:
    marks = [f'<w:r><w:footnoteReference w:id="{name}"/></w:r>' for name in (5, 3)]
    document = with_body(paragraph(f"{run('Tides')}{marks[0]}{run(' turn')}{marks[1]}{run('.')}"))
    file = tmp_path / "a.docx"
    document.save(str(file))
    notes = "".join(
        f'<w:footnote w:id="{name}">{paragraph(run(text))}</w:footnote>'
        for name, text in ((3, "Twice a day."), (5, "Of the sea."))
    )
    rewritten(
        file,
        {
            "</Relationships>": f'<Relationship Id="rId99" Type="{SCHEMAS}/officeDocument/2006/'
            'relationships/footnotes" Target="footnotes.xml"/></Relationships>'
        },
        {"word/footnotes.xml": f"<w:footnotes {NAMESPACES}>{notes}</w:footnotes>"},
    )
    found = read_whole(look_at(str(file)))
    assert body_texts(found) == ["Tides[1] turn[2].", "1 Of the sea.", "2 Twice a day."]
    assert "Tides[^1] turn[^2]." in write_markdown(found)


def test_strict_files_are_read(tmp_path: Path) -> None:
    document = with_body(paragraph(run("Strictly said")))
    file = tmp_path / "a.docx"
    document.save(str(file))
    strict = "http://purl.oclc.org/ooxml"
    rewritten(
        file,
        {
            f"{SCHEMAS}/{kind}/2006/{name}": f"{strict}/{kind}/{name}"
            for kind, name in (("officeDocument", "relationships"), ("wordprocessingml", "main"))
        },
        {},
    )
    assert body_texts(read_whole(look_at(str(file)))) == ["Strictly said"]


async def test_pictures_become_artifacts_with_their_descriptions(tmp_path: Path) -> None:
    picture = tmp_path / "dot.png"
    pixels = zlib.compress(b"\0\0\0\0")
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), (b"IDAT", pixels))
    picture.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
            for name, content in (*chunks, (b"IEND", b""))
        )
    )
    document = with_body(paragraph(run("A map of the harbour.")))
    for _ in range(2):
        document.add_picture(str(picture))
    document.inline_shapes[0]._inline.docPr.set("descr", "The harbour")
    file = tmp_path / "my map.docx"
    document.save(str(file))
    rehearsal = await rehearse("document", "Extract it", {"path": str(file)})
    assert rehearsal.files["my map-pictures/1.png"] == picture.read_bytes()
    written = rehearsal.files["my map.md"].decode()
    assert "![The harbour](my%20map-pictures/1.png)" in written
    assert "![](my%20map-pictures/1.png)" in written


def with_main_part(content: bytes, folder: Path) -> str:
    base, file = folder / "base.docx", folder / "a.docx"
    docx.Document().save(str(base))
    with (
        zipfile.ZipFile(base) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, content if name == "word/document.xml" else old.read(name))
    return str(file)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = (
        f'<!DOCTYPE w [<!ENTITY e0 "bomb"><!ENTITY f SYSTEM "file:///etc/passwd">{entities}]>'
        f"<w:document {NAMESPACES}><w:body><w:p><w:r><w:t>Before &e11;&f; after</w:t></w:r></w:p>"
        "</w:body></w:document>"
    )
    try:
        found = body_texts(read_whole(look_at(with_main_part(bomb.encode(), tmp_path))))
    except InputError as refused:
        found = [str(refused)]
    assert "root:" not in found[0]
    assert found[0].count("bomb") <= 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<w>" + b" " * 65_000_000 + b"</w>", r"document.xml\) has 65 MB"),
        (b"<w>" + b"<a/>" * 4_000_001 + b"</w>", "has 4,000,003 tags"),
        (b"<w>" * 300 + b"</w>" * 300, "cannot be read as DOCX"),
    ],
)
def test_parts_that_explode_are_refused(content: bytes, says: str, tmp_path: Path) -> None:
    source = look_at(with_main_part(content, tmp_path))
    with pytest.raises(InputError, match=says):
        read_whole(source)
