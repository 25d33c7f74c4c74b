"""How much is sealed with which key."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class KeyCounts:
    """How many rows and objects are sealed with each key.

    A row counts for each key that sealed a part of it.

    Attributes:
        rows: Rows by the id of a key; ``None`` for those with words that are not sealed.
        objects: Objects likewise.
        changed: How many rows and objects were sealed anew.
        damaged: What does not open although its key is there, or is no longer what was stored.
        complete: Whether all were looked at.
    """

    rows: Counter[str | None] = field(default_factory=Counter)
    objects: Counter[str | None] = field(default_factory=Counter)
    changed: int = 0
    damaged: list[str] = field(default_factory=list)
    complete: bool = True

    def add_damaged(self, name: str) -> None:
        """Note that something does not open."""
        if name not in self.damaged:
            self.damaged.append(name)

    def ids(self) -> list[str]:
        """Return the ids of all keys that sealed something."""
        return sorted(key for key in {*self.rows, *self.objects} if key is not None)

    def of(self, key_id: str | None) -> str:
        """Return in words how much a key has sealed."""
        least = "" if self.complete else "at least "
        return f"{least}{self.rows[key_id]:,} rows, {self.objects[key_id]:,} objects"

    def left(self, key_id: str) -> list[str]:
        """Return the ids of the keys, other than the one given, that are still needed."""
        return [each for each in self.ids() if each != key_id]
