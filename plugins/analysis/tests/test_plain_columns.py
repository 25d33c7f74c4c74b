"""A column that is plain throughout is read as the careful reading would, only faster."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure_analysis.column_types import columns as column_types
from perdure_analysis.column_types.plain_columns import Plain, plain_columns
from perdure_analysis.database.connection import TABLE
from perdure_analysis.loading.source import look_at
from perdure_analysis.table_session import TableSession

ROWS = 400
_DICE = random.Random(12)
COLUMNS: dict[str, Callable[[int], str]] = {
    "whole": lambda n: str(n * 7 - 900),
    "leading zero": lambda n: f"00{n}",
    "one leading zero": lambda n: "007" if n == 300 else str(n),
    "price": lambda n: f"{n * 1.25:.2f}",
    "measured": lambda _: repr(_DICE.gauss(0, 1e4)),
    "rounded by a double": lambda n: f"12345678901234567.{n % 90 + 10}",
    "nineteen digits": lambda n: str(10**18 + n),
    "sixteen digits among decimals": lambda n: str(9007199254740993 + n) if n % 2 else f"{n}.5",
    "either point": lambda n: f"{n % 9 + 1}.{n % 900 + 100}",
    "decimal comma": lambda n: f"{n},{n % 90 + 10}",
    "exponents": lambda n: f"{n}e{n % 5}",
    "signed": lambda n: f"+{n}",
    "some missing": lambda n: "" if n % 3 else str(n),
    "marked": lambda n: ("NA", "-", "?")[n % 3] if n % 5 == 0 else str(n),
    "marked decimals": lambda n: ("n/a", "NaN", "...")[n % 3] if n % 5 == 0 else f"{n}.125",
    "stray late": lambda n: "oops" if n in {350, 360} else str(n),
    "blank around": lambda n: f" {n} " if n == 200 else str(n),
    "infinite": lambda n: "inf" if n == 100 else f"{n}.5",
    "not one in ten": lambda n: str(n) if n % 8 else "word",
    "day": lambda n: f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}",
    "no such day": lambda n: f"2023-02-{n % 30 + 1:02}",
    "marked day": lambda n: "NaT" if n % 7 == 0 else f"2024-03-{n % 31 + 1:02}",
    "moment": lambda n: f"2024-05-01 {n % 24:02}:{n % 60:02}:00",
    "midnight": lambda n: f"2024-05-{n % 31 + 1:02}T00:00:00",
    "parts of a second": lambda n: f"2024-05-01T10:00:{n % 60:02}.{n:03}",
    "end of day": lambda n: f"2024-05-01 {n % 25:02}:00:00",
    "instant": lambda n: f"2024-05-01T10:00:{n % 60:02}Z",
    "day first": lambda n: f"{n % 28 + 1:02}.{n % 12 + 1:02}.2024",
    "clock": lambda n: f"{n % 24:02}:{n % 60:02}",
    "named month": lambda n: f"{n % 28 + 1} March 2024",
    "weekday": lambda n: f"Mon {n % 28 + 1} Mar 2024",
    "word": lambda n: ("north", "south", "NA")[n % 3],
    "words": lambda n: f"customer {n} of {n % 7}",
    "code": lambda n: f"AB-{n:04}",
    "yes": lambda n: ("true", "false")[n % 2],
    "yes or other": lambda n: "perhaps" if n == 399 else ("yes", "no")[n % 2],
    "units": lambda n: f"{n} €",
    "mixed units": lambda n: f"{n} {'€$'[n % 2]}",
    "nothing": lambda _: "",
    "only marks": lambda n: "NA" if n % 2 else "-",
    "empty at first": lambda n: "" if n < 390 else str(n),
    "words from the fifth part on": lambda n: f"x{n}" if n > 80 else str(n),
}
PLAIN = {"whole", "price", "measured", "some missing", "marked", "marked decimals", "either point"}
PLAIN |= {
    "day",
    "marked day",
    "moment",
    "midnight",
    "instant",
    "parts of a second",
    "word",
    "words",
    "code",
}
PLAIN |= {"empty at first"}


def written(folder: Path, columns: dict[str, Callable[[int], str]], separator: str = ";") -> Path:
    file = folder / "table.csv"
    lines = [separator.join(make(n) for make in columns.values()) for n in range(ROWS)]
    file.write_text(separator.join(columns) + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def loaded(file: Path) -> str:
    """Return how a table was read, and every value of it."""
    session = TableSession()
    try:
        database, facts = session.table(look_at(str(file)))
        return repr((facts, database.rows(f"FROM {TABLE}")))
    finally:
        session.close()


def test_every_kind_of_column_is_read_as_the_careful_reading_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, COLUMNS)
    found: dict[str, Plain] = {}

    def noted(*arguments: object) -> dict[str, Plain]:
        found.update(plain_columns(*arguments))  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(column_types, "plain_columns", noted)
    fast = loaded(file)
    monkeypatch.setattr(column_types, "plain_columns", lambda *_: {})
    assert fast == loaded(file)
    assert set(found) >= PLAIN
    assert not set(found) & {"stray late", "leading zero", "blank around", "decimal comma"}


@pytest.mark.parametrize("other", ["decimal comma", "price", "either point"])
def test_a_plain_column_proves_and_is_proven_as_before(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {name: COLUMNS[name] for name in (other, "either point", "infinite")}
    columns["thousands"] = lambda n: f"{n % 9 + 1},{n % 900 + 100}"
    file = written(tmp_path, columns)
    fast = loaded(file)
    monkeypatch.setattr(column_types, "plain_columns", lambda *_: {})
    assert fast == loaded(file)


MARKED = {
    "mass": lambda n: "NA" if n % 9 == 0 else str(n),
    "sex": lambda n: ("male", "female", "NA")[n % 3],
    "country": lambda n: ("DE", "US", "NA", "FR")[n % 4],
    "region": lambda n: ("EMEA", "NA", "APAC", "LA")[n % 4],
    "answer": lambda n: ("YES", "NO", "NA")[n % 3],
    "language": lambda n: ("de", "fr", "na")[n % 3],
    "alley": lambda n: ("None", "Gravel")[n % 2],
    "grade": lambda n: ("A", "B", "-")[n % 3],
}

KEPT = {"language": 0, "alley": 0}


def missing_in(
    folder: Path, columns: dict[str, Callable[[int], str]]
) -> tuple[dict[str, int], str]:
    session, source = TableSession(), look_at(str(written(folder, columns, ",")))
    try:
        database, table = session.table(source)
        missing = {
            name: ROWS - database.whole(f'SELECT count("{name}") FROM {TABLE}') for name in columns
        }
        return missing, " ".join(table.notes)
    finally:
        session.close()


def test_a_mark_of_the_columns_of_numbers_is_one_in_text_too(tmp_path: Path) -> None:
    missing, notes = missing_in(tmp_path, MARKED)
    assert missing == {
        "mass": 45,
        "sex": 133,
        "answer": 133,
        "country": 0,
        "region": 0,
        **KEPT,
        "grade": 0,
    }
    assert "`sex`: 133 values are marks for a missing one in other columns" in notes
    assert "`country`" not in notes


def test_another_mark_is_text(tmp_path: Path) -> None:
    marks = {"mass": lambda n: "-" if n % 9 == 0 else str(n)}
    missing, notes = missing_in(tmp_path, MARKED | marks)
    assert missing == {
        "mass": 45,
        "sex": 0,
        "answer": 0,
        "country": 0,
        "region": 0,
        **KEPT,
        "grade": 133,
    }
    assert "`grade`" in notes


def test_without_marks_in_numbers_all_text_stays(tmp_path: Path) -> None:
    missing, notes = missing_in(tmp_path, MARKED | {"mass": str})
    assert set(missing.values()) == {0}
    assert notes == ""
