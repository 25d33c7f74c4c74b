"""HTTP connections that are not kept by those who send slowly, or nothing (slow loris)."""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# For a request's line and headers, and for the rest of a body that is answered already.
HEADER_SECONDS: Final = 10.0
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class TimedProtocol(H11Protocol):
    """Closes a connection whose request has not begun, or not ended, in time.

    A request's body is timed where it is read. Between requests the server's own limit counts.
    """

    header_seconds = HEADER_SECONDS

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        self._time()

    def data_received(self, data: bytes) -> None:
        """Give what has begun its time, and take away that of what has come."""
        super().data_received(data)
        begins = self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE
        lingers = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if begins or lingers:
            self._time()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: anybody may ask for another protocol, and is answered in this one."""

    def _time(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self._close)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if self.conn.our_state is h11.IDLE:
            self.transport.write(_TOO_SLOW)
        self.transport.close()
