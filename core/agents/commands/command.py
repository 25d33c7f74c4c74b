"""A command as it is asked for, checked before anything is started."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath

from pydantic import JsonValue

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.steps import STEP_NAME_CHARACTERS

PathText = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, and how.

    Attributes:
        name: What people call it: the step's name.
        args: The program and its arguments.
        input: What it reads on its standard input; nothing when ``None``.
        env: Its whole environment; the worker's when ``None``.
        cwd: Its working folder; the worker's when ``None``.
        timeout: How many seconds it may take; ``None`` for no limit of its own.
        memory: How many bytes of address space each of its processes may have; ``None`` likewise.
        check: Whether an exit status other than 0 is a failure.
    """

    name: str
    args: tuple[str, ...]
    input: bytes | None
    env: Mapping[str, str] | None
    cwd: str | None
    timeout: float | None
    memory: int | None
    check: bool

    def described(self) -> dict[str, JsonValue]:
        """Return what the policy is told of it: ``program``, ``args`` after that, and ``cwd``."""
        texts = [_readable(argument) for argument in self.args]
        cwd = None if self.cwd is None else _readable(self.cwd)
        return {"program": texts[0], "args": [*texts[1:]], "cwd": cwd}

    def identity(self) -> object:
        """Return what makes it the same command in a later execution.

        The environment is no part of it: the worker's, which it mostly begins with, differs from
        process to process.
        """
        # Names of files may hold bytes that are no text.
        args = [argument.encode(errors="surrogateescape") for argument in self.args]
        cwd = None if self.cwd is None else self.cwd.encode(errors="surrogateescape")
        return [args, self.input, cwd]


def _readable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def checked_command(
    args: Sequence[PathText],
    *,
    name: str | None,
    input: str | bytes | None,  # noqa: A002 -- as subprocess.run names it
    env: Mapping[str, str] | None,
    cwd: PathText | None,
    timeout: timedelta | float | None,
    memory: int | None,
    check: bool,
) -> Command:
    """Return the command that :meth:`perdure.agents.Run.command` was asked for.

    Raises:
        PermanentError: An argument is none that a program could be given.
    """
    texts = _texts_of(args)
    name = _name_of(texts[0]) if name is None else name
    of = f"of command {name!r}"
    return Command(
        name,
        texts,
        _bytes_of(input, f"the input {of}"),
        _environment(env, of),
        None if cwd is None else _path_of(cwd, f"the working folder {of}"),
        _seconds(timeout, of),
        _limit(memory, of),
        check,
    )


def _texts_of(args: object) -> tuple[str, ...]:
    if isinstance(args, str | bytes | os.PathLike) or not isinstance(args, Sequence):
        raise PermanentError(
            f"run.command was given {_shown(args)}: give it a list, such as ['ls', '-l'], or hand a"
            " line to a shell with ['sh', '-c', line]"
        )
    if not args:
        raise PermanentError(
            "run.command was given an empty list: give it a program and its arguments, such as"
            " ['ls', '-l']"
        )
    first = args[0]
    if isinstance(first, str | os.PathLike) and not os.fspath(first):
        raise PermanentError("run.command was given an empty text as its program: name one")
    program = f"command {_shown(first)}"
    return tuple(
        _path_of(argument, f"argument {number} of {program}" if number else "the program of a list")
        for number, argument in enumerate(args)
    )


def _path_of(value: object, what: str) -> str:
    """Return a text or path as what a program can be given."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(text, str):
        raise PermanentError(
            f"{what} is {_shown(value)}, and a program takes texts and paths alone: make it one, as"
            " with str()"
        )
    if "\0" in text:
        raise PermanentError(
            f"{what} holds a null character, which no program can be given: leave it out, or hand"
            " it over in the command's input"
        )
    try:
        # Some half surrogate pairs stand for bytes of file names that are no text: os.fsdecode.
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise PermanentError(
            f"{what} holds half a surrogate pair, which is no character: leave it out"
        ) from None
    return text


def _bytes_of(value: object, what: str) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise PermanentError(f"{what} is {_shown(value)}: give it text or bytes")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise PermanentError(
            f"{what} holds half a surrogate pair, which is no character: leave it out, or hand over"
            " bytes"
        ) from None


def _environment(env: object, of: str) -> dict[str, str] | None:
    if env is None:
        return None
    if not isinstance(env, Mapping):
        raise PermanentError(
            f"the environment {of} is {_shown(env)}: give it a dictionary of texts, such as"
            " {**os.environ, 'LANG': 'C'}"
        )
    checked = {
        _path_of(key, f"a variable's name in the environment {of}"): _path_of(
            value, f"the variable {key!r} in the environment {of}"
        )
        for key, value in env.items()
    }
    for key in checked:
        if not key or "=" in key:
            raise PermanentError(
                f"the environment {of} has a variable {key!r}: a name has no '=' and is not empty"
            )
    return checked


def _seconds(timeout: object, of: str) -> float | None:
    if timeout is None:
        return None
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if (
        isinstance(seconds, int | float)
        and not isinstance(seconds, bool)
        and 0 < seconds < math.inf
    ):
        return float(seconds)
    raise PermanentError(
        f"the timeout {of} is {_shown(timeout)}: give seconds, more than 0, or a timedelta"
    )


def _limit(memory: object, of: str) -> int | None:
    if memory is None:
        return None
    if isinstance(memory, int) and not isinstance(memory, bool) and 0 < memory < 1 << 63:
        return memory
    raise PermanentError(
        f"the memory limit {of} is {_shown(memory)}: give a whole number of bytes, such as"
        " 512 * 1024**2"
    )


def _name_of(program: str) -> str:
    name = PurePath(program).name or program
    # What is no text in a file's name is shown as an escape.
    return name.encode(errors="backslashreplace").decode()[:STEP_NAME_CHARACTERS]


def _shown(value: object) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    return shown if isinstance(value, str) else f"{shown} ({type(value).__name__})"
