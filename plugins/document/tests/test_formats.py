"""Every format from a real file: what is extracted, and how the work survives a failure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from perdure.agents import StepFailed
from perdure.testing import MemoryJournal, Rehearsal, rehearse
from perdure_document.extraction import extraction
from perdure_document.plugin import check, register_agents
from perdure_document.shortening import LONGEST
from perdure_document.summary.key_sentences import sentences_of

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
GOAL = "Extract and summarise the report"
FILES = ("report.pdf", "report.docx", "slides.pptx", "figures.xlsx", "page.html", "notes.md")


async def extract(path: Path, journal: MemoryJournal | None = None) -> Rehearsal:
    return await rehearse("document", GOAL, {"path": str(path)}, journal=journal)


def data(rehearsal: Rehearsal) -> dict[str, Any]:
    return dict(rehearsal.result.data)


def structure(rehearsal: Rehearsal) -> dict[str, Any]:
    (name,) = (name for name in rehearsal.files if name.endswith(".json"))
    return dict(json.loads(rehearsal.files[name]))


def markdown(rehearsal: Rehearsal) -> str:
    (name,) = (name for name in rehearsal.files if name.endswith(".md"))
    return rehearsal.files[name].decode()


@pytest.mark.parametrize(
    ("name", "kind", "title", "says"),
    [
        ("report.pdf", "pdf", "Larkspur Ferries: first quarter 2025", "| Island | 98,000 |"),
        ("report.pdf", "pdf", "Larkspur Ferries: first quarter 2025", "\n## Outlook\n"),
        ("report.docx", "docx", "Moving the archive to Mill Street", "| 41 | Minutes and files"),
        ("report.docx", "docx", "Moving the archive to Mill Street", "\n- Maps, 2,300 sheets\n"),
        ("slides.pptx", "pptx", "Rain gardens for Elm Quarter", "> Speaker's note: The city pays"),
        ("slides.pptx", "pptx", "Rain gardens for Elm Quarter", "    - Clay soil needs a gravel"),
        ("figures.xlsx", "xlsx", "Ferry figures", "| Island | 2025-03-01 | 36900 | 0.55 |"),
        ("page.html", "html", "How a tide mill works", "| Heron Creek | 1743 | 2.1 |"),
        ("notes.md", "markdown", "Notes on the bakery trial", "| 6 | 2,440 | 40 |"),
    ],
)
async def test_every_format_is_read(name: str, kind: str, title: str, says: str) -> None:
    rehearsal = await extract(EXAMPLES / name)
    assert (data(rehearsal)["kind"], data(rehearsal)["title"]) == (kind, title)
    assert says in markdown(rehearsal)
    assert structure(rehearsal)["counts"]["tables"] == len(structure(rehearsal)["tables"])
    assert [told.percentage for told in rehearsal.progress][:: len(rehearsal.progress) - 1] == [
        0,
        100,
    ]


async def test_what_is_left_out_is_in_the_result(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><p>Seen.</p><p hidden>a</p><iframe src=x></iframe>")
    rehearsal = await extract(file)
    assert data(rehearsal)["left_out"] == {"hidden element": 1, "embedded page": 1}
    assert "Left out: 1 hidden element, 1 embedded page." in markdown(rehearsal)


@pytest.mark.parametrize("name", FILES)
async def test_key_sentences_stand_in_the_text_word_for_word(name: str) -> None:
    rehearsal = await extract(EXAMPLES / name)
    texts = [section["text"] for section in structure(rehearsal)["sections"]]
    sentences = data(rehearsal)["key_sentences"]
    for sentence in sentences:
        assert any(sentence["text"] in text for text in texts)
        assert sentence["place"]
    if name != "figures.xlsx":
        assert 2 <= len(sentences) <= 4
        assert rehearsal.result.summary == " ".join(one["text"] for one in sentences)


@pytest.mark.parametrize("name", FILES)
async def test_the_same_file_gives_the_same_result(name: str) -> None:
    one, other = await extract(EXAMPLES / name), await extract(EXAMPLES / name)
    assert (one.result, one.files) == (other.result, other.files)


async def test_places_name_page_and_heading() -> None:
    rehearsal = await extract(EXAMPLES / "report.pdf")
    assert data(rehearsal)["counts"]["pages"] == 2
    assert data(rehearsal)["key_sentences"][-1]["place"] == {"page": 2, "heading": "Outlook"}
    assert "Page 1 of 2" not in markdown(rehearsal)


async def test_plain_text_and_what_a_page_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text(
        "Dear Ann,\n\nthe roof is done.\nIt cost less than we feared.\n\n- one\n- two\n"
    )
    assert "the roof is done. It cost less" in markdown(await extract(file))
    assert "- one\n- two" in markdown(await extract(file))
    page = markdown(await extract(EXAMPLES / "page.html"))
    assert "console" not in page
    assert page.endswith("> Header: Home All mills\n\n> Footer: Copyright, contact, imprint\n")


async def test_a_long_sheet_is_read_to_its_end(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["n", "square"])
    for number in range(500):
        book.active.append([number, number**2])
    book.save(tmp_path / "long.xlsx")
    rehearsal = await extract(tmp_path / "long.xlsx")
    assert "| 499 | 249001 |" in markdown(rehearsal)
    assert structure(rehearsal)["tables"][0]["total_rows"] == 500


@pytest.mark.parametrize("name", ["line.txt", "table.html"])
async def test_one_block_that_is_too_long_is_cut_and_says_so(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if name == "line.txt":
        file.write_text("tide " * (LONGEST // 5 + 1))
    else:
        row = f"<tr><td>{'tide ' * 20_000}</td></tr>"
        file.write_text(f"<!doctype html><table>{row * 50}</table>")
    rehearsal = await extract(file)
    assert f"Only the first {LONGEST:,} characters were extracted." in markdown(rehearsal)
    assert LONGEST * 0.95 < len(markdown(rehearsal)) < LONGEST * 1.05


async def test_a_retry_repeats_no_finished_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes((EXAMPLES / "report.pdf").read_bytes())
    journal = MemoryJournal()

    def break_down(*_: object) -> None:
        raise OSError("the worker's disk went away")

    with monkeypatch.context() as patch:
        patch.setattr(extraction, "choose", break_down)
        with pytest.raises(StepFailed, match="went away"):
            await extract(file, journal)
    file.unlink()  # nothing that is left to do needs it
    again = await extract(file, journal)
    assert again.files == (await extract(EXAMPLES / "report.pdf")).files


def test_abbreviations_end_no_sentence() -> None:
    text = "Dr. Lind paid 4.5 euros, e.g. for tea. Then she left! Did she?"
    assert list(sentences_of(text)) == [
        "Dr. Lind paid 4.5 euros, e.g. for tea.",
        "Then she left!",
        "Did she?",
    ]


def test_registering_imports_nothing_heavy() -> None:
    heavy = ("pypdfium2", "docx", "pptx", "openpyxl", "lxml")
    program = (
        "import sys, perdure_document.plugin as p; p.register_agents();"
        f" print([name for name in {heavy} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    assert told.stdout.strip() == "[]"


def test_the_doctor_finds_every_library() -> None:
    (spec,) = register_agents()
    assert spec.name == "document"
    assert all(one.found and one.version for one in check() if one.required)
