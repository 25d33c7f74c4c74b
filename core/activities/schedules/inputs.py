"""The files and web pages that a goal's parameters name, and the digest of all of them."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.path_parameters import check_paths
from perdure.agents.steps.errors import PermanentError, TransientError
from perdure.agents.web_client.client import WebClient
from perdure.models import Goal, Parameters
from perdure.models.uploads import UPLOAD_SCHEME
from perdure.stores.artifacts.uploads import texts_of

_WEB_ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)

log = structlog.get_logger()


def can_change(spec: AgentSpec, parameters: Parameters) -> bool:
    """Return whether parameters name anything whose content may change."""
    return bool(_paths(spec, parameters) or _addresses(parameters))


async def digest_of_inputs(spec: AgentSpec, goal: Goal) -> str:
    """Return the digest of what a goal works on: its words, and the content of what it names.

    Files count by their names and contents, whatever their times; a folder by all the files in it.
    One that is missing counts as missing: the goal then says so.

    Args:
        spec: Its agent.
        goal: The goal, as the schedule has it.

    Returns:
        ``sha256:`` and 64 hexadecimal digits; nothing when a web page cannot be fetched.
    """
    client = WebClient()
    pages = [await _page(client, address) for address in _addresses(goal.parameters)]
    if not all(pages):
        return ""
    files = await asyncio.to_thread(_files, _paths(spec, goal.parameters))
    inputs = [goal.agent_type, goal.description, goal.parameters, pages, files]
    return f"sha256:{hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()}"


async def _page(client: WebClient, address: str) -> str:
    try:
        response = (await client.get(address)).raise_for_status()
    except (PermanentError, TransientError) as error:  # the goal is started, and says so too
        log.info("not fetched", address=address[:200], message=str(error))
        return ""
    return hashlib.sha256(response.content).hexdigest()


def _addresses(parameters: Parameters) -> list[str]:
    return [text for text in texts_of([*parameters.values()]) if _WEB_ADDRESS.fullmatch(text)]


def _paths(spec: AgentSpec, parameters: Parameters) -> list[str]:
    """Return the paths among parameters, but those of uploads, which never change."""
    found: list[str] = []

    def note(path: str) -> str:
        if not path.startswith(UPLOAD_SCHEME):
            found.append(path)
        return path

    check_paths(spec.parameters, parameters, note)
    return found


def _files(paths: list[str]) -> list[list[tuple[str, str]]]:
    return [list(_contents(Path(path).expanduser())) for path in paths]


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
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        return f"unread {type(error).__name__}"
