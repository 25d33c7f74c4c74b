"""The threads that a plugin starts while it is loaded: known, and waited for by nobody."""

import sys
import threading
import weakref
from typing import Final

_lock: Final = threading.Lock()
# The family of each thread that loads a plugin, or was started by one that does.
_families: "Final[weakref.WeakKeyDictionary[threading.Thread, ThreadFamily]]" = (
    weakref.WeakKeyDictionary()
)
_start_thread: Final = threading.Thread.start


class ThreadFamily:
    """The thread that loads a plugin, and those that it starts, and those that these start.

    A command that ends waits for no thread of the family, not even for one of an executor.
    """

    def __init__(self, loader: threading.Thread) -> None:
        """Begin to watch which threads are started.

        Args:
            loader: The thread that loads the plugin, not yet started.
        """
        self.loader = loader
        with _lock:
            _families[loader] = self
            threading.Thread.start = _start_and_adopt  # type: ignore[method-assign,assignment]

    def includes_current(self) -> bool:
        """Return whether the current thread is one of them."""
        thread = _current()
        return thread is not None and _families.get(thread) is self

    def loader_is_current(self) -> bool:
        """Return whether the current thread is the one that loads the plugin."""
        return _current() is self.loader

    def running(self) -> list[threading.Thread]:
        """Return those that run, the loader left out."""
        with _lock:
            return [
                thread
                for thread, family in _families.items()
                if family is self and thread is not self.loader and thread.is_alive()
            ]

    def end(self) -> None:
        """Cease to watch, unless one of them still runs and may start another."""
        for thread in self.running():
            _release_from_executor(thread)
        with _lock:
            if threading.Thread.start is _start_and_adopt and not any(
                thread.is_alive() for thread in _families
            ):
                threading.Thread.start = _start_thread  # type: ignore[method-assign]


def running_plugin_threads() -> list[threading.Thread]:
    """Return the threads of this process that plugins started while they were loaded."""
    with _lock:
        return [thread for thread in _families if thread.is_alive()]


def _current() -> threading.Thread | None:
    # threading.current_thread() would register a thread that Python did not start.
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # noqa: SLF001
    return active.get(threading.get_ident())


def _start_and_adopt(thread: threading.Thread) -> None:
    family = _families.get(threading.current_thread())
    if family is not None:
        with _lock:
            _families[thread] = family
        # At its exit, Python joins every thread that is no daemon.
        thread._daemonic = True  # type: ignore[attr-defined]  # noqa: SLF001
    _start_thread(thread)


def _release_from_executor(thread: threading.Thread) -> None:
    """Keep Python from joining a thread of a ``ThreadPoolExecutor`` at its exit."""
    executors = sys.modules.get("concurrent.futures.thread")
    if executors is not None:
        executors._threads_queues.pop(thread, None)  # noqa: SLF001
