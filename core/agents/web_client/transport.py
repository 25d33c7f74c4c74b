"""Connections to exactly the address that was checked; imported with the first fetch."""

import ssl
from contextlib import suppress
from functools import cache
from typing import Final

import httpx

from perdure.agents.web_client.addresses import Allowed, HostUnknown, checked_addresses

_MOST_ADDRESSES: Final = 4


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # which takes 20 ms


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves a request's host itself, checks every address, and connects to one of these.

    A name that is resolved again for the connection could have another address by then. ``Host``
    and the name in the certificate are those of the URL all the same.

    Args:
        allowed: What is allowed beside public addresses.
        proxy: The URL of a proxy, which then resolves names that have no address here, and
            resolves all others once more; none when empty.
    """

    def __init__(self, allowed: Allowed, proxy: str = "") -> None:
        self._allowed = allowed
        self._proxied = bool(proxy)
        self._inner = httpx.AsyncHTTPTransport(
            verify=_certificates(),
            trust_env=False,
            proxy=proxy or None,
            # A connection is known by its address: kept, it would serve another host there, whose
            # certificate nobody has looked at.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; see :class:`httpx.AsyncBaseTransport`.

        Raises:
            InputError: Its host has an address that is neither public nor allowed.
            HostUnknown: Its host has no address.
        """
        url = request.url
        host = url.raw_host.decode("ascii")
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        try:
            addresses = await checked_addresses(host, port, self._allowed)
        except HostUnknown:
            if not self._proxied:
                raise
            return await self._inner.handle_async_request(request)
        if self._proxied:
            return await self._inner.handle_async_request(request)
        *others, last = addresses[:_MOST_ADDRESSES]
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._connect(request, host, address)
        return await self._connect(request, host, last)

    async def _connect(self, request: httpx.Request, host: str, address: str) -> httpx.Response:
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # with the Host of the URL
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()
