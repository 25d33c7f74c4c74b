"""A child process as who asks it sees it."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from perdure.agents import InputError, TransientError
from perdure_document.facts import Source

PASSWORD_CODE: Final = 4  # PDFium's number for a file that has one
_LONGEST_ANSWER: Final = 256 << 20


class ChildFailed(Exception):
    """A request could not be answered; the message says why, as it continues a sentence.

    Attributes:
        code: PDFium's number for it, -1 for another error; ``None`` when it ended the process.
        refused: Whether the message is a whole sentence, for whoever gave the file.
    """

    def __init__(self, why: str, code: int | None = None, *, refused: bool = False) -> None:
        super().__init__(why)
        self.code = code
        self.refused = refused

    @property
    def is_password(self) -> bool:
        """Whether the file has a password."""
        return self.code == PASSWORD_CODE or "assword" in str(self)


def refusal(source: Source, done: str, failure: ChildFailed) -> InputError:
    """Return the sentence for whoever gave a file that broke a process down.

    Args:
        source: The file.
        done: What was to be done with it: ``read``, ``redacted``.
        failure: What the process says.
    """
    if failure.refused:
        return InputError(str(failure))
    kind = source.kind.upper()
    if failure.is_password:
        return InputError(
            f"{source.path} is a {kind} with a password: save it without one and give that file"
        )
    return InputError(
        f"{source.path} cannot be {done} as {kind} ({failure}): save it anew in its program, or"
        " split it"
    )


class ChildProcess:
    """A process that answers requests; started when it is first asked, ended by :meth:`close`.

    One that breaks down, takes too long, or whose answer is not awaited any more, is ended: the
    next request starts another.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        """Say what is to be executed.

        Args:
            module: The module; see :mod:`perdure_document.child_process.serving`.
            *arguments: Its arguments.
        """
        self._command = (sys.executable, "-m", module, *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._is_closing = False

    @property
    def is_running(self) -> bool:
        """Whether it has been started and goes on."""
        running = self._process is not None and self._process.returncode is None
        return running and not self._is_closing

    async def answer(self, name: str, arguments: Sequence[object], seconds: float) -> object:
        """Ask it, and return what it answers, as plain data.

        Args:
            name: What is asked for.
            arguments: Plain data.
            seconds: How long it may take.

        Raises:
            ChildFailed: It says that it cannot, breaks down, or takes too long.
            TransientError: It could not be started.
        """
        try:
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([name, *arguments]).encode() + b"\n")
            async with asyncio.timeout(seconds):
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError as error:
            await self.close()
            raise ChildFailed(f"it takes more than {seconds:g} seconds") from error
        except (ConnectionError, ValueError) as error:
            await self.close()
            raise ChildFailed("it holds more than can be read") from error
        except BaseException:
            await self.close()  # what it may still answer belongs to a request that is gone
            raise
        if not line:
            await self.close()
            raise ChildFailed("reading it takes too much memory, or breaks the reader down")
        answer = json.loads(line)
        if "value" in answer:
            return answer["value"]
        raise ChildFailed(answer["error"], answer["code"], refused=answer["refused"])

    async def close(self) -> None:
        """End the process; called again if it was cancelled before the process had ended."""
        process = self._process
        if process is None:
            return
        self._is_closing = True
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        if process.stdout is not None:
            await process.stdout.read()  # else what is left of the pipe outlives the event loop
        await process.wait()
        self._process = None
        self._is_closing = False

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and self.is_running:
            return self._process
        await self.close()
        try:
            # A session of its own: a Ctrl-C at the terminal is the worker's to answer.
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LONGEST_ANSWER,
                start_new_session=True,
            )
        except OSError as error:
            raise TransientError(
                f"a process that reads documents could not start ({error}): try again when this"
                " machine has processes to spare"
            ) from error
        return self._process
