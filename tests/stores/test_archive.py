"""The artifacts of a run as one archive."""

import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from perdure.models import Artifact
from perdure.stores.artifacts.archive import zip_chunks

AT = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)


async def pieces_of(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, max(len(content), 1), 250_000):
        yield content[start : start + 250_000]


def files(**contents: bytes) -> list[tuple[Artifact, AsyncIterator[bytes]]]:
    made = []
    for number, (name, content) in enumerate(contents.items()):
        kind = "image/png" if name.endswith("png") else "text/plain"
        digest = f"sha256:{number:064d}"
        made.append(
            (
                Artifact(name=name, media_type=kind, digest=digest, size=len(content)),
                pieces_of(content),
            )
        )
    return made


async def archived(files: Sequence[tuple[Artifact, AsyncIterator[bytes]]]) -> list[bytes]:
    return [piece async for piece in zip_chunks(files, AT)]


async def test_it_holds_every_file_under_its_name() -> None:
    contents = {"notes/übersicht.md": b"# x" * 100, "chart.png": b"\x89PNG" * 100, "empty": b""}
    pieces = await archived(files(**contents))
    archive = ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    assert {info.filename: archive.read(info) for info in archive.infolist()} == contents
    kinds = {info.filename: info.compress_type for info in archive.infolist()}
    assert kinds["chart.png"] == ZIP_STORED
    assert kinds["notes/übersicht.md"] == ZIP_DEFLATED
    assert {info.date_time for info in archive.infolist()} == {(2026, 3, 4, 5, 6, 8)}
    assert pieces == await archived(files(**contents))


async def test_it_is_made_piece_by_piece() -> None:
    # Stored as it is, since a picture is compressed: as many bytes come out as go in.
    made = files(**{"big.png": bytes(range(256)) * 4 * 8_000})
    pieces = await archived(made)
    assert max(map(len, pieces)) < 600_000
    assert sum(map(len, pieces)) > 8_000_000
    assert ZipFile(io.BytesIO(b"".join(pieces))).testzip() is None


async def test_no_files_are_an_empty_archive() -> None:
    assert ZipFile(io.BytesIO(b"".join(await archived([])))).namelist() == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/../../b", "a/b"),
        ("..\\..\\b", "b"),
        ("C:\\b", "C:/b"),
        ("./a//b", "a/b"),
    ],
)
async def test_no_name_leads_out_of_the_folder(name: str, safe: str) -> None:
    (archive,) = [ZipFile(io.BytesIO(b"".join(await archived(files(**{name: b"x"})))))]
    assert archive.namelist() == [safe]
