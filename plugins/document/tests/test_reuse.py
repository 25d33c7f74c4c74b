"""What one goal has read of a file, another does not read again; what was lost is read again."""

import shutil
from pathlib import Path

import pytest

from perdure.testing import rehearse
from perdure_document.facts import Source
from perdure_document.pdf import extraction
from perdure_document.pdf.content import Page
from perdure_document.pdf.reader import PdfReader
from perdure_document.reading import reader
from perdure_document.reading.reader import DocumentReader

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"


async def read(path: Path) -> str:
    rehearsal = await rehearse("document", "Read it", {"path": str(path)})
    return rehearsal.files["report.md"].decode()


async def test_a_document_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read_anew = DocumentReader._read

    async def counted(of: DocumentReader, source: Source) -> bytes:
        reads.append(source.path)
        return await read_anew(of, source)

    monkeypatch.setattr(DocumentReader, "_read", counted)
    monkeypatch.setattr(reader, "parsers_version", lambda: "one of this test")
    text = await read(EXAMPLES / "report.docx")
    copy = Path(shutil.copy(EXAMPLES / "report.docx", tmp_path))
    assert await read(copy) == text
    assert len(reads) == 1
    monkeypatch.setattr(reader, "parsers_version", lambda: "a later one")
    assert await read(copy) == text
    assert len(reads) == 2
    await read(EXAMPLES / "report.pdf")
    assert len(reads) == 2


async def test_the_pages_of_a_pdf_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    failure = "it is late"
    read_pages = PdfReader.read_pages

    async def counted(of: PdfReader, source: Source, first: int, last: int) -> list[Page]:
        reads.append(first)
        pages = await read_pages(of, source, first, last)
        return [*pages[:-1], pages[-1]._replace(failure=failure)]

    monkeypatch.setattr(PdfReader, "read_pages", counted)
    monkeypatch.setattr(extraction, "parsers_version", lambda: "one of this test")
    file = EXAMPLES / "report.pdf"
    # A page that could not be read may be the next time.
    assert "it is late" in await read(file)
    failure = ""
    text = await read(file)
    assert "it is late" not in text
    assert reads == [1, 1]
    assert await read(file) == text
    assert reads == [1, 1]
