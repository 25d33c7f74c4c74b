"""Requests that a page of another site makes a browser send (CSRF, DNS rebinding)."""

import hashlib
import hmac
from typing import Final

from starlette.datastructures import Headers

from perdure.api.access.authentication import LOOPBACK, SESSION_COOKIE, cookies_of

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages send it with every htmx request; a form has it as a field of the same name.
FORM_HEADER: Final = "x-csrf-token"
FORM_FIELD: Final = "csrf_token"

_PURPOSE: Final = b"perdure form"
_LOCAL_HOSTS: Final = frozenset({*LOOPBACK, "[::1]"})


def has_key(headers: Headers) -> bool:
    """Return whether a request carries a key, which no page of another site can make it do.

    Other credentials a browser sends by itself, as those in the address ``http://a:b@host/``.
    """
    return headers.get("authorization", "").lower().startswith("bearer ")


def is_local_host(headers: Headers) -> bool:
    """Return whether a request names this machine as its host, as a page of its own does.

    A page elsewhere may resolve its own name to this machine (DNS rebinding): the host tells.
    """
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name in _LOCAL_HOSTS


def is_cross_site(headers: Headers) -> bool:
    """Return whether a browser says that a page of another site sends a request."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    # Only browsers send an Origin. The scheme is not compared: a proxy in front may speak TLS.
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def is_from_own_page(headers: Headers) -> bool:
    """Return whether a request says that a page of this server sends it: no other page can.

    Where a browser says nothing of it, the token is the proof.
    """
    if "origin" in headers or "sec-fetch-site" in headers:
        return not is_cross_site(headers)
    cookie, token = cookies_of(headers).get(SESSION_COOKIE), headers.get(FORM_HEADER)
    return bool(cookie and token and is_token_of(token, cookie))


def token_of(cookie: str) -> str:
    """Return the token of the forms of a browser that has a cookie.

    Only our pages can know it: other sites can make a browser send the cookie, and not read it.
    """
    return hmac.new(cookie.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def is_token_of(token: str, cookie: str) -> bool:
    """Return whether a token is that of a browser's cookie."""
    return hmac.compare_digest(token.encode(), token_of(cookie).encode())
