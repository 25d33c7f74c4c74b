"""Plain functions, run in threads beside the event loop."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress


class StepThread:
    """The thread of a plain step function.

    Attributes:
        step: The step's name.
        started_at: When it started, in :func:`time.monotonic` seconds.
        is_awaited: Whether the step still waits for it; nothing can stop a thread.
        has_ended: Whether the function has returned or raised.
    """

    def __init__(self, step: str) -> None:
        self.step = step
        self.started_at = time.monotonic()
        self.is_awaited = True
        self.has_ended = False


class StepThreads:
    """The threads of the plain step functions of one execution."""

    def __init__(self) -> None:
        self._threads: set[StepThread] = set()

    def left_behind(self) -> list[StepThread]:
        """Return the threads that go on although nothing waits for them any more."""
        return [one for one in self._threads if not one.is_awaited and not one.has_ended]

    async def run(
        self,
        step: str,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> object:
        """Run a function in a thread of its own and return what it returns.

        Not in a pool: a function that blocks delays no other one, and its thread, a daemon, does
        not keep a process alive that is asked to stop.

        Raises:
            Exception: What the function raised; :class:`RuntimeError` when it called ``sys.exit``.
        """
        thread = StepThread(step)
        self._threads.add(thread)
        try:
            value = await _run_in_thread(thread, function, args, kwargs)
        except BaseException:
            thread.is_awaited = False
            if thread.has_ended:
                self._threads.discard(thread)
            raise
        self._threads.discard(thread)
        return value


async def _run_in_thread(
    thread: StepThread,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> object:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[object] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            value = context.run(function, *args, **kwargs)
        except (SystemExit, KeyboardInterrupt, StopIteration) as error:
            # None of these may travel through an event loop: they would end it.
            deliver(done.set_exception, RuntimeError(f"it raised {type(error).__name__}: {error}"))
        except BaseException as error:  # noqa: BLE001 -- handed to whoever awaits
            deliver(done.set_exception, error)
        else:
            deliver(done.set_result, value)

    def deliver(set_outcome: Callable[..., None], value: object) -> None:
        thread.has_ended = True
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else set_outcome(value))

    name = getattr(function, "__name__", type(function).__name__)
    threading.Thread(target=run, name=f"step {name}", daemon=True).start()
    return await done
