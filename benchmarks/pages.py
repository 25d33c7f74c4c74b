"""``python -m benchmarks.pages``: writes what was measured into the docs: tables, and a chart.

What a benchmark printed last lies in ``docs/figures/NAME.json``. A page has each table between two
comments that name it, and a test holds the pages to the files.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.tables import kills_table, speed_table
from benchmarks.sizing.tables import cell_table, costs_table, needs_table

DOCS: Final = Path(__file__).parents[1] / "docs"
FIGURES: Final = DOCS / "figures"

Table = Callable[[dict[str, Any]], str]
# By the page, and the name in its comments: the file of figures and what writes the table.
TABLES: Final[dict[str, dict[str, tuple[str, Table]]]] = {
    "how-to/size.md": {
        "costs": ("sizing", costs_table),
        "cell": ("sizing", cell_table),
        "needs": ("sizing", needs_table),
    },
    "peers.md": {"speed": ("peers", speed_table), "kills": ("peers", kills_table)},
}


def figures(name: str) -> dict[str, Any]:
    """Return what a benchmark printed last, as it is kept for the docs."""
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def written(page: str) -> str:
    """Return a page's text with its tables as the figures have them.

    Raises:
        ValueError: The page lacks the comments of a table.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, (source, table) in TABLES[page].items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        made = table(figures(source))
        text, count = between.subn(lambda found, made=made: f"{found[1]}{made}{found[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"docs/{page} has {count} places for the table {name}: give it one")
    return text


def main() -> None:
    """Write all tables, and draw the chart."""
    from benchmarks.sizing.chart import chart

    (DOCS / "cells.svg").write_text(chart(figures("sizing")), encoding="utf-8")
    for page in TABLES:
        (DOCS / page).write_text(written(page), encoding="utf-8")


if __name__ == "__main__":
    main()
