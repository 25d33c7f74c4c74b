# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""What is answered from small corpora without a model, of every kind of question."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perdure_research.answers.answering import answer
from perdure_research.answers.claims import Findings
from perdure_research.answers.language import stems
from perdure_research.answers.quoting import is_verified
from perdure_research.index.index import Index
from perdure_research.index.shard import write_shard
from perdure_research.reading.about.description import describe
from perdure_research.reading.readings import read_bytes
from perdure_research.sources.original import Original

Corpus = Mapping[str, str]


def findings(folder: Path, corpus: Corpus, question: str) -> Findings:
    """Answer a question from texts by their file names; every quotation is checked."""
    entries = []
    for name, text in corpus.items():
        reading = read_bytes(name, text.encode(), suffix=Path(name).suffix)
        original = Original(name=name, addresses=(f"/{name}",), sha256=name)
        entries.append((describe(original, reading), reading.content))
    write_shard(folder / "shard", entries)
    sources = [source for source, _ in entries]
    with Index([folder / "shard"], sources) as index:
        searchable: Any = SimpleNamespace(sources=sources, find=index.search, text_of=index.text_of)
        found = answer(searchable, question, "standard")
        for claim in found.claims:
            assert all(is_verified(one, index.text_of(one.source)) for one in claim.citations)
    return found


def said(found: Findings) -> list[str]:
    """Return each claim with its quotation."""
    return [f"{claim.text}\n{claim.citations[0].quote}" for claim in found.claims]


PUMPS = {
    "a.txt": (
        "The pump A delivers 40 litres per minute.\n\nThe pump B delivers 55 litres per minute."
    )
}
BETA = {"a.txt": "Beta Corp had a revenue of 12 million euros in 2022. It makes pumps."}
HOTELS = {
    "sea.md": "# Hotel Seaview\n\nThe hotel has 48 rooms. Pets are welcome for 10 euros.\n",
    "hill.md": "# Hotel Hillcrest\n\nThe hotel has 22 rooms. Breakfast is served until 10:00.\n",
}
ORBITAL = {
    "a.md": (
        "# Orbital Ltd\n\nOrbital Ltd was established in Dublin in 1998 by Maeve Quinn. In 2022 its"
        " turnover was 31 million euros.\n"
    ),
    "b.md": "# Orbis Group\n\nOrbis Group was set up in Cork in 2003. It has 1,100 staff.\n",
}
DAM = {"a.txt": "The dam is 62 metres high and 310 metres long."}
TEAM = {
    "a.md": (
        "# Team\n\n| Name | Role | Room |\n|---|---|---|\n| Rita | engineer | 204 |\n"
        "| Omar | designer | 118 |\n"
    )
}
YEARS = {"a.md": "| Year | Population |\n|---|---|\n| 1990 | 4,100 |\n| 2000 | 5,250 |\n"}
LIGHTHOUSES = {
    "skarv.txt": "Skarv lighthouse stands on a cape. The tower is 34 metres tall.",
    "skarvholm.txt": (
        "The lighthouse of Skarvholm marks a rock four kilometres east of Skarv.\n\n"
        "It is a squat iron tower, 22 metres high."
    ),
}
LIBRARY = {
    "a.txt": ("The library of Alma holds forty thousand books. It closes at 18:00 on weekdays.")
}


@pytest.mark.parametrize(
    ("corpus", "question", "first"),
    [
        (LIBRARY, "When does the library close?", "It closes at 18:00"),
        (PUMPS, "How many litres does pump B deliver?", "pump B delivers 55"),
        ({"a.html": "<table><tr><td>Pump<td>90 euros</table>"}, "What is the price of the pump?",
         "90 euros"),
        ({"a.txt": "[1] Alpha, B. Tides. 1988.\n[2] Beta, C. Salt. 1994.\n"}, "Beta, Salt 1994?",
         "Beta, C. Salt"),
        ({"a.txt": "Employees in the US get 10 days of leave. Tell us of others."},
         "How many days of leave do employees in the US get?", "US get 10 days"),
        ({"a.txt": "Programs in C run on the old board.\n\nPrograms in C++ run on the new board."},
         "On which board do programs in C++ run?", "C++ run on the new"),
        ({"a.txt": "It is simple. IT is led by Mona Reyes. HR is led by Carl Voss."},
         "Who leads IT?", "Mona Reyes"),
        ({"a.txt": "Vitamin C is in peppers.\n\nVitamin D is in fish."}, "What is vitamin d in?",
         "Vitamin D is in fish"),
        ({"a.txt": "Phase I took two years. Phase II took five years."},
         "How long did phase II take?", "Phase II took five"),
        ({"a.txt": "Room 12 is on the first floor. Room 21 is on the second floor."},
         "On which floor is room 21?", "Room 21"),
        ({"a.txt": "The effi-\nciency of the boiler is 91 per cent."},
         "What is the efficiency of the boiler?", "effi-\nciency"),
        ({"a.txt": "The o\ufb03ce opens at 9:00."}, "When does the office open?", "9:00"),
        ({"CHANGELOG.md": "# Changelog\n\n## 1.2.0\n\n- The default limit is 50 requests now.\n",
          "guide.md": "# Guide\n\nThe default limit is 100 requests an hour.\n"},
         "What is the default limit?", "100 requests"),
        ({"a.txt": "Line 4 runs every ten minutes.", "b.txt": "Line 5 runs hourly."},
         "How often does line 4 run?", "Line 4 runs every ten"),
        ({"a.txt": "Acme was founded in 1920. Its seat is Bonn. Beta was founded in 1931. Its seat"
                   " is Trier."}, "Where is the seat of Acme?", "Bonn"),
        ({"a.txt": "Name: Rita\nAge: 51\nCity: Lund\n"}, "How old is Rita?", "51"),
        ({"a.txt": "In 2020 the fee was 30 euros. In 2023 the fee was 45 euros."},
         "What was the fee in 2023?", "2023 the fee was 45"),
        ({"a.txt": "Photosynthesis is the process by which plants turn light into sugar.\n\n"
                   "Photosynthesis needs water."}, "What is photosynthesis?", "is the process"),
        ({"a.txt": "The engine failed because oil had leaked. The crew was safe."},
         "Why did the engine fail?", "because oil"),
        ({"a.md": "# FAQ\n\n## How do I reset my password?\n\nFollow the link in the mail.\n"},
         "How do I reset my password?", "Follow the link"),
        ({"a.txt": "A: Lamps cost 9 euros.\nQ: Can I bring my dog?\nA: Yes, if it is on a lead.\n"},
         "Can I bring my dog?", "on a lead"),
        (HOTELS, "Are pets allowed at Hotel Seaview?", "Pets are welcome"),
        (HOTELS, "How many rooms does Hotel Hillcrest have?", "22 rooms"),
        (ORBITAL, "When was Orbital founded?", "1998"),
        (ORBITAL, "How many people work for Orbis Group?", "1,100"),
        (ORBITAL, "What was Orbital's revenue in 2022?", "31 million"),
        (DAM, "How long is the dam?", "310 metres"),
        (TEAM, "Which room is Omar in?", "118"),
        (TEAM, "Who is the designer?", "Omar"),
        (YEARS, "What was the population in 2000?", "5,250"),
        (LIGHTHOUSES, "How tall is Skarv lighthouse?", "34 metres"),
        ({"a.txt": "Das Schloss wurde 1723 erbaut. Es hat 120 Zimmer."},
         "Wie viele Zimmer hat das Schloss?", "120 Zimmer"),
        ({"a.txt": "Der Zug fährt um 8:15 Uhr ab und kommt um 9:40 Uhr an."},
         "Wann fährt der Zug ab?", "8:15"),
        ({"a.txt": "Le pont mesure 240 mètres. Il a été construit en 1887 par Jules Arnaud."},
         "Qui a construit le pont ?", "Jules Arnaud"),
        ({"a.txt": "El museo fue fundado en 1921 por Elena Ruiz."}, "¿Quién fundó el museo?",
         "Elena Ruiz"),
        ({"a.txt": "Мост построен в 1911 году. Длина моста 340 метров."}, "Какова длина моста?",
         "340"),
        ({"a.txt": "黄山海拔1864米。黄山位于安徽省。"}, "黄山位于哪里？", "安徽省"),
        ({"a.txt": "东京塔高333米。巴黎塔高330米。"}, "巴黎塔有多高？", "330米"),
        ({"a.txt": "図書館は午前九時に開きます。図書館は月曜日に休みます。"},
         "図書館はいつ休みますか？", "月曜日"),
        ({"a.txt": "نتائج. يبلغ طول النهر 320 كيلومترا."}, "كم يبلغ طول النهر؟", "320"),
        ({"a.txt": "ประเทศไทยมีประชากร 70 ล้านคน"}, "ประเทศไทยมีประชากรกี่คน", "70"),
    ],
)  # fmt: skip
def test_a_fact_is_answered_first_and_by_nothing_else(
    corpus: Corpus, question: str, first: str, tmp_path: Path
) -> None:
    found = findings(tmp_path, corpus, question)
    assert first in said(found)[0]
    assert found.disagreements == ()
    assert len([claim for claim in found.claims if claim.role == "answer"]) == 1


@pytest.mark.parametrize(
    ("one", "other", "question"),
    [
        ("The drug is safe for children under six.",
         "The drug is not safe for children under six.", "Is the drug safe for children?"),
        ("The tower was built in 1901.", "The tower was built in 1911.",
         "When was the tower built?"),
        ("The bridge was designed by Anna Holt.", "The bridge was designed by Peter Lang.",
         "Who designed the bridge?"),
        ("The museum is open on Mondays.", "The museum is closed on Mondays.",
         "Is the museum open on Mondays?"),
        ("Smoking is allowed on the terrace.", "Smoking is forbidden on the terrace.",
         "Is smoking allowed on the terrace?"),
        ("The treaty was signed in Geneva in 1949.", "The treaty was signed in The Hague in 1949.",
         "Where was the treaty signed?"),
        ("The mixture contains 12 % alcohol.", "The mixture contains 21 % alcohol.",
         "How much alcohol does the mixture contain?"),
        ("The comet will return in 2061.", "The comet won't return in 2061.",
         "Will the comet return in 2061?"),
        ("Coffee lowers the risk of gout.", "Coffee raises the risk of gout.",
         "Does coffee lower the risk of gout?"),
        ("Das Museum ist montags geschlossen.", "Das Museum ist montags nicht geschlossen.",
         "Ist das Museum montags geschlossen?"),
        ("Les chiens sont admis au marché.", "Les chiens ne sont pas admis au marché.",
         "Les chiens sont-ils admis au marché ?"),
        ("这种药对儿童安全。", "这种药对儿童不安全。", "这种药对儿童安全吗？"),
    ],
)  # fmt: skip
def test_sources_that_contradict_each_other_are_both_shown(
    one: str, other: str, question: str, tmp_path: Path
) -> None:
    found = findings(tmp_path, {"a.txt": one, "b.txt": other}, question)
    assert [claim.citations[0].quote for claim in found.claims] == [one, other]
    assert [each.claims for each in found.disagreements] == [(0, 1)]


@pytest.mark.parametrize(
    ("one", "other", "question"),
    [
        ("The lake is 3.4 km long.", "The lake is 3,400 metres long.", "How long is the lake?"),
        ("About 40,000 people live in Norra.", "Norra has 41,200 inhabitants.",
         "How many people live in Norra?"),
        ("Model X2 weighs 3 kg.", "Model X20 weighs 5 kg.", "How much does the X2 weigh?"),
        ("Ann Lee wrote Harbour Lights.", "Harbour Lights was written by Ann Lee in 1987.",
         "Who wrote Harbour Lights?"),
        ("In 1990 the town had 300 inhabitants.", "In 2020 the town had 900 inhabitants.",
         "How many inhabitants did the town have in 2020?"),
    ],
)  # fmt: skip
def test_what_only_looks_different_is_no_contradiction(
    one: str, other: str, question: str, tmp_path: Path
) -> None:
    found = findings(tmp_path, {"a.txt": one, "b.txt": other}, question)
    assert found.claims
    assert found.disagreements == ()


@pytest.mark.parametrize(
    ("corpus", "question", "absent"),
    [
        (BETA, "What was the revenue of Acme in 2022?", ("Acme",)),
        (BETA, "What was the revenue of Beta Corp in 2019?", ()),
        ({"a.txt": "Unlike Acme, Beta Corp made a profit of 5 million euros."},
         "What profit did Acme make?", ()),
        ({"a.txt": "Line 4 runs every ten minutes."}, "How often does line 6 run?", ("line 6",)),
        (PUMPS, "How many litres does pump C deliver?", ("pump C",)),
        (HOTELS, "Are pets allowed at Hotel Hillcrest?", ()),
        (HOTELS, "How much is a single room at Hotel Seaview?", ("single",)),
        (ORBITAL, "Who founded Orbis Group?", ()),
        (DAM, "How thick is the dam?", ()),
        (TEAM, "Which room is Zoe in?", ("Zoe",)),
        (YEARS, "What was the population in 2020?", ()),
        ({"a.txt": "Mercury boils at 357 °C."}, "At what temperature does mercury freeze?",
         ("freeze",)),
        ({"a.txt": "The concert begins at 19:30."}, "When does the concert end?", ("end",)),
        ({"a.txt": "Ada was born in Lund. She moved to Oslo in 1990."}, "When was Ada born?", ()),
        ({"a.txt": "Die Brücke ist 120 Meter lang."}, "Wie breit ist die Brücke?", ()),
        ({"a.txt": "Le pont mesure 240 mètres de long."}, "Combien coûte le pont ?", ()),
        ({"a.txt": "La iglesia se construyó en 1620."}, "¿Cuándo se construyó el castillo?",
         ("castillo",)),
        ({"a.txt": "黄山海拔1864米。"}, "泰山海拔多少米？", ("泰山海拔",)),
        ({"a.txt": "東京タワーの高さは333メートルです。"},
         "大阪タワーの高さは何メートルですか？", ("大阪タワー",)),
    ],
)  # fmt: skip
def test_what_the_sources_do_not_say_is_not_guessed_at(
    corpus: Corpus, question: str, absent: tuple[str, ...], tmp_path: Path
) -> None:
    found = findings(tmp_path, corpus, question)
    assert found.claims == ()
    assert found.not_found == (question,)
    assert found.absent == absent


def test_both_of_two_that_are_compared_are_looked_up(tmp_path: Path) -> None:
    corpus = {
        "a.txt": "The Eiger is 3,967 metres high.",
        "b.txt": "The Mönch is 4,107 metres high.",
    }
    found = findings(tmp_path, corpus, "Which is higher, the Eiger or the Mönch?")
    assert [claim.question for claim in found.claims] == ["the Eiger", "the Mönch"]
    assert ["3,967" in said(found)[0], "4,107" in said(found)[1]] == [True, True]


def test_a_list_is_quoted_from_its_introduction_to_its_last_item(tmp_path: Path) -> None:
    corpus = {"a.md": "# Kit\n\nThe kit holds:\n\n- a lamp\n- two ropes\n- a stove\n"}
    found = findings(tmp_path, corpus, "What does the kit hold?")
    assert found.claims[0].text == "The kit holds: a lamp, two ropes, a stove"


def test_the_same_words_in_several_sources_are_one_claim(tmp_path: Path) -> None:
    same = "Kestrel Air has ordered four aircraft."
    corpus = {
        f"{name}.txt": f"{name.title()} reports.\n\n{same}" for name in ("wire", "echo", "sun")
    }
    found = findings(tmp_path, corpus, "How many aircraft has Kestrel Air ordered?")
    assert [claim.text for claim in found.claims] == [same]
    assert len(found.claims[0].citations[0].also) == 2


def test_words_are_stemmed_in_many_threads_at_once() -> None:
    words = [f"{'ab' * (number % 7)}deliver{'ies' * (number % 2)}ations" for number in range(4000)]
    stems.stem.cache_clear()
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(lambda word: stems.stem(word, "en"), words))
    stems.stem.cache_clear()
    assert at_once == [stems.stem(word, "en") for word in words]


def test_the_longer_of_two_names_is_not_taken_for_the_shorter(tmp_path: Path) -> None:
    corpus = {
        "a.md": "# Orla\n\nThe Orla is a river 212 kilometres long.\n",
        "b.md": "# Little Orla\n\nThe Little Orla runs 37 kilometres to the Orla at Market Orla.\n",
    }
    found = findings(tmp_path, corpus, "Which is longer, the Orla or the Little Orla?")
    assert ["212" in said(found)[0], "37" in said(found)[1]] == [True, True]
    assert found.disagreements == ()
