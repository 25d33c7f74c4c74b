"""Redacted PDFs: the text is gone from every object, and what stays can still be read."""

import io
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import ImageChops, ImageStat

from perdure.agents import StepFailed
from perdure.testing import AgentContract, Rehearsal, rehearse
from perdure_document.facts import Source
from perdure_document.redaction.pdf import steps
from perdure_document.redaction.pdf.process import RedactionProcess

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
SECRETS = ("Rita", "Moreno", "moreno")


def page(pdf: Pdf, content: str, **more: Any) -> pikepdf.Page:
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    dot = pdf.make_stream(
        b"\x80",
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=1,
        Height=1,
        ColorSpace=Name.DeviceGray,
        BitsPerComponent=8,
    )
    made = Dictionary(
        Type=Name.Page,
        MediaBox=Array([0, 0, 400, 300]),
        Contents=pdf.make_stream(content.encode()),
        Resources=Dictionary(Font=Dictionary(F=font), XObject=Dictionary(Dot=dot)),
        **more,
    )
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(made)))
    return pdf.pages[-1]


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """Make a PDF that says the name in every place that can hold text."""
    pdf = pikepdf.new()
    page(
        pdf,
        "BT /F 14 Tf 50 250 Td (Our client Rita Moreno signed.) Tj"
        " 0 -30 Td (Margarita stays) Tj ET",
    )
    page(pdf, "BT /F 14 Tf 50 250 Td (Covered: Moreno) Tj ET q 300 0 0 60 40 230 cm /Dot Do Q")
    page(pdf, "BT 3 Tr /F 14 Tf 50 250 Td (Unseen: Rita) Tj ET")
    page(pdf, "/Span <</ActualText (Rita)>> BDC BT /F 14 Tf 50 250 Td (R.) Tj ET EMC")
    page(pdf, "BT /F 14 Tf 50 250 Td (Turned Rita here) Tj ET", Rotate=90)
    note = page(pdf, "BT /F 14 Tf 50 250 Td (Nobody is named here) Tj ET")
    note.obj.Annots = Array(
        [
            pdf.make_indirect(
                Dictionary(
                    Type=Name.Annot,
                    Subtype=Name.Text,
                    Rect=Array([10, 10, 30, 30]),
                    Contents=String("ask Rita"),
                    T=String("Moreno"),
                )
            )
        ]
    )
    field = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Tx,
            T=String("client"),
            V=String("Rita Moreno"),
            Rect=Array([50, 100, 200, 120]),
            DA=String("/F 12 Tf 0 g"),
            F=4,
        )
    )
    note.obj.Annots.append(field)
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]), NeedAppearances=True)
    pdf.attachments["Rita.txt"] = pikepdf.AttachedFileSpec(
        pdf, b"about Moreno", filename="Rita.txt"
    )
    pdf.docinfo["/Author"] = "Rita Moreno"
    with pdf.open_metadata() as metadata:
        metadata["dc:title"] = "Case of Rita Moreno"
    with pdf.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem("Rita Moreno", 0))
    file = tmp_path / "case.pdf"
    pdf.save(file)
    # An older revision: the catalogue once said the name, and its bytes are still in the file.
    file.write_bytes(file.read_bytes() + b"\n% 99 0 obj (Rita Moreno was here) endobj\n%%EOF\n")
    return file


def everything(content: bytes) -> str:
    """Return all that a PDF's bytes, objects and streams say."""
    said = [content.decode("latin-1")]
    with pikepdf.open(io.BytesIO(content)) as pdf:
        for one in pdf.objects:
            said.append(one.unparse(resolved=True).decode("latin-1"))
            if isinstance(one, pikepdf.Stream):
                data = one.read_bytes()
                said += [data.decode("latin-1"), data.decode("utf-16-be", errors="replace")]
                # Hexadecimal strings in content and in maps of characters.
                said.append(one.read_bytes().decode("latin-1"))
    return "\n".join(said)


def text_of(content: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(content)
    return [page.get_textpage().get_text_range() for page in document]


async def redact(file: Path, **terms: Any) -> Rehearsal:
    parameters = {"action": "redact", "path": str(file), **terms}
    return await rehearse("document", "Take it out", parameters)


async def test_a_pdf_forgets_everywhere(client: Path) -> None:
    rehearsal = await redact(client, names=["Rita Moreno"])
    content = rehearsal.files["case.redacted.pdf"]
    said = everything(content).replace("Margarita", "")
    assert [secret for secret in SECRETS if secret in said] == []
    pages = text_of(content)
    assert len(pages) == 6
    assert pages[0].split() == ["Our", "client", "signed.", "Margarita", "stays"]
    assert pages[1].split() == ["Covered:"]
    assert pages[4].split() == ["Turned", "here"]
    assert pages[5].split()[:4] == ["Nobody", "is", "named", "here"]
    data: dict[str, Any] = dict(rehearsal.result.data)
    redaction = data["files"][0]["redaction"]
    assert redaction["removed"]["attached file"] == 1
    assert redaction["removed"]["bookmark"] == 1
    assert "is a picture now" in redaction["notes"][0]


async def test_what_is_black_is_black_and_the_rest_is_as_it_was(client: Path) -> None:
    rehearsal = await redact(client, names=["Rita Moreno"])
    before = pypdfium2.PdfDocument(client)[0].render(scale=1).to_pil().convert("L")
    content = rehearsal.files["case.redacted.pdf"]
    after = pypdfium2.PdfDocument(content)[0].render(scale=1).to_pil().convert("L")
    assert before.size == after.size
    name = after.crop((120, 300 - 260, 185, 300 - 250)).tobytes()
    assert sum(value < 90 for value in name) > 0.95 * len(name)
    below = (0, 300 - 235, 400, 300)
    difference = ImageChops.difference(before.crop(below), after.crop(below))
    assert ImageStat.Stat(difference).mean[0] < 3


async def test_pages_that_say_nothing_of_it_keep_their_content(tmp_path: Path) -> None:
    rehearsal = await redact(EXAMPLES / "report.pdf", words=["Outlook"])
    content = rehearsal.files["report.redacted.pdf"]
    with pikepdf.open(io.BytesIO(content)) as new:
        fonts = [list(one.obj.Resources.get("/Font", {})) for one in new.pages]
    assert fonts[0] != ["/F0"]
    assert fonts[1] == ["/F0"]
    assert "98,000" in text_of(content)[0]
    assert "Outlook" not in "".join(text_of(content))


async def test_pages_without_text_are_named(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    page(pdf, "q 300 0 0 60 40 230 cm /Dot Do Q")
    page(pdf, "BT /F 14 Tf 50 250 Td (Rita) Tj ET")
    pdf.save(tmp_path / "scan.pdf")
    rehearsal = await redact(tmp_path / "scan.pdf", words=["Rita"])
    assert "text in 1 page without text was not searched" in rehearsal.result.summary


async def test_a_pdf_with_a_password_is_refused(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    page(pdf, "BT /F 14 Tf 50 250 Td (Rita) Tj ET")
    pdf.save(tmp_path / "a.pdf", encryption=pikepdf.Encryption(owner="x", user="y"))
    with pytest.raises(StepFailed, match="password"):
        await redact(tmp_path / "a.pdf", words=["Rita"])


def three_pages(folder: Path) -> Path:
    pdf = pikepdf.new()
    for text in ("Rita signed", "Nobody signed", "Then Rita left"):
        page(pdf, f"BT /F 14 Tf 50 250 Td ({text}) Tj ET")
    pdf.save(folder / "three.pdf")
    return folder / "three.pdf"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of the pages that are drawn, and have each drawn in a step of its own."""
    numbers: list[int] = []
    draw = RedactionProcess.draw

    async def counted(
        process: RedactionProcess, source: Source, wanted: Sequence[int], target: Path
    ) -> AsyncIterator[int]:
        numbers.extend(wanted)
        async for number in draw(process, source, wanted, target):
            yield number

    monkeypatch.setattr(RedactionProcess, "draw", counted)
    monkeypatch.setattr(steps, "DRAWN_TOGETHER", 1)
    return numbers


async def test_pages_that_were_drawn_are_not_drawn_again(tmp_path: Path, drawn: list[int]) -> None:
    file = three_pages(tmp_path)
    first = await redact(file, words=["Rita"])
    assert drawn == [1, 3]
    again = await redact(file, words=["Rita"])
    assert drawn == [1, 3]
    assert again.files == first.files
    messages = [one.message for one in first.progress]
    assert "drew page 3 of three.pdf anew" in messages
    other = await redact(file, words=["Rita", "Nobody"])
    assert drawn == [1, 3, 1, 2, 3]
    assert text_of(other.files["three.redacted.pdf"])[1].split() == ["signed"]


async def test_what_the_cache_loses_is_drawn_again(
    tmp_path: Path, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = three_pages(tmp_path)

    async def lost(*_: object) -> None:
        """Leave nothing behind, as if it had been deleted by the next step."""

    with monkeypatch.context() as patch:
        patch.setattr(steps.PdfRedacting, "_draw", lost)
        rehearsal = await redact(file, words=["signed"])
    assert drawn == [1, 2]
    words = [text.split() for text in text_of(rehearsal.files["three.redacted.pdf"])]
    assert words == [["Rita"], ["Nobody"], ["Then", "Rita", "left"]]


class TestContract(AgentContract):
    agent = "document"
    description = "Take Rita out"
    bad_parameters = ({"action": "redact", "path": "/nowhere/a.pdf", "words": ["x"]},)

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def a_file(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        file = three_pages(tmp_path_factory.mktemp("steps"))
        cls.parameters = {"action": "redact", "path": str(file), "words": ["Rita"]}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps, "DRAWN_TOGETHER", 1)
            patch.setattr(steps, "SEARCHED_TOGETHER", 2)
            yield
