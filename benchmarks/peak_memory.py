"""The most memory that a process has taken, with all that it has started."""

import threading
from contextlib import suppress

import psutil


class PeakMemory:
    """Watches the memory of a process and of all that it starts.

    What several of them share is counted for each: the figure is never too small for that.
    """

    def __init__(self, pid: int, every: float = 0.05) -> None:
        """Begin to watch.

        Args:
            pid: The process.
            every: How many seconds lie between two looks.
        """
        self._every = every
        self._process = psutil.Process(pid)
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Return the most bytes that were in use at once."""
        self._ended.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            with suppress(psutil.NoSuchProcess):
                family = [self._process, *self._process.children(recursive=True)]
                self._most = max(self._most, sum(map(_resident, family)))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
