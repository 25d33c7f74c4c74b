"""What a reader must know about how a PDF was read, in sentences."""

from collections.abc import Iterator, Sequence
from typing import Final

from perdure_document.formatting import counted
from perdure_document.pdf.content import Opening, Page

_LISTED: Final = 10
_UNSURE: Final = 0.9


def notes_of(opening: Opening, pages: Sequence[Page], *, recognition: bool) -> Iterator[str]:
    """Yield what a reader must know.

    Args:
        opening: What is known of the PDF beside its pages.
        pages: Its pages.
        recognition: Whether text in pictures can be recognised here.
    """
    yield from _recognised(pages)
    yield from _without_text(pages, recognition)
    for page in pages:
        if page.failure:
            yield f"Page {page.number} could not be read: {page.failure}."
    layers = [page.number for page in pages if page.layer]
    if layers:
        yield (
            f"The text of {page_list(layers)} is an invisible layer over a picture, as another"
            " program recognised it."
        )
    for page in pages:
        for field in page.fields:
            if not field.shown:
                yield f"A hidden field on page {page.number}, {field.name}: {field.value}"
    if opening.attachments:
        names = ", ".join(opening.attachments[:_LISTED])
        more = ", \u2026" if len(opening.attachments) > _LISTED else ""
        yield f"{counted(len(opening.attachments), 'file')} attached and not read: {names}{more}."
    if opening.dynamic:
        yield "Its form is made by a program within it (XFA), which is not executed here."


def page_list(numbers: Sequence[int]) -> str:
    """Write which pages are meant: ``page 3``, ``pages 1 to 4, 9``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    texts = [
        str(first) if first == last else f"{first} to {last}" for first, last in ranges[:_LISTED]
    ]
    more = ", \u2026" if len(ranges) > _LISTED else ""
    return f"page{'s' if len(numbers) > 1 else ''} {', '.join(texts)}{more}"


def _recognised(pages: Sequence[Page]) -> Iterator[str]:
    found = [page for page in pages if page.confidence]
    if not found:
        return
    lowest = min(found, key=lambda page: page.confidence or 0.0)
    sure = sum(page.confidence or 0.0 for page in found) / len(found)
    yield (
        f"The text of {page_list([page.number for page in found])} was recognised in pictures, with"
        f" a confidence of {sure:.2f} (page {lowest.number}: {lowest.confidence:.2f})."
    )
    unsure = [page.number for page in found if (page.confidence or 0.0) < _UNSURE]
    if unsure:
        yield f"The recognised text of {page_list(unsure)} is unsure: compare it with the pages."


def _without_text(pages: Sequence[Page], recognition: bool) -> Iterator[str]:
    bare = [page for page in pages if not page.failure and not page.lines and not page.tables]
    pictured = [page.number for page in pages if page.unread]
    tried = [page.number for page in bare if page.confidence is not None]
    blank = [page.number for page in bare if page.confidence is None and not page.unread]
    if pictured and not recognition:
        yield (
            f"Pictures that may hold text were not read on {page_list(pictured)}: there is no text"
            " recognition here, pip install 'perdure-document[ocr]' brings it."
        )
    elif pictured:
        yield f"Pictures that may hold text were not read on {page_list(pictured)}."
    if tried:
        yield f"No text was recognised in the pictures on {page_list(tried)}."
    if blank:
        yield f"No text on {counted(len(blank), 'page')}: {page_list(blank)}."
