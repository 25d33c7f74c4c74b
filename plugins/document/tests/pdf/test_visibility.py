"""Text of PDFs that is seen, and text that is drawn and not seen."""

from typing import Any

import pytest

SEEN = "A line that people see"
DARK, WHITE, YELLOW = "0 0 0.4", "1 1 1", "1 1 0.6"
# A picture of four pixels over the place of the text.
PICTURE = "q 300 0 0 60 50 500 cm BI /W 2 /H 2 /CS /G /BPC 8 ID \x10\xe0\x80\x40 EI Q"


def box(colour: str) -> str:
    """Return the drawing of a box over the place of the text."""
    return f"q {colour} rg 50 520 300 40 re f Q"


def text(colour: str, mode: int = 0, size: int = 11) -> str:
    return f"{colour} rg BT {mode} Tr /F {size} Tf 60 535 Td (Two words) Tj ET 0 Tr 0 g"


def on(sheet: Any, *drawn: str, rotate: int = 0) -> Any:
    page = sheet(rotate=rotate).text(60, 100, SEEN)
    page.content += drawn
    return page


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param((box(DARK), text(WHITE)), id="white in a dark box"),
        pytest.param((box(YELLOW), text("0 0 0")), id="before it a box"),
        pytest.param((PICTURE, text(WHITE)), id="over a picture"),
        pytest.param((box(WHITE), box(DARK), text(WHITE)), id="the last box counts"),
        pytest.param((text("0 0 0"), "q 1 0 0 RG 50 520 300 40 re S Q"), id="in a frame"),
        pytest.param((text("0 0 0"), "q 50 400 20 20 re W n 1 g 0 0 595 842 re f Q"), id="clipped"),
        pytest.param((text("0.8 0.8 0.8"),), id="light grey"),
        pytest.param((f"q 3 w 1 1 1 RG {text(WHITE, 2)} Q", text("0 0 0")), id="with a halo"),
        pytest.param((text(WHITE), text("0 0 0")), id="white, then black"),
        pytest.param((f"q {text(DARK, 7, 30)} {box(DARK)} Q",), id="painted through its shape"),
        pytest.param((f"q 1 0 0 RG {text(WHITE, 2, 30)} Q",), id="white with an outline"),
    ],
)
@pytest.mark.parametrize("rotate", [0, 90])
def test_what_is_seen_is_read(drawn: tuple[str, ...], rotate: int, read: Any, sheet: Any) -> None:
    document = read(on(sheet, *drawn, rotate=rotate))
    assert [one.text for one in document.blocks] == [SEEN, "Two words"]
    assert not document.left_out


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param((text(WHITE),), id="white on white"),
        pytest.param((text("0.99 0.99 0.99"),), id="nearly white"),
        pytest.param((box(DARK), text(DARK)), id="of its box's colour"),
        pytest.param((text("0 0 0"), box("0 0 0")), id="below a bar"),
        pytest.param((text("0 0 0"), box(WHITE)), id="below a white box"),
        pytest.param((text("0 0 0"), PICTURE), id="below a picture"),
        pytest.param((text("0 0 0", 3),), id="invisible"),
        pytest.param((f"q {text('0 0 0', 7)} Q",), id="it bounds what is never drawn"),
    ],
)
@pytest.mark.parametrize("rotate", [0, 90])
def test_what_is_not_seen_is_counted(
    drawn: tuple[str, ...], rotate: int, read: Any, sheet: Any
) -> None:
    document = read(on(sheet, *drawn, rotate=rotate))
    assert [one.text for one in document.blocks] == [SEEN]
    assert document.left_out == {"invisible word": 2}


def test_the_text_below_the_picture_of_a_page_is_its_layer(read: Any, sheet: Any) -> None:
    page = sheet()
    page.content += [text("0 0 0"), PICTURE]
    document = read(page)
    assert [one.text for one in document.blocks if one.text] == ["Two words"]
    assert "layer" in document.notes[0]


def marked(sheet: Any, mark: str, after: str) -> Any:
    page = sheet()
    page.content.append(f"BT 60 742 Td /F 7 Tf 4 Ts ({mark}) Tj /F 11 Tf 0 Ts ({after}) Tj ET")
    return page


@pytest.mark.parametrize(
    ("mark", "after", "whole"),
    [
        ("1", "After EN 1990.", "^1 After EN 1990."),
        ("12", " After EN 1990.", "^12 After EN 1990."),
        ("14", "C dates the bones.", "^14C dates the bones."),
    ],
)
def test_raised_figures_begin_lines(
    mark: str, after: str, whole: str, read: Any, sheet: Any
) -> None:
    document = read(marked(sheet, mark, after))
    assert [one.text for one in document.blocks] == [whole]
