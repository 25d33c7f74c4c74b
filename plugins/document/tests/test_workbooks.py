"""Workbooks: figures as they are shown, tables told apart, and what lies above the cells."""

# ruff: noqa: DTZ001 - workbooks know no zones

import zipfile
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference, ScatterChart, Series
from openpyxl.comments import Comment
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from perdure_document.facts import Block, Document
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at
from perdure_document.shortening import LONGEST
from perdure_document.writing.markdown_writer import write_markdown

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REFERS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT = {
    MAIN: "http://purl.oclc.org/ooxml/spreadsheetml/main",
    REFERS: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}
Rows = tuple[tuple[str, ...], ...]


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[[Callable[[Any], object]], Document]:
    """Return what makes a workbook of one sheet and reads it."""

    def read(fill: Callable[[Any], object]) -> Document:
        book = openpyxl.Workbook()
        fill(book.active)
        book.save(tmp_path / "book.xlsx")
        return read_whole(look_at(str(tmp_path / "book.xlsx")))

    return read


def written(tmp_path: Path, sheet_xml: str, strict: bool = False, **parts: str) -> Document:
    """Make a workbook of one sheet from its XML, and read it.

    ``parts`` are its further parts; ``sheet1_rels`` names what the sheet refers to.
    """
    package = "http://schemas.openxmlformats.org/package/2006"
    relation = '<Relationship Id="{}" Type="{}/{}" Target="{}"/>'
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": relation.format("r1", REFERS, "officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{REFERS}"><sheets>'
            '<sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": relation.format("r1", REFERS, "worksheet", "sheet1.xml")
        + relation.format("r2", REFERS, "sharedStrings", "strings.xml")
        + relation.format("r3", REFERS, "person", "persons.xml"),
        "xl/sheet1.xml": f'<worksheet xmlns="{MAIN}">{sheet_xml}</worksheet>',
        "xl/strings.xml": f'<sst xmlns="{MAIN}">{parts.pop("strings", "")}</sst>',
    }
    for name in ("sheet1", "drawing"):
        related = parts.pop(f"{name}_rels", "").split()
        files[f"xl/_rels/{name}.xml.rels"] = "".join(
            relation.format(f"r{number}", REFERS, *one.split("="))
            for number, one in enumerate(related)
        )
    files |= {f"xl/{name}.xml": content for name, content in parts.items()}
    with zipfile.ZipFile(tmp_path / "made.xlsx", "w") as archive:
        for name, content in files.items():
            text = content
            if name.endswith(".rels"):
                text = f'<Relationships xmlns="{package}/relationships">{text}</Relationships>'
            for old, new in STRICT.items() if strict else ():
                text = text.replace(old, new)
            archive.writestr(name, text)
    return read_whole(look_at(str(tmp_path / "made.xlsx")))


def tables(document: Document) -> list[Rows]:
    return [block.rows for block in document.blocks if block.type == "table"]


def others(document: Document) -> list[Block]:
    return [block for block in document.blocks if block.type not in {"table", "heading"}]


def test_figures_are_as_shown(sheet: Any) -> None:
    values = [
        (0.125, "0.0%", "12.5%"),
        (980.5, "$0.00", "$980.50"),
        (501, "00000", "00501"),
        (timedelta(hours=30), "[h]:mm", "30:00"),
        (4006381333931, "General", "4006381333931"),
        (-5, "0;[Red]0", "-5"),
        (datetime(2024, 3, 13), "d mmm yyyy", "13 Mar 2024"),
        (time(14, 5), "h:mm AM/PM", "2:05 PM"),
        (True, "General", "TRUE"),
        ("#DIV/0!", "General", "#DIV/0!"),
        ("=1", "@", "=1"),
    ]

    def fill(active: Worksheet) -> None:
        active.append(["Value", "Kind"])
        for number, (value, code, _) in enumerate(values, 2):
            cell = active.cell(number, 1, value)
            cell.number_format = code
            active.cell(number, 2, "x")
        active["A12"].data_type = "s"

    (rows,) = tables(sheet(fill))
    assert [row[0] for row in rows[1:]] == [shown for _, _, shown in values]


def test_formulas_without_a_saved_value_are_counted_and_named(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Item", "EUR"], ["Ink", 3], ["Pen", 4], ["Sum", "=SUM(B2:B3)"]):
            active.append(row)

    document = sheet(fill)
    assert tables(document)[0][-1] == ("Sum", "")
    assert document.left_out == {"unsaved formula result": 1}
    assert document.notes[0].startswith("Formula Sheet!B4 without a saved value: open")


def test_what_is_hidden_is_left_out_and_named(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in range(1, 6):
            active.append([f"r{row}", row, row * 10, f"end {row}"])
        active.row_dimensions[3].hidden = True
        active.column_dimensions["C"].hidden = True
        active["A5"].number_format = ";;;"
        other = active.parent.create_sheet("Secret")
        other["A1"] = "nobody"
        other.sheet_state = "veryHidden"

    document = sheet(fill)
    assert tables(document) == [
        (("r1", "1", "end 1"), ("r2", "2", "end 2"), ("r4", "4", "end 4"), ("", "5", "end 5"))
    ]
    left_out = {"hidden row": 1, "hidden column": 1, "hidden value": 1, "hidden sheet": 1}
    assert document.left_out == left_out
    assert document.notes == (
        "Hidden sheet Secret left out.",
        "Sheet Sheet hides 1 row and 1 column, which are left out.",
    )


def test_merged_cells_are_spans(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["", "2024", ""], ["Region", "Q1", "Q2"], ["North", 1, 2], [None, 3, 4]):
            active.append(row)
        active.merge_cells("B1:C1")
        active.merge_cells("A3:A4")

    (block,) = (block for block in sheet(fill).blocks if block.type == "table")
    rows = (("", "2024", ""), ("Region", "Q1", "Q2"), ("North", "1", "2"), ("North", "3", "4"))
    assert block.rows == rows
    assert block.header_rows == 2
    assert {(one.row, one.column, one.rows, one.columns) for one in block.spans} == {
        (0, 1, 1, 2),
        (2, 0, 2, 1),
    }


def test_several_tables_on_a_sheet_are_told_apart(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        active["A1"] = "Report of the year"
        placed: dict[tuple[int, int], list[list[Any]]] = {
            (3, 1): [["Item", "EUR"], ["Ink", 3], ["Pen", 4]],
            (3, 4): [["Name", "Age"], ["Rita", 51], ["Ann", 34]],
            (8, 1): [["City", "Trams"], ["Graz", 8]],
        }
        for place, rows in placed.items():
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    active.cell(place[0] + number, place[1] + column, value)

    document = sheet(fill)
    assert tables(document) == [
        (("Item", "EUR"), ("Ink", "3"), ("Pen", "4")),
        (("Name", "Age"), ("Rita", "51"), ("Ann", "34")),
        (("City", "Trams"), ("Graz", "8")),
    ]
    assert [block.anchor for block in document.blocks if block.rows] == ["A3", "D3", "A8"]
    assert others(document)[0].text == "Report of the year"


def test_blank_rows_and_columns_within_a_table_do_not_divide_it(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Item", None, "EUR"], ["Ink", None, 3], ["Pen", None, 4]):
            active.append(row)
        active["A5"], active["C5"] = "Sum", 7

    assert tables(sheet(fill)) == [
        (("Item", "", "EUR"), ("Ink", "", "3"), ("Pen", "", "4"), ("Sum", "", "7"))
    ]


def test_years_in_a_header_begin_a_table(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Item", "EUR"], ["Ink", 3], [], ["Region", 2023], ["North", 5]):
            active.append(row)

    assert tables(sheet(fill)) == [
        (("Item", "EUR"), ("Ink", "3")),
        (("Region", "2023"), ("North", "5")),
    ]


def test_a_form_keeps_what_its_labels_name(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Name", None, "Rita"], ["City", None, "Graz"], ["Age", None, 51]):
            active.append(row)

    assert tables(sheet(fill)) == [(("Name", "", "Rita"), ("City", "", "Graz"), ("Age", "", "51"))]


def test_a_defined_table_is_as_it_was_defined(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Item", "EUR"], ["Ink", 3], ["Pen", 4], ["below", "it"], ["and", "more"]):
            active.append(row)
        active.add_table(Table(displayName="Costs", ref="A1:B3"))

    document = sheet(fill)
    assert tables(document) == [
        (("Item", "EUR"), ("Ink", "3"), ("Pen", "4")),
        (("below", "it"), ("and", "more")),
    ]
    assert "Costs\n\n| Item | EUR |" in write_markdown(document)


def test_charts_bring_titles_and_values(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Month", "Share"], ["Jan", 0.25], ["Feb", 0.5]):
            active.append(row)
        active["B2"].number_format = active["B3"].number_format = "0%"
        bars = BarChart()
        bars.title, bars.y_axis.title = "Shares", "Part"
        bars.add_data(Reference(active, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        bars.set_categories(Reference(active, min_col=1, min_row=2, max_row=3))
        active.add_chart(bars, "D1")

    document = sheet(fill)
    (chart,) = others(document)
    assert (chart.type, chart.text) == ("chart", "Shares; Part")
    assert chart.rows == (("", "Share"), ("Jan", "25%"), ("Feb", "50%"))


def test_every_series_of_a_scatter_chart_has_its_own_positions(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in ([1, 10, 2, 20], [3, 30, 4, 40]):
            active.append(row)
        chart = ScatterChart()
        for column, name in ((1, "A"), (3, "B")):
            xs = Reference(active, min_col=column, min_row=1, max_row=2)
            ys = Reference(active, min_col=column + 1, min_row=1, max_row=2)
            chart.series.append(Series(ys, xs, title=name))
        active.add_chart(chart, "F1")

    (chart,) = others(sheet(fill))
    assert chart.rows == (
        ("A (x)", "A", "B (x)", "B"),
        ("1", "10", "2", "20"),
        ("3", "30", "4", "40"),
    )


def test_cells_keep_where_they_lead(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        for row in (["Name", "Site"], ["Rita", "her page"], ["Ann", "none"]):
            active.append(row)
        active["B2"].hyperlink = "https://example.com/rita?a=1"

    document = sheet(fill)
    assert tables(document)[0][1] == ("Rita", "her page")
    assert "| Rita | [her page](<https://example.com/rita?a=1>) |" in write_markdown(document)


def test_comments_name_their_cell_and_author(sheet: Any) -> None:
    def fill(active: Worksheet) -> None:
        active["B4"] = 5
        active["B4"].comment = Comment("Ann:\nCheck this", "Ann")

    value, comment = others(sheet(fill))
    assert value.text == "5"
    assert (comment.type, comment.anchor, comment.author) == ("comment", "B4", "Ann")
    assert comment.text == "Check this"


def test_threads_replace_the_notes_that_stand_for_them(tmp_path: Path) -> None:
    document = written(
        tmp_path,
        '<sheetData><row><c t="inlineStr"><is><t>x</t></is></c></row></sheetData>',
        sheet1_rels="comments=notes.xml threadedComment=threads.xml",
        notes=(
            f'<comments xmlns="{MAIN}"><authors><author>tc=1</author></authors><commentList>'
            '<comment ref="A1" authorId="0"><text><t>[Threaded comment]</t></text></comment>'
            "</commentList></comments>"
        ),
        threads=(
            '<t><threadedComment ref="A1" personId="p" id="1"><text>Why?</text></threadedComment>'
            '<threadedComment ref="A1" personId="q" id="2" parentId="1"><text>So.</text>'
            "</threadedComment></t>"
        ),
        persons='<p><person id="p" displayName="Ann"/><person id="q" displayName="Bob"/></p>',
    )
    comments = [(one.author, one.text) for one in document.blocks if one.type == "comment"]
    assert comments == [("Ann", "Why?"), ("Bob", "So.")]


DRAWING = """<d xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">
<twoCellAnchor><from><col>5</col><row>9</row></from><sp><nvSpPr><cNvPr id="1"/></nvSpPr>
<txBody><a:p><a:r><a:t>Lower </a:t></a:r><a:r><a:t>box</a:t></a:r></a:p></txBody></sp>
</twoCellAnchor>
<oneCellAnchor><from><col>0</col><row>2</row></from><grpSp><grpSp><sp><nvSpPr><cNvPr id="2"/>
</nvSpPr><txBody><a:p><a:fld><a:t>Inner</a:t></a:fld></a:p></txBody></sp></grpSp></grpSp>
</oneCellAnchor><oneCellAnchor><from><col>0</col><row>3</row></from><pic><nvPicPr>
<cNvPr id="3" descr="A mill"/></nvPicPr></pic></oneCellAnchor></d>"""
CONTROLS = """<xml xmlns:x="urn:x"><shape><textbox>Paid</textbox>
<x:ClientData ObjectType="Checkbox">
<x:Checked>1</x:Checked></x:ClientData></shape><shape><textbox>not this</textbox>
<x:ClientData ObjectType="Note"/></shape></xml>"""


def test_text_boxes_pictures_and_controls(tmp_path: Path) -> None:
    document = written(
        tmp_path,
        '<sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>'
        '<headerFooter><oddHeader>&amp;L&amp;"Arial"&amp;12Secret&amp;RPage &amp;P of &amp;N'
        "</oddHeader></headerFooter>",
        sheet1_rels="drawing=drawing.xml vmlDrawing=controls.xml",
        drawing=DRAWING,
        controls=CONTROLS,
    )
    assert [(block.type, block.text) for block in others(document)] == [
        ("header", "Secret"),
        ("paragraph", "1"),
        ("paragraph", "Inner"),
        ("picture", "A mill"),
        ("paragraph", "Lower box"),
        ("paragraph", "☑ Paid"),
    ]


NEWER = """<d xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"
xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:cx="urn:cx"
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><twoCellAnchor>
<mc:AlternateContent><mc:Choice Requires="cx1"><graphicFrame><a:graphic><a:graphicData
uri="http://schemas.microsoft.com/office/drawing/2014/chartex"><cx:chart r:id="r0"/></a:graphicData>
</a:graphic></graphicFrame></mc:Choice><mc:Fallback><sp><txBody><a:p><a:r><a:t>This chart isn't
available</a:t></a:r></a:p></txBody></sp></mc:Fallback></mc:AlternateContent></twoCellAnchor></d>"""
WATERFALL = """<c xmlns:a="urn:a"><chartData><data id="0"><strDim type="cat"><lvl>
<pt idx="0">Start</pt><pt idx="1">Costs</pt></lvl></strDim><numDim type="val">
<lvl formatCode="#,##0"><pt idx="0">1200</pt><pt idx="1">-300</pt></lvl></numDim></data></chartData>
<chart><title><tx><rich><a:t>Bridge</a:t></rich></tx></title><plotArea><series>
<tx><txData><v>2024</v></txData></tx><dataId val="0"/></series></plotArea></chart></c>"""


def test_charts_of_newer_kinds(tmp_path: Path) -> None:
    document = written(
        tmp_path,
        "<sheetData/>",
        sheet1_rels="drawing=drawing.xml",
        drawing=NEWER,
        drawing_rels="chartEx=waterfall.xml",
        waterfall=WATERFALL,
    )
    (chart,) = others(document)
    assert (chart.type, chart.text) == ("chart", "Bridge")
    assert chart.rows == (("", "2024"), ("Start", "1,200"), ("Costs", "-300"))


@pytest.mark.parametrize("strict", [False, True])
def test_strings_of_every_kind(tmp_path: Path, strict: bool) -> None:
    document = written(
        tmp_path,
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
        '<c r="C1" t="inlineStr"><is><t>in &amp; out</t></is></c>'
        '<c r="D1" t="str"><f>"a"</f><v>a_x000D__x000A_b</v></c><c r="E1" t="b"><v>0</v></c>'
        '<c r="F1" t="e"><v>#N/A</v></c><c r="G1" t="d"><v>2024-03-13T00:00:00</v></c>'
        '<c r="H1"><v>1.1000000000000001</v></c></row></sheetData>',
        strict=strict,
        strings=(
            '<si><t>本田</t><rPh sb="0" eb="2"><t>ホンダ</t></rPh></si>'
            "<si><r><t>10</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>3</t></r></si>"
        ),
    )
    shown = ("本田", "10^3", "in & out", "a b", "FALSE", "#N/A", "2024-03-13", "1.1")
    assert tables(document) == [(shown,)]


def test_cells_may_name_no_place_and_zeros_may_be_hidden(tmp_path: Path) -> None:
    document = written(
        tmp_path,
        '<sheetViews><sheetView showZeros="0"/></sheetViews><sheetData>'
        "<row><c><v>1</v></c><c><v>0</v></c><c><v>3</v></c></row>"
        "<row><c><v>4</v></c><c><v>5</v></c></row>"
        "</sheetData>",
    )
    assert tables(document) == [(("1", "", "3"), ("4", "5", ""))]
    assert document.left_out == {}


def test_small_charts_and_pictures_in_cells_are_counted(tmp_path: Path) -> None:
    document = written(
        tmp_path,
        '<sheetData><row><c><v>1</v></c><c t="e" vm="1"><v>#VALUE!</v></c></row></sheetData>'
        "<extLst><ext><sparklineGroups><sparklineGroup><sparklines><sparkline/><sparkline/>"
        "</sparklines></sparklineGroup></sparklineGroups></ext></extLst>"
        '<oleObjects><oleObject shapeId="7"/><oleObject shapeId="7"/></oleObjects>',
    )
    assert document.left_out == {"cell picture": 1, "sparkline": 2, "embedded object": 1}


def test_dates_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active["A1"] = datetime(2024, 3, 13)
    book.active["A1"].number_format = "yyyy-mm-dd"
    book.save(tmp_path / "mac.xlsx")
    assert others(read_whole(look_at(str(tmp_path / "mac.xlsx"))))[0].text == "2024-03-13"


def test_what_no_table_can_hold_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = "".join("<c><v>1</v></c>" for _ in range(1_010))
    wide = written(tmp_path, f"<sheetData><row>{row}</row><row>{row}</row></sheetData>")
    assert len(tables(wide)[0][0]) == 1_000
    assert wide.left_out == {"cell": 20}
    monkeypatch.setattr("perdure_document.tables.MOST_ROWS", 50)
    long = written(tmp_path, f"<sheetData>{'<row><c><v>1</v></c></row>' * 55}</sheetData>")
    assert long.left_out == {"row": 5}


def test_a_hundred_sheets_share_out_what_is_kept(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    for number in range(100):
        sheet = book.create_sheet(f"S{number}")
        rows = 400 if number == 0 else 2
        for row in range(rows):
            sheet.append([f"{number}/{row}", "x" * (LONGEST // 20_000)])
    book.save(tmp_path / "many.xlsx")
    document = read_whole(look_at(str(tmp_path / "many.xlsx")))
    assert len(document.names) == 100
    first, *rest = (block for block in document.blocks if block.rows)
    assert all(block.rows[-1][0].endswith("/1") for block in rest)
    assert len(rest) == 99
    assert first.total_rows == 400
    assert document.left_out == {"row": 400 - len(first.rows)}
    assert 100 < len(first.rows) < 400
