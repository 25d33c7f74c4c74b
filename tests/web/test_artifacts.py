"""Files that agents made, as pages show them: whatever is in them, it is shown and not obeyed."""

import re
from pathlib import Path

import pytest

from perdure.models import Artifact
from perdure.web.artifacts.diffs import read_diff
from perdure.web.artifacts.kinds import first_shown, kind_of
from perdure.web.artifacts.markdown import render_markdown
from perdure.web.artifacts.pdf_pages import can_show_pages, draw_page
from perdure.web.artifacts.tables import SHOWN_ROWS, read_table
from perdure.web.artifacts.views import view_artifact

FILES = {"charts/a b.svg": "/a%20b.svg", "data.csv": "/data.csv"}
ALLOWED = {"a", "p", "pre", "code", "em", "table", "thead", "tbody", "tr", "th", "td"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](<JaVaScRiPt:alert(1)>)",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:x)",
    "![a](javascript:alert(1))",
    "![a](https://elsewhere.example/x.png)",
    "![a](//elsewhere.example/x.png)",
    "![a](/api/goals/other/artifacts/x.png)",
    "![a](../other/charts/a.svg)",
    "[a](http://[)",
    "<https://a.example/\"onmouseover='alert(1)>",
    "```html\n<script>alert(1)</script>\n```",
    "| <script>x</script> |\n|--|\n| <b onclick=x>y</b> |",
    "[x]: javascript:alert(1)\n\n[x]",
    "<style>*{display:none}</style><form action=//x><iframe src=//x>",
    "&lt;script&gt; &#60;script&#62;alert(1)",
    "[a](https://a.example 'x\" onclick=\"y')",
]


def artifact(name: str, media_type: str = "text/plain", size: int = 10) -> Artifact:
    return Artifact(name=name, media_type=media_type, digest=f"sha256:{'0' * 64}", size=size)


def render(text: str, name: str = "report.md") -> str:
    return str(render_markdown(text, name, FILES.get, FILES.get))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_markup(text: str) -> None:
    html = render(text)
    tags = re.findall(r"<(\w+)([^>]*)>", html)
    assert {tag for tag, _ in tags} <= ALLOWED
    for _, attributes in tags:
        assert not re.search(r"\bon\w+=|style=|src=", re.sub(r'"[^"]*"', '""', attributes))
        for address in re.findall(r'href="([^"]*)"', attributes):
            assert address.startswith("https://")


def test_markdown_is_set_with_the_runs_own_pictures_and_files() -> None:
    html = render("# A\n\n![The b](charts/a%20b.svg) [data](data.csv) [x](none.csv) ~~y~~")
    assert "<h2>A</h2>" in html
    assert '<img src="/a%20b.svg" alt="The b" loading="lazy">' in html
    assert 'href="/data.csv"' in html
    assert html.count("href=") == 1
    assert "<s>y</s>" in html
    # Addresses are those beside the report.
    assert 'src="/a%20b.svg"' in render("![b](../charts/a%20b.svg)", "texts/report.md")


def test_numbers_are_aligned_without_a_style() -> None:
    html = render("| a | b |\n|:--|--:|\n| x | 1 |\n<!-- page 2 -->\n")
    assert '<td class="num">1</td>' in html
    assert "style" not in html
    assert "page 2" not in render("a\n\n<!-- page 2 -->\n\nb")


def test_a_diff_in_a_report_is_coloured() -> None:
    html = render("```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-<i>\n+</pre>\n```\n")
    assert '<pre class="diff"><span class="head">--- a/x\n</span>' in html
    assert '<span class="removed">-&lt;i&gt;\n</span><span class="added">+&lt;/pre&gt;' in html


def test_what_turns_text_round_is_shown() -> None:
    assert "\u202e" not in render("a \u202ecod.exe")


def test_a_table_shows_its_first_rows() -> None:
    text = "name;price;note\n" + "".join(f"n{n};{n},5;\n" for n in range(SHOWN_ROWS + 5))
    table = read_table(text, is_cut=False)
    assert table is not None
    assert table.columns == ["name", "price", "note"]
    assert table.numeric == [False, True, False]
    assert len(table.rows) == SHOWN_ROWS
    assert table.more_rows
    cut = read_table('a,b\n1,2\n3,"4', is_cut=True)
    assert cut is not None
    assert cut.rows == [["1", "2"]]
    uneven = read_table("a,b\n1\n\n1,2,3\n", is_cut=False)
    assert uneven is not None
    assert uneven.rows == [["1", "", ""], ["1", "2", "3"]]
    assert read_table("", is_cut=False) is None


def test_a_diff_is_read_file_by_file() -> None:
    diff = read_diff(
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n--- b\n+++ c\n d\n"
        "diff --git a/y.py b/y.py\n--- a/y.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-z\n"
    )
    first, second = diff.files
    assert (first.name, first.added, first.removed) == ("x.py", 1, 1)
    assert ("removed", "--- b") in first.lines
    assert ("added", "+++ c") in first.lines
    assert (second.name, second.added, second.removed) == ("y.py", 0, 1)
    plain = read_diff("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n--- c\n+++ d\n@@ -1 +1 @@\n-x\n+y\n")
    assert [file.name for file in plain.files] == ["b", "d"]


def test_the_report_is_shown_first() -> None:
    names = ["data.csv", "charts/a.svg", "report.html", "notes/other.md", "model.bin"]
    shown = first_shown([artifact(name) for name in names])
    assert shown is not None
    assert shown.name == "report.html"
    assert first_shown([artifact("model.bin", "application/octet-stream")]) is None
    assert kind_of(artifact("x.svg", "image/svg+xml")) == "picture"
    assert kind_of(artifact("x.svg", "text/html")) == "text"


async def test_what_is_too_large_or_no_text_is_cut_or_to_download(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"{" + b"x" * 400_000)
    view = await view_artifact("run", artifact("x.json", "application/json"), path, ())
    assert view.kind == "text"
    assert len(view.text) == 262_144
    assert view.note
    path.write_bytes(b'{"a":[1]}')
    view = await view_artifact("run", artifact("x.json", "application/json"), path, ())
    assert view.text == '{\n  "a": [\n    1\n  ]\n}'
    path.write_bytes(b"a\0b")
    assert (await view_artifact("run", artifact("x.txt"), path, ())).kind == "none"
    huge = artifact("x.png", "image/png", 10**9)
    assert (await view_artifact("run", huge, path, ())).kind == "none"


async def test_a_page_of_a_pdf_is_a_picture_and_a_broken_one_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing")
    assert await draw_page(broken, 1) is None
    if can_show_pages():  # where a plugin has brought what draws them
        import pypdfium2

        document = pypdfium2.PdfDocument.new()
        document.new_page(200, 300)
        document.save(tmp_path / "one.pdf")
        picture = await draw_page(tmp_path / "one.pdf", 1)
        assert picture is not None
        assert picture.startswith(b"\x89PNG")
        assert await draw_page(tmp_path / "one.pdf", 2) is None
