"""Speakers' notes and reviewers' comments of a slide."""

from collections.abc import Iterator

from lxml import etree

from perdure_document.facts import Block
from perdure_document.formatting import flat
from perdure_document.reading.ooxml.package import Package, local_name, tag
from perdure_document.reading.slides.inheritance import placeholder
from perdure_document.reading.slides.text import text_of


def notes(package: Package, slide: str, number: int) -> Iterator[Block]:
    """Yield the speaker's notes of a slide, a block each paragraph."""
    for part in package.related(slide, "notesSlide"):
        for shape in package.xml(part).iter(tag("p:sp")):
            found = placeholder(shape)
            if found is not None and found.get("type") == "body":
                for paragraph in shape.iter(tag("a:p")):
                    if text := text_of(paragraph):
                        yield Block(type="note", text=text, part=number)


class Comments:
    """The comments of a presentation, of either kind that PowerPoint has written."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._authors: dict[str, str] = {}
        for kind in ("commentAuthors", "authors"):
            for part in package.related(package.main, kind):
                for element in package.xml(part):
                    self._authors[element.get("id", "")] = flat(element.get("name", ""))

    def of(self, slide: str, number: int) -> Iterator[Block]:
        """Yield the comments on a slide and the answers to them."""
        for part in self._package.related(slide, "comments"):
            for element in self._package.xml(part).iter():
                if local_name(element) in {"cm", "reply"} and (text := _text(element)):
                    author = self._authors.get(element.get("authorId", ""), "")
                    yield Block(type="comment", text=text, author=author, part=number)


def _text(comment: etree._Element) -> str:
    for child in comment:
        if local_name(child) == "text":
            return flat(child.text or "")
        if local_name(child) == "txBody":
            return flat(" ".join(text_of(one) for one in child.iter(tag("a:p"))))
    return ""
