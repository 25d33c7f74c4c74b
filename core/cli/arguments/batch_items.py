"""The items of a batch on the command line: files, objects of a bucket, or lines of a file."""

import glob
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

from perdure.cli.arguments.parameter_types import SchemaTypes
from perdure.cli.runtime.errors import WrongInput

if TYPE_CHECKING:
    from pydantic import JsonValue


_OBJECTS: Final = re.compile("(s3|gs|az)://")


@dataclass(frozen=True, slots=True)
class GivenItems:
    """Items as a command was given them.

    Attributes:
        lines: A file with an item in each line or row.
        kind: What its lines are.
        columns: For each column of CSV that counts what it is; ``None`` for all by their names.
        files: Files, each an item.
        prefixes: Prefixes of object storage, each object below them an item.
        parameter: The parameter that takes one of them.
    """

    lines: Path | None = None
    kind: Literal["jsonl", "csv"] = "jsonl"
    columns: Mapping[str, str] | None = None
    files: Sequence[Path] = ()
    prefixes: Sequence[str] = ()
    parameter: str = ""


def read_items(
    over: Sequence[str],
    parameter: str | None,
    lines: Path | None,
    rows: Path | None,
    columns: Sequence[str],
    schema: "Mapping[str, JsonValue] | None",
) -> GivenItems:
    """Return the items that options name.

    Args:
        over: Patterns of files, and folders; or prefixes of object storage.
        parameter: The parameter that takes a file; the agent's only one that takes a path if it
            is not given.
        lines: A file of JSON lines.
        rows: A file of CSV.
        columns: ``COLUMN=PARAMETER`` each.
        schema: The agent's parameters.

    Raises:
        WrongInput: They name no items, or in two ways, or what they name is not there.
    """
    if sum(map(bool, (over, lines, rows))) != 1:
        raise WrongInput("say where the items are: --over, --lines or --csv, one of them")
    if columns and rows is None:
        raise WrongInput("--column says what a column of --csv is: give that too")
    if over:
        taker = parameter or _path_parameter(schema)
        prefixes = [each for each in over if _OBJECTS.match(each)]
        if not prefixes:
            return GivenItems(files=_found(over), parameter=taker)
        if len(prefixes) < len(over):
            raise WrongInput("--over names files or object storage: add the others to the batch")
        return GivenItems(prefixes=prefixes, parameter=taker)
    if parameter is not None:
        raise WrongInput("--as names the parameter that takes a file of --over: give that too")
    if rows is not None:
        return GivenItems(lines=rows, kind="csv", columns=_columns(columns))
    return GivenItems(lines=lines)


@contextmanager
def unchanging(file: Path) -> Iterator[Path]:
    """Give a copy of a file for as long as the block runs: whatever becomes of it, it stays whole.

    Raises:
        WrongInput: It cannot be read, or was changed while it was copied.
    """
    with TemporaryDirectory(prefix="perdure-batch-") as folder:
        copy = Path(folder, file.name)
        try:
            before = file.stat()
            shutil.copyfile(file, copy)
            after = file.stat()
        except OSError as error:
            raise WrongInput(f"{file} cannot be read ({error.strerror or error})") from error
        copied = copy.stat().st_size
        if (before.st_size, before.st_mtime_ns) != (copied, after.st_mtime_ns):
            raise WrongInput(
                f"{file} was changed while it was read, so nothing was handed in: run this again"
                " once it is whole"
            )
        yield copy


def _found(patterns: Sequence[str]) -> Sequence[Path]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        names = glob.glob(os.path.expanduser(pattern), recursive=True)  # noqa: PTH111, PTH207 -- `**` and `~` in one text
        paths = [path for name in sorted(names) for path in _files(Path(name))]
        if not paths:
            raise WrongInput(f"--over {pattern!r} fits no file here: give another pattern")
        found |= dict.fromkeys(paths)
    return list(found)


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path.absolute()]
    return [each.absolute() for each in sorted(path.rglob("*")) if each.is_file()]


def _path_parameter(schema: "Mapping[str, JsonValue] | None") -> str:
    found = (schema or {}).get("properties")
    properties: Iterable[str] = found if isinstance(found, dict) else ()
    types = SchemaTypes(schema)
    names = [name for name in properties if types.is_path(name)]
    required = (schema or {}).get("required")
    if len(names) > 1 and isinstance(required, list):
        names = [name for name in names if name in required] or names
    if len(names) != 1:
        which = f"takes files as {', '.join(names)}" if names else "has no parameter for a file"
        raise WrongInput(f"the agent {which}: name the parameter with --as")
    return names[0]


def _columns(pairs: Sequence[str]) -> Mapping[str, str] | None:
    columns: dict[str, str] = {}
    for pair in pairs:
        column, equals, target = pair.partition("=")
        if not equals or not column or not target:
            raise WrongInput(
                f"--column {pair!r} maps nothing: write COLUMN=PARAMETER, COLUMN=@key or"
                " COLUMN=@description"
            )
        columns[column] = target
    return columns or None
