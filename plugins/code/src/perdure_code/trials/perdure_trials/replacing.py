"""Putting a changed source in place of the one that was imported."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from .tracing import OwnFiles

_FUNCTION = 0x1  # CO_OPTIMIZED: neither a module nor the body of a class

if TYPE_CHECKING:
    Key = tuple[str, int, str]


class CannotReplace(Exception):
    """The change is not within functions: the module must be imported anew."""


class LiveFunctions:
    """The functions of the repository that exist, by where their code is written."""

    def __init__(self, own: OwnFiles, sources: dict[str, bytes]) -> None:
        """Find them, and compile the files that are going to be changed."""
        self._functions: dict[Key, list[FunctionType]] = {}
        self._before: dict[str, CodeType] = {}
        for path, source in sources.items():
            with suppress(SyntaxError, ValueError):
                self._before[path] = compile(source, path, "exec", dont_inherit=True)
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                code = thing.__code__
                path = own.relative(code.co_filename)
                if path:
                    key = (path, code.co_firstlineno, code.co_name)
                    self._functions.setdefault(key, []).append(thing)

    def replace(self, path: str, new: bytes) -> None:
        """Give the functions of a file the code that they have in its new source.

        Raises:
            CannotReplace: More than the functions' code differs.
            SyntaxError: The new source is no Python.
        """
        after = compile(new, path, "exec", dont_inherit=True)
        if path not in self._before:
            raise CannotReplace
        pairs = list(_changed(self._before[path], after))
        for one, other in pairs:
            if not one.co_flags & _FUNCTION or one.co_freevars != other.co_freevars:
                raise CannotReplace
        for one, other in pairs:
            for function in self._functions.get((path, one.co_firstlineno, one.co_name), ()):
                function.__code__ = other.replace(co_filename=function.__code__.co_filename)


def serve_source(root: str, path: str, source: bytes) -> None:
    """Let imports in this process read ``source`` instead of the file at ``path``."""
    target = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 -- compared with names
    read, look = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def get_data(self: SourceFileLoader, name: str) -> bytes:
        return source if os.path.realpath(name) == target else read(self, name)

    def path_stats(self: SourceFileLoader, name: str) -> Any:
        if os.path.realpath(name) == target:
            raise OSError("so that no compiled file is taken for it")
        return look(self, name)

    setattr(SourceFileLoader, "get_data", get_data)  # noqa: B010 -- types of methods are fixed
    setattr(SourceFileLoader, "path_stats", path_stats)  # noqa: B010


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield the pairs of code objects, nested ones too, that differ in more than their lines.

    A function whose inner functions differ is changed too: it makes them anew when it is called.

    Raises:
        CannotReplace: They are not built alike.
    """
    inner_old, inner_new = _inner(old), _inner(new)
    names = [[code.co_name for code in codes] for codes in (inner_old, inner_new)]
    below: list[tuple[CodeType, CodeType]] = []
    if names[0] == names[1]:
        for place, one in enumerate(inner_old):
            below.extend(_changed(one, inner_new[place]))
    elif not old.co_flags & _FUNCTION:
        raise CannotReplace
    if _essence(old) != _essence(new) or (below and old.co_flags & _FUNCTION):
        yield old, new
    yield from below


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _essence(code: CodeType) -> tuple[object, ...]:
    constants = [
        (type(constant), repr(constant))
        for constant in code.co_consts
        if not isinstance(constant, CodeType)
    ]
    return (
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        getattr(code, "co_exceptiontable", b""),
        len(_inner(code)),
    )
