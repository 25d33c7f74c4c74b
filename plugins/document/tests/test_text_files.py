"""Markdown and plain text as people wrote them, in any script and encoding."""

# ruff: noqa: RUF001 - the characters of other scripts are meant

from pathlib import Path
from time import perf_counter

import pytest

from perdure_document.facts import Document
from perdure_document.reading.readers import read_whole
from perdure_document.reading.source import look_at
from perdure_document.summary.key_sentences import choose, sentences_of
from perdure_document.words import count_words
from perdure_document.writing.markdown_writer import write_markdown


def read(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Document:
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return read_whole(look_at(str(file)))


def texts(document: Document) -> list[str]:
    return [block.numbered_text for block in document.blocks]


def test_code_in_a_cell_is_as_written(tmp_path: Path) -> None:
    text = "| a | b |\n|---|---|\n| `List<String>` | x \\| y |\n| `a \\| b` | Map<Key> |\n"
    document = read(tmp_path, "a.md", text)
    (block,) = document.blocks
    assert block.rows[1:] == (("List<String>", "x | y"), ("a | b", "Map<Key>"))
    assert "| `List<String>` | x \\| y |" in write_markdown(document)


def test_pictures_keep_where_they_are(tmp_path: Path) -> None:
    document = read(tmp_path, "a.md", "# T\n\n![A mill](img/mill 1.png)\n\n![A dam](<a b.png>)\n")
    assert "![A dam](<a%20b.png>)" in write_markdown(document)


def test_links_keep_what_they_refer_to(tmp_path: Path) -> None:
    document = read(tmp_path, "a.md", "# T\n\nSee [the mill][m].\n\n[m]: https://example.com/m\n")
    assert texts(document) == ["T", "See the mill.", ""]
    assert "See [the mill][m].\n\n[m]: <https://example.com/m>" in write_markdown(document)


def test_numbers_of_clauses_are_as_written(tmp_path: Path) -> None:
    text = "3. three\n4. four\n7. seven\n\n12) twelve\n    - deep\n"
    document = read(tmp_path, "a.md", text)
    assert texts(document) == ["3. three", "4. four", "7. seven", "12) twelve", "deep"]
    shown = write_markdown(document)
    assert "3. three\n4. four\n\n<!-- -->\n\n7. seven\n12) twelve\n    - deep" in shown
    plain = read(tmp_path, "a.txt", "3. three\n4. four\n7. seven\n12) twelve\n(a) letter\n")
    assert texts(plain) == ["3. three", "4. four", "7. seven", "12) twelve", "(a) letter"]


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("5 × 10<sup>3</sup> m", ["5 × 10^3 m"]),
        ("a <b>bold</b> `code` *it* ~~old~~ &amp; [x](y)", ["a bold code it old & x"]),
        ("a\\*b\\_c &copy; a<br>b", ["a*b_c © a b"]),
        ("List<String> of snake_case_names", ["List<String> of snake_case_names"]),
        ("Title\n=====\n\nSub\n---", ["Title", "Sub"]),
        ("- [x] done\n- [ ] todo", ["[x] done", "[ ] todo"]),
        ("> one\n> two\n>\n> - item", ["one two", "item"]),
        ("Text[^a].\n\n[^a]: The note.", ["Text[a].", "a The note."]),
        ("![A mill](mill.png)", ["A mill"]),
        ("Term\n: Meaning", ["Term", "Meaning"]),
        ("    indented = code", ["indented = code"]),
        ("````\n```\nx\n```\n````", ["```\nx\n```"]),
        ("<details><summary>More</summary>\n\nInside *it*\n\n</details>", ["More", "Inside it"]),
        ("Seen <!-- not --> seen\n\n<!-- nor\nthis -->", ["Seen seen"]),
        ("> " * 40 + "deep", ["deep"]),
        ("Name: Rita  \nAge: *51*\\\nGraz\nStyria", ["Name: Rita", "Age: 51", "Graz Styria"]),
        ("1. one\n\n   still one\n2. two", ["1. one still one", "2. two"]),
    ],
)
def test_markdown_as_readers_see_it(tmp_path: Path, markdown: str, shown: list[str]) -> None:
    assert texts(read(tmp_path, "a.md", markdown)) == shown


def test_tables_in_html_inside_markdown(tmp_path: Path) -> None:
    text = "# T\n\n<table><tr><td rowspan=2>North<td>1<tr><td>2</table>\n"
    assert read(tmp_path, "a.md", text).blocks[1].rows == (("North", "1"), ("North", "2"))


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: The mill\nauthor: 'Ann'\ntags:\n  - sea\n  - tide\n---\n",
        "---\ntitle: The mill\nauthor: Ann\ntags: [sea, tide]\n---\n",
        '+++\ntitle = "The mill"\nauthor = "Ann"\ntags = ["sea", "tide"]\n+++\n',
    ],
)
def test_front_matter_is_metadata(tmp_path: Path, front: str) -> None:
    document = read(tmp_path, "a.md", f"{front}\n# Head\n")
    assert (document.title, document.metadata) == (
        "The mill",
        {"author": "Ann", "tags": "sea, tide"},
    )
    assert texts(document) == ["Head"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Name: Rita\nAge: 51\n", ["Name: Rita", "Age: 51"]),
        ("name = Rita\nage = 51\n", ["name = Rita", "age = 51"]),
        ("name=Rita\nhome.town=Graz\n", ["name=Rita", "home.town=Graz"]),
        (
            "Roses are red,\nviolets are blue,\nsugar is sweet\nand so are you.\n",
            ["Roses are red,", "violets are blue,", "sugar is sweet", "and so are you."],
        ),
        (
            "Tell me of that hero,\nwho travelled far\nand wide when he left\nthe sacked town.\n",
            [
                "Tell me of that hero,",
                "who travelled far",
                "and wide when he left",
                "the sacked town.",
            ],
        ),
        (
            "The old pump by the well is\nout of order since the day that\nthe frost came and so\n",
            ["The old pump by the well is out of order since the day that the frost came and so"],
        ),
        ("姓名：王\n年龄：51\n", ["姓名：王", "年龄：51"]),
        (
            "Rita Meyer\n12 Mill Street\n1010 Vienna\n",
            ["Rita Meyer", "12 Mill Street", "1010 Vienna"],
        ),
        ("the roof is done.\nIt cost less.\n", ["the roof is done. It cost less."]),
        ("a line that was\nwrapped early\n", ["a line that was wrapped early"]),
        ("- one\n  and more\n- two\n", ["one and more", "two"]),
        ("> quoted\n> more\nAnswer.\n", ["quoted more", "Answer."]),
        ("Title\n=====\nText.\n", ["Title", "Text."]),
        (
            "図書館には四万冊の本があり、平日は十八\n時に閉館します。\n",
            ["図書館には四万冊の本があり、平日は十八時に閉館します。"],
        ),
    ],
)
def test_lines_of_plain_text(tmp_path: Path, text: str, shown: list[str]) -> None:
    assert texts(read(tmp_path, "a.txt", text)) == shown


@pytest.mark.parametrize("divider", ["\t", "    "])
def test_columns_of_plain_text_are_a_table(tmp_path: Path, divider: str) -> None:
    lines = [divider.join(row) for row in (("Item", "Qty"), ("Pump", "7"), ("Fan", "8"))]
    (block,) = read(tmp_path, "a.txt", "\n".join(lines)).blocks
    assert block.rows == (("Item", "Qty"), ("Pump", "7"), ("Fan", "8"))


RUSSIAN = "Библиотека Альмы хранит сорок тысяч книг и закрывается в шесть часов."
JAPANESE = "図書館には四万冊の本があります。平日は十八時に閉館します。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        ("阿尔玛图书馆藏书四万册。平日下午六点关门。", "gb18030"),
        ("阿爾瑪圖書館藏書四萬冊。平日下午六點關門。", "big5"),
        ("알마 도서관에는 책이 4만 권 있습니다.", "cp949"),
        ("ห้องสมุดอัลมามีหนังสือสี่หมื่นเล่ม", "cp874"),
        ("Price: 5 € – naïve", "cp1252"),
        ("Die Bücherei schließt um 18 Uhr – für alle Größen.", "cp1252"),
        ("Książnica Almy ma czterdzieści tysięcy książek.", "cp1250"),
        ("Az Alma könyvtár negyvenezer könyvet őriz, fűzfa.", "cp1250"),
        ("Plain text.", "utf-16-le"),
        ("Plain text.", "utf-16"),
        ("Plain text.", "utf-32"),
        ("naïve", "utf-8-sig"),
    ],
)
def test_text_is_read_in_its_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    assert texts(read(tmp_path, "a.txt", text, encoding)) == [text]


def test_a_few_bad_bytes_do_not_spoil_a_text(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(("Größe, Länge, Höhe. " * 10).encode() + b"caf\xe9")
    document = read_whole(look_at(str(file)))
    assert document.blocks[0].text.startswith("Größe, Länge")
    assert document.left_out == {"unreadable character": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two words", 2),
        ("图书馆藏书四万册。", 8),
        ("東京 Tower は高い", 6),
        ("책이 4만 권", 3),
        ("ปิดเวลาสิบแปดนาฬิกา", 4),
        ("", 0),
    ],
)
def test_words_are_counted_in_every_script(text: str, words: int) -> None:
    assert count_words(text) == words


def test_sentences_end_as_their_script_ends_them() -> None:
    chinese = "图书馆藏书四万册。平日下午六点关门！几点开门？“早上。”他说。"
    assert list(sentences_of(chinese)) == [
        "图书馆藏书四万册。",
        "平日下午六点关门！",
        "几点开门？",
        "“早上。”",
        "他说。",
    ]
    assert len(list(sentences_of("كتاب جديد؟ نعم. الكتاب هنا."))) == 3
    assert len(list(sentences_of("यह पुस्तक है। वह कलम है।"))) == 2
    assert len(list(sentences_of("ቤቱ ትልቅ ነው። በሩ ዝግ ነው።"))) == 2
    assert len(list(sentences_of("Տունը մեծ է։ Դուռը փակ է։"))) == 2
    assert len(list(sentences_of("စာအုပ် ရှိသည်။ စာကြည့်တိုက် ပိတ်သည်။"))) == 2
    assert len(list(sentences_of("图书馆藏书四万册．周末关门｡"))) == 2


def test_key_sentences_of_chinese_text(tmp_path: Path) -> None:
    text = (
        "阿尔玛图书馆藏书四万册，都是本地的书。平日下午六点关门，周末不开放。"
        "读者可以在网上借图书馆的书。"
    )
    chosen = choose(read(tmp_path, "a.txt", text), "图书馆几点关门").sentences
    assert len(chosen) >= 2
    assert all(sentence.text.endswith("。") and sentence.text in text for sentence in chosen)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "x" + " \n" * 30_000),
        ("a.txt", "a: b\n" * 20_000),
        ("a.md", "*a " * 5_000),
        ("a.html", "<div>" * 1000 + "word " * 20_000),
        ("a.html", f"<style>{'a' * 100_000}</style><p>x"),
        ("a.html", "<p>" + "a<sup>2</sup>" * 5_000),
    ],
)
def test_odd_files_are_read_in_a_moment(tmp_path: Path, name: str, text: str) -> None:
    begun = perf_counter()
    assert read(tmp_path, name, text).blocks
    # Each took minutes with an expression or a loop that went over the text again and again.
    assert perf_counter() - begun < 20
