"""The sandbox: where programs of a repository run, without reaching anything else."""

import asyncio
import base64
import json
import os
import sys
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from perdure.agents import Run, TransientError
from perdure_code.repository.workspace import Workspace
from perdure_code.sandbox.bubblewrap import (
    HOME,
    PATH,
    RESULTS,
    WORKSPACE,
    bubblewrap_arguments,
    bubblewrap_environment,
    find_bubblewrap,
    system_program,
    write_etc,
)
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import CommandResult, Limit, Limits
from perdure_code.sandbox.system_calls import system_call_filter

_MONITOR: Final = Path(__file__).with_name("monitor.py")
_PASSED_ON: Final = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
# How much longer than the command the monitor may take: it stops the command itself.
_MONITOR_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder that programs in the sandbox may read.

    Attributes:
        source: Its path on this machine.
        target: Its path in the sandbox.
    """

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A place to run the programs of a repository.

    Programs see the workspace as :attr:`root` and may write there, in ``/tmp`` and in
    :attr:`results`; they can read the system's libraries and what is mounted. They have no network
    but a loopback of their own, see no process but their own, and nothing of the worker's
    environment. Without isolation, they run with the worker's rights; the limits hold then too.

    Attributes:
        run: The run that commands belong to: they end with it.
        workspace: The copy of a repository that they work on.
        isolation: What keeps them from everything else.
        limits: How much each command may use.
        mounts: What they may read beside the system and the workspace.
        variables: The environment of each command, beside the usual.
        network: Whether they may reach the network; for programs of this agent's own choice alone.
    """

    run: Run
    workspace: Workspace
    isolation: Isolation = Isolation.BUBBLEWRAP
    limits: Limits = field(default_factory=Limits)
    mounts: tuple[Mount, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    network: bool = False

    @property
    def root(self) -> str:
        """The workspace's folder, as its programs see it."""
        if self.isolation is Isolation.NONE:
            return str(self.workspace.repository)
        return WORKSPACE

    @property
    def results(self) -> str:
        """The folder for files that are to be read afterwards, as its programs see it."""
        return str(self.workspace.results) if self.isolation is Isolation.NONE else RESULTS

    async def execute(
        self,
        command: Sequence[str],
        *,
        name: str | None = None,
        folder: str = "",
        variables: Mapping[str, str] | None = None,
        files: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> CommandResult:
        """Run a program to its end, or to one of its limits; nothing of it runs afterwards.

        It is a part of a step, as the workspace is: call it within one.

        Args:
            command: The program and its arguments, as they are in the sandbox.
            name: What it does, shown while it runs; the program's name when not given.
            folder: Where it begins, relative to the workspace.
            variables: Further variables of its environment.
            files: Names of files in :attr:`results` whose text to return, if they are there.
            limits: Limits for this command in place of the sandbox's own.

        Raises:
            SandboxUnavailable: There is no sandbox on this machine.
            TransientError: The program that watches over the command was ended.
        """
        limits = limits or self.limits
        verdict_file = self.workspace.folder / f"verdict-{uuid.uuid4().hex}.json"
        specification = await asyncio.to_thread(
            self._specification, command, folder, variables or {}, files, limits
        )
        done = await self.run.command(
            [sys.executable, "-I", "-S", str(_MONITOR)],
            name=name or Path(command[0]).name,
            input=json.dumps({**specification, "verdict": str(verdict_file)}),
            # Its Python may find its own shared library in no other way.
            env={"PATH": PATH, **_of_the_worker("LD_LIBRARY_PATH")},
            timeout=limits.seconds + _MONITOR_SECONDS,
            check=False,
        )
        verdict = await asyncio.to_thread(_read, verdict_file)
        if verdict is None:
            raise TransientError(
                f"what watches over {name or command[0]!r} ended with status {done.returncode}"
                f" ({done.stderr.strip()[-200:]}): see the system's log, as for a lack of memory"
            )
        return _result(verdict, done.stdout)

    def _specification(
        self,
        command: Sequence[str],
        folder: str,
        variables: Mapping[str, str],
        files: Sequence[str],
        limits: Limits,
    ) -> dict[str, Any]:
        environment = {**self._environment(), **self.variables, **variables}
        isolated = self.isolation is Isolation.BUBBLEWRAP
        workspace = self.workspace
        if isolated:
            args = self._isolated(folder, limits)
            args += [
                system_program("env"),
                "-i",
                *(f"{key}={value}" for key, value in environment.items()),
            ]
            args += command
            environment = bubblewrap_environment()
        else:
            args = list(command)
        return {
            "args": args,
            "cwd": None if isolated else str(workspace.repository / folder),
            "env": environment,
            "isolated": isolated,
            "seccomp": base64.b64encode(system_call_filter()).decode() if isolated else "",
            "seconds": limits.seconds,
            "memory": limits.memory_bytes,
            "processes": limits.processes,
            "disk": limits.disk_bytes,
            "output": limits.output_bytes,
            "folders": [str(workspace.repository), str(workspace.results)],
            "results": str(workspace.results),
            "files": list(files),
        }

    def _isolated(self, folder: str, limits: Limits) -> list[str]:
        program = find_bubblewrap()
        etc = self.workspace.folder / "etc"
        if not etc.exists():
            write_etc(etc, os.geteuid() if self.workspace.user is None else self.workspace.user)
        return bubblewrap_arguments(
            program,
            workspace=self.workspace.repository,
            results=self.workspace.results,
            etc=etc,
            mounts=[(mount.source, mount.target) for mount in self.mounts],
            folder=f"{WORKSPACE}/{folder}".rstrip("/"),
            user=self.workspace.user,
            limits=limits,
            network=self.network,
        )

    def _environment(self) -> dict[str, str]:
        """Return a command's environment, in which the worker's keys have no business."""
        home = HOME
        temporary = "/tmp"  # noqa: S108 -- in the sandbox
        if self.isolation is Isolation.NONE:
            folders = self.workspace.folder / "home", self.workspace.folder / "tmp"
            for made in folders:
                made.mkdir(exist_ok=True)
            home, temporary = map(str, folders)
        kept = _of_the_worker(*_PASSED_ON)
        return {"PATH": PATH, **kept, "HOME": home, "TMPDIR": temporary, "USER": "user"}


def _of_the_worker(*names: str) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def _read(file: Path) -> dict[str, Any] | None:
    """Return what the monitor has written, and remove it."""
    try:
        verdict: dict[str, Any] = json.loads(file.read_text("ascii"))
        file.unlink()
    except (OSError, ValueError):
        return None
    return verdict


def _result(verdict: Mapping[str, Any], output: str) -> CommandResult:
    return CommandResult(
        status=verdict["status"],
        output=output,
        limit=Limit(verdict["limit"]) if verdict["limit"] else None,
        seconds=verdict["seconds"],
        memory_bytes=verdict["memory"],
        processes=verdict["processes"],
        files={
            name: zlib.decompress(base64.b64decode(packed)).decode("utf-8", "replace")
            for name, packed in verdict["files"].items()
        },
        files_missing=tuple(verdict["missing"]),
    )
