"""Reading a secret from where a setting says: a file, or what a command prints."""

import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Final

COMMAND: Final = "command:"
COMMAND_SECONDS: Final = 30.0


class SecretUnreadable(Exception):
    """A secret cannot be read; the message says why, and holds nothing of what was read."""


def read_secret(source: str, setting: str) -> bytes:
    """Read what a setting names.

    Args:
        source: The path of a file that only its owner and group may read, or ``command:`` and a
            command (no shell) that prints the same within 30 seconds.
        setting: The setting's name, for messages.

    Raises:
        SecretUnreadable: There is no such file, others may read it, or the command fails.
    """
    if source.startswith(COMMAND):
        return _printed(source.removeprefix(COMMAND), setting)
    return _contents(Path(source).expanduser(), setting)


def _contents(path: Path, setting: str) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SecretUnreadable(
                    f"{setting}: everybody on this machine may read or write {path}: take that"
                    f" away with chmod o= {path}, and consider whether its keys are still secret"
                )
            return file.read()
    except OSError as error:
        raise SecretUnreadable(
            f"{setting}: {path} cannot be read ({error.strerror}): name a file that this user may"
            " read"
        ) from error


def _printed(command: str, setting: str) -> bytes:
    # Neither what it prints nor its complaints go into a message: both may hold a key.
    try:
        args = shlex.split(command)
        finished = subprocess.run(
            args,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, ValueError, IndexError) as error:
        raise SecretUnreadable(
            f"{setting}: its command cannot be started ({type(error).__name__}): write it as"
            f" {COMMAND}PROGRAM ARGUMENT…, without a shell's signs"
        ) from None
    except subprocess.TimeoutExpired:
        raise SecretUnreadable(
            f"{setting}: {args[0]} printed no keys within {COMMAND_SECONDS:.0f} s: run it by hand"
            " to see what it waits for"
        ) from None
    if finished.returncode != 0:
        raise SecretUnreadable(
            f"{setting}: {args[0]} ended with status {finished.returncode}: run it by hand to see"
            " why"
        )
    return finished.stdout
