"""Keys that people press while a view is shown."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


@contextmanager
def key_sets(event: "asyncio.Event", keys: str) -> Iterator[None]:
    """Set an event when one of some keys is pressed, without Enter, for as long as the block runs.

    Nothing is read where standard input is no terminal.
    """
    import asyncio

    try:
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError, termios.error):
        yield
        return
    loop = asyncio.get_running_loop()

    def read() -> None:
        pressed = os.read(descriptor, 64)
        if not pressed:  # the terminal is gone
            loop.remove_reader(descriptor)
        if not pressed or any(key in pressed.decode(errors="replace") for key in keys):
            event.set()

    tty.setcbreak(descriptor)
    try:
        loop.add_reader(descriptor, read)
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
