"""Standard output while a plugin is loaded: what the plugin prints goes to stderr."""

import io
import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, TextIO, cast

from perdure.agents.plugins.process.threads import ThreadFamily

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_REMEMBERED_CHARACTERS: Final = 1000
_STDERR: Final = 2

# A thread that prints holds no reference to the stream: one that is freed meanwhile ends the
# process, and a wrapper that is freed closes what it wraps.
_kept: Final[list[object]] = []


def keep_alive(stream: object) -> None:
    """Keep a stream that was in use from ever being freed."""
    _kept.append(stream)


class RedirectedStdout:
    """Writes what the plugin's threads print to stderr, and what others print to stdout.

    Attributes:
        stdout: Where others print.
        printed: The beginning of what the plugin printed.
    """

    def __init__(self, family: ThreadFamily, stdout: TextIO) -> None:
        """Redirect nothing yet.

        Args:
            family: The plugin's threads.
            stdout: Standard output.
        """
        self.printed = ""
        self.stdout = stdout
        self._family = family
        content = cast("IO[bytes]", _StderrBytes(self))
        self._stand_in = io.TextIOWrapper(
            content, encoding="utf-8", errors="backslashreplace", write_through=True
        )
        keep_alive(self)

    def write(self, text: str) -> int:
        """Write a text to where the current thread's output belongs."""
        if not self._family.includes_current():
            return self.stdout.write(text)
        self.write_to_stderr(text)
        return len(text)

    def write_to_stderr(self, text: str) -> None:
        """Write what the plugin printed."""
        if len(self.printed) < _REMEMBERED_CHARACTERS:
            self.printed += text[:_REMEMBERED_CHARACTERS]
        with suppress(OSError, ValueError, AttributeError):  # there may be no stderr
            if self._family.loader_is_current():
                sys.stderr.write(text)
            else:
                # Python aborts when it ends while such a thread holds the lock of its own stream.
                os.write(_STDERR, text.encode(errors="backslashreplace"))

    def __getattr__(self, name: str) -> object:
        # A plugin that wraps the buffer, or closes it, wraps or closes one that nobody else has.
        return getattr(self._stand_in if self._family.includes_current() else self.stdout, name)


class _StderrBytes(io.RawIOBase):
    """The binary stream below what a plugin takes for standard output."""

    def __init__(self, redirected: RedirectedStdout) -> None:
        self._redirected = redirected

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(_STDERR)

    def fileno(self) -> int:
        return _STDERR

    def write(self, data: "ReadableBuffer", /) -> int:
        content = bytes(data)
        self._redirected.write_to_stderr(content.decode(errors="backslashreplace"))
        return len(content)
