"""Reading CSV and its relatives into the table, every value as the text that it is."""

import csv
import re
from itertools import islice
from typing import Final

from perdure.agents import InputError
from perdure_analysis.database.reading import Reading

_SHOWN: Final = 5
_HEAD_BYTES: Final = 1 << 16
_HEAD_LINES: Final = 200
_SEPARATOR_LINE: Final = re.compile(
    r'"?sep=(?P<separator>[^\r\n])"?[ ;,\t]*(\r\n|\r|\n)', re.IGNORECASE
)
_COMMA_NUMBER: Final = re.compile(r"\s*[^\w\s]?\s*[-+]?[\d.\s'\u2019]*,\d+\s*\D?\s*")


def read_delimited(reading: Reading) -> None:
    """Read a CSV file; lines that are no rows are left out and noted.

    Raises:
        InputError: Most lines are no rows.
    """
    reading.provide_text(one_line_end=True)
    head = _head(reading)
    announced = _SEPARATOR_LINE.match(head)
    separator = announced["separator"] if announced else _separator(head)
    options = ""
    if separator is not None:
        options += ", delim = '" + separator.replace("'", "''") + "'"
    if announced is not None:
        options += ", skip = 1"
    # What a value is, is decided by the whole column and its neighbours once the text is there.
    reading.create(
        "FROM read_csv(?, all_varchar = true, sample_size = -1, ignore_errors = true,"
        " store_rejects = true, rejects_limit = 0, max_line_size = 16777216" + options + ")",
        str(reading.file),
    )
    reading.comma_decimals = _delimiter_read(reading, separator) == ";"
    _note_rejects(reading)
    names = list(reading.database.columns())
    if names == [f"column{number:0{len(str(len(names) - 1))}}" for number in range(len(names))]:
        reading.notes.append("No header was found: columns are numbered from 0.")


def _head(reading: Reading) -> str:
    with reading.file.open("rb") as stream:
        return stream.read(_HEAD_BYTES).decode("utf-8-sig", errors="ignore")


def _separator(head: str) -> str | None:
    """Return the separator where commas are decimal marks, which make DuckDB split numbers."""
    lines = head.splitlines()
    if len(head) >= _HEAD_BYTES // 2:
        lines = lines[:-1]
    values = [line for line in lines[1:] if "," in line]
    if values and not re.search("[,;\t|]", lines[0]) and all(map(_COMMA_NUMBER.fullmatch, values)):
        # One column: there is nothing to separate.
        return ";"
    for separator in (";", "\t", "|"):
        if separator not in head:
            continue
        try:
            rows = list(islice(csv.reader(lines, delimiter=separator), _HEAD_LINES))
        except csv.Error:
            continue
        rows = [row for row in rows if row]
        if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            continue
        commas = [value for row in rows for value in row if "," in value]
        plainly = not any("," in value for value in rows[0])
        if commas and (plainly or all(map(_COMMA_NUMBER.fullmatch, commas))):
            return separator
    return None


def _delimiter_read(reading: Reading, separator: str | None) -> str:
    if separator is not None:
        return separator
    found = reading.database.rows("SELECT delimiter FROM reject_scans LIMIT 1")
    return str(found[0][0]) if found else ""


def _note_rejects(reading: Reading) -> None:
    rows = reading.count()
    rejected = reading.database.rows(
        "SELECT DISTINCT line, error_type FROM reject_errors ORDER BY line, error_type"
    )
    reading.database.rows("DROP TABLE reject_errors")
    reading.database.rows("DROP TABLE reject_scans")
    reading.left_out = len({line for line, _ in rejected})
    if reading.left_out > rows:
        raise InputError(
            f"{reading.source.path} is no regular CSV ({reading.left_out:,} of its"
            f" {reading.left_out + rows:,} lines do not have the same number of values): repair it"
        )
    if rejected:
        where = ", ".join(f"{line} ({str(what).lower()})" for line, what in rejected[:_SHOWN])
        more = " …" if len(rejected) > _SHOWN else ""
        were = "line was" if reading.left_out == 1 else "lines were"
        reading.notes.append(f"{reading.left_out:,} {were} left out as irregular: {where}{more}.")
