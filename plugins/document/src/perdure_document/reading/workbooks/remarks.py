"""Comments and notes on the cells of a sheet."""

from collections.abc import Iterator

from lxml import etree

from perdure_document.facts import Block
from perdure_document.formatting import flat
from perdure_document.reading.ooxml.package import Package, local_name
from perdure_document.reading.workbooks.cells import Place, range_of, reference_of
from perdure_document.reading.workbooks.parts import rich_text


def remarks_of(package: Package, part: str, number: int) -> Iterator[Block]:
    """Yield the comments of a sheet with the cells that they are on, from top to bottom.

    Args:
        package: The workbook's file.
        part: The sheet's part.
        number: The sheet's number, from 1.
    """
    threads = list(_threads(package, part))
    discussed = {place for place, _, _ in threads}
    # Every thread brings a note for programs that know no threads: it says nothing new.
    notes = [one for one in _notes(package, part) if one[0] not in discussed]
    for place, author, text in sorted([*threads, *notes], key=lambda one: one[0]):
        yield Block(
            type="comment", text=text, author=author, anchor=reference_of(place), part=number
        )


def _notes(package: Package, part: str) -> Iterator[tuple[Place, str, str]]:
    for name in package.related(part, "comments"):
        root = package.xml(name)
        authors = [flat(one.text or "") for one in root.iter("{*}author")]
        for comment in root.iter("{*}comment"):
            text = flat(" ".join(rich_text(one) for one in comment if local_name(one) == "text"))
            number = comment.get("authorId", "")
            known = number.isdecimal() and int(number) < len(authors)
            author = authors[int(number)] if known else ""
            if author:
                # Excel begins a note with its author's name, which is said already.
                text = text.removeprefix(f"{author}:").strip()
            if (place := _place(comment)) and text:
                yield place, author, text


def _threads(package: Package, part: str) -> Iterator[tuple[Place, str, str]]:
    names = package.related(part, "threadedComment")
    if not names:
        return
    persons = {
        one.get("id", ""): flat(one.get("displayName", ""))
        for people in package.related(package.main, "person")
        for one in package.xml(people).iter("{*}person")
    }
    for name in names:
        for comment in package.xml(name).iter("{*}threadedComment"):
            text = flat("".join(one.text or "" for one in comment.iter("{*}text")))
            if (place := _place(comment)) and text:
                yield place, persons.get(comment.get("personId", ""), ""), text


def _place(comment: etree._Element) -> Place | None:
    found = range_of(comment.get("ref", ""))
    return (found.top, found.left) if found else None
