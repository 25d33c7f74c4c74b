"""Several files: below each other where their columns are alike, else joined by keys that match."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from perdure.agents import InputError, StepFailed
from perdure.testing import Rehearsal, rehearse
from perdure_analysis.database.connection import TABLE
from perdure_analysis.facts import Loaded
from perdure_analysis.loading.source import look_at_all
from perdure_analysis.table_session import TableSession

Rows = list[tuple[Any, ...]]

CUSTOMERS = "id,name,city\n" + "".join(
    f"{n},Customer {n},{'UB'[n % 2]}lm\n" for n in range(100, 130)
)
ORDERS = "id,customer_id,amount\n" + "".join(
    f"{n},{100 + n * 7 % 33},{n}.50\n" for n in range(1, 101)
)


def written(folder: Path, **files: str) -> list[str]:
    paths = []
    for name, content in files.items():
        path = folder / f"{name}.csv"
        path.write_text(content, encoding="utf-8")
        paths.append(str(path))
    return paths


def read(paths: list[str], *keys: str) -> tuple[Loaded, Rows]:
    session = TableSession()
    try:
        database, loaded = session.table(look_at_all(paths, None, keys))
        return loaded, database.rows(f"FROM {TABLE}")
    finally:
        session.close()


def test_files_with_the_same_columns_are_put_below_each_other(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        january="day,shop,sales\n2024-01-01,a,1\n2024-01-02,b,2\n",
        february="Sales;Shop;Day\n3,5;a;2024-02-01\n4,25;b;2024-02-02\n",
    )
    loaded, rows = read(paths)
    assert loaded.columns == {
        "day": "DATE", "shop": "VARCHAR", "sales": "DOUBLE", "file": "VARCHAR"
    }  # fmt: skip
    assert [(row[2], row[3]) for row in rows] == [
        (1, "january.csv"),
        (2, "january.csv"),
        (3.5, "february.csv"),
        (4.25, "february.csv"),
    ]
    assert [part.rows for part in loaded.parts] == [2, 2]
    assert "put below each other (january.csv and february.csv); `file` says" in loaded.notes[0]


def test_each_file_may_write_decimals_its_own_way(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        may="sku,price\nA,12.125\nB,1250.50\n",
        june="SKU;Price\nC;7,25\nD;1.250,50\n",
    )
    loaded, rows = read(paths)
    assert loaded.columns["price"] == "DOUBLE"
    assert [row[1] for row in rows] == [12.125, 1250.5, 7.25, 1250.5]


def test_what_every_file_leaves_out_is_counted_and_named(tmp_path: Path) -> None:
    good = "".join(f"{n},{n}\n" for n in range(20))
    paths = written(tmp_path, a="x,y\n1\n" + good, b="x,y\n" + good + "1,2,3\n")
    loaded, rows = read(paths)
    assert (len(rows), loaded.left_out) == (40, 2)
    assert [part.left_out for part in loaded.parts] == [1, 1]
    notes = "\n".join(loaded.notes)
    assert "a.csv: 1 line was left out as irregular: 2" in notes
    assert "b.csv: 1 line was left out as irregular: 22" in notes


def test_files_of_several_formats_are_one_table(tmp_path: Path) -> None:
    paths = written(tmp_path, one="n,day\n1,2024-01-01\n2,2024-01-02\n")
    parquet, lines = tmp_path / "two.parquet", tmp_path / "three.ndjson"
    duckdb.sql(f"COPY (SELECT 3 AS n, DATE '2024-01-03' AS day) TO '{parquet}'")
    lines.write_text('{"n": 4, "day": "2024-01-04"}\n')
    loaded, rows = read([*paths, str(parquet), str(lines)])
    assert (loaded.columns["n"], loaded.columns["day"]) == ("BIGINT", "DATE")
    assert [row[0] for row in rows] == [1, 2, 3, 4]


@pytest.mark.parametrize("order", [("orders", "customers"), ("customers", "orders")])
def test_files_are_joined_by_the_one_clear_key(order: tuple[str, str], tmp_path: Path) -> None:
    content = {"orders": ORDERS, "customers": CUSTOMERS}
    loaded, rows = read(written(tmp_path, **{name: content[name] for name in order}))
    assert len(rows) == 100
    assert list(loaded.columns) == ["id", "customer_id", "amount", "name", "city"]
    by_customer = {row[1]: row[3] for row in rows}
    assert by_customer[107] == "Customer 107"
    assert by_customer[130] is None
    (key,) = loaded.keys
    assert key.used
    assert set(key.columns[0]) == {"customer_id", "id"}
    matched = dict(
        zip((key.first, key.second), (key.first_matched, key.second_matched), strict=True)
    )
    assert matched == {"orders.csv": 0.91, "customers.csv": 1.0}
    assert "Joined orders.csv with customers.csv by" in loaded.notes[0]
    assert "91 % of the rows of orders.csv have a match" in loaded.notes[0]


def test_rows_that_nothing_matches_are_counted(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        sales="sku,n\n" + "".join(f"A{n % 5},{n}\n" for n in range(20)),
        products="sku,label\n" + "".join(f"A{n},label {n}\n" for n in range(8)),
    )
    loaded, rows = read(paths)
    assert (len(rows), list(loaded.columns)) == (20, ["sku", "n", "label"])
    assert "3 rows of products.csv matched none and were left out" in loaded.notes[0]


def test_three_files_are_joined_one_after_the_other(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        customers=CUSTOMERS,
        orders="order_id,customer_id,sku\n"
        + "".join(f"{n},{100 + n % 30},S{n % 12}\n" for n in range(60)),
        products="sku,price\n" + "".join(f"S{n},{n}.25\n" for n in range(12)),
    )
    loaded, rows = read(paths)
    assert len(rows) == 60
    assert [key.used for key in loaded.keys] == [True, True]
    assert set(loaded.columns) == {"order_id", "customer_id", "sku", "name", "city", "price"}


def test_parts_are_put_together_before_they_are_joined(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        january="sku,n\n" + "".join(f"S{n % 12},{n}\n" for n in range(30)),
        products="sku,price\n" + "".join(f"S{n},{n}.25\n" for n in range(12)),
        february="sku,n\n" + "".join(f"S{n % 12},{n},5\n" for n in range(2)) + "S1,7\nS2,NA\n",
    )
    loaded, rows = read(paths)
    assert (len(rows), list(loaded.columns)) == (32, ["sku", "n", "file", "price"])
    assert [part.left_out for part in loaded.parts] == [0, 0, 2]
    assert "Joined january.csv and february.csv with products.csv" in loaded.notes[1]
    assert any("1 value of `n` is a mark" in note for note in loaded.notes)
    assert loaded.keys[0].used


def test_a_key_of_two_columns_is_found(tmp_path: Path) -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 11)]
    paths = written(
        tmp_path,
        sales="store,day,sales\n" + "".join(f"{s},{d},{s}\n" for d in days for s in (1, 2)),
        weather="store,day,rain\n" + "".join(f"{s},{d},{s}.5\n" for d in days for s in (1, 2)),
    )
    loaded, rows = read(paths)
    assert (len(rows), list(loaded.columns)) == (20, ["store", "day", "sales", "rain"])
    assert all(row[3] == row[0] + 0.5 for row in rows)


def test_without_a_clear_key_the_first_file_is_the_table_and_keys_are_proposed(
    tmp_path: Path,
) -> None:
    paths = written(
        tmp_path,
        teams="city,team\n" + "".join(f"c{n % 4},t{n}\n" for n in range(12)),
        shops="city,shop\n" + "".join(f"c{n % 5},s{n}\n" for n in range(15)),
    )
    loaded, rows = read(paths)
    assert (len(rows), list(loaded.columns)) == (12, ["city", "team"])
    (key,) = loaded.keys
    assert (key.used, key.first_matched, key.second_matched) == (False, 1.0, 0.8)
    assert "shops.csv was not joined with teams.csv" in loaded.notes[0]
    assert "Name one in the parameter 'keys': `city` (100 %" in loaded.notes[0]
    with pytest.raises(InputError, match=r"`city` repeats in both teams\.csv and shops\.csv"):
        read(paths, "city")


def test_numbers_that_happen_to_be_in_both_files_are_no_key(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        people="person,age\n" + "".join(f"p{n},{20 + n % 50}\n" for n in range(60)),
        rooms="room,seats\n" + "".join(f"r{n},{n}\n" for n in range(100)),
    )
    loaded, rows = read(paths)
    assert (len(rows), loaded.keys) == (60, ())
    assert "no columns of theirs match" in loaded.notes[0]


def test_keys_that_are_asked_for_are_used(tmp_path: Path) -> None:
    paths = written(tmp_path, orders=ORDERS, customers=CUSTOMERS.replace("id,", "number,", 1))
    loaded, rows = read(paths, "customer_id=number")
    assert (len(rows), loaded.keys[0].used) == (100, True)
    with pytest.raises(InputError, match="cannot be joined by nope: its columns are number, name"):
        read(paths, "nope")
    with pytest.raises(InputError, match="only file"):
        read(paths[:1], "id")


async def reported(paths: list[str]) -> Rehearsal:
    return await rehearse("analysis", "Profile the orders", {"paths": list(paths)})


async def test_files_and_keys_are_in_the_report_and_in_the_data(tmp_path: Path) -> None:
    paths = written(tmp_path, orders=ORDERS, customers=CUSTOMERS)
    rehearsal = await reported(paths)
    data: dict[str, Any] = dict(rehearsal.result.data)
    assert data["files"] == [
        {"name": "orders.csv", "rows": 100, "left_out": 0},
        {"name": "customers.csv", "rows": 30, "left_out": 0},
    ]
    assert data["keys"][0]["used"] is True
    report = rehearsal.files["report.md"].decode()
    assert "| orders.csv | 100 | - |" in report
    assert (
        "| yes | `customer_id = id` | orders.csv 91 % | customers.csv 100 %, each value" in report
    )
    profile = json.loads(rehearsal.files["profile.json"])
    assert profile["loaded"]["keys"] == data["keys"]


async def test_a_file_that_is_missing_among_several_is_named(tmp_path: Path) -> None:
    paths = written(tmp_path, orders=ORDERS)
    with pytest.raises(StepFailed, match=r"there is no file .*nowhere\.csv"):
        await reported([*paths, str(tmp_path / "nowhere.csv")])
    with pytest.raises(StepFailed, match="was given twice"):
        await reported([*paths, *paths])
