"""Why a command was not started, or failed."""

import errno
import os
import shutil
import signal
from pathlib import Path
from typing import Final

from perdure.agents.commands.command import Command
from perdure.agents.steps.errors import PermanentError, TransientError

_SHOWN_CHARACTERS: Final = 400
_SHOWN_LINES: Final = 5
# The last lines are among them.
_READ_CHARACTERS: Final = 4_000


class CommandFailed(Exception):
    """A command took too long, or ended with a status other than 0."""


def not_started(command: Command, place: str, number: int) -> Exception:
    """Return the error for a command that the operating system refused to start.

    Args:
        command: The command.
        place: What was refused: ``cwd``, ``memory``, ``program`` or ``fork``.
        number: The operating system's error number.
    """
    begun = f"command {command.name!r} was not started"
    reason = os.strerror(number) if number else "refused"
    if place == "cwd":
        return PermanentError(
            f"{begun}, because its working folder {command.cwd!r} {_wrong_folder(number, reason)}"
        )
    if place == "memory" or (number == errno.ENOMEM and command.memory is not None):
        return PermanentError(
            f"{begun}, because it cannot be with a memory limit of {command.memory:,} bytes"
            f" ({reason}): choose another"
        )
    if place == "fork" or number in {errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE}:
        return TransientError(
            f"{begun} ({reason}): the worker's machine lacks memory, processes or open files"
        )
    return PermanentError(f"{begun}, because {_wrong_program(command, number, reason)}")


def failed(command: Command, returncode: int, stdout: str, stderr: str) -> CommandFailed:
    """Return the error for a command that ended with a status other than 0."""
    limit = "" if command.memory is None else f" under its memory limit of {command.memory:,} bytes"
    ending = f"ended with status {returncode}"
    if returncode < 0:
        try:
            ending = f"was ended by {signal.Signals(-returncode).name}"
        except ValueError:
            ending = f"was ended by signal {-returncode}"
    return CommandFailed(
        f"command {command.name!r} {ending}{limit}{_last_words(stdout, stderr)}: correct what is"
        " wrong, or pass check=False to have its status as a value"
    )


def timed_out(command: Command, stdout: str, stderr: str) -> CommandFailed:
    """Return the error for a command that took too long."""
    return CommandFailed(
        f"command {command.name!r} was ended, because it took longer than its timeout of"
        f" {command.timeout:g} seconds{_last_words(stdout, stderr)}: give it more, or less to do"
    )


def abandoned(command: Command) -> CommandFailed:
    """Return the error for a command that was still running when its run ended."""
    return CommandFailed(
        f"command {command.name!r} was ended, because its run has ended: await what the agent has"
        " started before it returns"
    )


def _wrong_folder(number: int, reason: str) -> str:
    match number:
        case errno.ENOENT:
            return "does not exist on this worker: create it first"
        case errno.ENOTDIR:
            return "is no folder: name one"
        case errno.EACCES:
            return "may not be entered by the worker's user: allow it, or name another"
        case _:
            return f"cannot be entered ({reason}): name another"


def _wrong_program(command: Command, number: int, reason: str) -> str:
    program = command.args[0]
    match number:
        case errno.ENOENT if _is_there(command):
            return (
                f"the interpreter that the first line of {program!r} names does not exist on this"
                " worker: install it, or correct that line"
            )
        case errno.ENOENT | errno.ENOTDIR:
            where = "on this worker" if os.sep in program else "on the PATH of this worker"
            return f"{program!r} is not found {where}: install it there, or give its right path"
        case errno.EACCES:
            return (
                f"{program!r} is no file that the worker's user may execute: make it executable, or"
                " call its interpreter, as in ['python3', 'script.py']"
            )
        case errno.ENOEXEC:
            return (
                f"{program!r} is no program for this machine, nor a script whose first line names"
                " its interpreter: call that, as in ['sh', 'script']"
            )
        case errno.E2BIG:
            return (
                "its arguments and environment are larger than the operating system allows: hand"
                " what is large over in its input, or in a file"
            )
        case _:
            return f"{program!r} cannot be executed ({reason}): correct it"


def _is_there(command: Command) -> bool:
    program = command.args[0]
    if os.sep in program:
        return Path(command.cwd or "", program).is_file()
    path = None if command.env is None else command.env.get("PATH")
    return shutil.which(program, path=path) is not None


def _last_words(stdout: str, stderr: str) -> str:
    """Return the last lines that a command has written, in parentheses; nothing without any."""
    for text in (stderr, stdout):
        lines = [" ".join(line.split()) for line in text[-_READ_CHARACTERS:].splitlines()]
        last = " | ".join([line for line in lines if line][-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:]
        if last:
            return f" ({''.join(char for char in last if char.isprintable())})"
    return ""
