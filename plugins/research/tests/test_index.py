# ruff: noqa: RUF001 -- other commas are meant here
"""The full-text index: what is found in which script, and what is read again and what is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from perdure.testing import Rehearsal, rehearse
from perdure_research.index.corpus import merged, shards_of
from perdure_research.index.index import Index
from perdure_research.index.passages import LONGEST, pieces_of
from perdure_research.index.shard import read_sources, write_shard
from perdure_research.index.terms import terms_of, words_of
from perdure_research.reading import text_reader
from perdure_research.reading.about.description import describe
from perdure_research.reading.plain_text import read_plain
from perdure_research.sources.original import Original
from perdure_research.sources.source import Source, SourceText, Unread


def indexed(folder: Path, texts: Mapping[str, str]) -> Index:
    """Return the index of Markdown texts by name, each in a shard of its own."""
    paths: list[Path] = []
    sources: list[Source] = []
    for name, text in texts.items():
        reading = read_plain(text, markdown=True)
        original = Original(name=name, addresses=(f"/{name}",), sha256=f"{len(paths):064}")
        source = describe(original, reading)
        paths.append(folder / f"{len(paths)}.shard")
        entries: list[tuple[Source, SourceText] | Unread] = [
            (source, reading.content),
            Unread(source="x", reason="y"),
        ]
        write_shard(paths[-1], entries)
        assert read_sources(paths[-1]) == ([source], [Unread(source="x", reason="y")])
        sources.append(source)
    return Index(paths, sources)


def found(index: Index, query: str, limit: int = 1) -> list[str]:
    return [passage.text for passage in index.search(query, limit)]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("中国的首都是哪里", "北京是中国的首都，人口两千万。"),
        ("東京タワーの高さは", "東京タワーの高さは333メートルです。"),
        ("เมืองหลวงของประเทศไทย", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"),
        ("한국의 수도", "서울은 대한민국의 수도이다."),
        ("हिन्दी भाषा", "हिन्दी भाषा भारत की है"),
        ("столица России", "Москва — столица России."),
        ("uberflieger", "Der Überflieger kam an."),
    ],
)
def test_texts_are_found_in_their_own_script(query: str, answer: str, tmp_path: Path) -> None:
    texts = {
        "zh": "北京是中国的首都，人口两千万。\n\n上海是最大的城市。",
        "ja": "東京タワーの高さは333メートルです。\n\n京都は古い町です。",
        "th": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย\n\nเชียงใหม่อยู่ทางเหนือ",
        "ko": "서울은 대한민국의 수도이다.\n\n부산은 항구 도시이다.",
        "hi": "हिन्दी भाषा भारत की है",
        "ru": "Москва — столица России.",
        "de": "Der Überflieger kam an.",
    }
    with indexed(tmp_path, texts) as index:
        assert found(index, query) == [answer]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("How many litres does pump B deliver?", "The pump B delivers 55 litres per minute."),
        ("What does the US pay?", "The US pays 7 dollars, as agreed."),
        ("What does the IT budget come to?", "The IT budget is 40 euros."),
        ("Which language is C++?", "C++ is a language with classes."),
        ("Which language is C#?", "C# is a language of Microsoft."),
        ("Which language is C?", "C is a language of Bell Labs."),
        ("What does vitamin D do?", "Vitamin D strengthens bones."),
        ("How long is 3.5 km?", "The short way is 3.5 km."),
        ("Who has 12000 members?", "The club has 12,000 members."),
        ("What is a long-term plan?", "A longterm plan is one for years."),
    ],
)
def test_short_words_and_figures_decide(query: str, answer: str, tmp_path: Path) -> None:
    lines = (
        *("The pump A delivers 40 litres per minute.", "The pump B delivers 55 litres per minute."),
        *("The US pays 7 dollars, as agreed.", "They pay us 5 dollars, as agreed."),
        *("The IT budget is 40 euros.", "It is the budget that counts, and it is 50 euros."),
        *("C++ is a language with classes.", "C# is a language of Microsoft."),
        *("C is a language of Bell Labs.", "Vitamin D strengthens bones."),
        *("Vitamin C is in lemons.", "The short way is 3.5 km.", "The long way is 5 km, not 3."),
        *("The club has 12,000 members.", "The town has 12 clubs with 000 on their doors."),
        *("A longterm plan is one for years.", "A plan is a plan."),
    )
    with indexed(tmp_path, {"a": "\n\n".join(lines)}) as index:
        assert found(index, query) == [answer]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("Was kosten Pumpen?", "Die Pumpe kostet 90 Euro."),
        ("Combien coûte la pompe ?", "Les pompes coûtent 91 euros."),
        ("Hoeveel kost de klep?", "Alle kleppen en een klep kosten 92 euro."),
        ("Quanto costa la valvola?", "Le valvole costano 93 euro."),
        ("Сколько стоит насос?", "Насосы стоят 94 евро."),
        ("¿Cuánto cuesta la bomba?", "Las bombas cuestan 95 euros."),
    ],
)
def test_words_of_other_languages_are_found_with_other_endings(
    query: str, answer: str, tmp_path: Path
) -> None:
    lines = (
        *("Die Pumpe kostet 90 Euro.", "Les pompes coûtent 91 euros.", "Насосы стоят 94 евро."),
        *("Alle kleppen en een klep kosten 92 euro.", "Le valvole costano 93 euro."),
        *("Las bombas cuestan 95 euros.", "Der Pumpernickel ist dunkel.", "Нас много."),
    )
    with indexed(tmp_path, {"a": "\n\n".join(lines)}) as index:
        assert found(index, query) == [answer]


def test_unspaced_text_is_found_across_the_ends_of_its_lines(tmp_path: Path) -> None:
    text = "北京是中国的首\n都，人口两千万。"
    with indexed(tmp_path, {"a": f"{text}\n\n上海是最大的城市。"}) as index:
        assert found(index, "首都") == [text]


def test_words_are_found_whatever_their_form(tmp_path: Path) -> None:
    text = "The e\ufb03-\nciency of the co\u00adgenerator is high."
    with indexed(tmp_path, {"a": text}) as index:
        assert found(index, "efficiency") == [text]
        assert found(index, "cogenerator's efficiencies") == [text]


def test_passages_know_where_they_stand(tmp_path: Path) -> None:
    text = (
        "# Pumps\n\nAll pumps.\n\n## Prices\n\n| Item | Price |\n|---|---|\n| Pump | 90 euros |\n"
    )
    with indexed(tmp_path, {"pumps.md": text}) as index:
        (passage,) = index.search("price of a pump in euros", 1)
        assert text[passage.start : passage.end] == passage.text == "| Pump | 90 euros |"
        assert (passage.heading, passage.line) == (("Pumps", "Prices"), 9)
        assert (passage.form, passage.kind) == ("row", "table")
        assert index.text_of(passage.source_id).text == text
        assert index.search("", 5) == index.search("nothing here", 5) == []


def test_prose_is_preferred_to_code_and_changelogs(tmp_path: Path) -> None:
    texts = {
        "CHANGELOG.md": "# Changelog\n\n## 2.0.0\n\n- The timeout is 30 seconds\n\n## 1.0.0\n\n- x",
        "code.md": "Set it:\n\n```\ntimeout = 30  # the timeout is 30 seconds\nx = 1\n```",
        "guide.md": "# Guide\n\nThe timeout is 30 seconds unless it is set.",
    }
    with indexed(tmp_path, texts) as index:
        passages = index.search("What is the timeout in seconds?", 3)
        assert len(passages) == 3
        assert index.sources[passages[0].source_id].name == "guide.md"


def test_long_paragraphs_are_cut_between_sentences() -> None:
    text = "The harbour was closed because the ice had come early. " * 100
    content = read_plain(text, markdown=False).content
    spans = [(one.start, one.end) for one in pieces_of(content, "")]
    assert len(spans) > 4
    assert all(end - start <= LONGEST for start, end in spans)
    assert all(text[start:end].endswith("early.") for start, end in spans)
    assert "".join(text[start:end] for start, end in spans).count("ice") == 100
    unbroken = read_plain("x" * 5000, markdown=False).content
    assert sum(one.end - one.start for one in pieces_of(unbroken, "")) == 5000


def test_terms_of_a_text_and_words_of_a_question() -> None:
    assert "plusplus" in terms_of("C++")
    assert words_of('What is "C#", and why?') == ["what", "is", "and", "why", "csharp_"]
    assert words_of('"* OR NEAR(') == ["or", "near"]


def test_a_corpus_is_cut_by_addresses_not_by_order() -> None:
    originals = [
        Original(name=str(n), addresses=(f"/{n}",), sha256=f"{n:064}") for n in range(1000)
    ]
    shards = shards_of(originals)
    assert sorted(one.name for shard in shards for one in shard) == sorted(map(str, range(1000)))
    assert max(map(len, shards)) < 200
    fewer = shards_of(originals[:500] + originals[501:])
    assert sum(shard not in shards for shard in fewer) == 1
    large = [one.model_copy(update={"size": 10_000_000}) for one in originals[:20]]
    assert max(map(len, shards_of(large))) <= 5
    assert shards_of([]) == []
    assert merged([], []) == []


async def research(folder: Path, question: str) -> Rehearsal:
    return await rehearse("research", question, {"sources": [str(folder)]})


async def test_only_what_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    reading = text_reader.read_text

    def counted(name: str, *args: Any) -> Any:
        read.append(Path(name).name)
        return reading(name, *args)

    monkeypatch.setattr("perdure_research.reading.readings.read_text", counted)
    for number in range(300):
        text = f"Lighthouse {number} of {tmp_path.name} stands on rock {number * 7}. It is white."
        (tmp_path / f"{number}.txt").write_text(text)
    first = await research(tmp_path, "On which rock does lighthouse 17 stand?")
    assert "rock 119" in first.result.summary
    assert len(read) == 300
    await research(tmp_path, "On which rock does lighthouse 18 stand?")
    assert len(read) == 300
    (tmp_path / "17.txt").write_text("Lighthouse 17 was moved and stands on rock 8. It is red.")
    moved = await research(tmp_path, "On which rock does lighthouse 17 stand?")
    assert read[300:] == ["17.txt"]
    assert "rock 8" in moved.result.summary


async def test_one_bad_file_spoils_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The lighthouse stands on a rock. It is white.")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4\nnothing follows")
    (tmp_path / "c.txt").write_bytes(b"a\0\1\2b" * 30)
    rehearsal = await research(tmp_path, "Where does the lighthouse stand?")
    data: Any = rehearsal.result.data
    assert [one["name"] for one in data["sources"]] == [f"{tmp_path}/a.txt"]
    assert [Path(one["source"]).name for one in data["failed"]] == ["b.pdf", "c.txt"]
