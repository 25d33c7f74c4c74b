"""Markdown shows the numbers and lines of a document as they are."""

import pytest
from markdown_it import MarkdownIt

from perdure_document.facts import Block, Document
from perdure_document.writing.markdown_writer import write_markdown


def item(number: str, text: str = "x", level: int = 0, part: int = 0) -> Block:
    return Block(
        type="item", text=text, number=number, ordered=bool(number), level=level, part=part
    )


def written(*blocks: Block) -> str:
    heading = Block(type="heading", text="T", level=1, part=blocks[0].part)
    document = Document(
        title="T", kind="pptx", blocks=(heading, *blocks), parts="slide", names=("", "")
    )
    return write_markdown(document)


@pytest.mark.parametrize(
    "numbers",
    [("3.", "4.", "7.", "12)"), ("1.", "1.", "2."), ("2)", "3)"), ("1.", "", "1.")],
)
def test_numbers_are_shown_as_written(numbers: tuple[str, ...]) -> None:
    html = MarkdownIt("commonmark").render(written(*map(item, numbers)))
    shown = []
    number = 0
    for line in html.splitlines():
        if line.startswith("<ol"):
            number = int(line.partition('start="')[2].partition('"')[0] or 1)
        elif line.startswith("<li") and number:
            shown.append(number)
            number += 1
        elif line.startswith("</ol"):
            number = 0
    assert shown == [int(one[:-1]) for one in numbers if one]
    lines = written(*map(item, numbers)).splitlines()
    assert all(f"{one} x" in lines for one in numbers if one)


def test_items_are_set_in_below_the_one_they_belong_to() -> None:
    text = written(item("", "a", 3), item("(a)", "b", 5), item("", "c", 3), item("", "d", 1))
    assert text.endswith("- a\n    - (a) b\n- c\n- d\n")


def test_items_stay_on_their_slide() -> None:
    text = written(item("", "one", part=1), item("", "two", part=2))
    assert text.endswith("- one\n\n<!-- slide 2 -->\n\n## Slide 2\n\n- two\n")


def test_lines_that_the_author_broke_stay_lines() -> None:
    text = written(Block(type="paragraph", text="Mill Street 12\n- second"))
    assert MarkdownIt("commonmark").render(text).endswith("<p>Mill Street 12<br />\n- second</p>\n")
