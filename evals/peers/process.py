"""Runs markitdown or pandas on the files listed on standard input; prints a line of JSON.

A script for another interpreter, which has them: it imports nothing of ours.
"""

import json
import sys
from collections.abc import Callable
from typing import Any


def markitdown() -> Callable[[str], str]:
    """Return what makes Markdown of a file."""
    from markitdown import MarkItDown

    converter = MarkItDown(enable_plugins=False)

    def convert(path: str) -> str:
        return str(converter.convert(path).text_content)

    return convert


def pandas() -> Callable[[str], str]:
    """Return what describes the columns of numbers of a file, as JSON."""
    import pandas as pd

    readers: dict[str, Any] = {
        "csv": lambda path: pd.read_csv(path, sep=None, engine="python"),
        "tsv": lambda path: pd.read_csv(path, sep="\t"),
        "json": pd.read_json,
        "xlsx": pd.read_excel,
        "gz": pd.read_csv,
    }

    def describe(path: str) -> str:
        frame = readers[path.rpartition(".")[2]](path)
        numbers = frame.select_dtypes("number")
        return json.dumps(
            {
                str(name): {
                    "count": int(column.count()),
                    "mean": float(column.mean()),
                    "minimum": float(column.min()),
                    "maximum": float(column.max()),
                }
                for name, column in numbers.items()
            }
        )

    return describe


def main() -> None:
    """Read the list, and answer."""
    work = {"markitdown": markitdown, "pandas": pandas}[sys.argv[1]]()
    answers: dict[str, str | None] = {}
    for path in json.load(sys.stdin):
        try:
            answers[path] = work(path)
        except Exception as error:  # noqa: BLE001 -- what it cannot read counts against it
            print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
            answers[path] = None
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
