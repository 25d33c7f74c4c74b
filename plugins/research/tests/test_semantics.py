"""Passages that mean the same in other words, found where the extra ``semantic`` is installed."""

from pathlib import Path
from typing import Any

import pytest

from perdure.testing import rehearse
from perdure_research.index import corpus, semantics
from perdure_research.index.index import Index
from perdure_research.index.semantics import embed, model_folder, pack, unpack
from perdure_research.index.shard import write_shard
from perdure_research.reading.about.description import describe
from perdure_research.reading.plain_text import read_plain
from perdure_research.sources.original import Original

TEXT = (
    "The physician prescribed medication for the ill child.\n\nThe market fell sharply.\n\n"
    "The annual subscription fee is 90 euros.\n\nLight becomes sugar in leaves."
)


def indexed(folder: Path, *, semantic: bool) -> Index:
    reading = read_plain(TEXT, markdown=False)
    source = describe(Original(name="a", addresses=("/a",), sha256="0" * 64), reading)
    write_shard(folder / "shard", [(source, reading.content)], semantic=semantic)
    return Index([folder / "shard"], [source])


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("What did doctors give to sick kids?", "The physician prescribed medication"),
        ("How much does membership cost per year?", "The annual subscription fee is 90 euros."),
        ("market prices", "The market fell sharply."),
    ],
)
def test_what_is_said_in_other_words_is_found(query: str, answer: str, tmp_path: Path) -> None:
    with indexed(tmp_path, semantic=True) as index:
        assert index.search(query, 1)[0].text.startswith(answer)
        assert index.search("xylophone zebra quantum", 5) == []


def test_a_shard_without_meanings_is_searched_by_its_words(tmp_path: Path) -> None:
    with indexed(tmp_path, semantic=False) as index:
        assert index.search("What did doctors give to sick kids?", 1) == []


def test_the_model_lies_in_the_wheel_and_nothing_is_downloaded() -> None:
    folder = model_folder()
    assert folder is not None
    assert folder.name == "wordllama"
    vectors = embed(["a ship", "a vessel", ""])
    assert vectors.shape == (3, semantics.DIMENSIONS)
    rows = unpack([pack(vectors)])
    alike = rows @ rows[0]
    assert alike[0] == pytest.approx(1, abs=0.05)
    assert alike[0] > alike[1] > alike[2] == 0


async def test_with_and_without_the_extra_the_index_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text(TEXT + f"\n\n{tmp_path.name}")
    given: dict[str, Any] = {"sources": [str(tmp_path)]}
    for name in ("", semantics.model_name()):
        monkeypatch.setattr(corpus, "model_name", lambda name=name: name)
        done = await rehearse("research", "What is the annual fee?", given)
        assert "90 euros" in done.result.summary
