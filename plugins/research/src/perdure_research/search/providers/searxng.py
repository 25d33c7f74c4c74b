"""SearXNG, a metasearch engine that one runs oneself: its JSON API."""

import os
from typing import Final
from urllib.parse import urlencode

from perdure.agents import InputError, PermanentError, WebClient
from perdure_research.search.providers.provider import is_web_address, results_in
from perdure_research.search.results import SearchResult

ADDRESS: Final = "SEARXNG_URL"


class Searxng:
    """Asks the SearXNG whose address the variable ``SEARXNG_URL`` holds."""

    def __init__(self, web: WebClient) -> None:
        self._web = web

    async def search(self, query: str, limit: int) -> list[SearchResult]:
        """Return the pages that it finds; see the protocol."""
        address = os.environ.get(ADDRESS, "").strip().rstrip("/")
        if not is_web_address(address):
            raise InputError(
                f"SearXNG has no address: set {ADDRESS}, such as https://searx.example, where the"
                " worker runs"
            )
        parameters = urlencode({"q": query, "format": "json"})
        url = f"{address.removesuffix('/search')}/search?{parameters}"
        response = await self._web.get(url, headers={"Accept": "application/json"})
        if response.status == 403:
            raise PermanentError(
                f"SearXNG at {address} refuses to answer in JSON (status 403): add json to formats"
                " under search in its settings.yml"
            )
        return results_in(response.raise_for_status().json(), f"SearXNG at {address}", limit)
