"""Workspaces: copies of a repository that programs may change, and that are gone afterwards."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_code.repository.temporary_folders import TemporaryFolder
from perdure_code.repository.working_copy import copy_all

MAX_BYTES: Final = 1 << 30
# Users above these of systemd's containers, and below the sign of 32 bits, belong to nobody.
_FIRST_USER: Final = 0x70000000
_LAST_USER: Final = 0x7FFFFFFE


@dataclass(frozen=True, slots=True)
class Workspace:
    """A copy of a repository.

    Attributes:
        folder: What is the workspace's: nobody but the worker's user may enter it.
        repository: The copy.
        results: For files that programs leave to be read afterwards.
        user: Who owns the copy: a user of no one's, whom programs run as, when the worker is root;
            ``None`` when the worker is another user, who then owns it.
    """

    folder: Path
    repository: Path
    results: Path
    user: int | None


@asynccontextmanager
async def open_workspace(
    root: Path | None,
    *,
    changes: Mapping[str, str | None] | None = None,
    prepare: Callable[[Path], object] | None = None,
    max_bytes: int = MAX_BYTES,
) -> AsyncIterator[Workspace]:
    """Yield a workspace with a copy of a repository for as long as the block runs.

    Args:
        root: The repository; ``None`` for an empty workspace.
        changes: The new text of files, by path in the repository; ``None`` for one that goes.
        prepare: Called in a thread with the copy's folder, before anything of it is run.
        max_bytes: How large the repository may be.

    Raises:
        InputError: The repository is too large.
    """
    making = asyncio.ensure_future(
        asyncio.to_thread(_make, root, dict(changes or {}), prepare, max_bytes)
    )
    try:
        _, workspace = await asyncio.shield(making)
        yield workspace
    finally:
        # Shielded, for a cancellation would leave the copy on the disk.
        await asyncio.shield(_discard(making))


def _make(
    root: Path | None,
    changes: Mapping[str, str | None],
    prepare: Callable[[Path], object] | None,
    max_bytes: int,
) -> tuple[TemporaryFolder, Workspace]:
    made = TemporaryFolder()
    try:
        # The copy keeps a fixed name, for tests that look at their own path.
        folder = made.path
        workspace = Workspace(folder, folder / "repository", folder / "results", _new_user())
        workspace.repository.mkdir()
        workspace.results.mkdir()
        if root is not None:
            copy_all(root, workspace.repository, max_bytes)
        apply_changes(workspace, changes)
        if prepare is not None:
            prepare(workspace.repository)
        if workspace.user is not None:
            _hand_over(workspace.repository, workspace.user)
            _hand_over(workspace.results, workspace.user)
    except BaseException:
        made.remove()
        raise
    return made, workspace


async def _discard(making: "asyncio.Future[tuple[TemporaryFolder, Workspace]]") -> None:
    await asyncio.wait([making])
    if making.exception() is None:
        made, _ = making.result()
        await asyncio.to_thread(made.remove)


def apply_changes(workspace: Workspace, changes: Mapping[str, str | None]) -> None:
    """Write new texts of files into a workspace in which nothing runs, or remove them.

    Raises:
        InputError: A path leads out of the workspace, as through a link that a program has made.
    """
    for path, text in changes.items():
        target = workspace.repository / path
        missing = [folder for folder in target.parents if not folder.exists()]
        inside = target.parent.resolve().is_relative_to(workspace.repository)
        if not inside or ".." in Path(path).parts or target.is_dir():
            raise InputError(
                f"the change to {path!r} leads out of the repository, or to a folder: name a file"
                " in it"
            )
        # What was there may be a link or a pipe by now.
        target.unlink(missing_ok=True)
        if text is None:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogateescape"))
        if workspace.user is not None:
            for made in (*missing, target):
                os.chown(made, workspace.user, workspace.user)


def _new_user() -> int | None:
    """Return a user for a workspace; each gets another, so that their processes are apart."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    first, last = _FIRST_USER, _LAST_USER
    with contextlib.suppress(OSError, ValueError):
        # In a container with users of its own, fewer are mapped.
        rows = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
        highest = max(int(start) + int(count) - 1 for start, _, count in rows)
        if highest < last:
            first, last = highest // 2 + 1, highest
    return first + secrets.randbelow(last - first)


def _hand_over(folder: Path, user: int) -> None:
    os.chown(folder, user, user)
    for inner, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(inner, name), user, user, follow_symlinks=False)
