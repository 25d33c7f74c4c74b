"""Markdown becomes DOCX and PDF, and several documents become one report; nothing gets lost."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest
from PIL import Image

from perdure.testing import AgentContract, Rehearsal, rehearse
from perdure_document.conversion.content import Code, Listing, Quote, Table, read_content

EXAMPLES = Path(__file__).parents[3] / "examples" / "document"
MARKDOWN = """---
title: The tide mill
---
# The tide mill

Water *turns* the **wheel**, ~~not~~ `wind`; see [the page](https://x.example/a?b=1&c=2).

3. Open the gate
4. Close it

   with care
   - by hand

> Said by a miller.

| Mill | Power |
|:--|--:|
| Heron "Creek" | 2.1 |
| `List<String>` | #show: it |

```python
print("#let x = 1 \\\\ $y$")
```

Signs: # $ @ < > _ * \\\\ ~ and 日本 \u2013 “quoted” & é. <b>Bold</b> line<br>break

![A dot](dot.png) ![Far](https://x.example/far.png) ![Up](../secret.png)

---

The end.
"""


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def mill(tmp_path: Path) -> Path:
    folder = tmp_path / "mill"
    folder.mkdir()
    (folder / "dot.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture())
    (folder / "mill.md").write_text(MARKDOWN, encoding="utf-8")
    return folder / "mill.md"


async def convert(path: Path, to: str) -> Rehearsal:
    parameters = {"action": "convert", "path": str(path), "to": to}
    return await rehearse("document", "Convert it", parameters)


def left_out(rehearsal: Rehearsal) -> dict[str, int]:
    data: dict[str, Any] = dict(rehearsal.result.data)
    return dict(data["files"][0]["left_out"])


SAID = (
    *("The tide mill", "Open the gate", "with care", "by hand", "Said by a miller.", "the page"),
    *('Heron "Creek"', "List<String>", "#show: it", "The end.", "“quoted” & é"),
)


async def test_markdown_becomes_a_word_document(mill: Path) -> None:
    rehearsal = await convert(mill, "docx")
    document = docx.Document(io.BytesIO(rehearsal.files["mill.docx"]))
    texts = [paragraph.text for paragraph in document.paragraphs]
    texts += [cell.text for row in document.tables[0].rows for cell in row.cells]
    assert [one for one in SAID if not any(one in text for text in texts)] == []
    styles = {one.text: one.style.name for one in document.paragraphs if one.style}
    assert styles["The tide mill"] == "Heading 1"
    assert styles["Said by a miller."] == "Quote"
    assert styles["by hand"] == "List Bullet 2"
    assert 'print("#let x = 1' in next(text for text in texts if "print" in text)
    runs = {run.text: run for paragraph in document.paragraphs for run in paragraph.runs}
    assert (runs["wheel"].bold, runs["turns"].italic, runs["not"].font.strike) == (True,) * 3
    starts = document.part.numbering_part.element.xpath("//w:startOverride/@w:val")
    assert starts == ["3"]
    assert document.core_properties.title == "The tide mill"
    assert len(document.inline_shapes) == 1
    links = [one.target_ref for one in document.part.rels.values() if one.is_external]
    assert links == ["https://x.example/a?b=1&c=2"]
    assert left_out(rehearsal) == {"picture": 2}
    assert "2 pictures could not be carried over" in rehearsal.result.summary


async def test_markdown_becomes_a_pdf(mill: Path) -> None:
    rehearsal = await convert(mill, "pdf")
    document = pypdfium2.PdfDocument(rehearsal.files["mill.pdf"])
    text = " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())
    assert [one for one in SAID if one not in text] == []
    assert "3. Open the gate" in text
    assert "4. Close it" in text
    assert "# $ @ < > _ *" in text
    assert document.get_metadata_dict()["Title"] == "The tide mill"
    assert left_out(rehearsal)["picture"] == 2


@pytest.mark.parametrize("to", ["docx", "pdf"])
async def test_the_same_file_becomes_the_same_bytes(mill: Path, to: str) -> None:
    one, other = await convert(mill, to), await convert(mill, to)
    assert one.files == other.files


@pytest.mark.parametrize("name", ["report.docx", "figures.xlsx", "page.html"])
async def test_other_documents_become_pdfs_as_they_are_read(name: str) -> None:
    rehearsal = await convert(EXAMPLES / name, "pdf")
    (content,) = (rehearsal.files[one] for one in rehearsal.files if one.endswith(".pdf"))
    page = pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range()
    assert {"report.docx": "Mill Street", "figures.xlsx": "36900", "page.html": "Heron"}[
        name
    ] in page


def test_the_tree_of_a_markdown_text() -> None:
    content = read_content(MARKDOWN)
    kinds = [type(block).__name__ for block in content.blocks]
    assert kinds == [
        *("Heading", "Paragraph", "Listing", "Quote", "Table", "Code", "Paragraph", "Paragraph"),
        *("Rule", "Paragraph"),
    ]
    listing = next(block for block in content.blocks if isinstance(block, Listing))
    assert (listing.start, len(listing.items), len(listing.items[1])) == (3, 2, 3)
    assert any(isinstance(block, Quote) for block in content.blocks)
    table = next(block for block in content.blocks if isinstance(block, Table))
    assert table.alignments == ("left", "right")
    code = next(block for block in content.blocks if isinstance(block, Code))
    assert code.language == "python"


def test_pictures_in_the_text_itself() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stream, "png")
    data = base64.b64encode(stream.getvalue()).decode()
    content = read_content(f"![dot](data:image/png;base64,{data})")
    assert not content.left_out
    assert read_content("![dot](data:image/png;base64,AAAA)").left_out == {"picture": 1}


async def test_characters_that_no_font_has_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# A\n\nseen \U00012000\U00012001 and **\U00012002**", encoding="utf-8"
    )
    rehearsal = await convert(tmp_path / "a.md", "pdf")
    assert left_out(rehearsal) == {"character that no font here has": 3}


async def test_a_report_of_several_documents(tmp_path: Path) -> None:
    rehearsal = await rehearse(
        "document",
        "What happened?",
        {
            "action": "assemble",
            "title": "Mills & ferries",
            "to": "docx",
            "paths": [
                *(str(EXAMPLES / name) for name in ("report.docx", "page.html", "notes.md")),
                str(tmp_path / "gone.md"),
            ],
        },
    )
    report = json.loads(rehearsal.files["report.json"])
    assert [one["title"] for one in report["chapters"]] == [
        *("Moving the archive to Mill Street", "How a tide mill works", "Notes on the bakery trial")
    ]
    assert all(one["sentences"] and len(one["digest"]) == 64 for one in report["chapters"])
    assert json.loads(rehearsal.files["report.schema.json"])["title"] == "AssembledReport"
    assert "there is no file" in report["refused"][0]["reason"]
    markdown = rehearsal.files["report.md"].decode()
    assert "\n## 2 How a tide mill works\n" in markdown
    assert markdown.startswith("# Mills & ferries\n")
    page = rehearsal.files["report.html"].decode()
    assert "<h2>2 How a tide mill works</h2>" in page
    assert "Heron Creek</td>" in page
    document = docx.Document(io.BytesIO(rehearsal.files["report.docx"]))
    assert any("Heron Creek" in cell.text for one in document.tables for cell in one._cells)


async def test_pictures_and_links_of_a_report_lead_somewhere(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "my mill.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(b"no picture")
    (tmp_path / "a.md").write_text(
        "# A\n\nSee [the other](b.html#x), [the web](https://mill.example) and `[code](c.md)`.\n\n"
        "An ![old mill](images/my%20mill.png) stands there.\n\n![gone](images/gone.png)\n\n"
        "![no](secret.png) ![out](../a/b.png) ![host](//etc/passwd)\n\n```\n![x](y.png)\n```\n"
    )
    (tmp_path / "b.html").write_text(
        "<h1>B</h1><p>Of <a href='a.md'>mills</a>.</p><img src='images/my%20mill.png' alt='again'>"
    )
    word = docx.Document()
    word.add_heading("C", 1)
    word.add_picture(io.BytesIO(picture()))
    word.save(str(tmp_path / "c d.docx"))
    paths = [str(tmp_path / name) for name in ("a.md", "b.html", "c d.docx")]
    parameters: dict[str, Any] = {"action": "assemble", "paths": paths, "to": "docx"}
    rehearsal = await rehearse("document", "R", parameters)
    markdown = rehearsal.files["report.md"].decode()
    assert "See the other, [the web](https://mill.example) and `[code](c.md)`." in markdown
    assert "An ![old mill](<a-pictures/1.png>) stands there.\n\ngone\n\n" in markdown
    assert "no out ![host](//etc/passwd)" in markdown
    assert "```\n![x](y.png)\n```" in markdown
    assert "![again](<b-pictures/1.png>)" in markdown
    assert "](c%20d-pictures/1.png)" in markdown
    for name in ("a-pictures/1.png", "b-pictures/1.png", "c d-pictures/1.png"):
        assert rehearsal.files[name] == picture()
    page = rehearsal.files["report.html"].decode()
    assert page.count('<img src="data:image/png;base64,') == 3
    assert "[host]" in page
    assert len(docx.Document(io.BytesIO(rehearsal.files["report.docx"])).inline_shapes) == 3
    chapters = json.loads(rehearsal.files["report.json"])["chapters"]
    assert chapters[0]["left_out"] == {"picture": 3, "link within the files": 1}


async def test_what_documents_say_is_no_command(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text('# A\n\n<script>alert(1)</script> #read("/etc/passwd") ok')
    (tmp_path / "b.md").write_text("# B\n\n[x](javascript:alert) and text")
    paths = [str(tmp_path / "a.md"), str(tmp_path / "b.md")]
    rehearsal = await rehearse(
        "document", "R", {"action": "assemble", "paths": [*paths], "to": "pdf"}
    )
    page = rehearsal.files["report.html"].decode()
    assert "<script" not in page
    assert 'href="javascript' not in page
    text = pypdfium2.PdfDocument(rehearsal.files["report.pdf"])[0].get_textpage().get_text_range()
    assert '#read("/etc/passwd")' in text


class TestConversionContract(AgentContract):
    agent = "document"
    description = "Convert the notes"
    parameters = {"action": "convert", "path": str(EXAMPLES / "notes.md"), "to": "docx"}
    bad_parameters = ({"action": "convert", "path": "/nowhere/a.md", "to": "pdf"},)


class TestAssemblyContract(AgentContract):
    agent = "document"
    description = "What do we know?"
    parameters = {
        "action": "assemble",
        "paths": [str(EXAMPLES / "notes.md"), str(EXAMPLES / "page.html")],
        "to": "pdf",
    }
