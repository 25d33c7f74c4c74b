"""Ends a response that lasts, as a stream does, once its caller may no longer have it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Message, Receive

# How long a key that was revoked, or a token that has expired, still gets what was begun with it.
CHECK_SECONDS: Final = 15.0


class LastingRequest:
    """The messages of a request, among them that its caller is gone, or is let in no more."""

    def __init__(
        self,
        receive: Receive,
        may_go_on: Callable[[], Awaitable[bool]],
        seconds: float = CHECK_SECONDS,
    ) -> None:
        self._receive = receive
        self._may_go_on = may_go_on
        self._seconds = seconds
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next message; a stream waits here until its caller is gone."""
        if not self._is_whole:
            message = await self._receive()
            self._is_whole = not message.get("more_body", False)
            return message
        waiting = asyncio.ensure_future(self._receive())
        try:
            while not (await asyncio.wait({waiting}, timeout=self._seconds))[0]:
                if not await self._may_go_on():
                    return {"type": "http.disconnect"}
            return waiting.result()
        finally:
            waiting.cancel()
