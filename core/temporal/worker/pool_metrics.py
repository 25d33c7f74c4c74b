"""The metrics of a pool: its processes send theirs to the supervisor, which adds them up."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

from perdure.telemetry.metrics.families import Family, added_up, from_line, lasting, to_line

SEND_SECONDS: Final = 5.0
_READ_BYTES: Final = 65_536


class PoolMetrics:
    """The metrics of a pool's processes, those that have ended included.

    What a process counted stays counted when it has ended: a sum that became less would be taken
    for one that begins anew.
    """

    def __init__(self) -> None:
        self._latest: dict[int, list[Family]] = {}
        self._ended: list[Family] = []

    async def receive(self, slot: int, channel: socket.socket) -> None:
        """Take what the worker in a slot sends, until it has ended."""
        loop = asyncio.get_running_loop()
        received = bytearray()
        while piece := await loop.sock_recv(channel, _READ_BYTES):
            received += piece
            *lines, rest = received.split(b"\n")
            received = bytearray(rest)
            if lines:
                self._latest[slot] = await asyncio.to_thread(from_line, bytes(lines[-1]))

    def end(self, slot: int) -> None:
        """Note that the worker in a slot has ended."""
        self._ended = added_up([self._ended, lasting(self._latest.pop(slot, []))])

    def families(self) -> list[Family]:
        """Return the metrics of all processes, as those of one."""
        return added_up([self._ended, *self._latest.values()])


async def send_metrics(channel: int, read: Callable[[], list[Family]]) -> None:
    """Send this process's metrics to its supervisor again and again, and once when cancelled.

    Args:
        channel: The file to which it writes.
        read: Returns the metrics.
    """
    try:
        while True:
            await asyncio.to_thread(_send, channel, read)
            await asyncio.sleep(SEND_SECONDS)
    except OSError:
        return  # the supervisor has ended, and this process ends as well
    finally:
        await asyncio.to_thread(_send_last, channel, read)


def _send(channel: int, read: Callable[[], list[Family]]) -> None:
    line = memoryview(to_line(read()))
    while line:
        line = line[os.write(channel, line) :]


def _send_last(channel: int, read: Callable[[], list[Family]]) -> None:
    try:
        _send(channel, read)
    except OSError:
        return
