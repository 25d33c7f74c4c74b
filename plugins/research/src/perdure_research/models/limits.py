"""How much a model may do for a question."""

from typing import Final

from perdure_research.parameters import Depth
from perdure_research.sources.source import Fact


class Limits(Fact):
    """Limits on the work for one question.

    Attributes:
        parts: Into how many parts it is split.
        searches: How many searches and openings there may be for a part, beside the planned ones.
        excerpts: How many excerpts a search may show; the planned ones together twice as many.
        claims: How many sentences a part may have.
    """

    parts: int
    searches: int
    excerpts: int
    claims: int

    @property
    def requests(self) -> int:
        """How many requests a part may take: one for each search, and some to write."""
        return self.searches + 3


LIMITS: Final[dict[Depth, Limits]] = {
    "quick": Limits(parts=1, searches=2, excerpts=6, claims=3),
    "standard": Limits(parts=4, searches=4, excerpts=12, claims=6),
    "comprehensive": Limits(parts=8, searches=8, excerpts=16, claims=10),
}
