"""Full-text search in a corpus: its passages, best first, and the archived texts of its sources."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from perdure_research.index.endings import has_other_ending, is_english, stems_of
from perdure_research.index.scoring import WEIGHTS, Scoring
from perdure_research.index.semantics import Vectors, embed, model_name, most_alike, pack, unpack
from perdure_research.index.shard import content_in, open_shard, text_in
from perdure_research.index.terms import TOKENIZER, words_of
from perdure_research.sources.source import Form, Passage, Source, SourceKind, SourceText

# A term in so many of the passages says nothing, and finding them all takes long.
_COMMON: Final = 0.2
_FEW_PASSAGES: Final = 200
_MOST_WORDS: Final = 60
_CANDIDATES: Final = 40
_MOST_ENDINGS: Final = 6
# What a passage counts that means the same in other words, of the best one by its words.
_MEANING: Final = 0.6
# What a fact is rather found in, when all else is equal.
_OF_KIND: Final[dict[SourceKind, float]] = {
    "prose": 1.0,
    "list": 0.95,
    "table": 0.95,
    "changelog": 0.6,
    "code": 0.5,
}
_OF_FORM: Final[dict[Form, float]] = {
    "paragraph": 1.0,
    "item": 1.0,
    "row": 1.0,
    "heading": 0.7,
    "code": 0.6,
}
_MOST_VECTORS: Final = 150_000  # of half a kilobyte each
_MOST_KEPT: Final = 10_000_000  # characters


class Index:
    """The index of a corpus; use it in a ``with`` statement.

    Attributes:
        sources: Its sources by their id, in the order in which they were given.
    """

    def __init__(self, shards: Sequence[Path], sources: Sequence[Source]) -> None:
        """Open it.

        Args:
            shards: The files of its shards.
            sources: Its sources, each text once; what else the shards hold is not found.
        """
        self.sources: Final = {source.id: source for source in sources}
        self._stack = ExitStack()
        self._shards = [self._stack.enter_context(closing(open_shard(path))) for path in shards]
        self._places: dict[str, tuple[int, int]] = {}
        self._ids: list[dict[int, str]] = []
        for number, shard in enumerate(self._shards):
            self._ids.append(self._place(number, shard))
        self._tokens = self._stack.enter_context(
            closing(sqlite3.connect(":memory:", check_same_thread=False))
        )
        self._tokens.execute(f'CREATE VIRTUAL TABLE word USING fts5(text, tokenize="{TOKENIZER}")')
        self._tokens.execute("CREATE VIRTUAL TABLE token USING fts5vocab(word, 'instance')")
        sizes = [_sizes(shard) for shard in self._shards]
        self._passages = sum(passages for passages, _ in sizes)
        self._characters = sum(characters for _, characters in sizes)
        self._texts: dict[str, str] = {}
        self._meanings: dict[int, Vectors] = {}
        self._characters_kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def search(self, query: str, limit: int) -> list[Passage]:
        """Return the passages that fit a query best, best first.

        Args:
            query: A question, or words; which of them occur decides, not their order.
            limit: How many passages at most.
        """
        if limit < 1:
            return []
        found = self._by_words(query, limit)
        self._add_by_meaning(query, limit, found)
        # The sort keeps the order of equals, so that the same corpus gives the same passages.
        best = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:limit]
        return [self._passage(score, number, row) for (number, row), score in best]

    def _by_words(self, query: str, limit: int) -> dict[tuple[int, int], float]:
        """Return passages with words of a query, by shard and number, with their scores."""
        words = self.distinctive_words(query)
        if not words:
            return {}
        tokens = [token for tokens in self._tokens_of(words).values() for token in tokens]
        tokens = list(dict.fromkeys(tokens))
        counts = {token: self._count_of(token) for token in tokens}
        scoring = Scoring(tokens, counts, self._passages, self._characters / max(self._passages, 1))
        match = " OR ".join(f'"{word}"' for word in words)
        # The sources of a shard are as good as drawn by lot: each has its share of the best.
        most = _CANDIDATES + 3 * limit // len(self._shards)
        scores: dict[tuple[int, int], float] = {}
        for number, shard in enumerate(self._shards):
            candidates = self._candidates(number, shard, match, most)
            lengths = {row: length for row, (length, _) in candidates.items()}
            for row, score in scoring.scores(shard, lengths).items():
                scores[number, row] = score * candidates[row][1]
        return scores

    def _add_by_meaning(self, query: str, limit: int, scores: dict[tuple[int, int], float]) -> None:
        """Add what passages mean to their scores, where the shards know it."""
        if not model_name():
            return
        top = max(scores.values(), default=1.0)
        meant = unpack([pack(embed([query]))])
        for number in range(len(self._shards)):
            alike = most_alike(self._vectors(number), meant, 2 * limit)
            for row, (_, weight) in self._weighed(number, alike).items():
                place = (number, row)
                scores[place] = scores.get(place, 0.0) + _MEANING * top * alike[row] * weight

    def _vectors(self, number: int) -> Vectors:
        """Return what the passages of a shard mean, a row for each."""
        vectors = self._meanings.get(number)
        if vectors is None:
            rows = self._shards[number].execute("SELECT packed FROM vector ORDER BY first")
            vectors = unpack(packed for (packed,) in rows)
            if self._passages <= _MOST_VECTORS:
                self._meanings[number] = vectors
        return vectors

    def distinctive_words(self, query: str) -> list[str]:
        """Return the words of a query that some passages hold and not most of them do.

        Of another language than English, words with other endings are among them.
        """
        words = words_of(query)[:_MOST_WORDS]
        if not is_english(words):
            words = list(dict.fromkeys([*words, *self._with_other_endings(words)]))
        counts = self.counts(words)
        present = [word for word in words if counts[word]]
        most = max(_COMMON * self._passages, _FEW_PASSAGES)
        return [word for word in present if counts[word] <= most] or present

    def _with_other_endings(self, words: list[str]) -> list[str]:
        """Return the words of the index that differ from given ones in their ending alone."""
        found: list[str] = []
        for tokens in self._tokens_of(words).values():
            for token in tokens:
                found += self._endings_of(token)
        return found

    def _endings_of(self, token: str) -> list[str]:
        stems = stems_of(token)
        if not stems:
            return []
        counts: Counter[str] = Counter()
        for shard in self._shards:
            rows = shard.execute(
                "SELECT term, doc FROM term WHERE term >= ? AND term < ?",
                (stems[0], f"{stems[0]}\U0010ffff"),
            )
            for term, passages in rows:
                if term != token and has_other_ending(term, stems):
                    counts[term] += passages
        return [term for term, _ in counts.most_common(_MOST_ENDINGS)]

    def counts(self, words: Iterable[str]) -> dict[str, int]:
        """Return in how many passages, their headings included, each word occurs in any form."""
        words = list(words)
        tokens = self._tokens_of(words)
        return {
            word: min((self._count_of(token) for token in tokens[word]), default=0)
            for word in words
        }

    def _count_of(self, token: str) -> int:
        counted = "SELECT doc FROM term WHERE term = ?"
        rows = (shard.execute(counted, (token,)).fetchone() for shard in self._shards)
        return sum(row[0] for row in rows if row)

    def _tokens_of(self, words: list[str]) -> dict[str, list[str]]:
        """Return the tokens that the index has in place of each word."""
        self._tokens.execute("DELETE FROM word")
        self._tokens.executemany("INSERT INTO word (rowid, text) VALUES (?, ?)", enumerate(words))
        tokens: dict[str, list[str]] = {word: [] for word in words}
        for number, token in self._tokens.execute("SELECT doc, term FROM token ORDER BY doc"):
            tokens[words[number]].append(token)
        return tokens

    def _candidates(
        self, number: int, shard: sqlite3.Connection, match: str, limit: int
    ) -> dict[int, tuple[int, float]]:
        """Return the passages of a shard that may fit, as :meth:`_weighed` does."""
        weights = ", ".join(map(str, WEIGHTS.values()))
        rows = shard.execute(
            "SELECT rowid FROM search WHERE search MATCH ?"  # noqa: S608
            f" ORDER BY bm25(search, {weights}), rowid LIMIT ?",
            (match, limit),
        )
        return self._weighed(number, [row for (row,) in rows])

    def _weighed(self, number: int, rows: Iterable[int]) -> dict[int, tuple[int, float]]:
        """Return how many characters passages of a shard have, and what each counts.

        Those of sources that are not searched are left out.
        """
        listed = ", ".join(map(str, rows))
        known = self._ids[number]
        places = self._shards[number].execute(
            "SELECT number, source, end - start, form FROM passage"  # noqa: S608 -- numbers alone
            f" WHERE number IN ({listed})"
        )
        return {
            row: (length, _OF_KIND[self.sources[known[source]].kind] * _OF_FORM[form])
            for row, source, length, form in places
            if source in known
        }

    def _passage(self, score: float, number: int, row: int) -> Passage:
        select = (
            "SELECT source, block, start, end, form, line, page, heading FROM passage"
            " WHERE number = ?"
        )
        source, block, start, end, form, line, page, heading = (
            self._shards[number].execute(select, (row,)).fetchone()
        )
        found = self.sources[self._ids[number][source]]
        return Passage(
            source_id=found.id,
            start=start,
            end=end,
            text=self.plain_text_of(found.id)[start:end],
            score=round(score, 6),
            block=block,
            form=form,
            heading=json.loads(heading),
            line=line,
            page=page,
            kind=found.kind,
        )

    def text_of(self, source_id: str) -> SourceText:
        """Return the archived text of a source, with its blocks."""
        number, source = self._places[source_id]
        return content_in(self._shards[number], source)

    def plain_text_of(self, source_id: str) -> str:
        """Return the archived text of a source alone; the last ones are kept."""
        text = self._texts.pop(source_id, None)
        if text is None:
            number, source = self._places[source_id]
            text = text_in(self._shards[number], source)
            self._characters_kept += len(text)
            while self._texts and self._characters_kept > _MOST_KEPT:
                self._characters_kept -= len(self._texts.pop(next(iter(self._texts))))
        self._texts[source_id] = text
        return text

    def _place(self, number: int, shard: sqlite3.Connection) -> dict[int, str]:
        """Note where the sources of a shard are; return the ids of those that are searched."""
        ids: dict[int, str] = {}
        rows = shard.execute("SELECT number, id FROM source ORDER BY number")
        for source, source_id in rows:
            if source_id in self.sources and source_id not in self._places:
                self._places[source_id] = (number, source)
                ids[source] = source_id
        return ids


def _sizes(shard: sqlite3.Connection) -> tuple[int, int]:
    """Return how many passages a shard has, and how many characters they have together."""
    counted = "SELECT count(*), coalesce(sum(end - start), 0) FROM passage"
    passages, characters = shard.execute(counted).fetchone()
    return int(passages), int(characters)
