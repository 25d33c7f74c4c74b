"""Large files whose contents are known, the same every time: a table, a PDF and a workbook."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

ROWS: Final = 5_000_000
PAGES: Final = 500
SHEETS: Final = 100

Table = list[list[str]]

_ROWS_OF_PAGE: Final = 24
_ROWS_OF_SHEET: Final = 300
_PLACES: Final = ("Aldern", "Bexhill", "Corran", "Dunmore", "Easby", "Fairholm", "Glenside")
_GOODS: Final = ("oats", "rye flour", "wheat", "barley malt", "linseed", "spelt")
_HEADER: Final = ("Day", "Place", "Goods", "Sacks", "Amount")
# Tables with every line ruled, with lines between the rows, and with nothing but aligned columns.
_STROKES: Final = ("0.5pt", "(x: none, y: 0.5pt)", "none")
_WORDS: Final = (
    "The stores were weighed in the morning and again before the gates were closed."
    " What was missing was written off in the same week. The keepers signed every sheet."
)


def write_csv(file: Path) -> None:
    """Write whole numbers, decimals, measurements, dates, categories, text and missing values."""
    import duckdb

    duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}).execute(
        "COPY (SELECT i AS order_id, DATE '2020-01-01' + CAST(hash(i, 1) % 2000 AS INTEGER) AS day,"
        " ['north', 'south', 'east', 'west'][CAST(hash(i, 2) % 4 AS INTEGER) + 1] AS region,"
        " 'product ' || (hash(i, 3) % 40) AS product,"
        " CASE WHEN hash(i, 9) % 50 > 0 THEN hash(i, 4) % 20 + 1 END AS quantity,"
        " CAST((hash(i, 5) % 100000) / 100.0 AS DECIMAL(10, 2)) AS price,"
        " (hash(i, 6) % 1000000007) / 1000003.0 AS reading,"
        " 'customer ' || (hash(i, 7) % 200000) || ' of ' || (hash(i, 8) % 977) AS note"
        f" FROM range({ROWS}) t(i)) TO '{file}' (HEADER)"
    )


def write_pdf(file: Path) -> list[Table]:
    """Write a page of text and a table for each of ``PAGES``; return the tables."""
    import typst

    tables = list(_tables(PAGES, _ROWS_OF_PAGE))
    pages = [
        f"= Stores, sheet {number}\n\n{_WORDS}\n\n"
        f"#table(columns: 5, stroke: {_STROKES[number % len(_STROKES)]},"
        f" align: (left, left, left, right, right),\n{_cells(table)})\n\n{_WORDS}"
        for number, table in enumerate(tables, 1)
    ]
    source = '#set page(paper: "a4", margin: 2cm, numbering: "1")\n#set text(size: 10pt)\n'
    source += "\n#pagebreak()\n".join(pages)
    content = typst.compile(
        source.encode(), format="pdf", ignore_system_fonts=True, timestamp=0, pdf_tags=False
    )
    file.write_bytes(content)
    return tables


def write_workbook(file: Path) -> list[Table]:
    """Write a sheet of dates, texts, whole numbers and amounts for each of ``SHEETS``.

    Returns:
        The tables, as Excel shows them.
    """
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    tables = list(_tables(SHEETS, _ROWS_OF_SHEET))
    book = openpyxl.Workbook(write_only=True)
    for number, (header, *rows) in enumerate(tables, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        sheet.append(header)
        for day, place, goods, sacks, amount in rows:
            shown = WriteOnlyCell(sheet, date.fromisoformat(day))
            shown.number_format = "yyyy-mm-dd"
            money = WriteOnlyCell(sheet, float(amount.replace(",", "")))
            money.number_format = "#,##0.00"
            sheet.append([shown, place, goods, int(sacks), money])
    book.save(file)
    return tables


def _tables(count: int, rows: int) -> Iterator[Table]:
    for number in range(count):
        yield [list(_HEADER), *(_row(number * rows + row) for row in range(rows))]


def _row(number: int) -> list[str]:
    day = date(2020, 1, 1) + timedelta(days=number % 1800)
    cents = 10_000 + number * 7_919 % 9_990_000
    place, goods = _PLACES[number % len(_PLACES)], _GOODS[number // 3 % len(_GOODS)]
    return [day.isoformat(), place, goods, str(1 + number * 31 % 900), f"{cents / 100:,.2f}"]


def _cells(table: Table) -> str:
    header, *rows = (", ".join(f"[#{json.dumps(cell)}]" for cell in row) for row in table)
    return f"table.header({header}),\n" + ",\n".join(rows)
