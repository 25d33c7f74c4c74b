"""Searching the web with several providers at once."""

from collections.abc import Callable
from typing import Final

from perdure.agents import WebClient
from perdure_research.parameters import Depth, ProviderName
from perdure_research.search.providers.provider import Provider, open_api
from perdure_research.search.results import SearchResult

MOST_RESULTS: Final[dict[Depth, int]] = {"quick": 8, "standard": 20, "comprehensive": 40}


async def search_with(name: ProviderName, query: str, limit: int) -> list[SearchResult]:
    """Return the pages that a provider finds; in a step.

    Args:
        name: The provider.
        query: What to search for, in words.
        limit: How many pages at most.

    Raises:
        InputError: The worker lacks what the provider needs, such as a key.
        PermanentError: The provider refuses, or answers with something else than results.
        TransientError: It does not answer now.
    """
    return await _PROVIDERS[name](open_api()).search(query, limit)


def _searxng(web: WebClient) -> Provider:
    from perdure_research.search.providers.searxng import Searxng

    return Searxng(web)


def _duckduckgo(web: WebClient) -> Provider:
    from perdure_research.search.providers.duckduckgo import DuckDuckGo

    return DuckDuckGo(web)


def _tavily(web: WebClient) -> Provider:
    from perdure_research.search.providers.tavily import Tavily

    return Tavily(web)


_PROVIDERS: Final[dict[ProviderName, Callable[[WebClient], Provider]]] = {
    "searxng": _searxng,
    "duckduckgo": _duckduckgo,
    "tavily": _tavily,
}
