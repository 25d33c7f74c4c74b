"""The answers as people and programs get them: one HTML file, Markdown, Parquet, JSON."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb

from perdure.testing import rehearse
from perdure_analysis.report.page import write_page

SALES = Path(__file__).parents[3] / "examples" / "analysis" / "sales.csv"


class Page(HTMLParser):
    """Collects the elements of a page, the sources of its pictures, and its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]
        self.links += [value or "" for name, value in attrs if name == "href"]


async def test_the_page_needs_no_other_file_and_shows_the_query() -> None:
    goal = "What is the total revenue by category? And the mean of ![x](http://127.0.0.1/y)?"
    rehearsal = await rehearse("analysis", goal, {"path": str(SALES)})
    text = rehearsal.files["report.html"].decode()
    page = Page(text)
    assert len(page.sources) == sum(name.startswith("charts/") for name in rehearsal.files)
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    assert page.links == []
    answer, refused = json.loads(json.dumps(rehearsal.result.data["answers"]))
    (reading,) = answer["readings"]
    assert reading["query"].replace('"', "&quot;") in text
    assert refused["status"] == "refused"
    assert rehearsal.result.metadata["answered"] is False
    assert rehearsal.result.metadata["way"] == "rules"


async def test_the_rows_of_an_answer_come_as_parquet(tmp_path: Path) -> None:
    rehearsal = await rehearse("analysis", "total revenue by product?", {"path": str(SALES)})
    file = tmp_path / "answer.parquet"
    file.write_bytes(rehearsal.files["tables/answer-1-1.parquet"])
    rows = duckdb.execute(f"FROM '{file}'").fetchall()
    expected = duckdb.execute(
        "SELECT product, sum(TRY_CAST(revenue AS DECIMAL(18, 2))), count(*)"
        f" FROM read_csv('{SALES}', all_varchar = true) GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    assert [(row[0], float(row[1]), row[2]) for row in rows] == [
        (row[0], float(row[1]), row[2]) for row in expected
    ]


async def test_values_that_are_mark_up_are_shown_as_text(tmp_path: Path) -> None:
    file = tmp_path / "markup.csv"
    file.write_text(
        "name,amount\n<script>alert(1)</script>,1\n![x](http://127.0.0.1/x.png),2\n"
        '"[y](javascript:alert(2))",3\n`</code></pre><img src=x>,4\n'
    )
    rehearsal = await rehearse("analysis", "total amount by name", {"path": str(file)})
    page = Page(rehearsal.files["report.html"].decode())
    assert "script" not in page.tags
    assert page.links == []
    assert all(source.startswith("data:") for source in page.sources)
    report = rehearsal.files["report.md"].decode()
    outside = re.sub(r"```.*?```|`[^`]*`", "", report, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)!\[x(?<!\\)\]\(http", outside)


def test_pictures_are_found_by_name_and_the_title_is_plain() -> None:
    page = write_page("# A *b* & <c>\n\n![d](charts/e.svg)\n", {"charts/e.svg": b"<svg/>"})
    assert "<title>A b &amp; &lt;c&gt;</title>" in page
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page
    assert "default-src 'none'" in page
