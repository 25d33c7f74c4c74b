"""Reading the text of a PDF, in a process of its own.

PDFium is native code that must not be entered by two threads of a process at once, and the agents
of one worker know nothing of each other. Alone in a process it needs no lock, a broken file cannot
bring the worker down.
"""

import subprocess
import sys
from typing import Final

from pydantic import BaseModel

from perdure.agents import InputError, PermanentError
from perdure_research.reading.about.dates import iso_date
from perdure_research.reading.pdf.lines import Line, add_page
from perdure_research.reading.reading import Reading, TextBuilder

MOST_CHARACTERS: Final = 2_000_000
TIME_LIMIT_SECONDS: Final = 120
_PASSWORD: Final = 4


class PdfText(BaseModel):
    """What the process writes: a title and the lines of each page, or the error of PDFium.

    Attributes:
        date: When it was changed last, or else made, as the PDF has it: ``D:20240517…``.
        pages: The lines of each page.
        unread: Pages, from 1, that have pictures and no text.
        cut: Whether pages were left out, because the rest is long enough.
        error: What PDFium says.
        code: Its number for that.
    """

    title: str = ""
    date: str = ""
    pages: list[list[Line]] = []
    unread: list[int] = []
    cut: bool = False
    error: str = ""
    code: int | None = None


def read_pdf(name: str, content: bytes, most_characters: int = MOST_CHARACTERS) -> Reading:
    """Return the reading of a PDF; blocks as long as its process runs.

    Args:
        name: What an error calls it.
        content: The file.
        most_characters: Pages after this many characters are left out.

    Raises:
        InputError: It is damaged, opens with a password only, or has no text.
        PermanentError: PDFium broke down or took more than two minutes.
    """
    command = [sys.executable, "-m", "perdure_research.reading.pdf.process", str(most_characters)]
    try:
        # Its own session: a Ctrl-C at the terminal is the worker's to answer.
        ended = subprocess.run(
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIME_LIMIT_SECONDS,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PermanentError(
            f"{name} took more than {TIME_LIMIT_SECONDS} seconds to read: give a smaller PDF"
        ) from error
    if ended.returncode != 0:
        raise PermanentError(
            f"{name} made the PDF reader break down (status {ended.returncode}): save the PDF"
            " anew, or give another file"
        )
    text = PdfText.model_validate_json(ended.stdout)
    if text.code == _PASSWORD:
        raise InputError(f"{name} opens with a password only: save a copy without one")
    if text.error:
        raise InputError(f"{name} is damaged and cannot be read as a PDF: give an intact copy")
    reading = reading_of(text)
    if not any(map(str.isalnum, reading.content.text)):
        raise InputError(
            f"{name} is a PDF without text, perhaps scanned: make its text readable (OCR) first"
        )
    return reading


def reading_of(text: PdfText) -> Reading:
    """Return the reading of a PDF: paragraphs, list items and headings, with their pages."""
    heading: tuple[str, ...] = ()
    builder = TextBuilder()
    for number, lines in enumerate(text.pages, 1):
        heading = add_page(lines, number, heading, builder)
    content = builder.build()
    first = next((block for block in content.blocks[:3] if block.form == "heading"), None)
    return Reading(
        format="pdf",
        title=text.title or (" ".join(content.of(first).split()) if first else ""),
        date=iso_date(text.date.removeprefix("D:")[:8]),
        content=content,
        unread_pages=tuple(text.unread),
        cut=text.cut,
    )
