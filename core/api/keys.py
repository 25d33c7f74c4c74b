"""API keys: made, and checked against the SHA-256 digests that the server knows."""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.api.problems import problem

_PUBLIC_PATHS: Final = ("/healthz", "/readyz")


def new_key() -> tuple[str, str]:
    """Return a new random key of 256 bits and its digest, 64 hexadecimal digits."""
    key = f"hf_{secrets.token_urlsafe(32)}"
    return key, digest_of(key)


def digest_of(key: str) -> str:
    """Return a key's digest. A key is random and long, so a fast hash keeps it safe."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeyMiddleware:
    """Passes on a request that carries ``Authorization: Bearer`` and a known key."""

    def __init__(self, app: ASGIApp, digests: Collection[str]) -> None:
        self._app = app
        self._digests = tuple(digest.lower() for digest in digests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if (
            scope["type"] != "http"
            or scope["path"] in _PUBLIC_PATHS
            or self._is_authorized(Headers(scope=scope))
        ):
            await self._app(scope, receive, send)
            return
        response = problem(
            401, "Unauthorized", "send a key this server knows as 'Authorization: Bearer <key>'"
        )
        response.headers["WWW-Authenticate"] = "Bearer"
        await response(scope, receive, send)

    def _is_authorized(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        digest = digest_of(key.strip())
        return any(hmac.compare_digest(digest, known) for known in self._digests)
