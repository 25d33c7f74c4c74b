"""Two versions of a document: every difference is shown where it is, and nothing else."""

import json
from pathlib import Path
from typing import Any

import docx
import pytest
from pydantic import JsonValue

from perdure.testing import AgentContract, Rehearsal, rehearse
from perdure_document.comparison.alignment import align
from perdure_document.comparison.changes import Comparison, changes_of, differing
from perdure_document.comparison.words import diff_words
from perdure_document.facts import Block, Document, Row

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
OLD = """# Lease

## Term

The lease begins on 1 March 2024.

## Fee

The fee is 1,250.00 euros a month, payable in advance.

Either party may end it with three months' notice in writing.

| Item | Qty | Price |
|:--|:--|:--|
| Pump | 7 | 90 |
| Valve | 2 | 15 |
| Hose | 1 | 8 |
"""
NEW = """# Lease

Either party may end it with three months' notice in writing.

## Term

The lease begins on 1 April 2024.

## Fee

The fee is 1,350.00 euros a month, payable in advance.

A deposit of 500 euros is due.

| Item | Qty | Unit | Price |
|:--|:--|:--|:--|
| Valve | 2 | pc | 16 |
| Pump | 7 | pc | 90 |
"""


async def compare(old: Path, new: Path) -> Rehearsal:
    paths: list[JsonValue] = [str(old), str(new)]
    return await rehearse("document", "What changed?", {"action": "compare", "paths": paths})


def written(folder: Path, old: str, new: str, suffix: str = ".md") -> tuple[Path, Path]:
    before, after = folder / f"old{suffix}", folder / f"new{suffix}"
    before.write_text(old, encoding="utf-8")
    after.write_text(new, encoding="utf-8")
    return before, after


def comparison(rehearsal: Rehearsal) -> dict[str, Any]:
    return dict(json.loads(rehearsal.files["comparison.json"]))


async def test_every_difference_is_there_and_nothing_else(tmp_path: Path) -> None:
    rehearsal = await compare(*written(tmp_path, OLD, NEW))
    found = comparison(rehearsal)
    assert Comparison.model_validate(found).counts == found["counts"]
    schema = json.loads(rehearsal.files["comparison.schema.json"])
    assert set(schema["required"]) <= set(found)
    by_type = {one["type"]: one for one in found["changes"]}
    assert [one["type"] for one in found["changes"]] == [
        *("moved", "changed", "changed", "inserted", "changed")
    ]
    assert by_type["moved"]["new_text"].startswith("Either party")
    assert by_type["moved"]["old_place"] == {"heading": "Fee"}
    dates = found["changes"][1]["pieces"]
    assert [(one["operation"], one["text"]) for one in dates][1:3] == [
        ("deleted", "March"),
        ("inserted", "April"),
    ]
    fee = found["changes"][2]["pieces"]
    assert [(one["operation"], one["text"]) for one in fee][1:3] == [
        ("deleted", "1,250.00"),
        ("inserted", "1,350.00"),
    ]
    cells = {(one["column"], one.get("old_row")): one for one in found["changes"][4]["cells"]}
    assert (cells["Price", 3]["old"], cells["Price", 3]["new"]) == ("15", "16")
    assert cells["Unit", 2]["new"] == "pc"
    assert cells["Item", 4]["old"] == "Hose"
    assert ("Price", 2) not in cells
    page = rehearsal.files["redline.html"].decode()
    assert "<del>March</del><ins>April</ins>" in page
    assert "<del>15</del><ins>16</ins>" in page
    assert "moved from Fee" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "1 moved" in rehearsal.result.summary


@pytest.mark.parametrize("name", ["report.pdf", "report.docx", "figures.xlsx", "slides.pptx"])
async def test_a_file_compared_with_itself_is_equal(name: str) -> None:
    rehearsal = await compare(EXAMPLES / name, EXAMPLES / name)
    assert comparison(rehearsal)["equal"] is True
    assert rehearsal.result.summary == f"{name} and {name} say the same."


async def test_a_word_document_against_its_changed_copy(tmp_path: Path) -> None:
    changed = docx.Document(str(EXAMPLES / "report.docx"))
    changed.tables[0].cell(1, 1).text = "Bakery ledgers"
    changed.paragraphs[-1].text += " It was never sent."
    changed.core_properties.author = "Rita Moreno"
    changed.save(str(tmp_path / "new.docx"))
    found = comparison(await compare(EXAMPLES / "report.docx", tmp_path / "new.docx"))
    assert [one["type"] for one in found["changes"]] == ["changed", "changed"]
    (cell,) = next(one for one in found["changes"] if one["block"] == "table")["cells"]
    assert cell["new"] == "Bakery ledgers"
    assert found["properties"][0]["new"] == "Rita Moreno"
    assert found["counts"]["words_inserted"] == 6


async def test_what_documents_say_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    rehearsal = await compare(
        *written(tmp_path, "A <b>bold</b> claim", "A <script>alert(1)</script> claim", ".txt")
    )
    page = rehearsal.files["redline.html"].decode()
    assert "<script>" not in page
    assert "&lt;" in page


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("The drug is not safe.", "The drug is safe."),
        ("", "All new here"),
        ("Gone it is", ""),
        ("a  b", "a b"),
        ("日本語の契約", "日本語の新しい契約"),
        ("3.5 % of 1,250.00", "3.6 % of 1.250,00"),
        ("don't re-open", "do re-open"),
    ],
)
def test_pieces_make_both_texts_again(old: str, new: str) -> None:
    pieces = diff_words(old, new)
    assert "".join(one.text for one in pieces if one.operation != "inserted") == old
    assert "".join(one.text for one in pieces if one.operation != "deleted") == new


def test_a_number_is_one_word() -> None:
    pieces = diff_words("costs 1,250.00 euros", "costs 1,350.00 euros")
    assert [one.text for one in pieces] == ["costs ", "1,250.00", "1,350.00", " euros"]


def table(*rows: Row) -> Document:
    block = Block(type="table", rows=rows, total_rows=len(rows))
    return Document(title="t", kind="text", blocks=(block,))


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        # A row in the middle, a column in the middle, a renamed column, a row that moved.
        (
            (("n", "v"), ("a", "1"), ("c", "3")),
            (("n", "v"), ("a", "1"), ("b", "2"), ("c", "3")),
            [("n", "", "b"), ("v", "", "2")],
        ),
        (
            (("n", "x", "v"), ("a", "k", "1")),
            (("n", "v"), ("a", "1")),
            [("x", "x", ""), ("x", "k", "")],
        ),
        ((("n", "price"), ("a", "1")), (("n", "cost"), ("a", "1")), [("cost", "price", "cost")]),
        (
            (("n", "v"), ("a", "1"), ("b", "2"), ("c", "3")),
            (("n", "v"), ("c", "3"), ("a", "1"), ("b", "2")),
            [],
        ),
        ((("n", "v"), ("a", "")), (("n", "v"), ("a", "7")), [("v", "", "7")]),
    ],
)
def test_tables_are_compared_cell_by_cell(
    old: tuple[Row, ...], new: tuple[Row, ...], changes: list[tuple[str, str, str]]
) -> None:
    before, after = table(*old), table(*new)
    (change,) = changes_of(differing(before, after, align(before, after)))
    assert [(one.column, one.old, one.new) for one in change.cells] == changes


def test_thousands_of_blocks_are_paired_quickly() -> None:
    def document(*texts: str) -> Document:
        blocks = tuple(Block(type="paragraph", text=text) for text in texts)
        return Document(title="t", kind="text", blocks=blocks)

    texts = [f"Clause {number} says what party {number % 7} owes." for number in range(5000)]
    changed = [*texts[1:2500], "A clause that nobody saw before now.", *texts[2500:], "-"]
    before, after = document(*texts, *["-"] * 2000), document(*changed, *["-"] * 2000)
    found = changes_of(differing(before, after, align(before, after)))
    assert [one.type for one in found] == ["deleted", "inserted", "inserted"]


class TestContract(AgentContract):
    agent = "document"
    description = "What changed?"
    parameters = {
        "action": "compare",
        "paths": [str(EXAMPLES / "notes.md"), str(EXAMPLES / "page.html")],
    }
    bad_parameters = ({"action": "compare", "paths": ["/nowhere/a.md", "/nowhere/b.md"]},)
