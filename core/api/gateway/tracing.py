"""The span of each request that changes something: what it starts hangs under it."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.telemetry import conventions
from perdure.telemetry.traces.entrances import request

# Pages and streams of events are read all the time, and start nothing.
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ERROR: Final = 500


class TracingMiddleware:
    """Records requests, in the trace that their ``traceparent`` names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if scope["type"] != "http" or scope["method"] in _READS:
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        with request(method, scope["path"], scope["scheme"], Headers(scope=scope)) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", None)
                    if route is not None:
                        span.rename(f"{method} {route}")
                    status: int = message["status"]
                    span.set({conventions.HTTP_ROUTE: route, conventions.HTTP_STATUS: status})
                    if status >= _ERROR:
                        span.fail(str(status), "")
                await send(message)

            await self._app(scope, receive, send_and_note)
