"""Numbers as people write them: decimal marks, thousands, units, marks for missing, exactness."""

import json
import math
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from perdure.testing import rehearse
from perdure_analysis.facts import Column, Numbers
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


def written(folder: Path, content: str, name: str = "table.csv") -> Described:
    file = folder / name
    file.write_text(content, encoding="utf-8", newline="")
    return describe(file)


def numbers(described: Described, name: str) -> Numbers:
    found = described[0][name].numbers
    assert found is not None, described
    return found


def reach(described: Described, name: str) -> tuple[float, float]:
    found = numbers(described, name)
    return found.minimum, found.maximum


def in_sqlite(folder: Path, values: list[object]) -> Described:
    file = folder / "table.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (v)")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    return describe(file)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "name;weight;price\na;0,125;1017,25\nb;1,250;12,5\nc;0,500;3,75\n",
            {"weight": (0.125, 1.25), "price": (3.75, 1017.25)},
        ),
        # The weights alone could be thousands; the prices cannot.
        (
            "weight;price\n3,125;1017,25\n1,250;12,5\n2,500;3,75\n",
            {"weight": (1.25, 3.125), "price": (3.75, 1017.25)},
        ),
        ("n;m\n1.250;1,5\n3.500;2,75\n", {"n": (1250, 3500), "m": (1.5, 2.75)}),
        ("n;m\n1.250;1.5\n3.500;2.75\n", {"n": (1.25, 3.5), "m": (1.5, 2.75)}),
        ('n,m\n"1,250",1.5\n"3,500",2.75\n', {"n": (1250, 3500), "m": (1.5, 2.75)}),
        ('n,m\n"1,250",x\n"3,500",y\n', {"n": (1250, 3500)}),
        ("n\tm\n-1,250\t0,5\n3,500\t2,75\n", {"n": (-1.25, 3.5), "m": (0.5, 2.75)}),
        ("n;m\n1.234,50;a\n12,25;b\n", {"n": (12.25, 1234.5)}),
        ("n;m\n1.234.567;a\n999;b\n", {"n": (999, 1234567)}),
        # Bookkeepers' negative numbers.
        ("n;m\n(1,5);a\n2,25;b\n", {"n": (-1.5, 2.25)}),
        ("n;m\n($1,234.50);a\n$7;b\n", {"n": (-1234.5, 7)}),
        ("n;m\n12.5-;a\n4 -;b\n3;c\n", {"n": (-12.5, 3)}),
        ('n\n"1,234,567.5"\n"12"\n', {"n": (12, 1234567.5)}),
        ('n\n"12,34,567.50"\n"1,00,000"\n', {"n": (100000, 1234567.5)}),
        ("n\n1 234\n12 345\n999\n", {"n": (999, 12345)}),
        ("n\n1\u202f234,5\n12,25\n", {"n": (12.25, 1234.5)}),
        ("n\n1'234.50\n12.25\n", {"n": (12.25, 1234.5)}),
        ("n\n0.125\n1.250\n", {"n": (0.125, 1.25)}),
        ("n\n1e3\n-2.5E-1\n+7\n", {"n": (-0.25, 1000)}),
    ],
)
def test_the_decimal_mark_is_found(
    content: str, expected: dict[str, tuple[float, float]], tmp_path: Path
) -> None:
    described = written(tmp_path, content)
    assert {name: reach(described, name) for name in expected} == expected


def test_what_is_not_certain_about_a_comma_is_said(tmp_path: Path) -> None:
    _, notes = written(tmp_path, "n;m\n1,250;1017,25\n3,500;3,75\n")
    assert "taken for the decimal mark because `m` has a decimal comma" in notes
    _, notes = written(tmp_path, 'n,m\n"1,250",x\n"3,500",y\n')
    assert "taken for thousands; it may be the decimal mark" in notes
    _, notes = written(tmp_path, "n;m\n1,250;x\n3,500;y\n")
    assert "taken for the decimal mark, as is usual where semicolons" in notes
    _, notes = written(tmp_path, "n,m\n1.250,2.5\n3.5,4\n")
    assert notes == ""


def test_codes_and_program_literals_are_no_numbers(tmp_path: Path) -> None:
    described = written(
        tmp_path, "zip,key,hex,list\n00123,1_000,0x1F,12 34\n00124,2_000,0x2A,5 6\n"
    )
    assert [column.type for column in described[0].values()] == ["VARCHAR"] * 4


@pytest.mark.parametrize(
    "values", ["5 €\n12 $\n35 £\n", "€5\n€12\n$35\n", "45%\n0.125\n30%\n", "5 €\n12 %\n35 €\n"]
)
def test_numbers_of_several_units_are_not_added_up(values: str, tmp_path: Path) -> None:
    described = written(tmp_path, "price\n" + values)
    assert described[0]["price"].numbers is None
    assert "`price` mixes units" in described[1]


def test_one_unit_is_a_number_and_named(tmp_path: Path) -> None:
    described = written(tmp_path, "price;share\n5 €;45%\n12;30%\n1.250 €;2,5%\n")
    assert numbers(described, "price").total == 1267
    assert numbers(described, "share").maximum == 45
    assert "in € (1 value without the sign)" in described[1]
    assert "in %" in described[1]


@pytest.mark.parametrize("mark", ["NA", "N/A", "n/a", "NULL", "-", "?", "none", "NaN", "#N/A", "—"])
@pytest.mark.parametrize("value", ["{n}", "{n}.5", "2024-03-{n:02}", "{n},25", "08:{n:02}"])
def test_marks_for_missing_values_are_missing(mark: str, value: str, tmp_path: Path) -> None:
    lines = [mark if n % 5 == 0 else value.format(n=n) for n in range(1, 29)]
    column = written(tmp_path, "k;v\n" + "".join(f"x{n};{v}\n" for n, v in enumerate(lines)))
    assert column[0]["v"].kind == {"2": "date", "0": "time"}.get(value[0], "number")
    assert (column[0]["v"].missing, column[0]["v"].count) == (5, 23)
    if mark.lower() != "nan":
        assert f"'{mark}'" in column[1]


def test_marks_among_words_stay_words(tmp_path: Path) -> None:
    column = written(tmp_path, "country\nNA\nDE\nFR\nNA\n")[0]["country"]
    assert (column.kind, column.missing) == ("text", 0)
    assert {value.value for value in column.top} == {"NA", "DE", "FR"}


async def test_the_report_counts_marks_as_missing(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("k,score\n" + "".join(f"x{n},{n if n % 5 else 'NA'}\n" for n in range(50)))
    rehearsal = await rehearse("analysis", "Profile the scores", {"path": str(file)})
    report = rehearsal.files["report.md"].decode()
    assert "`score` lacks 10 values (20 %)" in report
    assert "10 values of `score` are marks for a missing one ('NA')" in report
    assert "No value is missing" not in report


@pytest.mark.parametrize(
    ("values", "missing", "total"),
    [
        ([10, 20, 30, 40, "abc"], 1, 100),
        ([1.5, 2.5, "n/a", None, "?"], 3, 4.0),
        ([1, 2.5, 3, "4", "oops"], 1, 10.5),
    ],
)
def test_a_stray_word_does_not_unmake_a_column_of_numbers_in_sqlite(
    values: list[object], missing: int, total: float, tmp_path: Path
) -> None:
    described = in_sqlite(tmp_path, values)
    column = described[0]["v"]
    assert (column.kind, column.missing) == ("number", missing)
    assert numbers(described, "v").total == total
    assert all(f"'{v}'" in described[1] for v in values if isinstance(v, str) and not v.isdigit())


def test_a_stray_word_does_not_unmake_a_column_of_numbers_in_json(tmp_path: Path) -> None:
    records = [{"v": v, "w": [v]} for v in (10, 20.5, 30, 40, "abc", None)]
    described = written(tmp_path, json.dumps(records), "table.json")
    assert (described[0]["v"].kind, described[0]["v"].missing) == ("number", 2)
    assert numbers(described, "v").total == 100.5
    assert "'abc'" in described[1]
    assert described[0]["w"].kind == "nested"


def test_words_with_a_few_numbers_in_sqlite_stay_words(tmp_path: Path) -> None:
    assert in_sqlite(tmp_path, ["a", "b", "c", 4])[0]["v"].kind == "identifier"


def test_large_numbers_are_exact_in_the_data(tmp_path: Path) -> None:
    described = written(
        tmp_path,
        "stamp,amount\n"
        '1700000000123,"12,345,678,902.34"\n1700000000125,"1,000.01"\n1700000000126,"2.50"\n',
    )
    stamp, amount = numbers(described, "stamp"), numbers(described, "amount")
    assert (stamp.minimum, stamp.median, stamp.maximum) == (
        1700000000123,
        1700000000125,
        1700000000126,
    )
    assert stamp.total == 5100000000374
    assert stamp.mean == pytest.approx(5100000000374 / 3, rel=1e-15)
    assert (amount.maximum, amount.total) == (12345678902.34, 12345679904.85)


def test_numbers_beyond_a_double_are_exact_in_the_data(tmp_path: Path) -> None:
    described = written(
        tmp_path,
        "whole,part\n12345678901234567891,12345678901234567.89\n12345678901234567893,0.02\n"
        "12345678901234567898,1.00\n",
    )
    whole, part = numbers(described, "whole"), numbers(described, "part")
    assert (whole.minimum, whole.median, whole.maximum) == (
        12345678901234567891,
        12345678901234567893,
        12345678901234567898,
    )
    assert whole.total == 37037036703703703682
    assert whole.mean == 12345678901234567894
    assert part.exact == {"maximum": "12345678901234567.89", "total": "12345678901234568.91"}


def test_exactness_survives_sqlite_json_and_parquet(tmp_path: Path) -> None:
    values = [9007199254740993, 2.5, 1]
    assert numbers(in_sqlite(tmp_path, list(values)), "v").maximum == 9007199254740993
    text = json.dumps([{"v": value} for value in values])
    assert numbers(written(tmp_path, text, "table.json"), "v").maximum == 9007199254740993
    file = tmp_path / "table.parquet"
    duckdb.sql(
        "COPY (SELECT unnest([12345678902.34, 0.1, 0.2])::DOUBLE AS v,"
        f" unnest([12345678901234567.89, 1, 2])::DECIMAL(30, 2) AS d) TO '{file}'"
    )
    described = describe(file)
    assert numbers(described, "v").total == 12345678902.64
    assert numbers(described, "d").exact["total"] == "12345678901234570.89"


async def test_groups_and_periods_are_exact_too(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    lines = [f"{'ab'[n % 2]},2024-{n % 12 + 1:02}-15,12345678902.34\n" for n in range(24)]
    file.write_text("shop,day,revenue\n" + "".join(lines) + "a,2024-12-31,0.01\n")
    rehearsal = await rehearse("analysis", "Profile the sales", {"path": str(file)})
    found: dict[str, Any] = json.loads(rehearsal.files["profile.json"])
    groups = found["relations"]["breakdowns"][0]["groups"]
    assert {one["value"]: one["measure"] for one in groups} == {
        "a": 148148146828.09,
        "b": 148148146828.08,
    }
    points = found["trends"]["trends"][0]["points"]
    assert {point["value"] for point in points if point["rows"]} == {24691357804.68, 0.01}


def test_ordinary_tables_keep_their_values_and_types(tmp_path: Path) -> None:
    """What pandas' ``read_csv`` makes of such a table, reckoned in plain Python."""
    dice = random.Random(5)
    table: dict[str, list[object]] = {
        "number_of": [n * 3 + 7 for n in range(500)],
        "price": [round(dice.gauss(50, 20), 2) for _ in range(500)],
        "reading": [dice.random() * 1e3 for _ in range(500)],
        "small": [f"{dice.random():.3e}" for _ in range(500)],
        "thousands": [dice.randint(1, 999) * 1000 for _ in range(500)],
        "three": [f"{dice.randint(1, 9)}.{dice.randint(100, 999)}" for _ in range(500)],
        "few": [dice.choice([1, 2, 3, ""]) for _ in range(500)],
    }
    lines = [",".join(map(str, row)) for row in zip(*table.values(), strict=True)]
    described = written(tmp_path, ",".join(table) + "\n" + "\n".join(lines) + "\n")
    assert described[1] == ""
    for name, values in table.items():
        held = [float(str(value)) for value in values if value != ""]
        found = numbers(described, name)
        assert described[0][name].count == len(held)
        assert described[0][name].distinct == len(set(held))
        assert (found.minimum, found.maximum) == (min(held), max(held)), name
        assert found.mean == pytest.approx(math.fsum(held) / len(held), rel=1e-9)
        assert found.total == pytest.approx(math.fsum(held), rel=1e-9)


@pytest.mark.parametrize(
    "content",
    [
        b"sep=;\na;b\n1;2\n3;4\n",
        b"SEP=;\r\na;b\r\n1;2\r\n3;4\r\n",
        b'\xef\xbb\xbf"sep=;"\r\na;b\r\n1;2\r\n3;4\r\n',
        b"sep=,\na,b\n1,2\n3,4\n",
        b"sep=\t\na\tb\n1\t2\n3\t4\n",
        b"a;b\n1;2\r\n3;4\n",
        b"a,b\r1,2\r\n3,4\n",
        "sep=;\r\na;b\r\n1;2\n3;4\r\n".encode("utf-16"),
    ],
)
def test_separator_lines_and_mixed_line_ends_are_read(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    described = describe(file)
    assert list(described[0]) == ["a", "b"]
    assert {name: reach(described, name) for name in "ab"} == {"a": (1, 3), "b": (2, 4)}


def test_line_ends_in_quotes_do_not_end_a_row(tmp_path: Path) -> None:
    described = written(tmp_path, 'a,b\r\n1,"x\ny"\r\n2,z\r\n')
    assert (described[0]["a"].count, described[0]["b"].distinct) == (2, 2)


def test_decimal_commas_do_not_separate_columns(tmp_path: Path) -> None:
    described = written(tmp_path, "x;y\n1,5;2,5\n3,5;4,5\n")
    assert {name: reach(described, name) for name in "xy"} == {"x": (1.5, 3.5), "y": (2.5, 4.5)}
    assert reach(written(tmp_path, "price\n1,5\n12,25\n3,5\n"), "price") == (1.5, 12.25)
