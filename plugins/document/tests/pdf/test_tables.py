"""Tables of PDFs, cell by cell."""

from typing import Any

import pytest

ROWS = [
    ["Item", "Qty", "Owner", "State"],
    ["Pump", "7", "Rita", "Open"],
    ["Valve", "", "Tom", "Closed"],
    ["Hose", "3", "Ann", "Open"],
]
WIDTHS = [120, 60, 100, 80]


def tables(document: Any) -> list[list[list[str]]]:
    return [[list(row) for row in block.rows] for block in document.blocks if block.rows]


def ruled(sheet: Any, rows: list[list[str]], *, top: int = 100, step: int = 32) -> Any:
    """Draw a table with all its lines; every cell has room for two lines of text."""
    edges = [60 + sum(WIDTHS[:n]) for n in range(len(WIDTHS) + 1)]
    for number in range(len(rows) + 1):
        sheet.rule(edges[0], top + number * step, edges[-1], top + number * step)
    for edge in edges:
        sheet.rule(edge, top, edge, top + len(rows) * step)
    sheet.table(64, top + 14, WIDTHS, rows, step=step)
    return sheet


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("lines", [False, True])
def test_a_blank_cell_in_the_third_row_ends_no_table(
    lines: bool, rotate: int, read: Any, sheet: Any
) -> None:
    page = sheet(rotate=rotate)
    if lines:
        ruled(page, ROWS)
    else:
        page.table(64, 114, WIDTHS, ROWS)
    assert tables(read(page)) == [ROWS]


def test_a_page_that_is_set_sideways_without_saying_so_is_read(read: Any, sheet: Any) -> None:
    page = sheet()
    page.content.append("q 0 1 -1 0 842 0 cm")
    page.table(64, 114, WIDTHS, ROWS)
    page.content.append("Q")
    document = read(page)
    assert tables(document) == [ROWS]
    (block,) = document.blocks
    assert block.box is not None  # on the page as it is shown, where the table stands upright
    assert 90 < block.box.left < 130
    assert block.box.bottom - block.box.top > block.box.right - block.box.left


def test_a_cell_of_two_lines_breaks_no_table_apart(read: Any, sheet: Any) -> None:
    rows = [*ROWS[:2], ["Valve", "4", "Tom of the\nnight shift", "Closed"], ROWS[3]]
    wanted = [*ROWS[:2], ["Valve", "4", "Tom of the night shift", "Closed"], ROWS[3]]
    assert tables(read(sheet().table(64, 114, WIDTHS, rows))) == [wanted]
    last = [*rows[:2], rows[3], rows[2]]
    assert tables(read(sheet().table(64, 114, WIDTHS, last))) == [
        [*wanted[:2], wanted[3], wanted[2]]
    ]


def test_lines_decide_where_cells_of_two_lines_end(read: Any, sheet: Any) -> None:
    edges = [60 + sum(WIDTHS[:n]) for n in range(5)]
    page = sheet().table(64, 114, WIDTHS, [["A\nB", "1\n2", "C\nD", "x"], ["E", "3", "F\nG", ""]])
    for y in (100, 132, 162):
        page.rule(edges[0], y, edges[-1], y)
    for x in edges:
        page.rule(x, 100, x, 162)
    assert tables(read(page)) == [[["A B", "1 2", "C D", "x"], ["E", "3", "F G", ""]]]


def test_spans_are_where_lines_show_them(read: Any, sheet: Any) -> None:
    page = sheet()
    for y, start in ((100, 60), (120, 60), (140, 160), (160, 60), (180, 60)):
        page.rule(start, y, 360, y)
    for x, start, end in ((60, 100, 180), (160, 100, 160), (260, 100, 180), (360, 100, 180)):
        page.rule(x, start, x, end)
    page.table(
        64,
        114,
        [100, 100, 100],
        [["Region", "Quarter", "Sum"], ["", "Q1", "10"], ["", "Q2", "20"], ["Both", "", "30"]],
        step=20,
    )
    page.text(64, 144, "North")
    (block,) = read(page).blocks
    assert [list(row) for row in block.rows] == [
        ["Region", "Quarter", "Sum"],
        ["North", "Q1", "10"],
        ["North", "Q2", "20"],
        ["Both", "", "30"],
    ]
    assert [(one.row, one.column, one.rows, one.columns) for one in block.spans] == [
        (1, 0, 2, 1),
        (3, 0, 1, 2),
    ]


def test_a_header_over_several_columns_is_kept(read: Any, sheet: Any) -> None:
    page = sheet().text(165, 100, "2023").text(285, 100, "2024")
    page.table(
        64,
        116,
        [80, 60, 60, 60, 60],
        [
            ["Region", "Sales", "Cost", "Sales", "Cost"],
            ["North", "10", "5", "12", "6"],
            ["South", "20", "", "22", "9"],
        ],
    )
    (block,) = read(page).blocks
    assert block.header_rows == 2
    assert block.rows[0] == ("", "2023", "", "2024", "")
    assert block.rows[3] == ("South", "20", "", "22", "9")


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("lines", [False, True])
def test_a_table_over_several_pages_is_one(
    lines: bool, repeated: bool, read: Any, sheet: Any
) -> None:
    body = [[f"Part {n}", str(n), f"Owner {n}", f"{n}.50"] for n in range(1, 41)]
    header = ["Part", "No", "Owner", "Price"]
    pages: list[Any] = []
    chunks = [[header, *body[:20]], [*([header] if repeated else []), *body[20:]]]
    for chunk in chunks:
        page = sheet().text(300, 820, f"Page {len(pages) + 1}")
        pages.append(
            ruled(page, chunk, top=60, step=20) if lines else page.table(64, 74, WIDTHS, chunk)
        )
    assert tables(read(*pages)) == [[header, *body]]


def test_another_table_on_the_next_page_is_another(read: Any, sheet: Any) -> None:
    first = [
        ["Part", "No", "Owner", "Price"],
        ["Pump", "1", "Ann", "5.00"],
        ["Cap", "2", "Bo", "6"],
    ]
    second = [
        ["Town", "Size", "Land", "Year"],
        ["Bern", "9", "CH", "1191"],
        ["Rom", "8", "IT", "2"],
    ]
    found = tables(
        read(sheet().table(64, 74, WIDTHS, first), sheet().table(64, 74, WIDTHS, second))
    )
    assert found == [first, second]


def test_figures_aligned_at_the_right_and_a_total_stay_in_their_columns(
    read: Any, sheet: Any
) -> None:
    page = sheet()
    rows = [("Rent", "1,200.00", "12"), ("Tea", "3.50", ""), ("Total", "1,203.50", "12")]
    page.text(64, 100, "Kind").text(205, 100, "Amount").text(280, 100, "Months")
    for number, (kind, amount, months) in enumerate(rows, 1):
        page.text(64, 100 + 16 * number, kind)
        page.text(245 - 5.6 * len(amount), 100 + 16 * number, amount)
        page.text(315 - 5.6 * len(months), 100 + 16 * number, months)
    assert tables(read(page)) == [
        [["Kind", "Amount", "Months"], *([kind, amount, months] for kind, amount, months in rows)]
    ]


def test_sums_that_stand_closer_than_the_items_are_rows_of_their_own(read: Any, sheet: Any) -> None:
    items = [["Item", "Qty", "Price"], ["Pump", "7", "10.50"], ["Valve", "2", "99.00"]]
    sums = [["", "Net", "271.50"], ["", "Tax", "51.59"], ["", "Total", "323.09"]]
    page = sheet().table(60, 60, [200, 80, 80], items, step=24)
    page.table(60, 132, [200, 80, 80], sums, step=14)
    (table,) = (block for block in read(page).blocks if block.rows)
    assert [list(row) for row in table.rows] == items + sums


def test_lists_records_and_contents_are_no_tables(read: Any, sheet: Any) -> None:
    page = sheet()
    for number, text in enumerate(("Check the pump", "Close the valve", "Write it down"), 1):
        page.text(60, 100 + 16 * number, f"{number}.").text(90, 100 + 16 * number, text)
        page.text(60, 300 + 16 * number, f"Part {number} " + ". " * 40 + str(number))
    document = read(page)
    assert not tables(document)
    assert [(one.number, one.text) for one in document.blocks if one.type == "item"] == [
        ("1.", "Check the pump"),
        ("2.", "Close the valve"),
        ("3.", "Write it down"),
    ]
    assert [one.text for one in document.blocks if "Part" in one.text] == [
        "Part 1 … 1",
        "Part 2 … 2",
        "Part 3 … 3",
    ]


def test_a_short_table_whose_last_value_is_blank_is_whole(read: Any, sheet: Any) -> None:
    rows = [["Item", "Qty"], ["Pump", "7"], ["Valve", ""]]
    page = sheet().table(64, 100, [100, 60], rows).text(64, 200, "Text after the table.")
    assert tables(read(page)) == [rows]


def test_columns_that_only_line_up_within_ruled_ones_are_columns(read: Any, sheet: Any) -> None:
    page = sheet().table(64, 114, [100, 90, 90], [row[:3] for row in ROWS])
    for number in range(5):
        page.rule(60, 100 + 18 * number, 340, 100 + 18 * number)
    page.rule(150, 100, 150, 172)
    assert tables(read(page)) == [[row[:3] for row in ROWS]]


def test_a_row_that_the_end_of_a_page_breaks_is_one(read: Any, sheet: Any) -> None:
    first = [["Rule", "Reason"], ["One", "because the pump was"]]
    second = [["", "worn and old."], ["Two", "Done."]]
    pages = []
    for rows in (first, second):
        page = sheet().table(64, 74, [100, 200], rows, step=20)
        for y in (60, 80, 100):
            page.rule(60, y, 360, y)
        for x in (60, 160, 360):
            page.rule(x, 60, x, 100)
        pages.append(page)
    assert tables(read(*pages)) == [
        [["Rule", "Reason"], ["One", "because the pump was worn and old."], ["Two", "Done."]]
    ]
