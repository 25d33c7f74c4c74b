"""Where a request comes from, and its id: from a proxy that is trusted, or found out here."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

_ERROR: Final = 500
REQUEST_ID: Final = "X-Request-ID"

# Responses are for who asked, and for programs: no browser guesses their types, keeps them, or lets
# pages of other sites embed them. Where a route says something else, that counts.
_UNLESS_SAID: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

# Some proxies write it behind the address: 203.0.113.7:4711, [2001:db8::1]:4711.
_PORT: Final = re.compile(r"^(\[[^\]]*\]|[0-9.]+):[0-9]+$")
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_VALID_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,255}|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?")


class ArrivalMiddleware:
    """Sets a request's client, scheme, host and id, and what every response says.

    What lies about them in a header counts only where it comes from a trusted proxy.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._take_from_proxy(scope) or uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in _UNLESS_SAID:
                    headers.setdefault(name, value)
                if message["status"] >= _ERROR:
                    place = {"method": scope["method"], "path": scope["path"]}
                    log.warning("request failed", status=message["status"], **place)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)

    def _take_from_proxy(self, scope: Scope) -> str | None:
        """Take client, scheme and host from a trusted proxy, and return the id that it gave."""
        address, port = scope.get("client") or ("", 0)
        if not self._is_trusted(address):
            return None
        headers = Headers(scope=scope)
        # The proxy adds the address that it sees at the end; what is before, the client may have
        # invented, down to the last proxy that is trusted.
        hops = [hop.strip() for hop in ",".join(headers.getlist("x-forwarded-for")).split(",")]
        for hop in reversed([hop for hop in hops if hop]):
            found = _PORT.sub(r"\1", hop).strip("[]")
            if not _is_address(found):
                break
            address, port = found, 0
            if not self._is_trusted(found):
                break
        scope["client"] = (address, port)
        if (scheme := headers.get("x-forwarded-proto", "").lower()) in {"http", "https"}:
            scope["scheme"] = scheme
        if _VALID_HOST.fullmatch(host := headers.get("x-forwarded-host", "")):
            MutableHeaders(scope=scope)["host"] = host
        request_id = headers.get(REQUEST_ID, "")
        return request_id if _VALID_ID.fullmatch(request_id) else None

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted or not _is_address(address):
            return False
        parsed = ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(mapped in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
