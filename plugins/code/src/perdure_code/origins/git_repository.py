"""Git repositories: a commit's files, had without running anything that belongs to the repository.

Git runs in a sandbox of its own. It reads no settings but those given here, starts no hook, no
filter, no helper and no submodule, and is given the address that was checked.
"""

import asyncio
import re
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from perdure.agents import InputError, Run, TransientError, WebClient
from perdure_code.repository.working_copy import walk
from perdure_code.repository.workspace import open_workspace
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import MEBIBYTE, CommandResult, Limits
from perdure_code.sandbox.sandbox import Mount, Sandbox

_VERSION: Final = 1
_SCHEMES: Final = ("https",)
_LOOK: Final = Limits(seconds=60, memory_bytes=512 * MEBIBYTE, disk_bytes=64 * MEBIBYTE)
_FETCH: Final = Limits(seconds=600, memory_bytes=2048 * MEBIBYTE, disk_bytes=2048 * MEBIBYTE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# As git-check-ref-format has it, and nothing that git could take for an option.
_REF: Final = re.compile(r"(?!-)(?!.*(?:\.\.|//|@\{))[^\x00-\x20\x7f~^:?*\[\\]{1,200}(?<![/.])")
_SETTINGS: Final = {
    "protocol.allow": "never",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "advice.detachedHead": "false",
    "safe.directory": "*",
}
_VARIABLES: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
_CHECK_OUT: Final = """
set -e
git init --quiet --template= .
git fetch --quiet --depth=1 --no-tags --no-recurse-submodules -- "$1" "$2"
git checkout --quiet --detach FETCH_HEAD
test "$(git rev-parse HEAD)" = "$2"
rm -rf .git
"""
_SOURCE: Final = "/source"
_CONFIG: Final = "/perdure/gitconfig"
_NOT_FOUND: Final = 127
_SAID: Final = 200
_PASSING: Final = re.compile(
    r"Could not resolve|Failed to connect|timed out|early EOF|RPC failed|error: 5\d\d|reset by peer"
)


def is_bare(folder: Path) -> bool:
    """Whether a folder is a git repository without a working tree."""
    return (
        (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
    )


class GitRepository:
    """A git repository, at an https URL or in a folder."""

    def __init__(self, run: Run, place: str, isolation: Isolation, *, is_folder: bool) -> None:
        """Bind it to a place.

        Args:
            run: The run that its commands belong to.
            place: An https URL, or the absolute path of a bare repository.
            isolation: Where git runs.
            is_folder: Whether it is a path.
        """
        self._run = run
        self._place = place
        self._isolation = isolation
        self._is_folder = is_folder

    async def commit_of(self, ref: str) -> str:
        """Return the commit of a branch or tag, or that of the default branch.

        Args:
            ref: A branch, a tag or a whole commit; empty for the default branch.

        Raises:
            InputError: There is no such repository or ref, or it may not be used.
            TransientError: Its server does not answer.
        """
        if _COMMIT.fullmatch(ref):
            return ref
        if ref and not _REF.fullmatch(ref):
            raise InputError(f"{ref!r} is no name of a branch, tag or commit: give another ref")
        wanted = ref or "HEAD"
        async with self._sandbox(_LOOK) as sandbox:
            command = ["git", "ls-remote", "--", self._address, wanted, f"{wanted}^{{}}"]
            done = await self._execute(sandbox, command)
        found = re.findall(r"^([0-9a-f]{40,64})\t(\S+)$", done.output, re.MULTILINE)
        # An annotated tag is an object of its own; what it names comes as its peeled form.
        for name in (f"refs/tags/{ref}^{{}}", f"refs/heads/{ref}", f"refs/tags/{ref}", wanted):
            for commit, given in found:
                if given == name:
                    return str(commit)
        raise InputError(
            f"{self._place} has no branch, tag or commit {wanted!r}: give another ref"
            if found or ref
            else f"{self._place} has no commit yet: pass another repository"
        )

    async def check_out(self, commit: str, folder: Path) -> None:
        """Put the files of a commit into a folder, which is made; call it in a step.

        What was checked out is kept, for further steps and goals.

        Raises:
            InputError: There is no such commit, or it is too large.
            TransientError: Its server does not answer.
        """
        make = partial(self._pack_commit, commit)
        key = [self._place, commit]
        async with self._run.cache.file("commit", key, make, version=_VERSION) as kept:
            await asyncio.to_thread(_extract, kept, folder)

    async def _pack_commit(self, commit: str, target: Path) -> None:
        async with self._sandbox(_FETCH) as sandbox:
            await self._execute(sandbox, ["sh", "-c", _CHECK_OUT, "sh", self._address, commit])
            await asyncio.to_thread(_pack, sandbox.workspace.repository, target)

    @property
    def _address(self) -> str:
        if not self._is_folder:
            return self._place
        shown = self._isolation is Isolation.BUBBLEWRAP
        return f"file://{_SOURCE if shown else self._place}"

    async def _settings(self) -> str:
        """Return settings for git that allow the one way to the repository, and no other."""
        settings = dict(_SETTINGS)
        if self._is_folder:
            settings["protocol.file.allow"] = "always"
        else:
            address = urlsplit(self._place)
            if address.scheme not in _SCHEMES or not address.hostname:
                raise InputError(
                    f"{self._place[:200]!r} is no URL of a git repository that can be read: give"
                    " one that begins with https://"
                )
            web = WebClient()
            addresses = await web.addresses(self._place)
            settings[f"protocol.{address.scheme}.allow"] = "always"
            settings["http.proxy"] = web.proxy
            if addresses:
                port = address.port or {"http": 80, "https": 443}[address.scheme]
                found = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
                settings["http.curloptResolve"] = f"{address.hostname}:{port}:{found}"
        lines: list[str] = []
        for key, value in settings.items():
            section, _, name = key.rpartition(".")
            section, _, inner = section.partition(".")
            lines += [f'[{section} "{inner}"]' if inner else f"[{section}]", f'{name} = "{value}"']
        return "\n".join(lines) + "\n"

    @asynccontextmanager
    async def _sandbox(self, limits: Limits) -> AsyncIterator[Sandbox]:
        text = await self._settings()
        async with open_workspace(None) as workspace:
            settings = workspace.folder / "gitconfig"
            await asyncio.to_thread(settings.write_text, text)
            shown = _CONFIG if self._isolation is Isolation.BUBBLEWRAP else str(settings)
            source = [Mount(self._place, _SOURCE)] if self._is_folder else []
            yield Sandbox(
                self._run,
                workspace,
                self._isolation,
                limits,
                mounts=(Mount(str(settings), _CONFIG), *source),
                variables={**_VARIABLES, "GIT_CONFIG_GLOBAL": shown},
                network=not self._is_folder,
            )

    async def _execute(self, sandbox: Sandbox, command: Sequence[str]) -> CommandResult:
        done = await sandbox.execute(command, name="git")
        if done.status == 0:
            return done
        if done.limit is not None:
            raise InputError(
                f"{self._place} could not be fetched: {sandbox.limits.sentence(done.limit)}"
            )
        lines = [line.strip() for line in done.output.splitlines() if line.strip()]
        fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
        said = (fatal or lines or [f"git ended with status {done.status}"])[0][:_SAID]
        if done.status == _NOT_FOUND:
            raise InputError("git is not found on the worker's machine: install the package git")
        error = TransientError if _PASSING.search(done.output) else InputError
        raise error(f"{self._place} cannot be fetched ({said}): look at its address and its access")


def _pack(copy: Path, target: Path) -> None:
    """Write the files of a checkout into an archive, without what leads out of it."""
    with tarfile.open(target, "w") as archive:
        for relative, entry in walk(copy):
            if entry.is_symlink():
                try:
                    aim = (copy / relative).resolve(strict=True)
                except (OSError, RuntimeError):
                    continue
                if not aim.is_relative_to(copy) or Path(entry.path).readlink().is_absolute():
                    continue
            archive.add(entry.path, arcname=relative, recursive=False)


def _extract(kept: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with tarfile.open(kept) as archive:
        # The first releases of Python 3.11 have no filter; what is in it was written here.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)  # noqa: S202 -- likewise
