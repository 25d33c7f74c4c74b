"""Web pages: what people see of them, and what is left out and counted."""

# ruff: noqa: RUF001 - the characters of other scripts are meant

from pathlib import Path

import pytest

from perdure.agents import InputError
from perdure_document.facts import Document
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at


@pytest.fixture
def page(tmp_path: Path) -> "Page":
    return Page(tmp_path / "page.html")


class Page:
    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self, body: str, head: str = "", encoding: str = "utf-8") -> Document:
        text = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
        self.file.write_bytes(text.encode(encoding))
        return read_whole(look_at(str(self.file)))

    def texts(self, body: str, head: str = "") -> list[str]:
        return [block.numbered_text for block in self.read(body, head).blocks]

    def rows(self, body: str) -> list[tuple[tuple[str, ...], ...]]:
        return [block.rows for block in self.read(body).blocks if block.rows]


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("<div class=m><b>Invoice</b><span>A17</span></div>", "<style>.m{display:grid}</style>"),
        ("<div style='display:flex; gap:2em'><b>Invoice</b><span>A17</span></div>", ""),
        ("<b id=a>Invoice</b><i>A17</i>", "<style>p, b#a { display: block }</style>"),
    ],
)
def test_what_styles_set_apart_does_not_run_together(page: Page, body: str, head: str) -> None:
    assert page.texts(body, head) == ["Invoice", "A17"]


def test_words_of_a_sentence_stay_together(page: Page) -> None:
    head = "<style>.m { display: inline-block } @media print { i { display: block } }</style>"
    assert page.texts("<p>A <b class=m>bold</b> and <i>slanted</i> word.", head) == [
        "A bold and slanted word."
    ]


def test_spans_keep_every_row_whole(page: Page) -> None:
    body = (
        "<table><tr><th>Region<th>Quarter<th>Value<tr><td rowspan=2>North<td>Q1<td>10"
        "<tr><td>Q2<td>20<tr><td colspan=2>All<td>30</table>"
    )
    assert page.rows(body) == [
        (
            ("Region", "Quarter", "Value"),
            ("North", "Q1", "10"),
            ("North", "Q2", "20"),
            ("All", "", "30"),
        )
    ]


def test_a_cell_may_cover_all_rows_that_are_left(page: Page) -> None:
    body = "<table><tbody><tr><td rowspan=5>N<td>1<tr><td>2<tbody><tr><td>S<td>3</table>"
    assert page.rows(body) == [(("N", "1"), ("N", "2"), ("S", "3"))]
    body = "<table><tr><td rowspan=0>a<td>1<tr><td>2<tr><td>3</table>"
    assert page.rows(body) == [(("a", "1"), ("a", "2"), ("a", "3"))]


def test_the_foot_of_a_table_comes_last_and_its_head_is_known(page: Page) -> None:
    body = (
        "<table><caption>Sales</caption><tfoot><tr><td>Sum<td>3</tfoot>"
        "<thead><tr><th colspan=2>2024<tr><th>Item<th>EUR</thead>"
        "<tbody><tr><td>Ink<td>3</tbody></table>"
    )
    (block,) = page.read(body).blocks
    assert block.text == "Sales"
    assert block.rows == (("2024", ""), ("Item", "EUR"), ("Ink", "3"), ("Sum", "3"))
    assert block.header_rows == 2


def test_tables_in_cells(page: Page) -> None:
    outer = "<tr><td>Pump<td>7<td>{}<tr><td>Fan<td>8<td>Ann"
    small = "<table><tr><td>Rita<td>Open</table>"
    assert page.rows(f"<table>{outer.format(small)}</table>") == [
        (("Pump", "7", "Rita Open"), ("Fan", "8", "Ann"))
    ]
    large = "<table><tr><td>Mon<td>Tue<tr><td>1<td>2</table>"
    assert page.rows(f"<table>{outer.format('Rita' + large)}</table>") == [
        (("Pump", "7", "Rita"), ("Fan", "8", "Ann")),
        (("Mon", "Tue"), ("1", "2")),
    ]


def test_words_between_cells_stand_above_the_table(page: Page) -> None:
    body = "<table>lost <tr><td>a<td>b<tr>found</tr><tr><td>c<td>d</table>"
    assert [block.text for block in page.read(body).blocks] == ["lost", "found", ""]


def test_a_table_that_only_arranges_the_page_is_read_through(page: Page) -> None:
    body = "<table><tr><td><h1>Title</h1><p>Text.<table><tr><td>a<td>b</table></table>"
    assert page.texts(body) == ["Title", "Text.", ""]
    assert page.texts("<table role=presentation><tr><td>one<td>two</table>") == ["one", "two"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("5 × 10<sup>3</sup> m<sup>2</sup>", "5 × 10^3 m^2"),
        ("10<sup>-3</sup> and x<sup>n+1</sup>", "10^-3 and x^(n+1)"),
        ("Ca<sup>2+</sup>", "Ca^2+"),
        ('m<span style="vertical-align: super">3</span>', "m^3"),
        ("the 1<sup>st</sup> and 2<sup>e</sup> of CO<sub>2</sub>", "the 1st and 2e of CO2"),
        ("<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>", "漢字(かんじ)"),
        ("Good <img src=a.png alt='\U0001f600'> day", "Good \U0001f600 day"),
        ("<q>Yes</q>, she said", "“Yes”, she said"),
        ("co&shy;oper&shy;ate &amp; caf&eacute; &#150; &lt;b&gt;", "cooperate & café – <b>"),
        ("<span>a</span><span>b</span> c<br>d<wbr>e", "ab c de"),
        ("Pay <del>10</del> <ins>25</ins> euros", "Pay 10 25 euros"),
        (
            "<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>",
            "a/(b+1)",
        ),
        (
            "<math><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><msqrt><mn>2</mn></msqrt></math>",
            "x^2=√(2)",
        ),
        (
            "<math><mfrac><mi>p</mi><mrow><mn>2</mn><mi>ρ</mi><mi>g</mi></mrow></mfrac></math>",
            "p/(2 ρ g)",
        ),
        ("<svg viewBox='0 0 9 9'><text>Pump room</text></svg>", "Pump room"),
        ("Name <input value='Rita'> <input type=hidden value=x>", "Name Rita"),
        ("<label><input type=checkbox checked> Paid</label>", "☑ Paid"),
        ("<input type=radio> Later", "○ Later"),
        ("<textarea>Two\nlines</textarea><button>Send</button>", "Two lines Send"),
        ("<select><option>A<option selected>B</select>", "B"),
    ],
)
def test_words_in_a_line(page: Page, body: str, text: str) -> None:
    assert page.texts(f"<p>{body}</p>") == [text]


def test_numbers_of_lists_are_as_shown(page: Page) -> None:
    body = (
        "<ol start=3><li>three<li>four<li value=7>seven<ol type=a><li>first<li>second</ol></ol>"
        "<ol type=I start=9><li>nine<li>ten</ol><ol reversed><li>two<li>one</ol>"
        "<ol style='list-style-type: none'><li>bare</ol>"
    )
    texts = ["3. three", "4. four", "7. seven", "a. first", "b. second"]
    texts += ["IX. nine", "X. ten", "2. two", "1. one", "bare"]
    assert page.texts(body) == texts


def test_items_terms_code_and_quotes(page: Page) -> None:
    body = (
        "<ul><li><p>One.</p><p>More.</p><pre>x = 1\n  y</pre><li>Two<ul><li>Deep</ul></ul>"
        "<dl><dt>Pond<dd>Water<dd>Fish</dl><blockquote><p>Said.</p></blockquote>"
        "<details><summary>More</summary><p>Inside.</details>"
    )
    found = [(block.type, block.level, block.text) for block in page.read(body).blocks]
    assert found == [
        ("item", 0, "One. More."),
        ("code", 0, "x = 1\n  y"),
        ("item", 0, "Two"),
        ("item", 1, "Deep"),
        ("item", 0, "Pond"),
        ("item", 1, "Water"),
        ("item", 1, "Fish"),
        ("quote", 0, "Said."),
        ("paragraph", 0, "More"),
        ("paragraph", 0, "Inside."),
    ]


@pytest.mark.parametrize("tag", ["form", "aside", "article", "main", "section", "center"])
def test_the_page_may_stand_in_any_element(page: Page, tag: str) -> None:
    body = f"<{tag}><h1>Mills</h1><p>The mill turns.</p></{tag}><p>We use cookies on this site.</p>"
    document = page.read(body)
    assert [block.text for block in document.blocks] == ["Mills", "The mill turns."]
    assert document.left_out == {"cookie notice": 1}


def test_lines_that_their_writer_ended_stay_lines(page: Page) -> None:
    assert page.texts("<p>Name: Rita<br>Age: 51<br><br>Graz</p>") == [
        "Name: Rita",
        "Age: 51",
        "Graz",
    ]
    assert page.texts("<p>A line that<br>goes on.</p>") == ["A line that goes on."]


@pytest.mark.parametrize(
    "body",
    [
        "<h1>Bakery</h1><p>Our website sells cookies and cakes.</p>",
        "<div class=cookie-recipe><p>Oat cookies need butter.</p></div>",
        "<main><p>We use cookies, says the site, and means biscuits.</p></main>",
    ],
)
def test_a_page_may_be_about_cookies(page: Page, body: str) -> None:
    assert page.read(body).left_out == {}


def test_what_people_do_not_see_is_left_out_and_counted(page: Page) -> None:
    head = (
        "<style>@import url(a.css); /* .kept{display:none} */ .gone, #menu { display: none }"
        "@media print {.print{display:none}} p.kept {color: red}</style>"
    )
    document = page.read(
        "<p>Seen.</p><p hidden>a</p><p style='display: none'>b</p><p class=gone>c</p>"
        "<div id=menu>d</div><template><p>e</p></template><noscript>f</noscript>"
        "<dialog>g</dialog><iframe src=x></iframe><script>h()</script><div class=print>Kept.</div>",
        head,
    )
    assert [block.text for block in document.blocks] == ["Seen.", "Kept."]
    assert document.left_out == {"hidden element": 5, "noscript text": 1, "embedded page": 1}


def test_menus_and_the_footer_stand_at_the_end(page: Page) -> None:
    document = page.read("<nav><a>Home</a> <a>All</a></nav><h1>T</h1>Text.<footer>Imprint</footer>")
    found = [(block.type, block.text) for block in document.blocks]
    assert found[2:] == [("header", "Home All"), ("footer", "Imprint")]


def test_pictures_bring_their_descriptions(page: Page) -> None:
    document = page.read(
        "<p>Look: <img src=mill.png alt='A mill'> there.</p><img width=1 src=t.gif>"
    )
    assert [(block.type, block.text) for block in document.blocks] == [
        ("paragraph", "Look: there."),
        ("picture", "A mill"),
    ]
    assert page.rows("<table><tr><td><img alt=yes><td>1<tr><td>no<td>2</table>") == [
        (("yes", "1"), ("no", "2"))
    ]


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("cp1251", "<meta charset=windows-1251>"),
        ("cp1251", ""),
        ("koi8-r", '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">'),
        ("utf-16", ""),
        ("utf-8", "<meta charset=windows-1251>"),
        ("utf-8-sig", ""),
    ],
)
def test_a_page_is_read_in_its_encoding(page: Page, encoding: str, head: str) -> None:
    text = "Библиотека хранит сорок тысяч книг."
    document = page.read(f"<p>{text}</p>", head, encoding)
    assert document.blocks[0].text == text


def test_deep_and_broken_pages_are_read(page: Page) -> None:
    assert page.texts("<div>" * 1000 + "deep" + "</div>" * 10) == ["deep"]
    with pytest.raises(InputError, match="nests its elements more than 2,000 deep"):
        page.read("<div>" * 3000 + "deep")
    assert page.texts("<b><p>a</b>b</p></i><td>c") == ["ab", "c"]
    assert page.rows("<table><tr><td colspan=99999999999 rowspan=-3>a<td>b</table>") == [
        (("a", "b"),)
    ]
