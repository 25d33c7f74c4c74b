"""Reading what is text: plain text, Markdown, web pages, tables of values."""

import csv
from typing import Final

from perdure.agents import InputError
from perdure_research.reading.content_type import TAKEN, Format
from perdure_research.reading.encodings import decode
from perdure_research.reading.reading import Reading

MOST_CHARACTERS: Final = 2_000_000


def read_text(name: str, content: bytes, format_: Format, charset: str | None = None) -> Reading:
    """Read bytes that are text.

    Args:
        name: What the error calls them.
        content: The bytes.
        format_: What they are.
        charset: The encoding that a server names.

    Raises:
        InputError: There are no words in them.
    """
    text = decode(content, charset)
    cut = len(text) > MOST_CHARACTERS
    reading = _read(text[:MOST_CHARACTERS], format_)
    if not any(map(str.isalnum, reading.content.text)) or not reading.content.blocks:
        raise InputError(f"{name} has no words in it: give {TAKEN} with words in it")
    return reading.model_copy(update={"cut": cut}) if cut else reading


def _read(text: str, format_: Format) -> Reading:
    if format_ == "html":
        from perdure_research.reading.web.page import read_page

        return read_page(text)
    if format_ == "table":
        from perdure_research.reading.delimited import read_delimited

        try:
            return read_delimited(text)
        except csv.Error:
            format_ = "text"
    from perdure_research.reading.plain_text import read_plain

    return read_plain(text, markdown=format_ == "markdown")
