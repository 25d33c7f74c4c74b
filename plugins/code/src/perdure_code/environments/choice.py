"""Choosing the environment that a repository's tests run in."""

import json
import os
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from perdure_code.environments.declarations import Declarations
from perdure_code.environments.environment import Environment, EnvironmentKind
from perdure_code.environments.fresh import NotInstalled, fresh_environment
from perdure_code.environments.interpreters import (
    Interpreter,
    choose_interpreter,
    environment_mounts,
    further_packages,
    library_variables,
    prefix_mounts,
    worker_mounts,
)
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import MEBIBYTE, Limits
from perdure_code.sandbox.sandbox import Mount, Sandbox

OWN_FOLDERS: Final = (".venv", "venv", "env", ".env")
_PYTHONS: Final = ("bin/python", "bin/python3")
_PROBE_LIMITS: Final = Limits(
    seconds=30, memory_bytes=1024 * MEBIBYTE, processes=64, disk_bytes=16 * MEBIBYTE
)
_PROBE: Final = """
import json, platform, sys
found = {"python": platform.python_version()}
try:
    import pytest
except Exception as error:
    found["missing"] = "{}: {}".format(type(error).__name__, error)
else:
    found["pytest"] = pytest.__version__
print(); print(json.dumps(found))
"""
# What pytest itself is made of; all of it is plain Python.
_PYTEST_PARTS: Final = (
    "pytest",
    "_pytest",
    "py.py",
    "pluggy",
    "iniconfig",
    "packaging",
    "pygments",
)
BORROWED: Final = "/perdure/pytest"


async def choose_environment(
    root: Path, sandbox: Sandbox, declared: Declarations, *, install: bool
) -> Environment:
    """Return the environment for a repository's tests.

    The repository's own virtual environment where one works; else, where that is allowed, a fresh
    one with what it declares; else the Python of the worker.

    Args:
        root: The repository.
        sandbox: Where an environment is tried, since its interpreter is a stranger's program.
        declared: What the repository declares to need.
        install: Whether that may be installed.

    Raises:
        SandboxUnavailable: There is no sandbox on this machine.
    """
    notes: list[str] = []
    for name in OWN_FOLDERS:
        for environment in _own(root / name):
            found = await _probe(sandbox, environment)
            if "pytest" in found:
                return environment
            if "python" in found and sandbox.isolation is Isolation.BUBBLEWRAP:
                return _with_borrowed_pytest(environment, name)
            found.setdefault("reason", "it has no pytest")
            notes.append(f"the repository's {name} was left aside, because {found['reason']}")
            break
    if install:
        folder = sandbox.workspace.folder / "environment"
        try:
            fresh = await fresh_environment(sandbox.run, declared, folder)
        except NotInstalled as error:
            notes.append(f"what the repository declares could not be installed: {error}")
        else:
            return fresh.model_copy(update={"notes": (*notes, *fresh.notes)})
    if sandbox.isolation is Isolation.BUBBLEWRAP:
        interpreter = choose_interpreter(declared)
        if not interpreter.is_worker:
            return _of_another_version(interpreter, declared, tuple(notes))
    return worker_environment(declared, tuple(notes))


def _of_another_version(
    interpreter: Interpreter, declared: Declarations, notes: tuple[str, ...]
) -> Environment:
    """Return the environment of a Python beside the worker's, with the worker's pytest."""
    note = (
        f"the repository declares Python {declared.python}, so the tests ran on one that the"
        " worker's machine has beside the worker's, without what the repository needs"
    )
    prefix = prefix_mounts(interpreter.prefix)
    return Environment(
        kind=EnvironmentKind.WORKER,
        python=str(interpreter.path),
        mounts=(*prefix, *pytest_parts()),
        variables=library_variables(prefix),
        packages=(BORROWED,),
        plugins=(),
        description=f"the machine's Python {interpreter.version} with the worker's pytest",
        notes=(*notes, note),
    )


def worker_environment(declared: Declarations, notes: tuple[str, ...] = ()) -> Environment:
    """Return the environment of the worker, in which pytest loads no plugin by itself.

    A plugin of the worker's that the repository declares to need is loaded all the same.
    """
    missing = declared.missing_here()
    said = [
        *notes,
        "the tests ran on the worker's Python, without the pytest plugins installed there",
    ]
    if missing:
        names = ", ".join(missing[:10])
        said.append(
            f"that Python lacks {names}, which the repository declares to need: give it a .venv"
            " with its dependencies, or pass install=true"
        )
    mounts = tuple(worker_mounts())
    return Environment(
        kind=EnvironmentKind.WORKER,
        python=sys.executable,
        mounts=mounts,
        variables=library_variables(mounts),
        packages=tuple(further_packages()),
        plugins=tuple(_declared_plugins(declared)),
        description="the worker's Python",
        notes=tuple(said),
    )


def _own(folder: Path) -> list[Environment]:
    mounts = environment_mounts(folder)
    if mounts is None:
        return []
    return [
        Environment(
            kind=EnvironmentKind.OWN,
            python=str(folder / python),
            mounts=tuple(mounts),
            variables=library_variables(mounts),
            description=f"the repository's {folder.name}",
        )
        for python in _PYTHONS
        if os.access(folder / python, os.X_OK)
    ][:1]


async def _probe(sandbox: Sandbox, environment: Environment) -> dict[str, Any]:
    """Return the versions of an environment's Python and pytest, or the reason why it has none."""
    trying = replace(sandbox, mounts=(*sandbox.mounts, *environment.mounts))
    done = await trying.execute(
        [environment.python, "-c", _PROBE],
        name=f"look at {Path(environment.python).parents[1].name}",
        variables=environment.variables,
        limits=_PROBE_LIMITS,
    )
    lines = done.output.strip().splitlines()
    if done.status == 0 and lines:
        try:
            found = json.loads(lines[-1])
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
    said = lines[-1] if lines else f"it ended with status {done.status}"
    if done.limit is not None:
        said = _PROBE_LIMITS.sentence(done.limit)
    return {"reason": f"its Python does not run here ({said[:200]})"}


def _with_borrowed_pytest(environment: Environment, name: str) -> Environment:
    """Add the worker's pytest to an environment that has none."""
    borrowed = pytest_parts()
    return environment.model_copy(
        update={
            "mounts": (*environment.mounts, *borrowed),
            "packages": (BORROWED,),
            "notes": (f"the repository's {name} has no pytest, so the worker's was used with it",),
        }
    )


def pytest_parts() -> list[Mount]:
    """Return what of the worker's packages pytest is made of."""
    mounts: list[Mount] = []
    for distribution in ("pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        for file in metadata.files(distribution) or ():
            part = file.parts[0]
            place = Path(str(metadata.distribution(distribution).locate_file(part)))
            mount = Mount(str(place), f"{BORROWED}/{part}")
            if (part in _PYTEST_PARTS or part.endswith(".dist-info")) and mount not in mounts:
                mounts.append(mount)
    return mounts


def _declared_plugins(declared: Declarations) -> list[str]:
    """Return the pytest plugins of the worker that the repository declares to need."""
    return sorted(
        {
            point.name
            for point in metadata.entry_points(group="pytest11")
            if point.dist is not None and canonicalize_name(point.dist.name) in declared.names
        }
    )


def borrows(sandbox: Sandbox, environment: Environment) -> tuple[str, ...]:
    """Return an environment's further folders of modules, as the sandbox's programs see them."""
    if sandbox.isolation is Isolation.BUBBLEWRAP:
        return environment.packages
    return tuple(path for path in environment.packages if path != BORROWED)
