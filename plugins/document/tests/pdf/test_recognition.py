"""Text in pictures of pages, recognised where the extra ``ocr`` is installed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from perdure.agents import StepFailed
from perdure.testing import rehearse
from perdure_document.pdf import extraction, reader
from perdure_document.pdf.reader import PdfReader
from perdure_document.pdf.reader_process.page import read_page

ROWS = [["Item", "Qty", "Price"], ["Pump", "7", "10.50"], ["Valve", "", "99.00"]]
SENTENCE = "The pump delivers forty litres per minute."


def scanned(file: Path, *, below: Path | None = None) -> Path:
    """Write a PDF whose pages are pictures of another one's, over text that nobody sees."""
    pictures = pypdfium2.PdfDocument(file)
    whole = pypdfium2.PdfDocument(below) if below else pypdfium2.PdfDocument.new()
    for number in range(len(pictures)):
        width, height = pictures[number].get_size()
        page = whole[number] if below else whole.new_page(width, height)
        picture = pypdfium2.PdfImage.new(whole)
        picture.set_bitmap(pictures[number].render(scale=150 / 72))
        picture.set_matrix(pypdfium2.PdfMatrix().scale(width, height))
        page.insert_obj(picture)
        page.gen_content()
    to = file.with_name("scan.pdf")
    whole.save(to)
    return to


def page_of(sheet: Any) -> Any:
    page = sheet(width=300, height=200).text(20, 30, SENTENCE)
    for y in (50, 75, 100, 125):
        page.rule(20, y, 280, y)
    for x in (20, 120, 200, 280):
        page.rule(x, 50, x, 125)
    return page.table(26, 66, [100, 80, 80], ROWS, step=25)


async def test_a_scan_is_read_with_its_table_and_says_how_sure_that_is(
    write: Callable[..., Path], sheet: Any
) -> None:
    file = scanned(write(page_of(sheet)))
    rehearsal = await rehearse("document", "Read it", {"path": str(file)})
    written = rehearsal.files["scan.md"].decode()
    assert SENTENCE in written
    structure = json.loads(rehearsal.files["scan.json"])
    (table,) = structure["tables"]
    assert [table["header"], *table["rows"]] == ROWS
    assert "The text of page 1 was recognised in pictures, with a confidence of 0.9" in written


async def test_a_page_that_looks_the_same_is_not_recognised_again(
    write: Callable[..., Path], sheet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognised: list[int] = []
    recognise = PdfReader._recognise

    async def counted(reader: PdfReader, number: int) -> bytes:
        recognised.append(number)
        return await recognise(reader, number)

    monkeypatch.setattr(PdfReader, "_recognise", counted)
    written = write(sheet(width=300, height=200).text(20, 30, "A page that nobody has read."))
    file = scanned(written)
    first = await rehearse("document", "Read it", {"path": str(file)})
    assert recognised == [1]
    again = pypdfium2.PdfDocument(file)
    twice = pypdfium2.PdfDocument.new()
    for document in (pypdfium2.PdfDocument(written), again):
        twice.import_pages(document)
    twice.save(file)
    second = await rehearse("document", "Read it", {"path": str(file)})
    assert recognised == [1]
    assert "A page that nobody has read." in first.files["scan.md"].decode()
    text = second.files["scan.md"].decode()
    assert text.count("A page that nobody has read.") == 2
    assert "The text of page 2 was recognised in pictures" in text
    monkeypatch.setattr(reader, "recogniser_version", lambda: "of later")
    await rehearse("document", "Read it", {"path": str(file)})
    assert recognised == [1, 2]


async def test_without_the_extra_a_scan_is_refused_with_what_to_install(
    write: Callable[..., Path], sheet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scanned(write(page_of(sheet)))
    monkeypatch.setattr(extraction, "is_available", _nothing)
    with pytest.raises(StepFailed, match=r"only pictures.* pip install 'perdure-document\[ocr\]'"):
        await rehearse("document", "Read it", {"path": str(file)})


async def test_without_the_extra_the_pages_left_unread_are_named(
    write: Callable[..., Path], sheet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = scanned(write(page_of(sheet)))
    typed = pypdfium2.PdfDocument(write(sheet().text(60, 60, "A page of text.")))
    typed.import_pages(pypdfium2.PdfDocument(scan))
    file = scan.with_name("mixed.pdf")
    typed.save(file)
    monkeypatch.setattr(extraction, "is_available", _nothing)
    rehearsal = await rehearse("document", "Read it", {"path": str(file)})
    assert "were not read on page 2" in rehearsal.files["mixed.md"].decode()


async def test_the_layer_below_a_scan_is_taken_as_it_is(
    write: Callable[..., Path], sheet: Any
) -> None:
    seen = write(sheet(width=300, height=200).text(20, 30, "something else"))
    pictured = seen.rename(seen.with_name("seen.pdf"))
    layer = sheet(width=300, height=200)
    layer.content.append(f"BT /F 11 Tf 3 Tr 20 170 Td ({SENTENCE}) Tj ET")
    file = scanned(pictured, below=write(layer))
    rehearsal = await rehearse("document", "Read it", {"path": str(file)})
    written = rehearsal.files["scan.md"].decode()
    assert SENTENCE in written
    assert "is an invisible layer over a picture" in written


def test_what_makes_a_page_worth_recognising(write: Callable[..., Path], sheet: Any) -> None:
    scan = pypdfium2.PdfDocument(scanned(write(page_of(sheet))))
    assert read_page(scan, 1).unread
    text = pypdfium2.PdfDocument(write(page_of(sheet)))
    assert not read_page(text, 1).unread
    blank = pypdfium2.PdfDocument(write(sheet()))
    assert not read_page(blank, 1).unread


def _nothing() -> bool:
    return False
