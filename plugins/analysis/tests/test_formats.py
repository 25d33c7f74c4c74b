"""The same table, in every format the agent takes, and the ways in which files go wrong."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from perdure.agents import InputError, ParametersRefused, StepFailed
from perdure.testing import Rehearsal, rehearse

SALES = Path(__file__).parents[3] / "examples" / "analysis" / "sales.csv"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def profile(path: Path, **parameters: str) -> Rehearsal:
    return await rehearse("analysis", "Profile the sales", {"path": str(path), **parameters})


async def refusal(path: Path, **parameters: str) -> str:
    with pytest.raises(StepFailed) as caught:
        await profile(path, **parameters)
    assert caught.value.failure.permanent
    assert caught.value.failure.type == "InputError"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def data(rehearsal: Rehearsal) -> dict[str, Any]:
    return dict(rehearsal.result.data)


def columns(rehearsal: Rehearsal) -> dict[str, Any]:
    found = json.loads(rehearsal.files["profile.json"])["columns"]["columns"]
    return {column["name"]: column for column in found}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER, day TEXT, code TEXT, amount REAL)")
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [
                (n, f"2024-{n % 12 + 1:02}-0{n % 9 + 1}", f"00{n % 3}", n * 1.5 if n % 10 else None)
                for n in range(1, 121)
            ],
        )
        connection.execute("CREATE TABLE notes (text TEXT, picture BLOB)")
        connection.execute("INSERT INTO notes VALUES ('a, \"b\"\nc', x'00ff'), (NULL, NULL)")
    return file


@pytest.mark.parametrize("form", ["parquet", "json", "ndjson", "tsv"])
async def test_the_same_table_in_another_format_has_the_same_facts(
    form: str, tmp_path: Path
) -> None:
    file = tmp_path / f"sales.{form}"
    options = {
        "parquet": "FORMAT parquet",
        "json": "FORMAT json, ARRAY true",
        "ndjson": "FORMAT json",
        "tsv": "FORMAT csv, DELIMITER '\t', HEADER",
    }[form]
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{SALES}')) TO '{file}' ({options})")
    again, original = await profile(file), await profile(SALES)
    for name, column in columns(original).items():
        other = columns(again)[name]
        for fact in ("kind", "count", "missing", "distinct", "numbers"):
            assert other[fact] == column[fact], (name, fact)
    assert again.result.summary == original.result.summary


async def test_sqlite_is_read_with_its_types_and_missing_values(database: Path) -> None:
    rehearsal = await profile(database, table="orders")
    found = columns(rehearsal)
    assert found["id"]["kind"] == "identifier"
    assert found["day"]["kind"] == "date"
    assert found["day"]["type"] == "DATE"
    assert found["code"]["kind"] == "category"  # '001' is a name, not the number 1
    assert found["amount"]["missing"] == 12
    assert data(rehearsal)["table"] == "orders"


async def test_sqlite_text_with_quotes_and_binary_values_survives(database: Path) -> None:
    rehearsal = await profile(database, table="notes")
    found = columns(rehearsal)
    assert found["text"]["count"] == found["text"]["missing"] == 1
    assert found["text"]["texts"]["longest"] == len('a, "b"\nc')
    assert "Binary values in `picture`" in rehearsal.files["report.md"].decode()


async def test_a_database_with_several_tables_asks_which(database: Path) -> None:
    assert "2 tables (notes, orders): name one" in await refusal(database)
    assert "has no table 'nope': name one of notes, orders" in await refusal(database, table="nope")


async def test_a_damaged_database_is_refused(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(40)
        file.write(b"\xa5" * 4056)
    assert "SQLite" in await refusal(database)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("sales.csv", PICTURE, "is a PNG picture, not a table"),
        ("sales.parquet", b"%PDF-1.7\n", "is a PDF document, not a table"),
        ("sales.xlsx", b"PK\x03\x04rest", "is damaged and cannot be unpacked as zip"),
        ("sales.csv.gz", b"\x1f\x8b\x08rest", "is damaged and cannot be unpacked as gzip"),
        ("sales.csv.zst", b"\x28\xb5\x2f\xfdrest", "is damaged and cannot be unpacked as"),
        ("sales.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "cannot be read as a workbook"),
        ("sales.duckdb", bytes(8) + b"DUCK" + bytes(64), "cannot be read as a DuckDB database"),
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n \n", "is empty"),
        ("header.csv", b"a,b,c\n", "has columns (a, b, c) but no row"),
        ("noise.csv", b"a,b\0\1\2\3,c\n", "holds binary data"),
        ("broken.json", b'[{"a": 1}, {"a": ', "cannot be read as JSON"),
        ("empty.json", b"[]", "no row"),
        ("cut.parquet", b"PAR1" + bytes(100), "cannot be read as PARQUET"),
    ],
)
async def test_a_file_that_is_no_table_is_refused_in_one_sentence(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    message = await refusal(file)
    assert says in message
    assert str(file) in message


async def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert "there is no file" in await refusal(tmp_path / "nowhere.csv")
    assert "is a folder" in await refusal(tmp_path)
    assert "holds one table and has no table" in await refusal(SALES, table="sales")


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
    from perdure_analysis.loading.source import look_at

    file = tmp_path_factory.mktemp("locked") / "sales.csv"
    file.write_text("a,b\n1,2\n")
    file.chmod(0)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(InputError, match="may not be read"):
        look_at(str(file))


async def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ParametersRefused, match="give the file in path"):
        await rehearse("analysis", "Profile", {})
    with pytest.raises(ParametersRefused, match="depth: no such parameter"):
        await rehearse("analysis", "Profile", {"path": "x", "depth": 3})


async def test_irregular_lines_are_left_out_and_told(tmp_path: Path) -> None:
    file = tmp_path / "ragged.csv"
    rows = "".join(f"{n},{n * 2},x{n % 4}\n" for n in range(100))
    file.write_text("a,b,c\n1,2\n" + rows + "7,8,9,10\n")
    rehearsal = await profile(file)
    assert data(rehearsal)["rows"] == 100
    assert data(rehearsal)["left_out"] == 2
    report = rehearsal.files["report.md"].decode()
    assert "2 lines were left out as irregular: 2 (missing columns), 103 (too many" in report


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_every_usual_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "orte.csv"
    rows = "".join(f"{('Köln', 'Zürich')[n % 2]};{n},5\n" for n in range(40))
    file.write_bytes(("Städte;Größe €\n" + rows).encode(encoding))
    rehearsal = await profile(file)
    found = columns(rehearsal)
    assert list(found) == ["Städte", "Größe €"]
    assert {value["value"] for value in found["Städte"]["top"]} == {"Köln", "Zürich"}
    assert found["Größe €"]["numbers"]["maximum"] == 39.5
    report = rehearsal.files["report.md"].decode()
    assert ("not UTF-8" in report) == (not encoding.startswith("utf-8"))
    assert "charts/groe-by-stadte.svg" in report or "charts/gro-e-by-stadte.svg" in report


async def test_leading_zeros_make_names_of_digits(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("zip,v\n" + "".join(f"0012{n % 3},{n}\n" for n in range(30)))
    found = columns(await profile(file))["zip"]
    assert (found["kind"], found["top"][0]["value"]) == ("category", "00120")


async def test_records_wrapped_in_a_document_are_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    records = [{"city": f"c{n % 3}", "temp": n, "tags": ["a"]} for n in range(30)]
    file.write_text(json.dumps({"page": 1, "data": records}))
    rehearsal = await profile(file)
    assert data(rehearsal)["rows"] == 30
    assert columns(rehearsal)["tags"]["kind"] == "nested"
    assert "listed under `data`" in rehearsal.files["report.md"].decode()


async def test_a_name_with_wildcards_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "sales1.csv").write_text("a\n1\n2\n3\n")
    file = tmp_path / "sales[1]*'.csv"
    file.write_text("a,b\n5,6\n")
    rehearsal = await profile(file)
    assert data(rehearsal)["rows"] == 1
    assert [column["name"] for column in data(rehearsal)["columns"]] == ["a", "b"]
