"""What search providers find, and several of them as one list."""

from collections.abc import Iterable, Sequence
from typing import Final

from perdure_research.sources.addresses import page_key, without_trackers
from perdure_research.sources.source import Fact

# How much a place far down a list still counts (Cormack, Clarke and Büttcher, SIGIR 2009).
_RANK_OFFSET: Final = 60


class SearchResult(Fact):
    """A page that a provider has found.

    Attributes:
        url: Its address.
        title: What the provider calls it.
        snippet: What the provider shows of it; never quoted, as it is no archived text.
    """

    url: str
    title: str = ""
    snippet: str = ""


def merge(lists: Sequence[Iterable[SearchResult]], limit: int) -> list[SearchResult]:
    """Return the pages of several lists, each once, those first that stand high in many.

    Args:
        lists: The lists, each best first.
        limit: How many pages at most.
    """
    scores: dict[str, float] = {}
    first: dict[str, SearchResult] = {}
    for results in lists:
        keys = dict.fromkeys(page_key(result.url) for result in results)
        for rank, key in enumerate(keys):
            scores[key] = scores.get(key, 0.0) + 1 / (_RANK_OFFSET + rank)
        for result in results:
            url = without_trackers(result.url)
            first.setdefault(page_key(url), result.model_copy(update={"url": url}))
    best = sorted(scores, key=lambda key: -scores[key])
    return [first[key] for key in best[:limit]]
