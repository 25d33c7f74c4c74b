"""Tavily, a search service for programs."""

import json
import os
from typing import Final

from perdure.agents import InputError, WebClient
from perdure_research.search.providers.provider import results_in
from perdure_research.search.results import SearchResult

KEY: Final = "TAVILY_API_KEY"
ENDPOINT: Final = "https://api.tavily.com/search"
_MOST_RESULTS: Final = 20


class Tavily:
    """Asks Tavily with the key that the variable ``TAVILY_API_KEY`` holds."""

    def __init__(self, web: WebClient, endpoint: str = ENDPOINT) -> None:
        self._web = web
        self._endpoint = endpoint

    async def search(self, query: str, limit: int) -> list[SearchResult]:
        """Return the pages that it finds; see the protocol."""
        key = os.environ.get(KEY, "").strip()
        if not key:
            raise InputError(f"Tavily has no key: set {KEY} where the worker runs")
        question = {"query": query, "max_results": min(limit, _MOST_RESULTS)}
        response = await self._web.request(
            "POST",
            self._endpoint,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            content=json.dumps(question).encode(),
        )
        if response.status in {401, 403}:
            raise InputError(
                f"Tavily refuses the key in {KEY} (status {response.status}): set a valid one"
                " where the worker runs"
            )
        return results_in(response.raise_for_status().json(), "Tavily", limit)
