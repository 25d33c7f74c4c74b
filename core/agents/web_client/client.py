"""The HTTP client for agents: it goes nowhere but to the public web, and where a setting allows."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from perdure.agents.steps.errors import InputError, PermanentError, TransientError
from perdure.agents.web_client.addresses import Allowed, HostUnknown, checked_addresses
from perdure.agents.web_client.response import WebResponse
from perdure.agents.web_client.robots import Robots, parse_robots
from perdure.settings import Settings

if TYPE_CHECKING:
    import httpx

_MOST_REDIRECTS: Final = 5
_ROBOTS_SECONDS: Final = 86_400.0
_MOST_SITES: Final = 1_000
_OWN_HEADERS: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "transfer-encoding", "user-agent"}
)
_FOR_ANY_SITE: Final = frozenset({"accept", "accept-language", "content-type"})


class TooManyRedirects(InputError):
    """A URL redirects, and that again, and does not end."""


class WebClient:
    """Fetches from the web; made for URLs that anybody may have written.

    - It connects to public addresses only, and to those that ``PERDURE_WEB_ALLOW`` names: not to
      private, loopback, link-local or metadata addresses, however they are written, and whether a
      URL, a name or a redirect leads there. The address checked is the address used.
    - It takes http and https, no credentials in a URL, and follows five redirects, each checked;
      to another site no header goes on that could be a key.
    - A body has a limit in size, unpacked, and the whole of a request one in time.
    - It reads what ``robots.txt`` lets everybody, or ``perdure``, read.

    It needs no closing. Steps that fetch may share one; then a site's ``robots.txt`` is read once.

    Args:
        max_bytes: How large a body may be.
        seconds: How long a request may take in all, its redirects included.
        robots: Whether GET and HEAD keep to ``robots.txt``; of an API for programs it says nothing.
    """

    def __init__(
        self, *, max_bytes: int = 20 * 1024**2, seconds: float = 60.0, robots: bool = True
    ) -> None:
        settings = Settings()
        self._allowed = Allowed.from_setting(settings.web_allow)
        self._proxy = settings.web_proxy
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._robots = robots
        self._sites: dict[str, tuple[float, Robots]] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def proxy(self) -> str:
        """The URL of the proxy that it fetches through; empty without one."""
        return self._proxy

    async def addresses(self, url: str) -> tuple[str, ...]:
        """Return the addresses that a URL may be fetched from, for a program that connects itself.

        Give the program these addresses, or :attr:`proxy`, and keep it from redirects: a name that
        it resolves again could have another address by then.

        Args:
            url: An http or https URL.

        Returns:
            None where only the proxy can resolve the name.

        Raises:
            InputError: The URL is none, or may not be fetched.
            TransientError: Its host has no address now.
        """
        from perdure.agents.web_client.exchange import parse_url

        parsed = parse_url(url)
        port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
        try:
            host = parsed.raw_host.decode("ascii")
            return tuple(await checked_addresses(host, port, self._allowed))
        except HostUnknown:
            if not self._proxy:
                raise
            return ()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> WebResponse:
        """Fetch a URL; see :meth:`request`."""
        return await self.request("GET", url, headers=headers)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> WebResponse:
        """Send a request, follow redirects, and return the response, whatever its status.

        Args:
            method: Such as ``GET`` or ``POST``.
            url: An http or https URL.
            headers: Headers beside the client's own.
            content: The body.

        Raises:
            InputError: The URL is none, may not be fetched, redirects without end, or the body is
                too large.
            PermanentError: The certificate is not to be trusted, or the body is packed in a way
                that nobody asked for.
            TransientError: The server does not answer, breaks off, or takes too long.
        """
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if own := sorted(given.keys() & _OWN_HEADERS):
            raise PermanentError(f"WebClient sets the header {own[0]} itself: leave it out")
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(method.upper(), url, given, content, self._robots)
        except TimeoutError as error:
            raise TransientError(
                f"{url[:200]} did not answer in time ({self._seconds:g} s): try again later"
            ) from error

    async def _follow(
        self, method: str, start: str, headers: dict[str, str], content: bytes, robots: bool
    ) -> WebResponse:
        from perdure.agents.web_client.exchange import (
            exchange,
            open_client,
            parse_url,
            redirect_target,
        )

        url, redirected = parse_url(start), False
        async with open_client(self._allowed, self._proxy) as client:
            for _ in range(_MOST_REDIRECTS + 1):
                try:
                    if robots and method in {"GET", "HEAD"}:
                        await self._check_robots(url)
                    response = await exchange(
                        client, method, url, headers, content, self._max_bytes
                    )
                    target = redirect_target(response.status, response.headers)
                    if target is None:
                        return response
                    redirected = True
                    following = parse_url(target, url)
                except InputError as error:
                    if not redirected:
                        raise
                    raise InputError(f"{start} redirects, and {error}") from error
                if _is_get_after(response.status, method):
                    method, content = "GET", b""
                    headers.pop("content-type", None)
                if _site(following) != _site(url):
                    headers = {name: headers[name] for name in headers if name in _FOR_ANY_SITE}
                url = following
        raise TooManyRedirects(
            f"{start} leads nowhere (more than {_MOST_REDIRECTS} redirects): give another URL"
        )

    async def _check_robots(self, url: "httpx.URL") -> None:
        site = _site(url)
        async with self._reading[site]:
            until, rules = self._sites.get(site, (0.0, None))
            if rules is None or until < time.monotonic():
                rules = await self._read_robots(site)
                self._sites.pop(site, None)
                self._sites[site] = (time.monotonic() + _ROBOTS_SECONDS, rules)
                if len(self._sites) > _MOST_SITES:
                    oldest = next(iter(self._sites))
                    del self._sites[oldest]
                    self._reading.pop(oldest, None)
        if not rules.allow(url.raw_path.decode("ascii")):
            raise InputError(
                f"{url} may not be read by programs, says {site}/robots.txt: give another URL, or"
                " save the page and give the file"
            )

    async def _read_robots(self, site: str) -> Robots:
        try:
            response = await self._follow("GET", f"{site}/robots.txt", {}, b"", robots=False)
        except TooManyRedirects:
            return Robots()
        if response.status == 200:
            return parse_robots(response.content)
        if 400 <= response.status < 500 and response.status != 429:
            return Robots()
        raise TransientError(
            f"{site}/robots.txt answered with status {response.status}, so nothing there may be"
            " read now: try again later"
        )


def _site(url: "httpx.URL") -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _is_get_after(status: int, method: str) -> bool:
    """Say whether a redirect is followed with GET, as browsers do."""
    if status == 303:
        return method != "HEAD"
    return status in {301, 302} and method == "POST"
