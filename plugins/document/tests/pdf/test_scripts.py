"""Characters as they are read: direction, accents, hyphens."""

import pytest

from perdure_document.pdf.content import Box, Cell, Table
from perdure_document.pdf.pages.segments import text_of
from perdure_document.pdf.pages.words import Word
from perdure_document.pdf.scripts import composed, in_reading_order
from perdure_document.pdf.tables.direction import in_reading_direction

ALEF, BET, GIMEL = "\u05d0", "\u05d1", "\u05d2"
HEBREW = ALEF + BET + GIMEL


def ends(*widths: float) -> list[tuple[float, float]]:
    return [(sum(widths[:n]), sum(widths[: n + 1])) for n in range(len(widths))]


@pytest.mark.parametrize(
    ("given", "leftward", "read"),
    [
        (HEBREW, True, HEBREW),
        (HEBREW[::-1], False, HEBREW),
        (f"){HEBREW}(", True, f"({HEBREW})"),
        ("\ufe8d\ufedf\ufeb3", True, "\u0627\u0644\u0633"),  # shapes of Arabic letters
    ],
)
def test_words_are_given_as_they_are_read(given: str, leftward: bool, read: str) -> None:
    assert in_reading_order(given, leftward=leftward) == read


def test_a_line_that_is_read_from_the_right_keeps_its_figures_and_names() -> None:
    texts = ["2024", "Perdure", "Engine", HEBREW, BET, GIMEL]  # from left to right on the page
    words = [
        Word(text, Box(20 * n, 0, 20 * n + 15, 10), 8, 10, order=n) for n, text in enumerate(texts)
    ]
    assert text_of(words) == f"{GIMEL} {BET} {HEBREW} 2024 Perdure Engine"


def test_a_table_that_is_read_from_the_right_begins_there() -> None:
    cells = (Cell(0, 0, 1, 1, BET), Cell(0, 1, 1, 1, HEBREW), Cell(1, 0, 1, 1, "7"))
    table = Table(cells, 2, 2, Box(0, 0, 9, 9), ((0, 4), (5, 9)))
    assert [cell[:2] + cell[4:] for cell in in_reading_direction(table).cells] == [
        (0, 0, HEBREW),
        (0, 1, BET),
        (1, 1, "7"),
    ]


def test_accents_drawn_over_letters_become_one_with_them() -> None:
    over = [(0.0, 5.0), (5.0, 9.0), (9.5, 13.5), (9.0, 14.0), (14.0, 18.0)]
    assert composed(["B", "r", "\xa8", "o", "k"], over) == "Br\xf6k"
    assert composed(["a", "\xb4", "b"], ends(5, 4, 5)) == "a\xb4b"


def test_a_hyphen_that_is_seen_stays_and_one_without_width_goes() -> None:
    assert composed(["c", "o", "\xad", "o", "p"], ends(5, 5, 3, 5, 5)) == "co-op"
    assert composed(["c", "o", "\xad", "o", "p"], ends(5, 5, 0, 5, 5)) == "coop"
    assert composed(["c", "o", "\xad"], ends(5, 5, 3)) == "co\xad"
