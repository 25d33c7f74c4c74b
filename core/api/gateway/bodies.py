"""Limits the size of a request's body, and how slowly it may come, before anything is parsed."""

import asyncio
import re
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.problems.types import ProblemType
from perdure.api.routes.problems import problem

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
# What a step returned may be as large as a step's value.
_MAX_SETTLED_BYTES: Final = 16 * 1024 * 1024
# A page of a workflow's history, as Temporal's UI has it opened.
_MAX_CODEC_BYTES: Final = 16 * 1024 * 1024
_ROUTES: Final = (
    # Their own limit is PERDURE_UPLOAD_BYTES, which they check while they store what comes.
    (re.compile(r"/api/(?:uploads|files)"), None),
    (re.compile(r"/api/goals/[^/]+/steps/settle"), _MAX_SETTLED_BYTES),
    (re.compile(r"/api/codec/(?:de|en)code"), _MAX_CODEC_BYTES),
    # A key, or nothing: anybody may send it.
    (re.compile(r"/sign-in(?:/.*)?|/sign-out"), 64 * 1024),
)
_CODED: Final = "a body is not taken compressed: send it without Content-Encoding"
# A body may let one wait this long in all, and as much longer as it brings bytes.
GRACE_SECONDS: Final = 30.0
_SLOWEST_BYTES_PER_SECOND: Final = 10_000


class BodyLimitMiddleware:
    """Answers 413 to a body that is too large, 408 to one that is too slow, 415 to a coded one.

    Nothing is decompressed here: a small body could become one of any size, and a file that is kept
    as it came would not be the one that its name says.
    """

    def __init__(self, app: ASGIApp, grace_seconds: float = GRACE_SECONDS) -> None:
        self._app = app
        self._grace_seconds = grace_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 -- ASGI
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            await problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, _CODED)(scope, receive, send)
            return
        limit = body_limit(scope["path"])
        declared = headers.get("content-length", "")
        if limit is not None and declared.isdecimal() and int(declared) > limit:
            # Not one byte is read; the server drops what comes, so that the client gets the answer.
            await problem(ProblemType.BODY_TOO_LARGE, _too_large(limit))(scope, receive, send)
            return
        body = _Body(receive, limit, self._grace_seconds)
        await self._app(scope, body.receive, send)


class _Body:
    """A request's body as it comes."""

    def __init__(self, receive: Receive, limit: int | None, grace_seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds_left = grace_seconds
        self._bytes = 0
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next message.

        Raises:
            HTTPException: The body is too large, or comes too slowly.
        """
        if self._is_whole:  # what comes now is that the client has gone, whenever that is
            return await self._receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._seconds_left):
                message = await self._receive()
        except TimeoutError as error:
            self._is_whole = True
            detail = "the body came too slowly: send it again over a better connection"
            raise HTTPException(408, detail) from error
        piece = message.get("body", b"")
        self._seconds_left += len(piece) / _SLOWEST_BYTES_PER_SECOND - (loop.time() - began)
        self._bytes += len(piece)
        self._is_whole = not message.get("more_body", False)
        if self._limit is not None and self._bytes > self._limit:
            self._is_whole = True
            raise HTTPException(413, _too_large(self._limit))
        return message


def body_limit(path: str) -> int | None:
    """Return how many bytes the body of a request to a path may have; ``None`` if it checks."""
    for pattern, limit in _ROUTES:
        if pattern.fullmatch(path):
            return limit
    return MAX_BODY_BYTES


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit:,} bytes: hand large data in as a file"
