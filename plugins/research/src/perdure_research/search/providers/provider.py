"""What every search provider does, and what they share."""

from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from pydantic import JsonValue

from perdure.agents import PermanentError, WebClient
from perdure_research.search.results import SearchResult

MOST_RESPONSE_BYTES: Final = 5 * 1024 * 1024
TIME_LIMIT_SECONDS: Final = 20.0


class Provider(Protocol):
    """Asks one service."""

    async def search(self, query: str, limit: int) -> list[SearchResult]:
        """Return the pages that the service finds, best first.

        Args:
            query: What to search for, in words.
            limit: How many pages at most.

        Raises:
            InputError: The worker's settings do not allow it, or lack what it needs.
            PermanentError: The service refuses, or answers with something else than results.
            TransientError: It does not answer now; :class:`~perdure.agents.Throttled` when it asks
                to wait.
        """


def open_api() -> WebClient:
    """Return the client for services that are there for programs."""
    return WebClient(max_bytes=MOST_RESPONSE_BYTES, seconds=TIME_LIMIT_SECONDS, robots=False)


def results_in(
    answer: JsonValue, service: str, limit: int, snippet: Sequence[str] = ("content",)
) -> list[SearchResult]:
    """Return the results of a JSON answer that lists them under ``results``.

    Args:
        answer: The answer.
        service: Its name, for the error.
        limit: How many at most.
        snippet: Under which names a result may have its snippet.

    Raises:
        PermanentError: There is no such list.
    """
    listed = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise PermanentError(
            f"{service} answered without a list of results: see that its address is that of the"
            " search"
        )
    found = []
    for entry in listed:
        if isinstance(entry, dict) and is_web_address(url := str(entry.get("url") or "")):
            said = next((str(entry[name]) for name in snippet if entry.get(name)), "")
            found.append(SearchResult(url=url, title=str(entry.get("title") or ""), snippet=said))
    return found[:limit]


def is_web_address(url: str) -> bool:
    """Say whether a text is the URL of a page."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
