"""PDFs made by hand, object by object, and what is read from them."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pypdfium2
import pytest

from perdure_document.facts import Document, Source
from perdure_document.pdf.content import Opening
from perdure_document.pdf.document import arrange_pages
from perdure_document.pdf.reader_process.page import read_page

A4 = 595, 842


class Sheet:
    """The content of a page: places are points from its upper left corner."""

    def __init__(self, *, width: int = A4[0], height: int = A4[1], rotate: int = 0) -> None:
        self.width, self.height, self.rotate = width, height, rotate
        self.content: list[str] = []
        self.annotations: list[str] = []

    def text(self, x: float, y: float, text: str, *, size: float = 11, font: str = "F") -> "Sheet":
        drawn = text.encode("cp1252").hex()
        self.content.append(f"BT /{font} {size} Tf {x} {self.height - y} Td <{drawn}> Tj ET")
        return self

    def lines(self, x: float, y: float, texts: Iterable[str], *, step: float = 14) -> "Sheet":
        for number, text in enumerate(texts):
            self.text(x, y + number * step, text)
        return self

    def rule(self, x: float, y: float, to_x: float, to_y: float) -> "Sheet":
        start, end = f"{x} {self.height - y} m", f"{to_x} {self.height - to_y} l"
        self.content.append(f"{start} {end} S")
        return self

    def table(
        self, x: float, y: float, widths: list[int], rows: list[list[str]], *, step: int = 18
    ) -> "Sheet":
        """Draw a table without lines; ``\\n`` in a cell begins its next line, 12 points below."""
        for row in rows:
            for width, cell in zip(widths, row, strict=True):
                for number, part in enumerate(cell.split("\n")):
                    if part:
                        self.text(x, y + 12 * number, part)
                x += width
            x -= sum(widths)
            y += step + 12 * max(cell.count("\n") for cell in row)
        return self

    def annotate(self, fields: str) -> "Sheet":
        self.annotations.append(fields)
        return self


def pdf_of(sheets: Iterable[Sheet], catalogue: str = "") -> bytes:
    """Return pages as a PDF."""
    objects: list[str] = [
        "",
        "",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
    ]
    kids = []
    for sheet in sheets:
        content = "\n".join(sheet.content)
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
        stream = len(objects)
        first = len(objects) + 1
        objects += [f"<</Type/Annot {fields}>>" for fields in sheet.annotations]
        annotations = " ".join(f"{first + n} 0 R" for n in range(len(sheet.annotations)))
        objects.append(
            f"<</Type/Page/Parent 2 0 R{_size_of(sheet)}/Rotate {sheet.rotate}"
            f"/Contents {stream} 0 R/Annots[{annotations}]"
            "/Resources<</Font<</F 3 0 R/B 4 0 R/C 5 0 R>>>>>>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[0] = f"<</Type/Catalog/Pages 2 0 R{catalogue}>>"
    size = f"/MediaBox[0 0 {A4[0]} {A4[1]}]"  # pages of that size inherit it
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}{size}>>"
    body, places = "%PDF-1.6\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end = f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{body.index('xref')}\n"
    return f"{body}{end}%%EOF\n".encode("latin-1")


def _size_of(sheet: Sheet) -> str:
    if (sheet.width, sheet.height) == A4:
        return ""
    return f"/MediaBox[0 0 {sheet.width} {sheet.height}]"


def document_of(content: bytes) -> Document:
    """Return what is read from a PDF, in this process."""
    opened = pypdfium2.PdfDocument(content)
    if opened.get_formtype():
        opened.init_forms()
    pages = [read_page(opened, number) for number in range(1, len(opened) + 1)]
    source = Source(
        path="/x.pdf", name="x.pdf", stem="x", kind="pdf", size=len(content), modified=0
    )
    return arrange_pages(source, Opening(len(opened), {}), pages, recognition=False)


@pytest.fixture
def read() -> Callable[..., Document]:
    """Return a function that reads sheets."""

    def read_sheets(*sheets: Sheet, catalogue: str = "") -> Document:
        return document_of(pdf_of(sheets, catalogue))

    return read_sheets


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes sheets as a file."""

    def write_sheets(*sheets: Sheet) -> Path:
        file = tmp_path / "made.pdf"
        file.write_bytes(pdf_of(sheets))
        return file

    return write_sheets


@pytest.fixture
def sheet() -> type[Sheet]:
    """Return the class of pages, for tests cannot import this module."""
    return Sheet
