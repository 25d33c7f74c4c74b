"""Dates and times as people write them, and columns of times, durations and binary values."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from perdure.testing import rehearse
from perdure_analysis.facts import Column
from perdure_analysis.loading.source import look_at
from perdure_analysis.profile.columns import describe_columns
from perdure_analysis.table_session import TableSession

Described = tuple[dict[str, Column], str]


def describe(file: Path) -> Described:
    """Return a file's columns by name, and the notes on how they were read."""
    session = TableSession()
    try:
        source = look_at(str(file))
        _, loaded = session.table(source)
        columns = describe_columns(session, source).columns
    finally:
        session.close()
    return {column.name: column for column in columns}, "\n".join(loaded.notes)


def in_format(folder: Path, form: str, values: list[str]) -> Described:
    """Describe the column ``d`` of text, written in a format."""
    file = folder / f"table.{form}"
    if form == "csv":
        file.write_text("d,k\n" + "".join(f'"{value}",x\n' for value in values))
    elif form == "json":
        file.write_text(json.dumps([{"d": value, "k": "x"} for value in values]))
    elif form == "sqlite":
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE t (d TEXT)")
            connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    else:
        duckdb.execute(f"COPY (SELECT unnest($1) AS d) TO '{file}' (FORMAT parquet)", [values])
    return describe(file)


def reach(described: Described, name: str = "d") -> tuple[str, str]:
    column = described[0][name]
    assert column.dates is not None, described
    return column.dates.earliest, column.dates.latest


FORMATS = pytest.mark.parametrize("form", ["csv", "json", "sqlite", "parquet"])


@FORMATS
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["31.12.23", "30.11.23", "15.01.24"], ("2023-11-30", "2024-01-15")),
        (["12/31/23", "1/15/24"], ("2023-12-31", "2024-01-15")),
        (["31-12-23", "15-01-24"], ("2023-12-31", "2024-01-15")),
        (["12-31-2023", "01-15-2024"], ("2023-12-31", "2024-01-15")),
        (["24-01-05", "24-02-10", "24-03-12"], ("2024-01-05", "2024-03-12")),
        (["31.12.69", "15.01.68"], ("1969-12-31", "2068-01-15")),
        (["2023.12.31", "2024/1/5", "2024-01-15"], ("2023-12-31", "2024-01-15")),
        (["13 February 2024", "14 March 2024"], ("2024-02-13", "2024-03-14")),
        (["February 13, 2024", "Mar. 14th, 2024"], ("2024-02-13", "2024-03-14")),
        (["13-Feb-24", "1-Mar-24"], ("2024-02-13", "2024-03-01")),
        (["13. Februar 2024", "1. März 2024"], ("2024-02-13", "2024-03-01")),
        (["Feb 2024", "March 2024"], ("2024-02-01", "2024-03-01")),
        (["13.02.2024 08:00", "14.02.2024 09:30"], ("2024-02-13 08:00:00", "2024-02-14 09:30:00")),
        (
            ["02/13/2024 8:00 AM", "2/14/2024 1:30 pm"],
            ("2024-02-13 08:00:00", "2024-02-14 13:30:00"),
        ),
        (
            ["13 Feb 2024 08:00", "14 Feb 2024, 09:30"],
            ("2024-02-13 08:00:00", "2024-02-14 09:30:00"),
        ),
        (
            ["2024-01-05T23:00:00-05:00", "2024-01-06T02:00:00Z"],
            ("2024-01-06 02:00:00+00", "2024-01-06 04:00:00+00"),
        ),
        (
            ["05.01.2024 23:00 -0500", "06.01.2024 02:00 UTC"],
            ("2024-01-06 02:00:00+00", "2024-01-06 04:00:00+00"),
        ),
        (
            ["Fri, 05 Jan 2024 23:00:00 -0500", "Sat, 06 Jan 2024 02:00:00 GMT"],
            ("2024-01-06 02:00:00+00", "2024-01-06 04:00:00+00"),
        ),
        (
            ["2024-01-05 23:00+05:30", "2024-07-06 02:00 Europe/Berlin"],
            ("2024-01-05 17:30:00+00", "2024-07-06 00:00:00+00"),
        ),
    ],
)
def test_dates_are_read(
    form: str, values: list[str], expected: tuple[str, str], tmp_path: Path
) -> None:
    described = in_format(tmp_path, form, values)
    assert described[0]["d"].missing == 0
    assert reach(described) == expected


@FORMATS
@pytest.mark.parametrize("separator", ["/", ".", "-"])
@pytest.mark.parametrize("year", ["24", "2024"])
def test_an_order_that_is_not_certain_is_said(
    form: str, separator: str, year: str, tmp_path: Path
) -> None:
    values = [separator.join((day, month, year)) for day, month in (("05", "06"), ("07", "08"))]
    described = in_format(tmp_path, form, values)
    assert reach(described) == ("2024-06-05", "2024-08-07")
    assert "`d` is not certain" in described[1]
    assert f"month{separator}day{separator}year (2024-05-06 to 2024-07-08)" in described[1]


@FORMATS
def test_a_certain_order_needs_no_doubt(form: str, tmp_path: Path) -> None:
    described = in_format(tmp_path, form, ["05/06/2024", "13/08/2024"])
    assert reach(described) == ("2024-06-05", "2024-08-13")
    assert "not certain" not in described[1]


@FORMATS
def test_plain_dates_need_no_word(form: str, tmp_path: Path) -> None:
    described = in_format(tmp_path, form, ["2024-06-05", "2024-08-07"])
    assert (reach(described), described[1]) == (("2024-06-05", "2024-08-07"), "")


def test_another_column_tells_the_order(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("a,b\n05/06/2024,01/31/2024\n07/08/2024,02/20/2024\n")
    described = describe(file)
    assert reach(described, "a") == ("2024-05-06", "2024-07-08")
    assert "the order was taken from `b`" in described[1]


def test_times_without_a_zone_among_instants_are_said(tmp_path: Path) -> None:
    described = in_format(tmp_path, "csv", ["2024-01-05 08:00+01:00", "2024-01-05 09:00"])
    assert reach(described) == ("2024-01-05 07:00:00+00", "2024-01-05 09:00:00+00")
    assert "1 value without a zone counted as UTC" in described[1]


def test_what_looks_like_a_date_is_not_always_one(tmp_path: Path) -> None:
    for values in (["1.2.3", "1.10.2"], ["31/31/2024", "32/12/2024"], ["May", "June"]):
        assert in_format(tmp_path, "csv", values)[0]["d"].dates is None


async def test_times_of_day_have_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("t,v\n08:00,1\n09:30,2\n10:15,3\n")
    rehearsal = await rehearse("analysis", "Profile the times", {"path": str(file)})
    times, values = json.loads(rehearsal.files["profile.json"])["columns"]["columns"]
    assert times["dates"] == {"earliest": "08:00:00", "latest": "10:15:00"}
    assert (times["kind"], times["count"]) == ("time", 3)
    assert values["numbers"]["total"] == 6
    assert "08:00:00 to 10:15:00" in rehearsal.files["report.md"].decode()


def test_times_with_am_and_pm_are_times(tmp_path: Path) -> None:
    described = in_format(tmp_path, "csv", ["8:00 AM", "12:15 pm", "9:30:15 PM"])
    assert reach(described) == ("08:00:00", "21:30:15")
    assert in_format(tmp_path, "csv", ["25:30:00", "30:00:00"])[0]["d"].dates is None


async def test_every_type_of_column_has_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "types.parquet"
    duckdb.sql(
        "COPY (SELECT TIME '08:00' + to_minutes(n) AS t, to_minutes(n * 30) AS lasted,"
        " encode(chr(65 + n::INT)) AS raw, TIMETZ '08:00:00+01:00' AS tz, uuid() AS u,"
        " TIMESTAMP_NS '2024-01-01 08:00:00' AS ns, n::UHUGEINT AS wide, n::UTINYINT AS tiny,"
        f" n AS v FROM range(4) AS r(n) UNION ALL SELECT {', '.join(['NULL'] * 9)}) TO '{file}'"
    )
    rehearsal = await rehearse("analysis", "Profile the types", {"path": str(file)})
    found = json.loads(rehearsal.files["profile.json"])["columns"]["columns"]
    columns = {column["name"]: column for column in found}
    assert {name: column["missing"] for name, column in columns.items()} == dict.fromkeys(
        columns, 1
    )
    assert columns["t"]["dates"] == {"earliest": "08:00:00", "latest": "08:03:00"}
    assert columns["lasted"]["kind"] == "duration"
    assert columns["lasted"]["numbers"]["maximum"] == 5400  # seconds
    assert (columns["raw"]["kind"], columns["raw"]["distinct"]) == ("binary", 4)
    assert columns["v"]["numbers"]["total"] == 6


def test_binary_values_of_sqlite_are_no_numbers(tmp_path: Path) -> None:
    file = tmp_path / "table.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (v BLOB)")
        connection.executemany("INSERT INTO t VALUES (?)", [(b"\x12\x34",), (b"\x56\x78",)])
    assert describe(file)[0]["v"].numbers is None


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("12 août 2023", "3 févr. 2024"),
        ("4 juil. 2023", "1 déc. 2023"),
        ("1 janeiro 2024", "5 março 2024"),
        ("2 febbraio 2024", "9 giu 2024"),
        ("7 februari 2024", "8 maart 2024"),
        ("30 set 2024", "1 out 2024"),
    ],
)
def test_months_have_names_in_several_languages(tmp_path: Path, first: str, last: str) -> None:
    described = in_format(tmp_path, "csv", [first, last])
    years = [text[-4:] for text in (first, last)]
    assert [day[:4] for day in reach(described)] == years
    assert [str(int(day[8:10])) for day in reach(described)] == [
        text.split()[0] for text in (first, last)
    ]
