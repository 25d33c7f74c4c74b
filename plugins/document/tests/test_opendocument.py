"""What a person sees in OpenDocument files is in the extract, and nothing that is not shown."""

import zipfile
from pathlib import Path

import pytest

from perdure.agents import InputError
from perdure_document.facts import Document
from perdure_document.reading.opendocument.package import NAMESPACES
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at

DECLARED = " ".join(
    f'xmlns:{name}="{address}"' for name, address in NAMESPACES.items() if name != "xml"
)
MEDIA_TYPES = {"odt": "text", "odp": "presentation", "ods": "spreadsheet"}
NUMBERS = (
    '<text:list-style style:name="L1">'
    '<text:list-level-style-number text:level="1" style:num-format="I" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="("'
    ' style:num-suffix=")"/></text:list-style>'
)
OUTLINE = (
    '<text:outline-style style:name="Outline">'
    '<text:outline-level-style text:level="1" style:num-format="1"/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/>'
    "</text:outline-style>"
)
FOOTER = (
    '<style:master-page style:name="Standard"><style:footer><text:p>Larkspur Ltd</text:p>'
    '</style:footer></style:master-page><style:master-page style:name="Unused"><style:footer>'
    "<text:p>nowhere</text:p></style:footer></style:master-page>"
)


def package(
    kind: str, body: str, folder: Path, automatic: str = "", styles: str = "", master: str = ""
) -> Path:
    file = folder / f"a.{kind}"
    name = MEDIA_TYPES[kind]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{name}")
        archive.writestr(
            "content.xml",
            f"<office:document-content {DECLARED}><office:automatic-styles>{automatic}"
            f"</office:automatic-styles><office:body><office:{name}>{body}</office:{name}>"
            "</office:body></office:document-content>",
        )
        archive.writestr(
            "styles.xml",
            f"<office:document-styles {DECLARED}><office:styles>{styles}</office:styles>"
            f"<office:master-styles>{master}</office:master-styles></office:document-styles>",
        )
    return file


def read(kind: str, body: str, folder: Path, **styles: str) -> Document:
    return read_whole(look_at(str(package(kind, body, folder, **styles))))


def texts(document: Document) -> list[str]:
    return [block.numbered_text for block in document.blocks]


def item(content: str, start: str = "") -> str:
    return f"<text:list-item{start}>{content}</text:list-item>"


def a_list(*items: str, more: str = "") -> str:
    return f'<text:list text:style-name="L1"{more}>{"".join(items)}</text:list>'


def test_items_and_headings_have_the_numbers_that_are_shown(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="1">Scope</text:h><text:h text:outline-level="2">Terms</text:h>'
        + a_list(
            item("<text:p>one</text:p>" + a_list(item("<text:p>deep</text:p>"))),
            item("<text:p>two</text:p>"),
        )
        + "<text:p>between</text:p>"
        + a_list(item("<text:p>three</text:p>"), more=' text:continue-numbering="true"')
        + a_list(item("<text:p>anew</text:p>", ' text:start-value="7"'))
        + '<text:h text:outline-level="1">Duties</text:h>'
    )
    found = read("odt", body, tmp_path, automatic=NUMBERS, styles=OUTLINE)
    assert texts(found) == [
        *("1 Scope", "1.1 Terms", "I. one", "(a) deep", "II. two", "between", "III. three"),
        *("VII. anew", "2 Duties"),
    ]


def test_text_reads_as_it_is_shown(tmp_path: Path) -> None:
    raised = (
        '<style:style style:name="T1"><style:text-properties style:text-position="super 58%"/>'
        '</style:style><style:style style:name="T2"><style:text-properties text:display="none"/>'
        "</style:style>"
    )
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
        '<text:p>5 + 10<text:span text:style-name="T1">3</text:span><text:s text:c="2"/>'
        '<text:span text:style-name="T2">secret</text:span><text:tab/>m<text:line-break/>next'
        '<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>'
        "<text:note-body><text:p>A note.</text:p></text:note-body></text:note>"
        "<office:annotation><dc:creator>Rita</dc:creator><text:p>Check</text:p>"
        "</office:annotation></text:p>"
        '<text:section text:display="none"><text:p>hidden</text:p></text:section>'
        "<text:p><draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box></draw:frame>"
        "</text:p>"
    )
    found = read("odt", body, tmp_path, automatic=raised, master=FOOTER)
    assert [(block.type, block.numbered_text) for block in found.blocks] == [
        ("paragraph", "5 + 10^3 m\nnext[1]"),
        ("paragraph", "In a box"),
        ("footnote", "1 A note."),
        ("comment", "Check"),
        ("footer", "Larkspur Ltd"),
    ]
    assert found.left_out == {"passage of hidden text": 1, "hidden section": 1}


def cells(*values: str) -> str:
    return "".join(
        f"<table:table-cell><text:p>{value}</text:p></table:table-cell>" for value in values
    )


def test_spans_and_repeated_cells_keep_their_columns(tmp_path: Path) -> None:
    spanned = (
        '<table:table-cell table:number-rows-spanned="2"><text:p>North</text:p></table:table-cell>'
    )
    body = (
        "<table:table><table:table-header-rows><table:table-row>"
        f"{cells('Region', 'Quarter', 'Sales')}</table:table-row></table:table-header-rows>"
        f"<table:table-row>{spanned}{cells('Q1', '10')}</table:table-row>"
        f"<table:table-row><table:covered-table-cell/>{cells('Q2', '20')}</table:table-row>"
        '<table:table-row><table:table-cell table:number-columns-repeated="2"/>'
        f"{cells('30')}</table:table-row></table:table>"
    )
    (block,) = read("odt", body, tmp_path).blocks
    assert block.rows == (
        ("Region", "Quarter", "Sales"),
        ("North", "Q1", "10"),
        ("North", "Q2", "20"),
        ("", "", "30"),
    )


def test_a_spreadsheet_shows_its_visible_sheets(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="ta2"><style:table-properties table:display="false"/>'
        "</style:style>"
    )
    body = (
        f'<table:table table:name="Sums"><table:table-row>{cells("a", "b")}</table:table-row>'
        f'<table:table-row table:visibility="collapse">{cells("1", "2")}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1048570"><table:table-cell'
        ' table:number-columns-repeated="16384"/></table:table-row></table:table>'
        f'<table:table table:name="Secret" table:style-name="ta2"><table:table-row>{cells("x")}'
        "</table:table-row></table:table>"
    )
    found = read("ods", body, tmp_path, automatic=styles)
    assert (found.names, found.blocks[1].rows) == (("Sums",), (("a", "b"),))
    assert found.left_out == {"hidden row": 1, "hidden sheet": 1}


def test_slides_have_their_shown_texts_and_notes(tmp_path: Path) -> None:
    def frame(content: str, more: str = "") -> str:
        return f"<draw:frame {more}><draw:text-box>{content}</draw:text-box></draw:frame>"

    styles = (
        '<style:style style:name="dp1"><style:drawing-page-properties'
        ' presentation:display-footer="true"/></style:style><style:style style:name="dp2">'
        '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    )
    footer = frame("<text:p/>", 'presentation:class="footer"')
    master = (
        '<style:master-page style:name="M"><draw:custom-shape><text:p>Larkspur</text:p>'
        f"</draw:custom-shape>{footer}"
        "</style:master-page>"
    )
    body = (
        '<presentation:footer-decl presentation:name="f">2025</presentation:footer-decl>'
        '<draw:page draw:style-name="dp1" draw:master-page-name="M"'
        ' presentation:use-footer-name="f">'
        + frame("<text:p>below</text:p>", 'svg:y="9cm"')
        + f"<draw:g>{frame('<text:p>above</text:p>')}</draw:g>"
        + frame("<text:p>Costs</text:p>", 'presentation:class="title" svg:y="5cm"')
        + frame("<text:p>Prompt</text:p>", 'presentation:placeholder="true"')
        + "<presentation:notes>"
        + frame("<text:p>Speak slowly.</text:p>", 'presentation:class="notes"')
        + '</presentation:notes></draw:page><draw:page draw:style-name="dp2">'
        + frame("<text:p>hidden</text:p>")
        + "</draw:page>"
    )
    found = read("odp", body, tmp_path, automatic=styles, master=master)
    assert [(block.type, block.text) for block in found.blocks] == [
        ("heading", "Costs"),
        ("paragraph", "above"),
        ("paragraph", "below"),
        ("footer", "Larkspur 2025"),
        ("note", "Speak slowly."),
    ]
    assert found.left_out == {"hidden slide": 1}


def test_a_file_with_a_password_is_refused(tmp_path: Path) -> None:
    file = package("odt", "<text:p>x</text:p>", tmp_path)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    with pytest.raises(InputError, match="has a password"):
        look_at(str(file))


def test_an_embedded_spreadsheet_is_read(tmp_path: Path) -> None:
    body = (
        '<text:p><draw:frame><draw:object xlink:href="./Object%201"/><draw:image'
        ' xlink:href="./ObjectReplacements/Object%201"/></draw:frame></text:p>'
    )
    file = package("odt", body, tmp_path)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(
            "Object 1/content.xml",
            f"<office:document-content {DECLARED}><office:body><office:spreadsheet><table:table>"
            f"<table:table-row>{cells('Port', 'Tons')}</table:table-row></table:table>"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    found = read_whole(look_at(str(file)))
    assert [block.rows for block in found.blocks] == [(("Port", "Tons"),)]
    assert found.left_out == {}


def test_a_flat_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.fodt"
    file.write_text(
        f'<?xml version="1.0"?><office:document {DECLARED}'
        ' office:mimetype="application/vnd.oasis.opendocument.text"><office:meta>'
        "<dc:title>Flat</dc:title></office:meta><office:body><office:text><text:p>Tides</text:p>"
        "</office:text></office:body></office:document>"
    )
    found = read_whole(look_at(str(file)))
    assert (found.kind, found.title, texts(found)) == ("odt", "Flat", ["Tides"])
