"""Reading the text of a PDF, in a process of its own.

PDFium is native code that must not be entered by two threads of a process at once, and the agents
of one worker know nothing of each other. Alone in a process it needs no lock, a broken file cannot
bring the worker down, and a cancelled goal stops it at once.
"""

import asyncio
import sys
from typing import Final

from pydantic import BaseModel

from perdure.agents import InputError, PermanentError
from perdure_research.facts import Block
from perdure_research.pdf_lines import Line, blocks_of_page

TIME_LIMIT_SECONDS: Final = 120
_PASSWORD: Final = 4


class PdfText(BaseModel):
    """What the process tells: a title and the lines of each page, or the error of PDFium.

    Attributes:
        cut: Whether pages were left out, because the rest is long enough.
        error: What PDFium says.
        code: Its number for that.
    """

    title: str = ""
    pages: list[list[Line]] = []
    cut: bool = False
    error: str = ""
    code: int | None = None


async def read_pdf(name: str, content: bytes, most_characters: int) -> PdfText:
    """Return title and lines of a PDF.

    Args:
        name: What an error calls it.
        content: The file.
        most_characters: Pages after this many characters are left out.

    Raises:
        InputError: It is damaged, or opens with a password only.
        PermanentError: PDFium broke down or took more than two minutes.
    """
    # Its own session: a Ctrl-C at the terminal is the worker's to answer.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "perdure_research.pdf_process",
        str(most_characters),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            told, _ = await process.communicate(content)
    except TimeoutError as error:
        raise PermanentError(
            f"{name} took more than {TIME_LIMIT_SECONDS} seconds to read: give a smaller PDF"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise PermanentError(
            f"{name} made the PDF reader break down (status {process.returncode}): save the PDF"
            " anew, or give another file"
        )
    text = PdfText.model_validate_json(told)
    if text.code == _PASSWORD:
        raise InputError(f"{name} opens with a password only: save a copy without one")
    if text.error:
        raise InputError(f"{name} is damaged and cannot be read as a PDF: give an intact copy")
    return text


def blocks_of(text: PdfText) -> tuple[Block, ...]:
    """Return the paragraphs of a PDF, with their pages and headings."""
    heading: tuple[str, ...] = ()
    blocks: list[Block] = []
    for number, lines in enumerate(text.pages, 1):
        found, heading = blocks_of_page(lines, number, heading)
        blocks.extend(found)
    return tuple(blocks)
