"""The objects of a PDF: which of them a page reaches, and what they say."""

from collections import Counter
from collections.abc import Collection, Iterator

import pikepdf
from pikepdf import Name, Pdf

# What a page needs to be shown. Annotations are drawn into it before.
_SHOWN = {
    *(
        "/Type",
        "/MediaBox",
        "/CropBox",
        "/Rotate",
        "/Contents",
        "/Resources",
        "/UserUnit",
        "/Group",
    ),
}
_FONT_PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")
_INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")


def bare_page(page: pikepdf.Page) -> None:
    """Remove from a page all that is not shown, such as its thumbnail and its structure."""
    for key in _INHERITED:
        if key not in page.obj:
            value = _inherited(page.obj, key)
            if value is not None:
                page.obj[key] = value
    for key in set(page.obj.keys()) - _SHOWN - {"/Parent"}:
        del page.obj[key]


def _inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    node, seen = page, 0
    while "/Parent" in node and seen < 100:
        node, seen = node["/Parent"], seen + 1
        if key in node:
            return node[key]
    return None


def texts_of(page: pikepdf.Page) -> Iterator[str]:
    """Yield what a page's objects say beside what is drawn: replaced text, names, metadata."""
    for one in _reached(page.obj):
        if isinstance(one, pikepdf.String):
            yield str(one)
        elif isinstance(one, pikepdf.Stream):
            if one.get("/Subtype") == Name.Form or "/Subtype" not in one:
                yield from _texts_of_content(one)
            elif one.get("/Type") == Name.Metadata:
                yield unpacked(one).decode("utf-8", errors="replace")
    yield from _texts_of_content(page)


def _texts_of_content(content: "pikepdf.Stream | pikepdf.Page") -> Iterator[str]:
    """Yield the strings in the properties of marked content, such as ``ActualText``."""
    try:
        instructions = pikepdf.parse_content_stream(content, "BDC DP")
    except (pikepdf.PdfError, ValueError):
        return
    for instruction in instructions:
        for operand in instruction.operands:
            for one in _reached(operand):
                if isinstance(one, pikepdf.String):
                    yield str(one)


def _reached(root: object) -> Iterator[object]:
    """Yield an object and what it refers to, but no other pages."""
    # Numbers and truth values come as Python's own.
    pending, seen = [root], set[tuple[int, int]]()
    while pending:
        one = pending.pop()
        if isinstance(one, pikepdf.Object) and one.is_indirect:
            if one.objgen in seen:
                continue
            seen.add(one.objgen)
        yield one
        if isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            pending += [value for key, value in one.items() if key != "/Parent"]
        elif isinstance(one, pikepdf.Array):
            pending += list(one)


def unpacked(stream: pikepdf.Object) -> bytes:
    """Return a stream's bytes, decoded as far as that is possible."""
    try:
        return bytes(stream.read_bytes())
    except pikepdf.PdfError:
        return bytes(stream.read_raw_bytes())


def parts_of_pdf(
    pdf: Pdf, pictures: Collection[tuple[int, int]] = ()
) -> Iterator[tuple[str, bytes]]:
    """Yield everything a PDF holds, unpacked: streams, strings in both of PDF's encodings.

    Args:
        pdf: The PDF.
        pictures: The numbers of those pictures that were drawn here.
    """
    # What a font's maker wrote into it says nothing of the document.
    unsaid = set(pictures) | {
        one[key].objgen
        for one in pdf.objects
        if isinstance(one, pikepdf.Dictionary)
        for key in _FONT_PROGRAMS
        if key in one
    }
    for number, one in enumerate(pdf.objects, 1):
        if isinstance(one, pikepdf.Stream) and one.objgen not in unsaid:
            yield f"object {number}", unpacked(one)
        strings = [str(inner) for inner in _shallow(one) if isinstance(inner, pikepdf.String)]
        yield f"object {number}", "\n".join(strings).encode("utf-8", errors="replace")
    yield "trailer", str(pdf.trailer).encode("utf-8", errors="replace")


def _shallow(root: object) -> Iterator[object]:
    pending = [root]
    while pending:
        one = pending.pop()
        yield one
        inner: list[object] = []
        if isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            inner = [value for _, value in one.items()]
        elif isinstance(one, pikepdf.Array):
            inner = list(one)
        pending += [
            value for value in inner if isinstance(value, pikepdf.Object) and not value.is_indirect
        ]


def count_left_out(pdf: Pdf) -> Counter[str]:
    """Count what a PDF holds beside the content of its pages."""
    counts: Counter[str] = Counter()
    root = pdf.Root
    counts["attached file"] = len(pdf.attachments)
    with pdf.open_outline() as outline:
        pending = list(outline.root)
        while pending:
            item = pending.pop()
            counts["bookmark"] += 1
            pending += item.children
    if "/AcroForm" in root:
        counts["form"] = 1
    if "/StructTreeRoot" in root:
        counts["description of the structure"] = 1
    if "/Info" in pdf.trailer or "/Metadata" in root:
        counts["description of the file"] = 1
    for page in pdf.pages:
        counts["link or comment"] += len(page.obj.get("/Annots", ()))
    return +counts
