"""Scoring passages against the words of a query, by what the whole corpus has of each word.

SQLite's own score knows the words of one shard only; in a small one it takes every word for common.
This is BM25 (Robertson and Zaragoza, 2009) with one weight for each field.
"""

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

# The passage itself counts most, then the headings and columns that it stands under.
WEIGHTS: Final = {"text": 1.0, "context": 0.45}
_SATURATION: Final = 1.2
_LENGTH_SHARE: Final = 0.6
# What two words count that stand side by side as they do in the query, of what they count alone.
_BESIDE: Final = 0.4


class Scoring:
    """Scores the passages of a corpus for one query."""

    def __init__(
        self,
        tokens: Sequence[str],
        counts: Mapping[str, int],
        passages: int,
        characters: float,
    ) -> None:
        """Weigh the words of the query.

        Args:
            tokens: The tokens of the query, in its order.
            counts: In how many passages of the corpus each occurs.
            passages: How many passages there are.
            characters: How long one is on average.
        """
        self._weights = {
            token: math.log(1 + (passages - counts[token] + 0.5) / (counts[token] + 0.5))
            for token in tokens
        }
        self._tokens = list(self._weights)
        self._characters = max(characters, 1.0)

    def scores(self, shard: sqlite3.Connection, passages: Mapping[int, int]) -> dict[int, float]:
        """Return the score of each passage of a shard.

        Args:
            shard: The shard.
            passages: The passages by their number, with how many characters each has.
        """
        among = _listed(passages)
        scores: defaultdict[int, float] = defaultdict(float)
        for token in self._tokens:
            frequencies: defaultdict[int, float] = defaultdict(float)
            rows = shard.execute(
                "SELECT doc, col, count(*) FROM instance"  # noqa: S608 -- numbers alone
                f" WHERE term = ? AND doc IN ({among}) GROUP BY doc, col",
                (token,),
            )
            for number, column, count in rows:
                frequencies[number] += WEIGHTS[column] * count
            for number, frequency in frequencies.items():
                length = passages[number] / self._characters
                slowed = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
                part = frequency * (_SATURATION + 1) / (frequency + slowed)
                scores[number] += self._weights[token] * part
        self._add_pairs(shard, among, scores)
        return scores

    def _add_pairs(self, shard: sqlite3.Connection, among: str, scores: dict[int, float]) -> None:
        for first, second in zip(self._tokens, self._tokens[1:], strict=False):
            rows = shard.execute(
                f"SELECT rowid FROM search WHERE search MATCH ? AND rowid IN ({among})",  # noqa: S608
                (f'text : "{first} {second}"',),
            )
            for (number,) in rows:
                scores[number] += _BESIDE * (self._weights[first] + self._weights[second])


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
