"""Items of a batch as they are handed in: lines of JSON, rows of CSV, files.

A row that is broken becomes an item that says so, in its place: it keeps no other from being done.
Rows are read one at a time, however many there are.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic import JsonValue, ValidationError

from perdure.activities.batches.changed_files import digest_of_file
from perdure.models import Parameters
from perdure.models.batches import ItemContent, NewItem
from perdure.models.texts import find_surrogates
from perdure.stores.database.errors import InputRefused

MAX_LINE_BYTES: Final = 1024 * 1024
# What a column is mapped to that is no parameter.
KEY_TARGET: Final = "@key"
DESCRIPTION_TARGET: Final = "@description"
_FIELDS: Final = frozenset({"key", "description", "parameters"})


def json_lines(lines: Iterable[bytes]) -> Iterator[NewItem]:
    """Yield an item for each line of JSON: an object of ``key``, ``description``, ``parameters``.

    Without a key it is known by what it asks for: the same line twice is one item.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _from_line(number, line)


def json_objects(rows: Iterable[Mapping[str, JsonValue]]) -> Iterator[NewItem]:
    """Yield an item for each object, as :func:`json_lines` has them."""
    for number, row in enumerate(rows, 1):
        yield _from_object(number, row)


def csv_rows(lines: Iterable[bytes], columns: Mapping[str, str] | None = None) -> Iterator[NewItem]:
    """Yield an item for each row of CSV after the first, which names the columns.

    An empty cell gives its item nothing.

    Args:
        lines: The lines.
        columns: For each column that counts the parameter that it is, ``@key`` or
            ``@description``. When not given, each is the parameter of its name, but ``key`` and
            ``description`` are what they say.

    Raises:
        InputRefused: There is no first row, or it lacks a column that is named.
    """
    reader = csv.reader(
        (line.decode("utf-8-sig", "surrogateescape") for line in lines), strict=True
    )
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise InputRefused(
            f"the first row cannot be read ({error}): it names the columns"
        ) from error
    if not header:
        raise InputRefused("there is no first row: it names the columns")
    targets = _targets(header, columns)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            # A quotation mark that is not closed takes the rows below it in.
            last = f" to {reader.line_num}" if reader.line_num > first else ""
            yield _broken(first, f"{last} cannot be read ({error}): correct it".lstrip())
            continue
        if row is None:
            return
        if row:
            yield _from_row(first, row, targets)


def files(paths: Iterable[Path], parameter: str) -> Iterator[NewItem]:
    """Yield an item for each file, known by its path, with the digest of what it holds now.

    Args:
        paths: The files.
        parameter: The parameter that takes one.
    """
    for path in paths:
        absolute = str(path.absolute())
        if find_surrogates(absolute, "path"):
            shown = absolute.encode("utf-8", "backslashreplace").decode()
            yield NewItem(key=shown, problem=f"{shown} is no UTF-8: give the file another name")
            continue
        try:
            digest = digest_of_file(path)
        except OSError as error:
            problem = f"{absolute} cannot be read ({error.strerror or error}): see whether you may"
            yield NewItem(key=absolute, problem=problem)
            continue
        content = ItemContent(parameters={parameter: absolute}, files={absolute: digest})
        yield NewItem(key=absolute, content=content)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is longer than a megabyte what is left is dropped."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        while not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
            rest = file.readline(MAX_LINE_BYTES)
            if not rest or rest.endswith(b"\n"):
                break
        yield line


def _from_line(number: int, line: bytes) -> NewItem:
    if len(line) > MAX_LINE_BYTES:
        return _broken(number, "is longer than a megabyte: put the data into a file")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return _broken(number, "is not JSON: write one object a line")
    if not isinstance(row, dict):
        return _broken(number, "is no JSON object: write one object a line")
    return _from_object(number, row)


def _from_object(number: int, row: Mapping[str, JsonValue]) -> NewItem:
    if unknown := sorted(set(row) - _FIELDS):
        return _broken(
            number,
            f"has the unknown field {unknown[0]!r}: it takes key, description and parameters",
            row.get("key"),
        )
    parameters = row.get("parameters", {})
    return _item(number, row.get("key"), row.get("description", ""), parameters)


def _from_row(number: int, row: Sequence[str], targets: Sequence[str | None]) -> NewItem:
    if len(row) != len(targets):
        return _broken(
            number, f"has {len(row)} cells where the first row has {len(targets)}: correct it"
        )
    cells = {target: cell for target, cell in zip(targets, row, strict=True) if target and cell}
    key = cells.pop(KEY_TARGET, None)
    description = cells.pop(DESCRIPTION_TARGET, "")
    parameters: Parameters = {**cells}
    return _item(number, key, description, parameters)


def _item(number: int, key: Any, description: Any, parameters: Any) -> NewItem:
    place = find_surrogates([key, description, parameters], "row")
    if place:
        return _broken(number, "is no UTF-8: write it again in that encoding")
    try:
        content = ItemContent(description=description, parameters=parameters)
        return NewItem(key=_key(content) if key is None else key, content=content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return _broken(number, f"is wrong at {field}: {first['msg']}", key)


def _broken(number: int, problem: str, key: JsonValue = None) -> NewItem:
    problem = f"row {number} {problem}"
    if isinstance(key, str) and key and not find_surrogates(key, "key"):
        return NewItem(key=key[:1_000], problem=problem)
    return NewItem(key=f"row-{number}", problem=problem)


def _key(content: ItemContent) -> str:
    text = json.dumps(content.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _targets(header: Sequence[str], columns: Mapping[str, str] | None) -> list[str | None]:
    if columns is None:
        own = {"key": KEY_TARGET, "description": DESCRIPTION_TARGET}
        return [own.get(name, name) for name in header]
    if missing := [name for name in columns if name not in header]:
        raise InputRefused(
            f"there is no column {missing[0]!r}, the first row has {', '.join(header)}: name one of"
            " these"
        )
    return [columns.get(name) for name in header]
