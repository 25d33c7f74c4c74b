"""Which block of the older version is which block of the newer one."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Final

from perdure_document.comparison.words import similarity, words_of
from perdure_document.facts import Block, Document, Fact

_ALIKE: Final = 0.4
_TABLES_ALIKE: Final = 0.2
_MOVED_ALIKE: Final = 0.8
_MOVED_WORDS: Final = 4
_LARGEST_GAP: Final = 40_000
_REPEATED: Final = 200


class Aligned(Fact):
    """A block of both versions, or of one.

    Attributes:
        old: Its index in the older version; ``None`` when it was inserted.
        new: Its index in the newer one; ``None`` when it was deleted.
        moved: Whether it stands elsewhere now. Such a pair is listed where the newer one stands.
    """

    old: int | None = None
    new: int | None = None
    moved: bool = False


@dataclass(frozen=True)
class _Entry:
    block: Block

    @property
    def is_table(self) -> bool:
        return bool(self.block.rows)

    @cached_property
    def key(self) -> Hashable:
        return (self.block.rows, self.block.numbered_text)

    @cached_property
    def text(self) -> str:
        rows = [" ".join(row) for row in self.block.rows]
        return " ".join([self.block.numbered_text, *rows]).strip()

    @cached_property
    def words(self) -> Counter[str]:
        return words_of(self.text)

    def likeness(self, other: "_Entry") -> float:
        """Return how alike two blocks are; 0 when too little to be one and the same."""
        if self.key == other.key:
            return 1.0
        if self.is_table != other.is_table:
            return 0.0
        found = similarity(self.words, other.words)
        if self.is_table and self.block.rows[:1] == other.block.rows[:1]:
            found = max(found, 0.5)
        return found if found >= (_TABLES_ALIKE if self.is_table else _ALIKE) else 0.0


def align(old: Document, new: Document) -> list[Aligned]:
    """Pair the blocks of two versions, in the order in which a redline shows them.

    Equal blocks in the same order are paired first, then blocks between them that are alike, then
    those that stand elsewhere.
    """
    before = [_Entry(block) for block in old.blocks]
    after = [_Entry(block) for block in new.blocks]
    pairs: list[tuple[int | None, int | None]] = []
    for code, start, end, new_start, new_end in _opcodes(before, after):
        if code == "equal":
            pairs += zip(range(start, end), range(new_start, new_end), strict=True)
        else:
            pairs += pair_alike(
                [
                    [one.likeness(other) for other in after[new_start:new_end]]
                    for one in before[start:end]
                ]
                if (end - start) * (new_end - new_start) <= _LARGEST_GAP
                else [],
                range(start, end),
                range(new_start, new_end),
            )
    moved = dict(_moves(before, after, pairs))
    sources = set(moved.values())
    return [
        Aligned(old=moved.get(b), new=b, moved=b in moved)
        if a is None and b is not None
        else Aligned(old=a, new=b)
        for a, b in pairs
        if not (b is None and a in sources)
    ]


def pair_alike(
    likeness: Sequence[Sequence[float]], old: Sequence[int], new: Sequence[int]
) -> Iterator[tuple[int | None, int | None]]:
    """Pair what is alike without crossing, so that the sum of likeness is greatest.

    Args:
        likeness: From 0 to 1 for each old and each new one; 0 pairs nothing. Empty when there are
            too many to compare: then nothing is paired.
        old: The numbers of the old ones.
        new: The numbers of the new ones.
    """
    if not likeness or not new:
        yield from ((one, None) for one in old)
        yield from ((None, one) for one in new)
        return
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row in range(len(old) - 1, -1, -1):
        for column in range(len(new) - 1, -1, -1):
            alike = likeness[row][column]
            best[row][column] = max(
                best[row + 1][column],
                best[row][column + 1],
                best[row + 1][column + 1] + alike if alike else 0.0,
            )
    row = column = 0
    while row < len(old) or column < len(new):
        if row < len(old) and best[row][column] == best[row + 1][column]:
            yield old[row], None
            row += 1
        elif column < len(new) and best[row][column] == best[row][column + 1]:
            yield None, new[column]
            column += 1
        else:
            yield old[row], new[column]
            row, column = row + 1, column + 1


def _opcodes(old: Sequence[_Entry], new: Sequence[_Entry]) -> list[tuple[str, int, int, int, int]]:
    """Return what is equal in the same order, and the gaps between.

    What changed is one gap when that is small enough to weigh all its blocks against each other:
    anchored on equal blocks alone, one moved block would make all that it passed look moved.
    """
    before, after = [entry.key for entry in old], [entry.key for entry in new]
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    end, new_end = len(before) - tail, len(after) - tail
    if (end - head) * (new_end - head) <= _LARGEST_GAP:
        return [
            ("equal", 0, head, 0, head),
            ("replace", head, end, head, new_end),
            ("equal", end, len(before), new_end, len(after)),
        ]
    # Without it a block that comes a thousand times takes a million comparisons.
    autojunk = max(Counter(after).values(), default=0) > _REPEATED
    matcher = SequenceMatcher(None, before, after, autojunk=autojunk)
    return [(code, a, b, c, d) for code, a, b, c, d in matcher.get_opcodes()]


def _moves(
    before: Sequence[_Entry],
    after: Sequence[_Entry],
    pairs: Sequence[tuple[int | None, int | None]],
) -> Iterator[tuple[int, int]]:
    """Yield new and old index of each block that was deleted here and inserted there."""
    deleted = [a for a, b in pairs if b is None and a is not None and _movable(before[a])]
    inserted = [b for a, b in pairs if a is None and b is not None and _movable(after[b])]
    by_key: dict[Hashable, list[int]] = defaultdict(list)
    for index in deleted:
        by_key[before[index].key].append(index)
    taken: set[int] = set()
    left: list[int] = []
    for index in inserted:
        if same := by_key.get(after[index].key):
            source = same.pop(0)
            taken.add(source)
            yield index, source
        else:
            left.append(index)
    rest = [index for index in deleted if index not in taken]
    if len(rest) * len(left) > _LARGEST_GAP:
        return
    likeness = sorted(
        (
            (similarity(before[a].words, after[b].words), -b, -a)
            for a in rest
            for b in left
            if before[a].is_table == after[b].is_table
        ),
        reverse=True,
    )
    placed: set[int] = set()
    for alike, b, a in likeness:
        if alike < _MOVED_ALIKE:
            return
        if -a not in taken and -b not in placed:
            taken.add(-a)
            placed.add(-b)
            yield -b, -a


def _movable(entry: _Entry) -> bool:
    """Say whether a block is long enough to be told from another with the same words."""
    return entry.is_table or entry.words.total() >= _MOVED_WORDS or len(entry.text) >= 24
