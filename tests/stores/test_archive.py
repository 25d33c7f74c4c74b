"""The artifacts of a run as one archive."""

import io
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from perdure.models import Artifact
from perdure.stores.artifacts.archive import zip_chunks

AT = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)


def files(folder: Path, **contents: bytes) -> list[tuple[Artifact, Path]]:
    made = []
    for number, (name, content) in enumerate(contents.items()):
        path = folder / f"{number}"
        path.write_bytes(content)
        kind = "image/png" if name.endswith("png") else "text/plain"
        digest = f"sha256:{number:064d}"
        made.append((Artifact(name=name, media_type=kind, digest=digest, size=len(content)), path))
    return made


def test_it_holds_every_file_under_its_name(tmp_path: Path) -> None:
    contents = {"notes/übersicht.md": b"# x" * 100, "chart.png": b"\x89PNG" * 100, "empty": b""}
    pieces = list(zip_chunks(files(tmp_path, **contents), AT))
    archive = ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    assert {info.filename: archive.read(info) for info in archive.infolist()} == contents
    kinds = {info.filename: info.compress_type for info in archive.infolist()}
    assert kinds["chart.png"] == ZIP_STORED
    assert kinds["notes/übersicht.md"] == ZIP_DEFLATED
    assert {info.date_time for info in archive.infolist()} == {(2026, 3, 4, 5, 6, 8)}
    assert pieces == list(zip_chunks(files(tmp_path, **contents), AT))


def test_it_is_made_piece_by_piece(tmp_path: Path) -> None:
    # Stored as it is, since a picture is compressed: as many bytes come out as go in.
    made = files(tmp_path, **{"big.png": bytes(range(256)) * 4 * 8_000})
    pieces = list(zip_chunks(made, AT))
    assert max(map(len, pieces)) < 600_000
    assert sum(map(len, pieces)) > 8_000_000
    assert ZipFile(io.BytesIO(b"".join(pieces))).testzip() is None


def test_no_files_are_an_empty_archive() -> None:
    assert ZipFile(io.BytesIO(b"".join(zip_chunks([], AT)))).namelist() == []


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
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str, safe: str) -> None:
    (archive,) = [ZipFile(io.BytesIO(b"".join(zip_chunks(files(tmp_path, **{name: b"x"}), AT))))]
    assert archive.namelist() == [safe]
