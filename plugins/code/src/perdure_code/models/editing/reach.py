"""What code reaches beyond itself, so that a change which brings that in is noticed."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from perdure_code.models.editing.edited_repository import PathRefused
from perdure_code.models.editing.parsing import parsed_or_none
from perdure_code.repository.working_copy import is_test

_MODULES: Final = frozenset(
    {
        "aiohttp",
        "builtins",
        "cffi",
        "code",
        "ctypes",
        "ftplib",
        "http",
        "httpx",
        "importlib",
        "marshal",
        "multiprocessing",
        "paramiko",
        "pickle",
        "pty",
        "requests",
        "runpy",
        "shelve",
        "shutil",
        "smtplib",
        "socket",
        "subprocess",
        "telnetlib",
        "urllib",
        "webbrowser",
    }
)
_OF_TEST_RUNS: Final = frozenset(
    {
        "__main__",
        "_pytest",
        "atexit",
        "conftest",
        "gc",
        "inspect",
        "nose",
        "pluggy",
        "pytest",
        "unittest",
    }
)
_CALLS: Final = re.compile(
    r"os\.(?:_exit|abort|chmod|chown|environ|exec\w+|fork\w*|getenv|kill\w*|popen|posix_spawn\w*"
    r"|putenv|remove|removedirs|rename\w*|replace|rmdir|spawn\w+|symlink|system|unlink)"
    r"|sys\.(?:_getframe|argv|exit|meta_path|modules|path|path_hooks|setprofile|settrace)"
)
# What leads from an object to the code around it, or to who called it.
_INSIDES: Final = frozenset(
    {"__code__", "__globals__", "__loader__", "__subclasses__", "f_back", "f_globals", "f_locals"}
)
_FUNCTIONS: Final = frozenset(
    {"__builtins__", "__import__", "breakpoint", "compile", "eval", "exec", "globals", "vars"}
)
_PLACES: Final = re.compile(
    r"(?:^|[\s\"'=:])(?:/(?:etc|proc|root|home|dev|sys|var|tmp)/|~/)|\.ssh\b|https?://"
    r"|PYTEST_\w+|(?:^|[\s;|&])(?:curl|wget|bash|sh|rm)\s"
)
# Of other languages, what is written that way and hardly any other.
_WORDS: Final = re.compile(
    r"child_process|\bfetch\(|XMLHttpRequest|process\.(?:env|exit)|\bnet/http\b|\bos/exec\b"
    r"|\bos\.Exit\b|std::(?:process|net|fs|env)|Runtime\.getRuntime|ProcessBuilder|System\.exit"
    r"|java\.net|\beval\(|new Function\(|jest\.|\bvitest\b|\bunsafe\b"
)


def refuse_new_reach(path: str, before: str, after: str) -> None:
    """Refuse a change that brings in what reaches beyond the program, or looks at who tests it.

    What a file has already it may go on using. A test file may use what tests are made of.

    Raises:
        PathRefused: It does; says what.
    """
    new = sorted(set(_reach(path, after)) - set(_reach(path, before)))
    if is_test(path):
        new = [one for one in new if one not in _OF_TEST_RUNS and not one.startswith("sys.")]
        new = [one for one in new if one in _MODULES or not _reaches(one)]
    if new:
        raise PathRefused(
            f"the change brings in {', '.join(new[:3])}, which reaches beyond the program or"
            " depends on how it is run: do it without"
        )


def _reach(path: str, text: str) -> Iterator[str]:
    tree = parsed_or_none(path, text)
    if tree is None:
        yield from (match[0].strip() for match in _WORDS.finditer(text))
        yield from (match[0].strip() for match in _PLACES.finditer(text))
        return
    for node in ast.walk(tree):
        yield from _reach_of(node)


def _reaches(module: str) -> bool:
    """Say whether a module reaches beyond the program, or is one of the tests."""
    return (
        module in _MODULES | _OF_TEST_RUNS or module in {"test", "tests"} or module[:5] == "test_"
    )


def _reach_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            roots = [alias.name.split(".")[0] for alias in names]
            yield from filter(_reaches, roots)
        case ast.ImportFrom(module=str(module), names=names, level=0):
            if _reaches(module.split(".")[0]):
                yield module.split(".")[0]
            dotted = [f"{module}.{alias.name}" for alias in names]
            yield from (name for name in dotted if _CALLS.fullmatch(name))
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            if _CALLS.fullmatch(f"{owner}.{attr}"):
                yield f"{owner}.{attr}"
            elif attr in _INSIDES:
                yield attr
        case ast.Attribute(attr=attr) if attr in _INSIDES:
            yield attr
        case ast.Name(id=name) if name in _FUNCTIONS:
            yield name
        case ast.Constant(value=str(text)):
            yield from (match[0].strip() for match in _PLACES.finditer(text))
        case _:
            pass
