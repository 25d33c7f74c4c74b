"""Answers to questions that have other words than the text, or need what stands around it."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perdure_research.answers.answering import answer
from perdure_research.answers.claims import Findings
from perdure_research.index.index import Index
from perdure_research.index.shard import write_shard
from perdure_research.reading.about.description import describe
from perdure_research.reading.readings import read_bytes
from perdure_research.sources.original import Original

QUARRY = (
    "The quarry of Holm was leased to Berg Ltd in 1998.\n\nRepairs brought the bill to 3 million"
    " euros."
)
DIET = (
    "# Marsh owl\n\nThe marsh owl is a bird.\n\n**Diet.** It lives on voles and frogs.\n\n"
    "**Nest.** Three eggs lie in it.\n"
)
EFFECTS = (
    "# Tarvex\n\n**Side effects.** Very common: tingling. Rare: a rash, a dry mouth.\n\n"
    "**Storage.** Keep it below 25 °C.\n"
)
CENSUS = "The line carried 412,000 passengers in 2022, after 298,000 in the year before."
TRAINS = (
    "| Station | Train 1 | Train 5 |\n|---|---|---|\n| Grey | 7:10 | 13:40 |\n"
    "| Ash | 8:10 | 14:40 |"
)
LAMPS = "| Light | Meaning |\n|---|---|\n| green | all is well |\n| red | overheated |\n"
HOSPITAL = (
    "<html><head><title>Visiting us - Saint Anne Hospital</title></head><body><main>"
    "<h1>Visiting us</h1><p>Come between two and eight o'clock.</p><h2>About the hospital</h2>"
    "<p>The hospital was endowed in 1866. It has 310 beds.</p></main></body></html>"
)
FOUND = "\u201cWe began in a shed,\u201d said founder Ida Moss."


def findings(folder: Path, corpus: Mapping[str, str], question: str) -> Findings:
    """Answer a question from texts by their file names."""
    entries = []
    for name, text in corpus.items():
        reading = read_bytes(name, text.encode(), suffix=Path(name).suffix)
        original = Original(name=name, addresses=(f"/{name}",), sha256=name)
        entries.append((describe(original, reading), reading.content))
    write_shard(folder / "shard", entries)
    sources = [source for source, _ in entries]
    with Index([folder / "shard"], sources) as index:
        searchable: Any = SimpleNamespace(sources=sources, find=index.search, text_of=index.text_of)
        return answer(searchable, question, "standard")


@pytest.mark.parametrize(
    ("name", "text", "question", "right"),
    [
        ("a.txt", "The old quay was pulled down in 1962.", "When was the old quay demolished?",
         "1962"),
        ("a.txt", "Forty-three miners lost their lives in the Alder mine.",
         "How many miners died in the Alder mine?", "Forty-three"),
        ("a.txt", "The glacier drew back by 73 metres.", "By how much did the glacier retreat?",
         "73 metres"),
        ("a.txt", "You may take at most three tablets a day.",
         "What is the maximum daily number of tablets?", "three tablets"),
        ("a.txt", "The pool is not cleaned between November and February.",
         "Is the pool cleaned in January?", "not cleaned"),
        ("a.txt", "Mayor Ulm has led the town since 2019. She succeeded Karl Rott.",
         "Who was mayor before Ulm?", "Karl Rott"),
        ("a.txt", "The owl catalogue is famous. Ada Rask described 61 of them in 1901.",
         "How many owls did Ada Rask describe?", "61"),
        ("a.txt", "Its track is 760 millimetres wide. The Wolf bridge is 87 metres high.",
         "How high is the Wolf bridge?", "87 metres"),
        ("a.txt", CENSUS, "How many passengers did the line carry in 2021?", "298,000"),
        ("a.md", TRAINS, "At what time does train 5 leave Ash?", "14:40"),
        ("a.html", HOSPITAL, "How many beds does Saint Anne Hospital have?", "310 beds"),
        ("a.txt", QUARRY, "How much did the repairs of the quarry of Holm bring the bill to?",
         "3 million"),
        ("a.md", DIET, "What does the marsh owl eat?", "voles"),
        ("a.md", EFFECTS, "What are the side effects of Tarvex?", "rash"),
        ("a.txt", "A new motor costs 86,000 euros. The workshop would rewind the old one for 900.",
         "What would rewinding the old motor cost?", "900"),
        ("a.txt", "The hall was built of stone, because iron could have been stolen.",
         "Why was the hall built of stone rather than iron?", "because iron"),
        ("a.txt", "Batteries must not be burnt. Open fires are forbidden.",
         "Is one allowed to light open fires?", "forbidden"),
        ("a.txt", "The fair of Elm has a wheel. It takes place on 20 July.",
         "When does the fair of Elm take place?", "20 July"),
        ("a.txt", "Ada Rask was the first to cross the ice field. She did so in 1904, on skis.",
         "When did Ada Rask cross the ice field?", "1904"),
        ("a.txt", "The password of the router is printed on its back.",
         "Where do I find the password of the router?", "on its back"),
        ("a.md", LAMPS, "What does a red light mean?", "overheated"),
        ("a.md", "# Beavers in Tarn\n\nBeavers were extinct.\n\nToday 140 animals live here.\n",
         "How many beavers are there in Tarn?", "140 animals"),
        ("a.txt", "Donors of blood in Elm give half a litre.",
         "How much blood do donors in Elm give?", "half a litre"),
        ("a.txt", "Passwords have at least fourteen characters.", "How long must a password be?",
         "fourteen"),
        ("a.txt", "Messages older than two years are deleted.", "When are messages deleted?",
         "two years"),
        ("a.txt", "The mill of Orm was bought by a dentist.", "Who bought the mill of Orm?",
         "dentist"),
        ("a.txt", "The school of Elm was opened in 1990. It has 75 places.",
         "How many children does the school of Elm take?", "75 places"),
    ],
)  # fmt: skip
def test_a_question_in_other_words_is_answered(
    name: str, text: str, question: str, right: str, tmp_path: Path
) -> None:
    claims = findings(tmp_path, {name: text}, question).claims
    assert claims
    assert right in claims[0].citations[0].quote


@pytest.mark.parametrize(
    ("text", "question"),
    [
        # It opened; when it closed nobody says.
        ("The Heron path was opened in 1976.", "When was the Heron path closed?"),
        ("Seats for the Moss theatre are booked by telephone.",
         "What is the phone number of the Moss theatre?"),
        (f"Tan Robotics raised 5 million euros. It was led by Low Ventures.\n\n{FOUND}",
         "Who founded Low Ventures?"),
        ("The track of the Wolf railway is 760 millimetres wide.", "How high is the Wolf railway?"),
        ("It was written by Eve Noor at Brand Ltd in 2018.", "Who founded Brand Ltd?"),
        ("Wolves returned to the park of Still in 2011.", "How many wolves live in Still?"),
        ("The marathon of Orm begins at 9:00. Ten thousand people go to it.",
         "Who won the marathon of Orm?"),
    ],
)  # fmt: skip
def test_what_only_sounds_like_it_is_no_answer(text: str, question: str, tmp_path: Path) -> None:
    assert findings(tmp_path, {"a.txt": text}, question).claims == ()
