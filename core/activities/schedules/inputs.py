"""The files that a goal's parameters name, and the digest of all of them."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.path_parameters import check_paths
from perdure.models import Goal, Parameters
from perdure.models.uploads import UPLOAD_SCHEME

_READ_BYTES: Final = 1024 * 1024


def input_paths(spec: AgentSpec, parameters: Parameters) -> list[str]:
    """Return the paths among parameters whose content may change: of all but uploads."""
    found: list[str] = []

    def note(path: str) -> str:
        if not path.startswith(UPLOAD_SCHEME):
            found.append(path)
        return path

    check_paths(spec.parameters, parameters, note)
    return found


def digest_of_inputs(goal: Goal, paths: Sequence[str]) -> str:
    """Return the digest of what a goal works on: its words, and the content of its files.

    Files count by their names and contents, whatever their times; a folder by all the files in it.
    One that is missing counts as missing: the goal then says so.

    Args:
        goal: The goal, as the schedule has it.
        paths: The paths among its parameters.
    """
    asked = [goal.agent_type, goal.description, goal.parameters]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for path in paths:
        _add(digest, "path", path)
        for name, content in _contents(Path(path).expanduser()):
            _add(digest, name, content)
    return f"sha256:{digest.hexdigest()}"


def _add(digest: "hashlib._Hash", *texts: str) -> None:
    # With their lengths: two files are not one whose name is both.
    digest.update(json.dumps(texts).encode())


def _contents(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each file, relative to the path, with the digest of its content."""
    if not path.is_dir():
        yield "", _content(path)
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            yield file.relative_to(path).as_posix(), _content(file)


def _content(file: Path) -> str:
    try:
        if not file.is_file():  # a device, a pipe: reading it might never end
            return "no file"
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while part := stream.read(_READ_BYTES):
                digest.update(part)
    except (OSError, ValueError) as error:
        return f"unread {type(error).__name__}"
    return digest.hexdigest()
