"""A full-text index of sentences in SQLite, in memory; and SQLite's own stems of their words."""

import sqlite3
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

# The sentence itself counts most, then its headings, then the sentences beside it.
_WEIGHTS: Final = (1.0, 0.4, 0.25)
_TOKENIZER: Final = "porter unicode61 remove_diacritics 2"
_CANDIDATES: Final = 400


class SentenceIndex:
    """Sentences by number, with what stands around them; use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")
        for name in ("sentence", "question"):
            self._database.execute(
                f"CREATE VIRTUAL TABLE {name} USING fts5(text, heading, beside,"
                f" tokenize='{_TOKENIZER}')"
            )
            self._database.execute(
                f"CREATE VIRTUAL TABLE {name}_term USING fts5vocab({name}, 'instance')"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, sentences: Iterable[tuple[int, str, str, str]]) -> None:
        """Add sentences: number, text, headings, and what stands beside each."""
        self._database.executemany(
            "INSERT INTO sentence (rowid, text, heading, beside) VALUES (?, ?, ?, ?)", sentences
        )

    def stems(self, words: list[str]) -> dict[str, str]:
        """Return the stem of each word, as the index has it; a word without one is left out."""
        self._database.execute("DELETE FROM question")
        self._database.executemany(
            "INSERT INTO question (rowid, text) VALUES (?, ?)", enumerate(words)
        )
        found = self._database.execute(
            "SELECT doc, term FROM question_term ORDER BY doc, offset DESC"
        )
        return {words[number]: term for number, term in found}

    def counts(self, stems: Iterable[str]) -> dict[str, int]:
        """Return in how many sentences, their headings included, each stem occurs."""
        return {
            stem: self._database.execute(
                "SELECT count(DISTINCT doc) FROM sentence_term WHERE term = ?"
                " AND col IN ('text', 'heading')",
                (stem,),
            ).fetchone()[0]
            for stem in stems
        }

    def best(self, words: Iterable[str]) -> list[tuple[int, float]]:
        """Return the sentences that hold any of the words, best first, with how well they fit."""
        query = " OR ".join(f'"{word}"' for word in words)
        weights = ", ".join(map(str, _WEIGHTS))
        found = self._database.execute(
            f"SELECT rowid, bm25(sentence, {weights}) AS distance FROM sentence"  # noqa: S608
            " WHERE sentence MATCH ? ORDER BY distance, rowid LIMIT ?",
            (query, _CANDIDATES),
        )
        return [(number, -distance) for number, distance in found]

    def stems_of(self, numbers: Iterable[int]) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
        """Return for each sentence the stems in it, and those in it and around it."""
        wanted = {number: (set[str](), set[str]()) for number in numbers}
        self._database.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (number INTEGER)")
        self._database.execute("DELETE FROM wanted")
        self._database.executemany("INSERT INTO wanted VALUES (?)", ((n,) for n in wanted))
        for number, term, column in self._database.execute(
            "SELECT doc, term, col FROM sentence_term WHERE doc IN (SELECT number FROM wanted)"
        ):
            within, around = wanted[number]
            around.add(term)
            if column == "text":
                within.add(term)
        return {n: (frozenset(within), frozenset(all_)) for n, (within, all_) in wanted.items()}
