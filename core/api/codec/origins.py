"""Lets Temporal's UI, a page of another origin, use the codec's routes (CORS), and no others."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

CODEC_PATH: Final = "/api/codec/"
_PREFLIGHT_SECONDS: Final = 600


class CodecOriginsMiddleware:
    """Answers preflights for the codec's routes, and says in responses who may read them.

    Args:
        app: What comes next.
        origins: The origins of Temporal's UI, such as ``https://cloud.temporal.io``.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["POST"],
            # The UI sends the tokens of whoever uses it, and the namespace that it shows.
            allow_headers=["Authorization", "Authorization-Extras", "Content-Type", "X-Namespace"],
            # A page on the internet may ask a server in one's own network.
            allow_private_network=True,
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if scope["type"] != "http" or not scope["path"].startswith(CODEC_PATH):
            await self._app(scope, receive, send)
            return
        if Headers(scope=scope).get("origin") in self._origins:
            scope.setdefault("state", {})["allowed_origin"] = True
        await self._cors(scope, receive, send)
