"""The axis of a timeline: work in proportion, waiting for days drawn short."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

# A wait in which nothing else happens takes so much of the axis at most, and all of them together.
_MOST_OF_ONE: Final = 0.15
_MOST_OF_ALL: Final = 0.5
_LEAST_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class Axis:
    """Where on the axis a time lies.

    Attributes:
        is_shortened: Whether waits are drawn shorter than they were.
    """

    is_shortened: bool
    _times: tuple[float, ...]
    _places: tuple[float, ...]

    def place(self, at: datetime) -> float:
        """Return the place of a time, from 0 to 100."""
        second = at.timestamp()
        index = min(max(bisect_right(self._times, second) - 1, 0), len(self._times) - 2)
        begin, end = self._times[index : index + 2]
        share = (second - begin) / (end - begin) if end > begin else 0.0
        low, high = self._places[index : index + 2]
        return round(low + (high - low) * min(max(share, 0.0), 1.0), 3)


def make_axis(start: datetime, end: datetime, work: Iterable[tuple[datetime, datetime]]) -> Axis:
    """Return the axis for a stretch of time.

    Args:
        start: Where it begins.
        end: Where it ends.
        work: When something was done; what lies between is waiting.
    """
    first = start.timestamp()
    last = max(end.timestamp(), first + _LEAST_SECONDS)
    pieces = _pieces(first, last, work)
    worked = sum(stop - begin for begin, stop, is_work in pieces if is_work)
    waits = [stop - begin for begin, stop, is_work in pieces if not is_work]
    base = worked or _LEAST_SECONDS
    drawn = [min(wait, base * _MOST_OF_ONE) for wait in waits]
    allowed = base * _MOST_OF_ALL
    if sum(drawn) > allowed:
        drawn = [length * allowed / sum(drawn) for length in drawn]
    lengths = iter(drawn)
    times, places = [first], [0.0]
    for begin, stop, is_work in pieces:
        times.append(stop)
        places.append(places[-1] + (stop - begin if is_work else next(lengths)))
    whole = places[-1] or 1.0
    return Axis(
        sum(drawn) < sum(waits) * 0.999,
        tuple(times),
        tuple(place * 100 / whole for place in places),
    )


def _pieces(
    first: float, last: float, work: Iterable[tuple[datetime, datetime]]
) -> list[tuple[float, float, bool]]:
    pieces: list[tuple[float, float, bool]] = []
    at = first
    for begun, ended in sorted((begin.timestamp(), end.timestamp()) for begin, end in work):
        begin, end = min(max(begun, at), last), min(ended, last)
        if end <= at:
            continue
        if begin > at:
            pieces.append((at, begin, False))
        pieces.append((begin, end, True))
        at = end
    if at < last:
        pieces.append((at, last, False))
    return pieces
