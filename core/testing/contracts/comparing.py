"""Saying in what two results differ, what is wrong with a name, and which error it was."""

from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from perdure.agents.runs.run import ARTIFACT_NAME_CHARACTERS
from perdure.models import Result

if TYPE_CHECKING:
    from perdure.testing.contracts.trial import Pass

_SHOWN: Final = 60


def result_of(made: "Pass") -> Result:
    """Return the result of a pass that has one."""
    assert made.result is not None, "a pass that is looked at has ended"
    return made.result


def plain(made: "Pass") -> dict[str, JsonValue]:
    """Return a result as plain data."""
    return result_of(made).model_dump(mode="json")


def changed(before: object, after: object, where: str = "result") -> str:
    """Return where two results differ first, and what is there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *after]:
            if key not in before or key not in after or before[key] != after[key]:
                return changed(before.get(key), after.get(key), f"{where}.{key}")
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            if one != other:
                return changed(one, other, f"{where}[{number}]")
    return f"{where} ({_short(before)} became {_short(after)})"


def words_of(parameters: JsonValue) -> Iterator[str]:
    """Yield the names and the values of parameters, as a sentence would show them."""
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            yield name
            yield from words_of(value)
    elif isinstance(parameters, list):
        for value in parameters:
            yield from words_of(value)
    else:
        yield str(parameters)


def unsafe(name: str) -> str:
    """Return what is wrong with an artifact's name; empty when nothing is."""
    path, on_windows = PurePosixPath(name), PureWindowsPath(name)
    if path.is_absolute() or on_windows.is_absolute() or on_windows.drive:
        return "is absolute"
    if not path.parts or ".." in path.parts or ".." in on_windows.parts:
        return "leads out of its folder"
    if len(name) > ARTIFACT_NAME_CHARACTERS:
        return "is too long"
    if any(not character.isprintable() or character == "\\" for character in name):
        return "holds a character that no file name should"
    return ""


def named(error: BaseException | None) -> str:
    """Return an error with its first line."""
    if error is None:
        return "nothing"
    told = first_line(error)
    return f"{type(error).__name__} ({told})" if told else type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).splitlines() or [""])[0]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
