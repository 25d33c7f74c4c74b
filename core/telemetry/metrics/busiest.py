"""Labels with a bound: the busiest few names are their own label, all others are one."""

import threading
from collections.abc import Callable
from typing import Final

OTHER: Final = "other"
# Who takes a place must be this much busier: else two of the same kind would take turns.
_BUSIER: Final = 2.0
_LEAD: Final = 10.0
# After so many counts all weigh half: what was busy last year is not what is busy.
_HALVED_AFTER: Final = 1_000
_MAX_CANDIDATES: Final = 1_000


class Busiest:
    """Chooses which names of many are a label of their own.

    The first few are at once. Another takes the place of the least busy one when it is twice as
    busy, and the series of the one that loses its place end.
    """

    def __init__(self, places: int, ended: Callable[[str], None]) -> None:
        """Give away places.

        Args:
            places: How many names are their own label.
            ended: Called with a name that no longer is.
        """
        self._places = places
        self._ended = ended
        self._weights: dict[str, float] = {}
        self._candidates: dict[str, float] = {}
        self._counts = 0
        self._lock = threading.Lock()

    def label(self, name: str, *, counted: bool = True) -> str:
        """Return a name's label, and count the name if it is not just looked at."""
        with self._lock:
            if not counted and (name in self._weights or len(self._weights) >= self._places):
                return name if name in self._weights else OTHER
            self._age()
            if name in self._weights or len(self._weights) < self._places:
                self._weights[name] = self._weights.get(name, 0.0) + 1
                return name
            if not self._take_place(name):
                return OTHER
        return name

    def _take_place(self, name: str) -> bool:
        weight = self._candidates[name] = self._candidates.get(name, 0.0) + 1
        least = min(self._weights, key=self._weights.__getitem__)
        if weight < self._weights[least] * _BUSIER + _LEAD:
            return False
        self._candidates[least] = self._weights.pop(least)
        self._weights[name] = self._candidates.pop(name)
        self._ended(least)
        return True

    def _age(self) -> None:
        self._counts += 1
        if self._counts % _HALVED_AFTER == 0:
            self._weights = {name: weight / 2 for name, weight in self._weights.items()}
            halved = {name: weight / 2 for name, weight in self._candidates.items() if weight > 1}
            busiest = sorted(halved, key=halved.__getitem__, reverse=True)[:_MAX_CANDIDATES]
            self._candidates = {name: halved[name] for name in busiest}
