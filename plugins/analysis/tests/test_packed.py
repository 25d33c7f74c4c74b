"""Compressed files, archives and DuckDB databases: the same table as the bare file."""

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from perdure.agents import InputError
from perdure_analysis.archives import unpacking
from perdure_analysis.facts import Column, Loaded
from perdure_analysis.loading.source import look_at
from perdure_analysis.profile.columns import describe_columns
from perdure_analysis.table_session import TableSession

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SALES = Path(__file__).parents[3] / "examples" / "analysis" / "sales.csv"
CSV = SALES.read_bytes()


def described(file: Path, table: str | None = None) -> tuple[tuple[Column, ...], Loaded]:
    session = TableSession()
    try:
        source = look_at(str(file), table)
        _, loaded = session.table(source)
        return describe_columns(session, source).columns, loaded
    finally:
        session.close()


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name.replace("_", "."), member)
    return content.getvalue()


def tarred(name: str, member: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(member)
        archive.addfile(entry, io.BytesIO(member))
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("sales.csv.gz", gzip.compress),
        ("sales.csv.bz2", bz2.compress),
        ("sales.csv.xz", lzma.compress),
        ("sales.csv.zst", zstd.compress),
        ("sales.bin", lambda content: zstd.compress(content) + zstd.compress(b"")),
        ("sales.zip", lambda content: zipped(sales_csv=content)),
        ("sales.zip", lambda content: zipped(readme_md=b"# Read me", sales_csv=content)),
        ("sales.zip", lambda content: zipped(sales_gz=gzip.compress(content))),
        ("sales.tar.gz", lambda content: tarred("folder/sales.csv", content)),
    ],
)
def test_a_packed_file_is_read_as_the_file_in_it(
    name: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(pack(CSV))
    columns, loaded = described(file)
    assert columns == described(SALES)[0]
    assert any("readme.md" in note for note in loaded.notes) == (b"readme.md" in file.read_bytes())


def test_one_of_several_files_in_an_archive_is_chosen_by_name(tmp_path: Path) -> None:
    file = tmp_path / "two.zip"
    file.write_bytes(zipped(sales_csv=CSV, other_csv=b"a,b\n1,2\n3,4\n"))
    with pytest.raises(InputError, match=r"holds 2 files \(sales.csv, other.csv\): name one"):
        look_at(str(file))
    with pytest.raises(InputError, match=r"has no file 'nope'"):
        look_at(str(file), "nope")
    assert [column.name for column in described(file, "other.csv")[0]] == ["a", "b"]


def test_a_table_of_a_packed_database_is_chosen_behind_the_file_name(tmp_path: Path) -> None:
    inner = tmp_path / "shop.duckdb"
    with duckdb.connect(str(inner)) as database:
        database.sql("CREATE TABLE orders AS SELECT range AS n FROM range(5)")
        database.sql("CREATE TABLE items AS SELECT 'x' AS name, ['a', 'b']::VARCHAR[] AS tags")
        database.sql("CREATE VIEW passwords AS FROM read_text('/etc/passwd')")
    with pytest.raises(InputError, match=r"holds 2 tables \(items, orders\)"):
        look_at(str(inner))
    assert described(inner, "orders")[1].rows == 5
    file = tmp_path / "shop.zip"
    file.write_bytes(zipped(shop_duckdb=inner.read_bytes(), readme_txt=b"hello"))
    assert described(file, "shop.duckdb/items")[0][1].kind == "nested"


def test_errors_name_the_file_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "noise.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\0\1\2\3,c\n"))
    with pytest.raises(InputError, match=f"^{file} holds binary data"):
        look_at(str(file))
    file.write_bytes(zipped(table_csv=b"  \n"))
    with pytest.raises(InputError, match=f"^table.csv in {file} is empty"):
        look_at(str(file))
    for compress in (gzip.compress, bz2.compress, lzma.compress, zstd.compress):
        file.write_bytes(compress(CSV)[:-200])
        with pytest.raises(InputError, match=f"^{file} is damaged and cannot be unpacked as"):
            look_at(str(file))


def test_a_file_that_explodes_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "zeros.csv.gz"
    file.write_bytes(gzip.compress(b"a\n" + b"0\n" * (4 << 20)))
    monkeypatch.setattr(unpacking, "HARMLESS", 1 << 20)
    with pytest.raises(InputError, match="grows to more than 250 times its size"):
        look_at(str(file))
    monkeypatch.setattr(unpacking, "LARGEST", 1 << 20)
    with pytest.raises(InputError, match="more than 0 GiB once it is unpacked"):
        look_at(str(file))


def test_an_archive_in_an_archive_in_an_archive_ends(tmp_path: Path) -> None:
    content = CSV
    for _ in range(4):
        content = zipped(table_zip=content)
    file = tmp_path / "nested.zip"
    file.write_bytes(content)
    with pytest.raises(InputError, match="packed more than 3 times over"):
        look_at(str(file))
