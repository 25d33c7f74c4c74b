"""Finding a repository, and having its files for as long as a step needs them."""

import asyncio
import contextlib
import tempfile
from enum import StrEnum
from pathlib import Path

from perdure.agents import InputError, Run
from perdure_code.facts import Fact
from perdure_code.origins.archive import absolute, is_archive, unpack
from perdure_code.origins.git_repository import GitRepository, is_bare
from perdure_code.repository.fetched_folders import claim
from perdure_code.repository.working_copy import resolve
from perdure_code.sandbox.isolation import Isolation


class OriginKind(StrEnum):
    """What a repository comes from."""

    FOLDER = "folder"
    ARCHIVE = "archive"
    GIT = "git"


class Origin(Fact):
    """Where a repository comes from.

    Attributes:
        kind: What it comes from.
        place: The folder's or file's absolute path, or the URL.
        name: What people call it.
        commit: The commit that was current when the goal began, for git.
    """

    kind: OriginKind
    place: str
    name: str
    commit: str = ""


async def find_origin(run: Run, path: str, url: str, ref: str, isolation: Isolation) -> Origin:
    """Find a repository; call it in a step, so that a later execution works on the same commit.

    Args:
        run: The run that it is for.
        path: A folder, a bare git repository, or an archive; empty when there is a URL.
        url: The https URL of a git repository; empty when there is a path.
        ref: The branch, tag or commit of a git repository; empty for its default branch.
        isolation: Where git runs.

    Raises:
        InputError: There is no such repository, or it may not be used.
        SandboxUnavailable: There is no sandbox on this machine for git to run in.
    """
    if url:
        repository = GitRepository(run, url, isolation, is_folder=False)
        commit = await repository.commit_of(ref)
        return Origin(kind=OriginKind.GIT, place=url, name=_name(url), commit=commit)
    if await asyncio.to_thread(is_archive, path):
        if isolation is Isolation.NONE:
            raise InputError(
                f"{path} is an archive, whose code is run in a sandbox alone: leave out"
                " sandbox=none, or give the folder of a repository of your own"
            )
        file = await asyncio.to_thread(absolute, path)
        name = _name(file.name.partition(".")[0])
        return Origin(kind=OriginKind.ARCHIVE, place=str(file), name=name)
    root = await asyncio.to_thread(resolve, path)
    if is_bare(root):
        commit = await GitRepository(run, str(root), isolation, is_folder=True).commit_of(ref)
        return Origin(kind=OriginKind.GIT, place=str(root), name=_name(str(root)), commit=commit)
    return Origin(kind=OriginKind.FOLDER, place=str(root), name=root.name or str(root))


async def fetch(run: Run, origin: Origin, isolation: Isolation, folder: Path) -> str:
    """Put a repository's files into a folder, unless they are there; call it in a step.

    Returns:
        The repository's folder, which may be one in that folder.

    Raises:
        InputError: It is gone, damaged, or too large.
        SandboxUnavailable: There is no sandbox on this machine for git to run in.
        PermanentError: The folder is another user's.
    """
    await asyncio.to_thread(claim, folder)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as work:
        unfinished = Path(work) / "unfinished"
        if origin.kind is OriginKind.ARCHIVE:
            found = await asyncio.to_thread(unpack, Path(origin.place), unfinished)
        else:
            found = unfinished
            is_folder = origin.place.startswith("/")
            repository = GitRepository(run, origin.place, isolation, is_folder=is_folder)
            await repository.check_out(origin.commit, found)
        with contextlib.suppress(FileExistsError):
            found.rename(folder / origin.name)
    return str(folder / origin.name)


def _name(place: str) -> str:
    name = place.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return name if name.strip(".") else "repository"
