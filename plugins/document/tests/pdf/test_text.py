"""The text of PDFs: order, words, running lines, headings."""

from typing import Any

import pytest

PROSE = (
    "The harbour route remains the largest of them all and on",
    "weekdays more than half of the passengers were commuters who",
    "hold a monthly pass, while the island route lost eleven of its",
    "sailing days to storms in January, yet came back in March.",
)


def texts(document: Any, *types: str) -> list[str]:
    return [one.text for one in document.blocks if not types or one.type in types]


def test_columns_are_read_one_after_the_other(read: Any, sheet: Any) -> None:
    left = [f"left {n} of the words that fill a column well" for n in range(20)]
    right = [f"right {n} of the words that fill a column well" for n in range(20)]
    page = sheet().text(60, 60, "A heading over both of the columns of this page", size=18)
    # Line by line, as programs that know no columns write.
    for number, pair in enumerate(zip(left, right, strict=True)):
        page.text(60, 120 + 14 * number, pair[0]).text(310, 120 + 14 * number, pair[1])
    whole = " ".join(texts(read(page), "paragraph"))
    assert whole == " ".join([*left, *right])


def test_words_divided_at_a_lines_end_are_put_together(read: Any, sheet: Any) -> None:
    page = sheet().lines(
        60,
        100,
        (
            "The state-of-the-art pump was built for efficiency and is well-known, its effi-",
            "ciency was measured by people who had it in their houses; it is a well-",
            "known thing and stands beside other machines of the whole region here.",
        ),
    )
    (text,) = texts(read(page))
    assert text == (
        "The state-of-the-art pump was built for efficiency and is well-known, its efficiency was"
        " measured by people who had it in their houses; it is a well-known thing and stands beside"
        " other machines of the whole region here."
    )


def test_raised_figures_are_powers_and_marks(read: Any, sheet: Any) -> None:
    page = sheet()
    page.content.append("BT /F 11 Tf 60 742 Td (It weighs 5 x 10) Tj")
    page.content.append("/F 7 Tf 5 Ts (3) Tj /F 11 Tf 0 Ts ( kg.) Tj ET")
    assert texts(read(page)) == ["It weighs 5 x 10^3 kg."]


def test_records_stay_on_their_lines(read: Any, sheet: Any) -> None:
    page = sheet().lines(60, 100, PROSE).lines(60, 250, ("Name: Rita", "Age: 51", "City: Bern"))
    page.lines(60, 350, PROSE)
    found = texts(read(page))
    assert found == [" ".join(PROSE), "Name: Rita", "Age: 51", "City: Bern", " ".join(PROSE)]


@pytest.mark.parametrize("last", [("Total 41.50", "Total 99.00"), ("41.50", "99.00"), ("7", "7.5")])
def test_sums_at_the_foot_of_pages_stay(last: tuple[str, str], read: Any, sheet: Any) -> None:
    pages = [
        sheet().lines(60, 60, PROSE).text(60, 740, total).text(290, 810, f"Page {n} of 2")
        for n, total in enumerate(last, 1)
    ]
    document = read(*pages)
    assert [one for one in texts(document) if one in last] == list(last)
    assert not any("Page" in one for one in texts(document))
    assert document.left_out == {"page number": 2}


def test_what_pages_repeat_is_kept_once_and_counted(read: Any, sheet: Any) -> None:
    pages = [
        sheet()
        .text(60, 40, "Larkspur Ferries, annual report")
        .text(60, 110, f"Chapter {n}", size=18)
        .lines(60, 140, PROSE)
        .text(60, 810, f"Larkspur - page {n}")
        .text(500, 810, "Confidential")
        for n in (1, 2, 3, 4)
    ]
    document = read(*pages)
    assert texts(document, "heading") == [f"Chapter {n}" for n in (1, 2, 3, 4)]
    assert texts(document, "header") == ["Larkspur Ferries, annual report"]
    assert texts(document, "footer") == ["Larkspur Confidential"]
    assert document.left_out == {"repeated head or foot line": 6}


def test_names_with_a_number_that_counts_stay(read: Any, sheet: Any) -> None:
    pages = [sheet().text(60, 40, f"Room {n}").lines(60, 140, PROSE[n:]) for n in (1, 2, 3)]
    document = read(*pages)
    assert [one for one in texts(document) if "Room" in one] == ["Room 1", "Room 2", "Room 3"]
    assert not document.left_out


def test_a_number_set_apart_from_a_running_title_goes(read: Any, sheet: Any) -> None:
    pages = [
        sheet().text(60, 40, "Larkspur").text(500, 40, str(n)).lines(60, 140, PROSE[n:])
        for n in (1, 2, 3)
    ]
    document = read(*pages)
    assert texts(document, "header") == ["Larkspur 1"]
    assert document.left_out == {"repeated head or foot line": 2}


def test_first_lines_that_count_are_no_running_lines(read: Any, sheet: Any) -> None:
    pages = [
        sheet().lines(60, 40, [f"Line {line} of page {n} of the list" for line in range(20)])
        for n in (1, 2)
    ]
    assert not read(*pages).left_out


def test_roman_page_numbers_and_those_after_them_go(read: Any, sheet: Any) -> None:
    numbers = ("i", "ii", "iii", "1", "2", "3")
    pages = [sheet().lines(60, 60, PROSE).text(290, 810, number) for number in numbers]
    document = read(*pages)
    assert set(texts(document)) == {" ".join(PROSE)}
    assert document.left_out == {"page number": 6}


def test_headings_are_found_by_size_and_by_weight(read: Any, sheet: Any) -> None:
    page = sheet().text(60, 60, "A report", size=20).lines(60, 100, PROSE)
    page.text(60, 180, "Costs", font="B").lines(60, 200, PROSE)
    found = [(one.type, one.level, one.text) for one in read(page).blocks]
    assert found[0] == ("heading", 1, "A report")
    assert found[2] == ("heading", 2, "Costs")


def test_programs_keep_their_lines_and_indents(read: Any, sheet: Any) -> None:
    page = sheet().lines(60, 60, PROSE)
    for number, (indent, text) in enumerate(((0, "def f(x):"), (24, "if x:"), (48, "return 1"))):
        page.text(60 + indent, 140 + 12 * number, text, size=10, font="C")
    assert texts(read(page), "code") == ["def f(x):\n    if x:\n        return 1"]


def test_what_no_reader_sees_is_counted(read: Any, sheet: Any) -> None:
    page = sheet().lines(60, 100, PROSE).text(900, 100, "outside")
    page.content.append("BT /F 11 Tf 3 Tr 60 500 Td (ignore all that) Tj 0 Tr ET")
    document = read(page)
    assert texts(document) == [" ".join(PROSE)]
    assert document.left_out == {"invisible word": 4}


def test_the_head_of_a_letter_is_read_side_by_side(read: Any, sheet: Any) -> None:
    page = sheet().lines(60, 60, ("ACME Works", "Mill Street 5", "10115 Berlin"))
    page.lines(400, 60, ("Invoice no: 2024-0815", "Date: 12 May 2024", "Page: 1"))
    page.lines(60, 200, PROSE)
    assert texts(read(page)) == [
        *("ACME Works", "Mill Street 5", "10115 Berlin"),
        *("Invoice no: 2024-0815", "Date: 12 May 2024", "Page: 1"),
        " ".join(PROSE),
    ]


def test_a_box_beside_a_paragraph_is_read_after_it(read: Any, sheet: Any) -> None:
    page = sheet().text(420, 100, "Assembly point: the").text(420, 114, "oak in the yard")
    page.text(60, 60, "School of Alma").lines(60, 100, PROSE)
    assert texts(read(page)) == [
        "School of Alma",
        " ".join(PROSE),
        "Assembly point: the oak in the yard",
    ]


FULL = "The harbour master opened the new pier on the first of May, as all had hoped"


def test_full_lines_with_a_gap_between_them_are_paragraphs(read: Any, sheet: Any) -> None:
    texts = [f"{FULL} for.", f"{FULL} to.", "It rained in the evening of that day."]
    document = read(sheet().lines(60, 80, texts, step=21))
    assert [block.text for block in document.blocks] == texts


def test_an_item_goes_on_below_its_text(read: Any, sheet: Any) -> None:
    page = sheet().text(60, 80, f"\u2022 {FULL} for.").text(60, 94, f"\u2022 {FULL} to.")
    page.text(70, 108, "Then they went home again.").text(60, 122, "Nobody was late.")
    document = read(page)
    assert [(block.type, block.text) for block in document.blocks] == [
        ("item", f"{FULL} for."),
        ("item", f"{FULL} to. Then they went home again."),
        ("paragraph", "Nobody was late."),
    ]


def test_the_end_of_an_address_is_no_running_line(read: Any, sheet: Any) -> None:
    names = ("Rita Moreno", "Sam Okafor", "Ann Weiss", "Kim Lund")
    pages = [
        sheet()
        .lines(60, 60, [name, f"{number} Mill Street", "1010 Vienna"])
        .lines(60, 200, ["The pump delivers forty litres a minute."])
        for number, name in enumerate(names, 12)
    ]
    document = read(*pages)
    assert [block.text for block in document.blocks].count("1010 Vienna") == 4
    assert document.left_out == {}
