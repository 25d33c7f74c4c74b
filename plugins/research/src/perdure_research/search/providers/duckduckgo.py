"""DuckDuckGo: the page that it has for browsers without scripts."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from lxml import html  # type: ignore[import-untyped, unused-ignore]

from perdure.agents import PermanentError, WebClient
from perdure_research.search.providers.provider import is_web_address
from perdure_research.search.results import SearchResult

ENDPOINT: Final = "https://html.duckduckgo.com/html/"
_LINKS: Final = (
    "//a[contains(concat(' ', @class, ' '), ' result__a ')"
    " or contains(concat(' ', @class, ' '), ' result-link ')]"
)
_SNIPPETS: Final = (
    ".//*[contains(concat(' ', @class, ' '), ' result__snippet ')"
    " or contains(concat(' ', @class, ' '), ' result-snippet ')]"
)
_NOTHING: Final = "//*[contains(@class, 'no-results') or contains(@class, 'result--no-result')]"


class DuckDuckGo:
    """Asks DuckDuckGo as a browser without scripts does."""

    def __init__(self, web: WebClient, endpoint: str = ENDPOINT) -> None:
        self._web = web
        self._endpoint = endpoint

    async def search(self, query: str, limit: int) -> list[SearchResult]:
        """Return the pages that it finds; see the protocol."""
        response = await self._web.request(
            "POST",
            self._endpoint,
            headers={
                "Accept": "text/html",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            content=urlencode({"q": query}).encode(),
        )
        # 202 and a page with a puzzle are its answers to what it takes for too many programs.
        if response.status == 202:
            raise _refused()
        tree = html.document_fromstring(response.raise_for_status().text or "<p>")
        found = list(_results(tree, self._endpoint))
        if not found and not tree.xpath(_NOTHING):
            raise _refused()
        return found[:limit]


def _results(tree: Any, endpoint: str) -> Iterator[SearchResult]:
    for link in tree.xpath(_LINKS):
        url = _target(urljoin(endpoint, link.get("href") or ""))
        if not url or "result--ad" in _classes_around(link):
            continue
        yield SearchResult(url=url, title=_text(link), snippet=_snippet(link))


def _target(address: str) -> str:
    """Return where a link leads, behind DuckDuckGo's redirect; nothing for an advertisement."""
    parts = urlsplit(address)
    if (parts.hostname or "").endswith("duckduckgo.com"):
        address = parse_qs(parts.query).get("uddg", [""])[0]
        if (urlsplit(address).hostname or "").endswith("duckduckgo.com"):
            return ""
    return address if is_web_address(address) else ""


def _classes_around(link: Any) -> str:
    return " ".join(one.get("class") or "" for one in link.iterancestors())


def _snippet(link: Any) -> str:
    """Return what is shown of a result: in its box, or in one of the next rows of the table."""
    box = next((one for one in link.iterancestors("div") if one.xpath(_SNIPPETS)), None)
    row = next(link.iterancestors("tr"), None)
    nearby = [box] if box is not None else []
    if row is not None:
        nearby = list(row.itersiblings("tr"))[:2]
    return next((_text(one) for place in nearby for one in place.xpath(_SNIPPETS)), "")


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _refused() -> PermanentError:
    return PermanentError(
        "DuckDuckGo takes this worker for one that asks too much: try again later, or search"
        " with another provider"
    )
