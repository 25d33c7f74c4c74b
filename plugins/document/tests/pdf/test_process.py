"""The process that reads PDFs: its limits, its end, and what is said of files that fail."""

import asyncio
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from perdure.agents import InputError
from perdure.testing import rehearse
from perdure_document.facts import Source
from perdure_document.pdf.reader import PdfReader
from perdure_document.reading.source import look_at


def source_of(file: Path) -> Source:
    return look_at(str(file))


def raw_pdf(*objects: bytes) -> bytes:
    body, places = b"%PDF-1.6\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\n"
        % (size, table, size)
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )


def page_with(content: bytes, pages: int = 1) -> bytes:
    stream = zlib.compress(content, 9)
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (b"3 0 R " * pages, pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )


TEXT = b"BT /F 11 Tf 60 700 Td (The pump delivers forty litres.) Tj ET\n"


async def test_a_page_that_takes_too_much_memory_is_named_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    bomb = TEXT * 6_000_000  # 400 MB of content in 1 MB of file
    file = tmp_path / "bomb.pdf"
    stream = zlib.compress(bomb, 1)
    del bomb
    good = zlib.compress(TEXT)
    file.write_bytes(
        raw_pdf(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 4 0 R 3 0 R]/Count 3>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R"
            b"/Resources<</Font<</F 7 0 R>>>>>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 6 0 R"
            b"/Resources<</Font<</F 7 0 R>>>>>>",
            b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(good), good),
            b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(stream), stream),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        )
    )
    source = source_of(file)
    reader = PdfReader(file, most_bytes=300 << 20, page_seconds=20)
    try:
        pages = await reader.read_pages(source, 1, 3)
    finally:
        await reader.close()
    assert [bool(page.failure) for page in pages] == [False, True, False]
    assert pages[2].lines[0].text == "The pump delivers forty litres."


async def test_a_file_whose_pages_take_too_long_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "slow.pdf"
    file.write_bytes(page_with(TEXT * 100_000, pages=20))
    reader = PdfReader(file, page_seconds=0.05)
    try:
        with pytest.raises(InputError, match=r"page 3 as the pages before it \(it takes more than"):
            await reader.read_pages(source_of(file), 1, 20)
    finally:
        await reader.close()


async def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "many.pdf"
    file.write_bytes(page_with(TEXT, pages=20_000))
    reader = PdfReader(file)
    try:
        with pytest.raises(InputError, match="has 20,000 pages and at most 10,000 are read"):
            await reader.open(source_of(file))
    finally:
        await reader.close()


async def test_forms_within_forms_without_end_are_read(tmp_path: Path) -> None:
    file = tmp_path / "deep.pdf"
    form = (
        b"<</Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</X 5 0 R>>>>"
        b"/Length 5>>"
    )
    file.write_bytes(
        raw_pdf(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9000000 9000000]/Contents 4 0 R"
            b"/Resources<</XObject<</X 5 0 R>>/Font<</F 6 0 R>>>>>>",
            b"<</Length %d>>stream\n/X Do %s\nendstream" % (len(TEXT) + 6, TEXT),
            form + b"stream\n/X Do\nendstream",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        )
    )
    rehearsal = await rehearse("document", "Read it", {"path": str(file)})
    assert "The pump delivers forty litres." in rehearsal.files["deep.md"].decode()


async def test_a_cancelled_request_ends_the_process(tmp_path: Path) -> None:
    file = tmp_path / "slow.pdf"
    file.write_bytes(page_with(TEXT * 100_000))
    reader = PdfReader(file)
    reading = asyncio.create_task(reader.read_pages(source_of(file), 1, 1))
    child = await _child()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not psutil.pid_exists(child.pid) or child.status() == psutil.STATUS_ZOMBIE


async def test_the_process_ends_when_nobody_can_ask_any_more(
    write: Callable[..., Path], sheet: Any
) -> None:
    file = write(sheet().text(60, 60, "Some text"))
    ours, theirs = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *("python3", "-c"),
        "import subprocess, sys; subprocess.Popen([sys.executable, '-m',"
        f" 'perdure_document.pdf.reader_process.program', {str(file)!r}, '4000000000'],"
        " stdin=0, stdout=1); sys.stdin.readline()",
        stdin=asyncio.subprocess.PIPE,
        stdout=theirs,
    )
    os.close(theirs)
    assert process.stdin is not None
    process.stdin.close()
    # Nothing more can be read once the last process that could write is gone.
    assert await asyncio.to_thread(os.read, ours, 10) == b""
    os.close(ours)
    await process.wait()


async def _child() -> psutil.Process:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for one in psutil.Process().children():
            if any("reader_process" in part for part in one.cmdline()):
                return one
        await asyncio.sleep(0.01)
    raise AssertionError("no process was started")
