"""The ways in which files go wrong: one sentence each, that names the file and what to do."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.agents import InputError, ParametersRefused, StepFailed
from perdure.testing import rehearse
from perdure_document.reading.source import LARGEST_BYTES, look_at

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def refusal(path: Path) -> str:
    with pytest.raises(StepFailed) as caught:
        await rehearse("document", "Summarise it", {"path": str(path)})
    assert caught.value.failure.permanent
    assert caught.value.failure.type == "InputError"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Make a PDF of objects; the first must be its catalogue."""
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\n"
        % (
            len(objects) + 1,
            table,
            len(objects) + 1,
            trailer,
        )
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )


PAGE = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
)
LOCK = b"<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>" % (b"ab" * 32, b"cd" * 32)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pdf", PICTURE, "is a PNG picture, not a document although its name ends in .pdf"),
        ("a.docx", PICTURE, "is a PNG picture, not a document although its name ends in .docx"),
        ("a.pdf", b"<!doctype html><p>Not found", "holds a web page, not a PDF"),
        ("a.xlsx", b"a,b\n1,2\n", "holds plain text, not an XLSX"),
        ("a.txt", b"", "is empty"),
        ("a.md", b" \n\n", "is empty"),
        ("a.html", b"<html><body><nav>x</nav></body></html>", "holds no text"),
        ("a.bin", b"ab\0\1\2\3", "holds binary data"),
        ("a.docx", b"PK\x03\x04" + bytes(80), "is a damaged ZIP archive"),
        ("a.doc", b"\xd0\xcf\x11\xe0" + bytes(80), "old Office document or one with a password"),
        ("a.pdf", b"%PDF-1.7\nrubbish", "is a damaged PDF"),
        ("a.pdf", pdf(*PAGE), "1 page but no text"),
        ("a.pdf", pdf(*PAGE, LOCK, trailer=b"/Encrypt 4 0 R/ID[<00><00>]"), "with a password"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    message = await refusal(file)
    assert says in message
    assert str(file) in message


async def test_missing_files_folders_and_large_files_are_refused(tmp_path: Path) -> None:
    assert "there is no file" in await refusal(tmp_path / "nowhere.pdf")
    assert "is a folder" in await refusal(tmp_path)
    large = tmp_path / "large.pdf"
    large.touch()
    os.truncate(large, LARGEST_BYTES + 1)
    assert "at most 200 MB are read" in await refusal(large)


@pytest.mark.parametrize("name", ["report.docx", "slides.pptx", "figures.xlsx"])
async def test_damaged_office_documents_are_refused(name: str, tmp_path: Path) -> None:
    whole = (EXAMPLES / name).read_bytes()
    file = tmp_path / name
    file.write_bytes(whole[: len(whole) // 2])
    assert "is a damaged ZIP archive or Office document" in await refusal(file)
    with zipfile.ZipFile(EXAMPLES / name) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            new.writestr(entry, content[:60] if entry.count("/") == 1 else content)
    assert f"cannot be read as {file.suffix[1:].upper()}" in await refusal(file)


async def test_other_archives_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.docx"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
    assert "is a ZIP archive, not a DOCX" in await refusal(file)


async def test_a_document_with_another_ending_is_read_for_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "report.docx"
    file.write_bytes((EXAMPLES / "report.pdf").read_bytes())
    rehearsal = await rehearse("document", "Summarise it", {"path": str(file)})
    assert rehearsal.result.data["kind"] == "pdf"


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root may read everything: be somebody else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    file = tmp_path_factory.mktemp("locked") / "report.txt"
    file.write_text("text")
    file.chmod(0)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(InputError, match="may not be read"):
        look_at(str(file))


async def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ParametersRefused, match="path, or paths, is needed"):
        await rehearse("document", "Summarise", {})


async def test_text_that_nests_without_end_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "deep.md"
    file.write_text("*a " * 2_000 + "b*" * 2_000)
    assert "cannot be read as MARKDOWN (maximum recursion depth exceeded" in await refusal(file)
