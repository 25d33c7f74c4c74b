"""A question's mentions while they are read: which are used up, which stand beside which."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perdure_analysis.language.mentions import Kind, Mention
from perdure_analysis.questions.queries import Condition


@dataclass(frozen=True, slots=True)
class Placed:
    """A condition where it stands in the question, as it may be meant.

    Attributes:
        place: The place of its mention.
        options: The conditions that may be meant.
        assumptions: What was taken for what, one for each option; empty for plain ones.
        doubt: What cannot be told where there are several options.
        candidates: The columns that may be meant.
        together: Whether it names several values with "and" between them.
    """

    place: int
    options: tuple[Condition, ...]
    assumptions: tuple[str, ...] = ()
    doubt: str = ""
    candidates: tuple[str, ...] = ()
    together: bool = False


class Sentence:
    """A question's mentions, and which of them have found their use.

    Attributes:
        mentions: In the question's order.
        used: Places of those that have.
    """

    def __init__(self, mentions: Sequence[Mention]) -> None:
        self.mentions = list(mentions)
        self.used: set[int] = set()

    def free(self, *kinds: Kind) -> list[int]:
        """Return the places of unused mentions of some kinds."""
        return [
            place
            for place, mention in enumerate(self.mentions)
            if place not in self.used and mention.kind in kinds
        ]

    def use(self, *places: int) -> None:
        """Note that mentions have found their use."""
        self.used.update(places)

    def after(self, place: int) -> int | None:
        """Return the place of the next mention that is no stop word."""
        return next(self._beside(range(place + 1, len(self.mentions))), None)

    def before(self, place: int) -> int | None:
        """Return the place of the mention before that is no stop word."""
        return next(self._beside(range(place - 1, -1, -1)), None)

    def free_after(self, place: int) -> int | None:
        """Return the next mention as :meth:`after` does, where it is not used."""
        found = self.after(place)
        return None if found is None or found in self.used else found

    def kind(self, place: int | None) -> Kind | None:
        """Return what stands at a place."""
        return None if place is None else self.mentions[place].kind

    def between(self, first: int, second: int) -> set[str]:
        """Return the stop words between two places, and a comma where there is one."""
        said = {one.said.lower() for one in self.mentions[first + 1 : second]}
        return said | (
            {","} if any(m.comma for m in self.mentions[first + 1 : second + 1]) else set()
        )

    def are_listed(self, first: int, second: int) -> bool:
        """Say whether two mentions stand in a list: ``a and b``, ``a, b``."""
        said = self.between(first, second)
        return (
            bool(said)
            and said <= {"and", ",", "the", "or", "both", "to", "from", "by", "in"}
            and (bool(said & {"and", ",", "or"}))
        )

    def has(self, *kinds: Kind) -> bool:
        """Say whether a mention of some kind is there, used or not."""
        return any(mention.kind in kinds for mention in self.mentions)

    def _beside(self, places: range) -> Iterator[int]:
        return (place for place in places if self.mentions[place].kind != "stop")
