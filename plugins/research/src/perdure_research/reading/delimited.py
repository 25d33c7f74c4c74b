"""Reading files of values between commas, semicolons or tabs: each line a row of a table."""

import csv
import io
from typing import Final

from perdure_research.reading.reading import Reading, TextBuilder

_SAMPLE_CHARACTERS: Final = 16_384


def read_delimited(text: str) -> Reading:
    """Return the reading of a table; its archived text has a row on each line."""
    sample = text[:_SAMPLE_CHARACTERS]
    try:
        delimiter = csv.Sniffer().sniff(sample, delimiters=",;\t|").delimiter
    except csv.Error:
        delimiter = "\t" if sample.count("\t") > sample.count(",") else ","
    builder = TextBuilder()
    columns: tuple[str, ...] = ()
    for cells in csv.reader(io.StringIO(text), delimiter=delimiter):
        row = tuple(" ".join(cell.split()) for cell in cells)
        builder.add(" | ".join(row).strip(" |"), "row", columns=columns)
        columns = columns or row
    return Reading(format="table", content=builder.build())
