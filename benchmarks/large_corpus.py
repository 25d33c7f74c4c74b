"""A corpus whose contents are known, the same every time: texts, Markdown and web pages."""

import random
from itertools import accumulate
from pathlib import Path
from typing import Final

DOCUMENTS: Final = 2_000
PARAGRAPHS: Final = 16

_SYLLABLES: Final = (
    *(
        "al",
        "bar",
        "cor",
        "dun",
        "el",
        "fen",
        "gar",
        "hol",
        "is",
        "jor",
        "kel",
        "lin",
        "mor",
        "nat",
    ),
    *(
        "or",
        "pel",
        "quin",
        "ros",
        "sta",
        "tor",
        "ul",
        "ver",
        "wes",
        "yar",
        "zel",
        "en",
        "ing",
        "er",
    ),
)
_VOCABULARY: Final = 20_000
_ENDINGS: Final = (".md", ".html", ".txt")


def write_corpus(folder: Path) -> dict[str, str]:
    """Write documents of about 9 kB; return questions that one of them answers, each with a figure.

    Words are as frequent as in natural language (Zipf), and each document holds one fact among
    sentences that speak of the same things.
    """
    chance = random.Random(1)
    words = sorted({"".join(chance.choices(_SYLLABLES, k=3)) for _ in range(_VOCABULARY)})
    chance.shuffle(words)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    questions: dict[str, str] = {}
    for number in range(DOCUMENTS):
        paragraphs = [_paragraph(words, weights, chance) for _ in range(PARAGRAPHS)]
        sacks = 100 + number * 7
        paragraphs[number % PARAGRAPHS] += (
            f" The granary of district {number} holds {sacks} sacks of barley malt in winter."
        )
        ending = _ENDINGS[number % len(_ENDINGS)]
        title = " ".join(chance.choices(words, cum_weights=weights, k=3)).capitalize()
        (folder / f"{number:04}{ending}").write_text(_formatted(ending, title, paragraphs))
        if number % 400 == 123:
            asked = f"How many sacks does the granary of district {number} hold?"
            questions[asked] = f"{sacks} sacks"
    return questions


def _paragraph(words: list[str], weights: list[float], chance: random.Random) -> str:
    sentences = []
    for _ in range(5):
        chosen = chance.choices(words, cum_weights=weights, k=chance.randint(8, 18))
        sentences.append(f"The {' '.join(chosen)} of the granary.")
    return " ".join(sentences)


def _formatted(ending: str, title: str, paragraphs: list[str]) -> str:
    if ending == ".html":
        body = "".join(f"<h2>Part {n}</h2><p>{text}</p>" for n, text in enumerate(paragraphs, 1))
        menu = "<nav><ul>" + "".join(f"<li><a href='/{n}'>Page {n}</a>" for n in range(20))
        return (
            f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{menu}</ul></nav>"
            f"<main><h1>{title}</h1>{body}</main><footer>Printed in the capital</footer></body>"
        )
    if ending == ".md":
        parts = [f"## Part {number}\n\n{text}" for number, text in enumerate(paragraphs, 1)]
        return f"# {title}\n\n" + "\n\n".join(parts) + "\n"
    return f"{title}\n\n" + "\n\n".join(paragraphs) + "\n"
