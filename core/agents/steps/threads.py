"""Plain functions, run in threads beside the event loop."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress


async def run_in_thread(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Run a function in a thread of its own and return what it returns.

    Not in a pool: a function that blocks delays no other one, and its thread, a daemon, does not
    keep a process alive that is asked to stop.

    Raises:
        Exception: What the function raised; :class:`RuntimeError` when it called ``sys.exit``.
    """
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
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else set_outcome(value))

    name = getattr(function, "__name__", type(function).__name__)
    threading.Thread(target=run, name=f"step {name}", daemon=True).start()
    return await done
