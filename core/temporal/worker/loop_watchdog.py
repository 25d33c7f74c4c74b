"""The watchdog of the event loop: logs that an agent blocks it, and where.

No goal of the process proceeds meanwhile, and none heartbeats.
"""

import asyncio
import os
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

TICK_SECONDS: Final = 0.5
BLOCKED_SECONDS: Final = 2.0
# Not the interpreter's whole prefix, which is /usr where people also keep their programs.
_LIBRARY: Final = ("<frozen", sysconfig.get_path("stdlib") + os.sep)
_INSTALLED: Final = ("site-packages", "dist-packages")

log = structlog.get_logger()


@asynccontextmanager
async def watch_event_loop(blocked_seconds: float = BLOCKED_SECONDS) -> AsyncIterator[None]:
    """Watch this event loop for as long as the block runs.

    A block of it is logged once when it has lasted ``blocked_seconds``, with the place that blocks,
    and once when it is over.
    """
    watchdog = _Watchdog(threading.get_ident(), blocked_seconds)
    ticking = asyncio.create_task(watchdog.tick())
    watching = threading.Thread(target=watchdog.watch, name="loop watchdog", daemon=True)
    watching.start()
    try:
        yield
    finally:
        watchdog.stopped.set()
        ticking.cancel()


class _Watchdog:
    def __init__(self, thread: int, blocked_seconds: float) -> None:
        self.stopped = threading.Event()
        self._thread = thread
        self._blocked_seconds = blocked_seconds
        self._ticked_at = time.monotonic()
        self._task: asyncio.Task[object] | None = None
        self._loop = asyncio.get_running_loop()

    async def tick(self) -> None:
        while True:
            self._ticked_at = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)

    def watch(self) -> None:
        reported = 0.0
        while not self.stopped.wait(TICK_SECONDS):
            ticked_at = self._ticked_at
            blocked = time.monotonic() - ticked_at
            if blocked > self._blocked_seconds and reported != ticked_at:
                reported = ticked_at
                log.error(
                    "the event loop is blocked: move what blocks into a plain step function, which"
                    " runs in a thread",
                    where=self._where(),
                    task=self._task_name(),
                    seconds=round(blocked, 1),
                )
            elif reported and ticked_at > reported:
                log.warning(
                    "the event loop goes on", blocked_seconds=round(ticked_at - reported, 1)
                )
                reported = 0.0

    def _where(self) -> str:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 -- there is no other way
        stack = traceback.extract_stack(frame)
        place = next((one for one in reversed(stack) if not _is_library(one.filename)), stack[-1])
        return f"{place.filename}:{place.lineno} in {place.name}"

    def _task_name(self) -> str:
        task = asyncio.current_task(self._loop)
        return task.get_name() if task is not None else ""


def _is_library(filename: str) -> bool:
    return filename.startswith(_LIBRARY) and not any(one in filename for one in _INSTALLED)
