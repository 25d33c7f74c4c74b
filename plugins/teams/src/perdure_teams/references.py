"""References to results: ``${name.summary}`` in a text, ``artifact:name/file`` as a path."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pydantic import JsonValue

from perdure.agents import Artifact, InputError, Result

GOAL: Final = "goal"
"""The name of what the team is asked."""

_REFERENCE: Final = re.compile(r"\$(?:(?P<escape>\$)\{|\{(?P<path>[^{}]*)\})")
_PATH: Final = re.compile(r"[a-z][a-z0-9_-]*(?:\.[^.{}]+)*")
_ARTIFACT: Final = re.compile(r"artifact:(?P<name>[a-z][a-z0-9_-]*)/(?P<file>.+)", re.DOTALL)
_FIELDS: Final = ("summary", "data")


def goals_named_in(value: JsonValue) -> list[str]:
    """Return the names of the goals that a value refers to, in order.

    Raises:
        InputError: A reference is none.
    """
    names: list[str] = []
    for text in _texts(value):
        if (made := _ARTIFACT.fullmatch(text)) is not None:
            names.append(made["name"])
        names += [path[0] for path in _paths(text)]
    return list(dict.fromkeys(names))


def has_references(value: JsonValue) -> bool:
    """Return whether a value is known only when other goals are done."""
    return any(found["path"] for text in _texts(value) for found in _REFERENCE.finditer(text))


def names_artifact(text: str) -> bool:
    """Return whether a path is that of another goal's file."""
    return _ARTIFACT.fullmatch(text) is not None


def resolved(value: JsonValue, goal: str, results: Mapping[str, Result]) -> JsonValue:
    """Return a value with its references replaced.

    A text that is nothing but a reference becomes the value that it names; in the midst of a text
    that value is written out, as JSON where it is no text.

    Args:
        value: The value.
        goal: What the team is asked.
        results: The results so far, by name.

    Raises:
        InputError: A result has nothing at such a place.
    """

    def named(path: list[str]) -> JsonValue:
        return goal if path == [GOAL] else value_at(results[path[0]], path)

    return _replaced(value, named)


def value_at(result: Result, path: list[str]) -> JsonValue:
    """Return what a result has at a place.

    Args:
        result: The result.
        path: Its name, then ``summary``, or ``data`` and the keys within; the summary when there is
            the name alone.

    Raises:
        InputError: There is nothing.
    """
    if len(path) == 1 or path[1:] == ["summary"]:
        return result.summary
    found: JsonValue = result.data
    for key in path[2:]:
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            there = _described(found)
            raise InputError(
                f"${{{'.'.join(path)}}} names nothing: there is no {key!r}, {there}: name what the"
                " result has"
            )
    return found


def artifact_path(path: str, results: Mapping[str, Result]) -> str:
    """Return the path by which another agent opens a goal's file.

    Raises:
        InputError: The goal made no such file.
    """
    match = _ARTIFACT.fullmatch(path)
    assert match is not None, "it was found to be one"
    artifacts = results[match["name"]].artifacts
    artifact = next((one for one in artifacts if one.name == match["file"]), None)
    if artifact is None:
        made = ", ".join(one.name for one in artifacts[:20]) or "none"
        raise InputError(f"goal {match['name']!r} made no file {match['file']!r}: it made {made}")
    return stored_path(artifact)


def stored_path(artifact: Artifact) -> str:
    """Return the path that stands for a file in a goal's parameters, on any worker."""
    name = artifact.name.rpartition("/")[2]
    return f"artifact:{artifact.digest.removeprefix('sha256:')}/{name}"


def _paths(text: str) -> Iterator[list[str]]:
    for found in _REFERENCE.finditer(text):
        if found["escape"]:
            continue
        path = found["path"]
        parts = path.split(".")
        if not _PATH.fullmatch(path) or (len(parts) > 1 and parts[1] not in _FIELDS):
            raise InputError(
                f"${{{path}}} is no reference: write ${{name}}, ${{name.summary}} or"
                " ${name.data.key}, or $${ for the characters themselves"
            )
        yield parts


def _replaced(value: JsonValue, named: Callable[[list[str]], JsonValue]) -> JsonValue:
    if isinstance(value, list):
        return [_replaced(item, named) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, named) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None and not whole["escape"]:
        return named(whole["path"].split("."))

    def written(found: re.Match[str]) -> str:
        if found["escape"]:
            return "${"
        given = named(found["path"].split("."))
        return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)

    return _REFERENCE.sub(written, value)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _described(value: JsonValue) -> str:
    if isinstance(value, dict):
        return f"only {', '.join(list(value)[:20]) or 'nothing'}"
    if isinstance(value, list):
        return f"only {len(value)} items, from 0"
    return "for it is a single value"
