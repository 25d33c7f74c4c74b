# ruff: noqa: RUF001 -- the characters that look like others are meant here
"""Texts as they are read: forms that differ, tables, lists, encodings, pages, dates, kinds."""

import io
from pathlib import Path
from typing import Any

import pytest

from perdure.agents import InputError
from perdure.testing import rehearse
from perdure_research.reading.about.dates import date_in_address, date_in_text, iso_date
from perdure_research.reading.about.kinds import kind_of
from perdure_research.reading.encodings import decode
from perdure_research.reading.plain_text import read_plain
from perdure_research.reading.reading import Reading, count_words
from perdure_research.reading.readings import read_bytes
from perdure_research.reading.web.page import read_page
from perdure_research.sources.addresses import canonical_address, page_key, without_trackers
from perdure_research.sources.source import Form
from perdure_research.sources.text_forms import comparable


def pieces(reading: Reading, form: Form | None = None) -> list[str]:
    blocks = reading.content.blocks
    return [reading.content.of(one) for one in blocks if form in {None, one.form}]


def html(body: str, head: str = "") -> Reading:
    return read_page(f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>")


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("the eﬃcient oﬀice ﬂow", "the efficient office flow"),
        ("co\u00adop\u200berate", "cooperate"),
        ("effi-\n   ciency", "efficiency"),
        ("effi\u2010\r\nciency", "efficiency"),
        ("non\u2011stop ten\u2013fold", "non-stop ten\u2013fold"),
        ("ＡＢＣ１２３ ｶﾞ", "ABC123 ガ"),
        ("e\u0301te\u0301", "été"),
        ("“quoted” it’s\u00a0so", '"quoted" it\'s so'),
        ("10³ and 5\u00b2", "10³ and 5²"),
        ("pages 3-\n5", "pages 3- 5"),
    ],
)
def test_texts_that_differ_in_form_are_compared_alike(printed: str, meant: str) -> None:
    assert comparable(printed) == meant


def test_a_broken_word_may_keep_its_hyphen() -> None:
    assert comparable("long-\nterm", joined=False) == "long-term"


async def test_what_is_found_is_quoted_as_it_was_printed(tmp_path: Path) -> None:
    said = "The eﬃ-\nciency of the co\u00adgenerator is 41 per cent in non\u2011stop service."
    (tmp_path / "a.txt").write_text(said)
    asked = "What is the efficiency of the cogenerator in non-stop service?"
    rehearsal = await rehearse("research", asked, {"sources": [str(tmp_path)]})
    data: Any = rehearsal.result.data
    assert data["citations"][0]["quote"] == said


def test_rows_of_tables_are_kept_as_rows() -> None:
    body = "<table><tr><th>Item<th>Price<tr><td>Pump<td>90 euros<tr><td>Valve<td>5 euros</table>"
    reading = html(body)
    assert pieces(reading, "row") == ["Item | Price", "Pump | 90 euros", "Valve | 5 euros"]
    assert [one.columns for one in reading.content.blocks] == [(), *[("Item", "Price")] * 2]


def test_cells_that_span_rows_stand_in_each_of_them() -> None:
    body = (
        "<table><tr><th>Region<th>Quarter<th>Sold"
        "<tr><td rowspan=2>North<td>Q1<td>10<tr><td>Q2<td>20"
        "<tr><td colspan=2>All<td>30</table>"
    )
    assert pieces(html(body), "row")[1:] == ["North | Q1 | 10", "North | Q2 | 20", "All |  | 30"]


def test_a_table_that_lays_a_page_out_is_none() -> None:
    body = "<table><tr><td><h1>Fog</h1><p>Fog is wet.</p><table><tr><td>a<td>1</table></table>"
    assert pieces(html(body)) == ["Fog", "Fog is wet.", "a | 1"]


@pytest.mark.parametrize(
    "text",
    [
        "[1] Alpha was here.\n[2] Beta came later.",
        "(1) Alpha was here.\n(2) Beta came later.",
        "[2024-05-03] Alpha was here.\n[2024-05-04] Beta came later.",
        "a) Alpha was here.\nb) Beta came later.",
        "Name: Alpha was here.\nAge: Beta came later.",
        "- Alpha was here.\n- Beta came later.",
    ],
)
def test_items_on_lines_are_each_their_own(text: str) -> None:
    reading = read_plain(text, markdown=False)
    found = pieces(reading)
    assert len(found) == 2
    assert found[0].endswith("Alpha was here.")
    assert found[1].endswith("Beta came later.")
    assert [one.line for one in reading.content.blocks] == [1, 2]
    assert {one.form for one in reading.content.blocks} == {"item"}


def test_items_of_pages_nest_and_definitions_keep_their_terms() -> None:
    body = "<ul><li>One<li>Two<ul><li>Inner</ul></ul><dl><dt>Weight<dd>5 kg<dt>Age<dd>3</dl>"
    assert pieces(html(body)) == ["One", "Two", "Inner", "Weight\n5 kg", "Age\n3"]


def test_menus_and_banners_are_no_text_but_what_holds_the_page_is() -> None:
    article = "<p>" + "The harbour was closed because the ice had come early that year. " * 8
    menu = "<nav><a href=/>Home</a><a href=/a>About</a></nav>"
    cookies = "<div class='cookie-banner'>We use cookies. <button>Accept</button></div>"
    links = "<ul>" + "".join(f"<li><a href={n}>Topic {n}</a>" for n in range(5)) + "</ul>"
    footer = "<footer>All rights reserved</footer>"
    for page in (
        f"{menu}{cookies}{links}{article}{footer}",
        f"<form>{menu}{cookies}<main>{article}</main>{footer}</form>",
        f"{menu}<aside class=sidebar>{article}</aside>{cookies}{footer}",
        f"{menu}<div style='display: none'>Subscribe now</div><article>{article}</article>",
    ):
        text = html(page).content.text
        assert text.startswith("The harbour was closed")
        assert not {"Home", "cookies", "Topic", "rights", "Subscribe"} & set(text.split())


def test_code_keeps_its_comments() -> None:
    body = "<p>Run it.<pre><code>x = 1 <span class=comment># one</span></code></pre>"
    assert pieces(html(body), "code") == ["x = 1 # one"]


def test_the_head_of_an_article_belongs_to_it() -> None:
    body = (
        "<header><a href=/>The Daily</a></header><article><header><h2>Fog</h2><p>By Rita</header>"
        "<p>The harbour was closed because of the fog.</article>"
    )
    assert pieces(html(body)) == ["Fog", "By Rita", "The harbour was closed because of the fog."]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("Fog is wet.", "Fog is wet."),
        ("<p>Fog<br>is<br><br>wet.", "Fog\nis\n\nwet."),
        ("<p>Fog &amp; rain&nbsp;&#8212; <b>we</b>t.</p>", "Fog & rain\u00a0— wet."),
        ("<ul><li><p>Fog</p></li><li><div>Rain</div></li></ul>", "Fog\nRain"),
        ("<body><script>var a = '<p>x</p>'</script><!-- <p>y</p> --><p>Fog", "Fog"),
        ("<details><summary>Fog?</summary>Yes.</details>", "Fog?\n\nYes."),
        ("", ""),
        ("<!-- nothing -->", ""),
    ],
)
def test_odd_pages_are_read_as_far_as_they_go(page: str, text: str) -> None:
    assert read_page(page).content.text == text


def test_a_page_that_is_nested_without_end_is_cut() -> None:
    page = "<p>Rain.</p>" + "<div>" * 3000 + "Fog is wet." + "</div>" * 3000
    assert read_page(page).content.text.startswith("Rain.")


def test_raised_figures_and_marks_of_notes() -> None:
    body = "<p>It has 5 × 10<sup>3</sup> Pa.<sup class=reference><a href=#n>[1]</a></sup> Yes.<p>x"
    assert pieces(html(body))[0] == "It has 5 × 10^3 Pa. Yes."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Съешь же ещё этих мягких французских булок, да выпей чаю.", "cp1251"),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю.", "koi8_r"),
        ("いろはにほへと ちりぬるを わかよたれそ つねならむ", "cp932"),
        ("いろはにほへと ちりぬるを わかよたれそ つねならむ", "euc_jp"),
        ("北京是中国的首都，人口超过两千万，历史悠久。", "gb18030"),
        ("대한민국의 수도는 서울이며 부산은 항구 도시이다.", "cp949"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250"),
        ("Où est la bibliothèque ? Déjà vu, naïve façade.", "cp1252"),
        ("Text without a mark", "utf-16-le"),
        ("いろはにほへと", "iso2022_jp"),
    ],
)
def test_encodings_without_a_declaration(text: str, encoding: str) -> None:
    assert decode((text + "\r\n").encode(encoding) * 3) == (text + "\n") * 3


def test_a_page_names_its_encoding_itself() -> None:
    page = '<html><head><meta charset="windows-1251"></head><body><p>Город стоит на реке.</p>'
    reading = read_bytes("a.html", page.encode("cp1251"), suffix=".html")
    assert pieces(reading) == ["Город стоит на реке."]
    old = page.replace('charset="windows-1251"', 'http-equiv="Content-Type" content="a;charset=x"')
    served = read_bytes("a.html", old.encode("cp1251"), suffix=".html", charset="windows-1251")
    assert pieces(served) == ["Город стоит на реке."]


def test_a_file_of_values_is_rows() -> None:
    reading = read_bytes("a.csv", b"Item;Price\nPump;90,5\nValve;5", suffix=".csv")
    assert pieces(reading) == ["Item | Price", "Pump | 90,5", "Valve | 5"]
    assert reading.content.blocks[2].columns == ("Item", "Price")


def test_pages_without_text_are_named() -> None:
    import pypdfium2

    examples = Path(__file__).parents[3] / "examples" / "research"
    document = pypdfium2.PdfDocument(examples / "interrupted-runs.pdf")
    page = document.new_page(200, 200, 1)
    image = pypdfium2.PdfImage.new(document)
    bitmap = pypdfium2.PdfBitmap.new_native(8, 8, 4)
    image.set_bitmap(bitmap)
    image.set_matrix(pypdfium2.PdfMatrix().scale(100, 100))
    page.insert_obj(image)
    page.gen_content()
    document.new_page(200, 200, 2)  # blank: there is nothing to read on it
    buffer = io.BytesIO()
    document.save(buffer)
    reading = read_bytes("a.pdf", buffer.getvalue(), suffix=".pdf")
    assert reading.unread_pages == (2,)
    assert {one.page for one in reading.content.blocks} == {1, 4}


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024-05-17T10:00:00Z", "2024-05-17"),
        ("17 May 2024", "2024-05-17"),
        ("May 17th, 2024", "2024-05-17"),
        ("Sept. 2023", "2023-09"),
        ("17.5.2024", "2024-05-17"),
        ("2024年5月17日", "2024-05-17"),
        ("20240517", "2024-05-17"),
        ("03/04/2024", ""),
        ("2024-13-40", ""),
        ("version 3.2024", ""),
    ],
)
def test_dates_are_those_that_can_be_no_other(text: str, date: str) -> None:
    assert iso_date(text) == date


def test_sources_say_their_dates() -> None:
    assert (
        date_in_text("# Fog\n\nLast updated: 3 May 2024\n\nFog came on 1 June 2020.")
        == "2024-05-03"
    )
    assert date_in_text("Fog came on 1 June 2020 and stayed for a week.") == ""
    assert date_in_address("https://fog.example/2024/05/17/fog.html") == "2024-05-17"
    assert date_in_address("/notes/2023-11-02-fog.md") == "2023-11-02"
    page = html("<p>Fog.", "<meta property='article:published_time' content='2023-01-02T00:00Z'>")
    assert page.date == "2023-01-02"
    structured = '<script type="application/ld+json">{"dateModified": "2024-02-03"}</script>'
    assert html("<p>Fog.", structured).date == "2024-02-03"
    front = read_plain("---\ntitle: Fog\ndate: 2022-02-03\n---\nFog.", markdown=True)
    assert (front.title, front.date) == ("Fog", "2022-02-03")


def test_kinds_of_sources() -> None:
    def kind(text: str, name: str = "a.md", title: str = "") -> str:
        return kind_of(read_plain(text, markdown=True).content, name, title)

    assert kind("# Fog\n\nFog is water in the air near the ground.") == "prose"
    assert kind("# Changelog\n\n## 1.2.0\n\n- Added fog\n\n## 1.1.0\n\n- Fixed rain") == "changelog"
    assert kind("## v2.0 (2024-01-02)\n\nFog.\n\n## v1.9 - 2023-01-02\n\nRain.") == "changelog"
    assert kind("- Fixed the fog in the harbour\n- Added rain", "CHANGES.md") == "changelog"
    assert kind("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |") == "table"
    assert kind("Run:\n\n```\nimport fog\nfog.roll(in_=True)\nfog.lift()\n```") == "code"
    assert kind("- Fog\n- Rain\n- Snow that falls") == "list"


def test_words_of_scripts_without_spaces_are_counted() -> None:
    assert count_words("Fog is wet.") == 3
    assert count_words("北京是首都 abc") == 6


def test_urls_of_one_page_have_one_key() -> None:
    one = page_key("https://www.fog.example/a/")
    for url in (
        "http://fog.example/a",
        "https://FOG.example:443/a/index.html?utm_source=x&gclid=1#top",
        "https://fog.example//a",
    ):
        assert page_key(url) == one
    for url in ("https://fog.example/A", "https://fog.example/a?page=2", "https://b.example/a"):
        assert page_key(url) != one
    assert page_key("https://fog.example/?a=1&b=2") == page_key("https://fog.example/?b=2&a=1")
    shown = "https://fog.example/a?id=7"
    assert without_trackers(f"{shown}&utm_medium=mail&fbclid=x#part") == shown


def test_a_canonical_link_is_believed_of_the_same_site_only() -> None:
    page = "https://m.fog.example/print?id=1"
    assert canonical_address(page, "/a") == "https://m.fog.example/a"
    assert canonical_address(page, "https://www.fog.example/a") == "https://www.fog.example/a"
    for link in ("", "https://evil.example/a", "https://fog.example/", "javascript:0"):
        assert canonical_address(page, link) == ""


def test_what_is_no_text_says_what_it_is() -> None:
    with pytest.raises(InputError, match="is read by the document agent only"):
        read_bytes("a.docx", b"PK\x03\x04...", suffix=".docx")
    with pytest.raises(InputError, match="holds binary data"):
        read_bytes("a.txt", b"a\0\1\2b" * 40, suffix=".txt")
