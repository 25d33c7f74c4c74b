"""Tables in Excel workbooks: where they lie, what their columns are called, what cells mean."""

import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from perdure.agents import InputError
from perdure_analysis.database.connection import TABLE
from perdure_analysis.facts import Column
from perdure_analysis.loading.source import look_at
from perdure_analysis.profile.columns import describe_columns
from perdure_analysis.table_session import TableSession
from perdure_analysis.workbooks.binary import reach_of_xlsb
from perdure_analysis.workbooks.package import look_into

FILES = Path(__file__).parent / "files"


class Read:
    """A table of a workbook as it was read."""

    def __init__(self, file: Path, table: str | None = None) -> None:
        session = TableSession()
        try:
            source = look_at(str(file), table)
            database, self.loaded = session.table(source)
            self.rows = database.rows(f"FROM {TABLE}")
            columns = describe_columns(session, source).columns
            self.columns: dict[str, Column] = {column.name: column for column in columns}
            self.notes = "\n".join(self.loaded.notes)
        finally:
            session.close()

    @property
    def types(self) -> dict[str, str]:
        return self.loaded.columns


def workbook(folder: Path, *fill: Callable[[Any, Any], None]) -> Path:
    file = folder / "book.xlsx"
    with xlsxwriter.Workbook(str(file)) as book:
        for number, one in enumerate(fill, start=1):
            one(book, book.add_worksheet(f"Sheet{number}"))
    return file


def lines(*rows: list[Any], top: int = 0, left: int = 0) -> Callable[[Any, Any], None]:
    def fill(_: Any, sheet: Any) -> None:
        for number, row in enumerate(rows, start=top):
            sheet.write_row(number, left, row)

    return fill


PLAIN = lines(["name", "count", "price"], ["a", 1, 2.5], ["b", 2, 3.75], ["c", 3, 5])


@pytest.mark.parametrize(("top", "left"), [(0, 0), (4, 2)])
def test_a_table_is_found_wherever_it_begins(top: int, left: int, tmp_path: Path) -> None:
    rows: tuple[list[Any], ...] = (
        ["name", "count", "price"],
        ["a", 1, 2.5],
        ["b", 2, 3.75],
        ["c", 3, 5],
    )
    read = Read(workbook(tmp_path, lines(*rows, top=top, left=left)))
    assert read.types == {"name": "VARCHAR", "count": "BIGINT", "price": "DOUBLE"}
    assert read.rows == [("a", 1, 2.5), ("b", 2, 3.75), ("c", 3, 5.0)]
    assert read.notes == ""


def test_titles_above_and_notes_below_are_no_rows_and_are_named(tmp_path: Path) -> None:
    fill = lines(
        ["Sales of the shops"],
        [],
        ["as of May"],
        ["name", "count", "price"],
        ["a", 1, 2.5],
        ["b", 2, 3.75],
        ["Source: the shops"],
    )
    read = Read(workbook(tmp_path, fill))
    assert read.rows == [("a", 1, 2.5), ("b", 2, 3.75)]
    assert "'Sales of the shops'; 'as of May'; 'Source: the shops'" in read.notes


def test_names_over_several_columns_are_joined_with_those_below(tmp_path: Path) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.merge_range("A1:A2", "Region")
        sheet.merge_range("B1:C1", "2023")
        sheet.merge_range("D1:E1", "2024")
        sheet.write_row("B2", ["Q1", "Q2", "Q1", "Q2"])
        sheet.write_row("A3", ["North", 1, 2, 3, 4])
        sheet.write_row("A4", ["South", 5, 6, 7, 8])

    read = Read(workbook(tmp_path, fill))
    assert list(read.types) == ["Region", "2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2"]
    assert read.rows == [("North", 1, 2, 3, 4), ("South", 5, 6, 7, 8)]


def test_a_value_in_merged_cells_counts_for_every_row(tmp_path: Path) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row("A1", ["region", "quarter", "sales"])
        sheet.merge_range("A2:A3", "North")
        sheet.merge_range("A4:A5", "South")
        for row, (quarter, sales) in enumerate([("Q1", 10), ("Q2", 20), ("Q1", 1), ("Q2", 2)], 1):
            sheet.write_row(row, 1, [quarter, sales])

    read = Read(workbook(tmp_path, fill))
    assert [row[0] for row in read.rows] == ["North", "North", "South", "South"]
    assert "Merged cells of `region` count for every row" in read.notes


at = datetime.fromisoformat


def test_number_formats_make_dates_percents_codes_and_durations(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        formats = {
            code: book.add_format({"num_format": code})
            for code in (
                "dd.mm.yyyy",
                "0.0%",
                "00000",
                "[h]:mm",
                '#,##0.00 "€"',
                "yyyy-mm-dd hh:mm",
            )
        }
        sheet.write_row(0, 0, ["day", "share", "zip", "spent", "price", "seen", "done"])
        for row in range(1, 4):
            sheet.write_datetime(row, 0, date(2024, 2, row), formats["dd.mm.yyyy"])
            sheet.write_number(row, 1, row / 8, formats["0.0%"])
            sheet.write_number(row, 2, 500 + row, formats["00000"])
            sheet.write_number(row, 3, row * 1.25, formats["[h]:mm"])
            sheet.write_number(row, 4, row + 0.5, formats['#,##0.00 "€"'])
            sheet.write_datetime(row, 5, at(f"2024-02-0{row} 08:30"), formats["yyyy-mm-dd hh:mm"])
            sheet.write_boolean(row, 6, row == 2)

    read = Read(workbook(tmp_path, fill))
    assert read.rows[0] == (
        *(date(2024, 2, 1), 12.5, "00501", timedelta(hours=30), 1.5),
        *(at("2024-02-01 08:30"), False),
    )
    assert "`share` was read as numbers in %" in read.notes
    assert "`price` was read as numbers in €" in read.notes


def test_numbers_in_several_currencies_are_not_added_up(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["name", "price"])
        for row, code in enumerate(["[$€-407] 0.00", "[$€-407] 0.00", "[$$-409]0.00"], start=1):
            sheet.write_row(row, 0, [f"n{row}"])
            sheet.write_number(row, 1, row * 5, book.add_format({"num_format": code}))

    read = Read(workbook(tmp_path, fill))
    assert read.columns["price"].numbers is None
    assert "`price` mixes units (€: 2, $: 1)" in read.notes


def test_what_formulas_and_errors_lack_is_counted(tmp_path: Path) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["name", "saved", "unsaved", "ratio"])
        for row in range(1, 4):
            sheet.write(row, 0, f"n{row}")
            sheet.write_formula(row, 1, f"=2*{row}", None, 2 * row)
            sheet.write_formula(row, 2, f"=3*{row}", None, "" if row == 2 else 3 * row)
            sheet.write_formula(row, 3, f"=1/{row - 1}", None, "#DIV/0!" if row == 1 else 0.5)

    read = Read(workbook(tmp_path, fill))
    assert [row[1:] for row in read.rows] == [(2, 3, None), (4, None, 0.5), (6, 9, 0.5)]
    assert "1 cell in `ratio` holds the error #DIV/0!" in read.notes
    assert "1 formula in `unsaved` has no saved value" in read.notes


def test_a_line_of_totals_is_left_out_and_named(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["shop", "sales", "costs"],
        ["a", 10, 1],
        ["b", 20, 2],
        ["Total", 30, 3],
    ]
    read = Read(workbook(tmp_path, lines(*rows)))
    assert (len(read.rows), read.loaded.left_out) == (2, 1)
    assert "adds up those above it: Total, 30.0, 3.0" in read.notes
    rows[-1] = ["Total Fitness", 7, 8]
    assert len(Read(workbook(tmp_path, lines(*rows))).rows) == 3


def test_several_tables_of_a_sheet_are_told_apart(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        PLAIN(book, sheet)
        lines(["city", "people"], ["Ulm", 126000], ["Bonn", 330000], top=6)(book, sheet)
        lines(["code", "word"], ["x", "y"], ["z", "w"], left=5)(book, sheet)

    file = workbook(tmp_path, fill, PLAIN)
    with pytest.raises(InputError, match=r"holds 4 tables \(Sheet1!A1:C4, Sheet1!F1:G3, Sheet1!A7"):
        look_at(str(file))
    with pytest.raises(InputError, match="has 3 tables in the sheet 'Sheet1': name one of Sheet"):
        look_at(str(file), "Sheet1")
    read = Read(file, "Sheet1!A7:B9")
    assert read.rows == [("Ulm", 126000), ("Bonn", 330000)]
    assert "Other tables of the workbook were not read: Sheet1!A1:C4" in read.notes
    assert len(Read(file, "Sheet2").rows) == 3


def test_a_blank_line_in_a_table_does_not_end_it(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["name", "n"], ["a", 1], ["b", 2], [], ["c", 3], ["d", 4]]
    assert len(Read(workbook(tmp_path, lines(*rows))).rows) == 4


def test_names_above_a_blank_line_are_those_of_the_table_below(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Numbers"], ["name", "n"], [], ["a", 1], ["b", 2]]
    read = Read(workbook(tmp_path, lines(*rows)))
    assert (list(read.types), read.rows) == (["name", "n"], [("a", 1), ("b", 2)])


def test_a_sheet_of_remarks_is_no_table_beside_one(tmp_path: Path) -> None:
    read = Read(workbook(tmp_path, lines(["Read me"], ["first"], ["then this"]), PLAIN))
    assert (len(read.rows), "not read: Sheet1" in read.notes) == (3, True)


def test_hidden_sheets_are_only_named(tmp_path: Path) -> None:
    def hidden(book: Any, sheet: Any) -> None:
        PLAIN(book, sheet)
        sheet.hide()

    read = Read(workbook(tmp_path, PLAIN, hidden))
    assert (len(read.rows), "not read: Sheet2" in read.notes) == (3, True)


def test_marks_and_text_in_a_column_of_numbers_are_as_in_a_csv(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["k", "v"], *[[f"x{n}", n if n % 5 else "n/a"] for n in range(1, 21)]]
    read = Read(workbook(tmp_path, lines(*rows)))
    assert (read.types["v"], read.columns["v"].missing) == ("BIGINT", 4)
    assert "4 values of `v` are marks for a missing one ('n/a')" in read.notes


def test_years_name_columns_and_numbers_do_not(tmp_path: Path) -> None:
    read = Read(workbook(tmp_path, lines(["shop", 2023, 2024], ["a", 5, 6], ["b", 7, 8])))
    assert list(read.types) == ["shop", "2023", "2024"]
    read = Read(workbook(tmp_path, lines(["a", 5, 6], ["b", 7, 8])))
    assert list(read.types) == ["column0", "column1", "column2"]
    assert "No header was found" in read.notes


def test_dates_name_columns_where_numbers_stand_below(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        shown = book.add_format({"num_format": "mmm yy"})
        for row, values in enumerate((["shop"], ["a", 5, 6], ["b", 7, 8])):
            sheet.write_row(row, 0, values)
        for month in (1, 2):
            sheet.write_datetime(0, month, date(2024, month, 1), shown)

    read = Read(workbook(tmp_path, fill))
    assert list(read.types) == ["shop", "2024-01-01", "2024-02-01"]
    assert read.rows == [("a", 5, 6), ("b", 7, 8)]


def test_workbooks_without_a_table_and_other_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no sheet with a table"):
        look_at(str(workbook(tmp_path, lines())))
    with pytest.raises(InputError, match="has no table 'nope': name one of Sheet1 in"):
        look_at(str(workbook(tmp_path, PLAIN)), "nope")


def test_the_number_formats_of_an_old_workbook_count_too() -> None:
    read = Read(FILES / "shares.xls")
    assert read.rows == [
        ("a", 12.5, 10.5, "00501"),
        ("b", 50, 20, "01067"),
        ("c", 3, 7.25, "80331"),
    ]
    assert "`share` was read as numbers in %" in read.notes
    assert "`price` was read as numbers in €" in read.notes


def record(kind: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    kinds = [kind] if kind < 128 else [kind & 127 | 128, kind >> 7]
    return bytes([*kinds, len(content)]) + content


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def test_the_number_formats_of_a_binary_workbook(tmp_path: Path) -> None:
    file = tmp_path / "book.xlsb"
    relation = '<r><Relationship Id="r7" Target="worksheets/one.bin"/></r>'
    styles = [record(44, struct.pack("<H", 170), wide("0.0%")), record(617)]
    styles += [record(47, struct.pack("<HH", 0, number), bytes(12)) for number in (0, 170, 9)]
    cells = [
        record(0, struct.pack("<I", row))
        + b"".join(record(5, struct.pack("<IId", column, column, 0.5)) for column in range(4))
        for row in range(3)
    ]
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("xl/workbook.bin", record(156, bytes(8), wide("r7"), wide("One")))
        package.writestr("xl/_rels/workbook.bin.rels", relation)
        package.writestr("xl/styles.bin", b"".join([*styles, record(618)]))
        package.writestr("xl/worksheets/one.bin", b"".join(cells))
    found = look_into(file, "One", range(1, 3), range(1, 4)).formats
    assert found == {1: {"0.0%": 2}, 2: {"0%": 2}, 3: {"": 2}}
    assert look_into(file, "Two", range(3), range(3)).formats == {}
    assert reach_of_xlsb(b"".join(cells)) == 12
    far = record(0, struct.pack("<I", 1_048_575)) + record(5, struct.pack("<IId", 16_383, 0, 1))
    assert reach_of_xlsb(b"".join(cells) + far) == 1_048_576 * 16_384


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_cell_far_away_does_not_end_the_process(tmp_path: Path, quote: str) -> None:
    plain = workbook(tmp_path, PLAIN)
    file = tmp_path / "far.xlsx"
    far = f"<row><c r={quote}XFD1048576{quote}><v>1</v></c></row></sheetData>".encode()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</sheetData>", far))
    with pytest.raises(InputError, match=r"reaches over 17,179,869,184 cells, and at most 60,000"):
        look_at(str(file))


def test_an_opendocument_sheet_is_read_with_its_percents_and_currencies(tmp_path: Path) -> None:
    names = "office", "table", "text"
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names
    )

    def cell(kind: str, value: object, more: str = "") -> str:
        attribute = {"date": "date-value", "string": "string-value"}.get(kind, "value")
        return (
            f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}"{more}>'
            f"<text:p>{value}</text:p></table:table-cell>"
        )

    header = "".join(cell("string", name) for name in ("name", "share", "price", "day", "n"))
    rows = "".join(
        "<table:table-row>"
        + cell("string", f"n{n}")
        + cell("percentage", n / 8)
        + cell("currency", n + 0.5, ' office:currency="EUR"')
        + cell("date", f"2024-02-0{n}")
        + cell("float", n)
        + "</table:table-row>"
        for n in (1, 2, 3)
    )
    file = tmp_path / "book.ods"
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        package.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{manifest}"/>')
        package.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="One"><table:table-row>{header}</table:table-row>{rows}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    read = Read(file)
    assert read.rows[0] == ("n1", 12.5, 1.5, date(2024, 2, 1), 1)
    assert "`share` was read as numbers in %" in read.notes
    assert "`price` was read as numbers in EUR" in read.notes
