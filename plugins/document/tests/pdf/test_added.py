"""What is added to the text of PDFs: values of forms, comments, pictures, bookmarks, files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2

from perdure.testing import rehearse


def test_fields_are_read_beside_their_labels(read: Any, sheet: Any) -> None:
    page = sheet().text(60, 100, "Name:").text(60, 130, "Agree:").text(60, 160, "Town:")
    page.annotate("/Subtype/Widget/FT/Tx/T(name)/V(Rita Holm)/Rect[110 734 300 750]/F 4")
    page.annotate(
        "/Subtype/Widget/FT/Btn/T(agree)/V/Yes/AS/Yes/Rect[110 704 124 718]/F 4"
        "/AP<</N<</Yes 3 0 R/Off 3 0 R>>>>"
    )
    page.annotate(
        "/Subtype/Widget/FT/Ch/Ff 131072/T(town)/Opt[(Rom)(Bern)]/V(Bern)/Rect[110 674 300 690]/F 4"
    )
    page.annotate("/Subtype/Widget/FT/Tx/T(secret)/V(4711)/Rect[110 604 300 620]/F 2")
    document = read(page, catalogue="/AcroForm<</Fields[7 0 R 8 0 R 9 0 R 10 0 R]>>")
    assert [one.text for one in document.blocks] == ["Name: Rita Holm", "Agree: ☒", "Town: Bern"]
    assert any("secret: 4711" in note for note in document.notes)


def test_comments_say_who_wrote_them_and_what_they_mark(read: Any, sheet: Any) -> None:
    page = sheet().text(60, 100, "The pump costs 90 euros.")
    page.annotate(
        "/Subtype/Highlight/Rect[60 738 110 752]/QuadPoints[60 752 106 752 60 738 106 738]"
        "/Contents(Which one?)/T(Ann)"
    )
    page.annotate("/Subtype/FreeText/Rect[60 600 300 620]/Contents(See the list)/DA(/F 11 Tf)")
    page.annotate("/Subtype/Popup/Rect[0 0 9 9]/Contents(twice)")
    blocks = read(page).blocks
    assert [(one.type, one.text) for one in blocks] == [
        ("paragraph", "The pump costs 90 euros."),
        ("comment", "“The pump”: Which one?"),
        ("paragraph", "See the list"),
    ]
    assert blocks[1].author == "Ann"


async def test_pictures_become_artifacts_where_they_stand(
    write: Callable[..., Path], sheet: Any
) -> None:
    page = sheet().text(60, 60, "Before the picture.").text(60, 400, "After the picture.")
    opened = pypdfium2.PdfDocument(write(page).read_bytes())
    bitmap = pypdfium2.PdfBitmap.new_native(40, 30, 4)
    bitmap.fill_rect((200, 30, 30, 255), 0, 0, 40, 30)
    picture = pypdfium2.PdfImage.new(opened)
    picture.set_bitmap(bitmap)
    picture.set_matrix(pypdfium2.PdfMatrix().scale(120, 90).translate(60, 600))
    first = opened[0]
    first.insert_obj(picture)
    first.gen_content()
    file = write(page).with_name("pictured.pdf")
    opened.save(file)
    rehearsal = await rehearse("document", "Read it", {"path": str(file)})
    name = "pictured-pictures/1-1.png"
    assert rehearsal.files[name].startswith(b"\x89PNG")
    written = rehearsal.files["pictured.md"].decode()
    assert written.index("Before") < written.index(name) < written.index("After")
    assert json.loads(rehearsal.files["pictured.json"])["counts"]["pictures"] == 1


async def test_bookmarks_make_headings_and_attachments_are_named(
    write: Callable[..., Path], sheet: Any
) -> None:
    pages = [sheet().text(60, 60, "1 Pumps").text(60, 90, "A pump delivers water to the house.")]
    pages.append(sheet().text(60, 60, "1.1 Parts").text(60, 90, "It has a wheel and a pipe."))
    content = pdf_with_outline(write(*pages).read_bytes())
    opened = pypdfium2.PdfDocument(content)
    opened.new_attachment("prices.csv").set_data(b"a,b")
    file = write(*pages).with_name("outlined.pdf")
    opened.save(file)
    rehearsal = await rehearse("document", "Read it", {"path": str(file)})
    structure = json.loads(rehearsal.files["outlined.json"])
    outline = structure["outline"]
    assert [(one["text"], one["level"]) for one in outline] == [("1 Pumps", 1), ("1.1 Parts", 2)]
    assert "1 file attached and not read: prices.csv." in structure["notes"]


def pdf_with_outline(content: bytes) -> bytes:
    """Add bookmarks to a PDF of two pages as a later revision of it."""
    objects = content.count(b" 0 obj")
    kids = re.search(rb"/Kids\[(\d+) 0 R (\d+) 0 R\]", content)
    previous = re.search(rb"startxref\n(\d+)", content)
    assert kids is not None
    assert previous is not None
    first, second = int(kids[1]), int(kids[2])
    texts = {
        1: b"<</Type/Catalog/Pages 2 0 R/Outlines %d 0 R>>" % (objects + 1),
        objects + 1: b"<</First %d 0 R/Last %d 0 R/Count 2>>" % (objects + 2, objects + 2),
        objects + 2: b"<</Title(1 Pumps)/Parent %d 0 R/First %d 0 R/Last %d 0 R/Count 1"
        b"/Dest[%d 0 R/Fit]>>" % (objects + 1, objects + 3, objects + 3, first),
        objects + 3: b"<</Title(1.1 Parts)/Parent %d 0 R/Dest[%d 0 R/Fit]>>"
        % (objects + 2, second),
    }
    places = {}
    for number, text in texts.items():
        places[number] = len(content)
        content += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % item for item in places.items())
    end = len(content)
    return (
        content
        + b"xref\n%strailer\n<</Size %d/Root 1 0 R/Prev %s>>\nstartxref\n%d\n%%%%EOF\n"
        % (table, objects + 4, previous[1], end)
    )
