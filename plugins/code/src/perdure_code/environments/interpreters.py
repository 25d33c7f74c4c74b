"""Which folders an interpreter needs, so that a sandbox shows these and nothing else."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_code.environments.declarations import Declarations
from perdure_code.sandbox.sandbox import Mount

_PARTS: Final = ("bin", "lib", "lib64")
# A sandbox shows these anyway.
_SYSTEM: Final = ("/usr/", "/bin/", "/lib/", "/lib64/", "/nix/store/", "/gnu/store/")
_MINORS: Final = range(20, 8, -1)
_SETTINGS_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An installed Python.

    Attributes:
        path: The interpreter, without links.
        version: Such as ``3.12``.
        is_worker: Whether it is the version that this process runs on.
    """

    path: Path
    version: str
    is_worker: bool

    @property
    def prefix(self) -> Path:
        """The folder that it is installed in."""
        return self.path.parent.parent


def choose_interpreter(declared: Declarations) -> Interpreter:
    """Return a Python that a repository supports: the worker's, else the newest on its ``PATH``.

    Where there is none, it is the worker's all the same.
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    worker = Interpreter(Path(sys.executable).resolve(), here, is_worker=True)
    if declared.supports(here):
        return worker
    for minor in _MINORS:
        version = f"3.{minor}"
        if not declared.supports(version):
            continue
        for found in _on_path(f"python{version}"):
            if _is_prefix(found.parent.parent):
                return Interpreter(found, version, is_worker=False)
    return worker


def environment_mounts(folder: Path) -> list[Mount] | None:
    """Return what a sandbox must show of a virtual environment; ``None`` if it is none.

    Its settings name the Python that it was made from, and whoever wrote the repository may have
    written them: a folder that does not look like a Python's is not shown.

    Args:
        folder: The environment, with ``pyvenv.cfg`` or, made by conda, ``conda-meta``.
    """
    if (folder / "conda-meta").is_dir() and not (folder / "conda-meta").is_symlink():
        return [Mount(str(folder), str(folder))] if _is_prefix(folder) else None
    home = _home_of(folder / "pyvenv.cfg")
    if home is None:
        return None
    mounts = [Mount(str(folder), str(folder))]
    for base in {home, home.resolve()}:
        if base.name == "bin":
            mounts += prefix_mounts(base.parent)
    return mounts


def prefix_mounts(prefix: Path) -> list[Mount]:
    """Return what a sandbox must show of an installed Python: its programs and its libraries."""
    if prefix == Path("/") or f"{prefix}/".startswith(_SYSTEM) or not _is_prefix(prefix):
        return []
    return [
        Mount(str(prefix / part), str(prefix / part)) for part in _PARTS if (prefix / part).is_dir()
    ]


def library_variables(mounts: Iterable[Mount]) -> dict[str, str]:
    """Return the variables with which a Python finds its own shared library, where it has one.

    A Python that was moved after it was built, as into a tool cache, is told by its environment.

    Args:
        mounts: What a sandbox shows of the Python.
    """
    folders = [mount.target for mount in mounts if Path(mount.target).name in {"lib", "lib64"}]
    found = [folder for folder in folders if any(Path(folder).glob("libpython3*.so*"))]
    return {"LD_LIBRARY_PATH": ":".join(found)} if found else {}


def worker_mounts() -> list[Mount]:
    """Return what a sandbox must show of the Python that this process runs on."""
    mounts: list[Mount] = []
    if sys.prefix != sys.base_prefix:
        mounts.append(Mount(sys.prefix, sys.prefix))
    for base in {Path(sys.base_prefix), Path(sys.base_prefix).resolve(), *_linked_prefixes()}:
        mounts += prefix_mounts(base)
    mounts += [Mount(folder, folder) for folder in further_packages()]
    return mounts


def further_packages() -> list[str]:
    """Return folders of installed packages that this process uses beside those of its prefix."""
    prefixes = tuple(f"{prefix}/" for prefix in (sys.prefix, sys.base_prefix))
    return [
        path
        for path in sys.path
        if Path(path).name in {"site-packages", "dist-packages"}
        and not path.startswith((*prefixes, *_SYSTEM))
        and Path(path).is_dir()
    ]


def _on_path(name: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        file = Path(folder, name)
        if folder and os.access(file, os.X_OK):
            yield file.resolve()


def _linked_prefixes() -> Iterator[Path]:
    """Yield the prefixes that the links from this process's interpreter go through."""
    path = Path(sys.executable)
    for _ in range(10):
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()
        if path.parent.name == "bin":
            yield path.parent.parent


def _home_of(settings: Path) -> Path | None:
    try:
        if settings.is_symlink() or settings.stat().st_size > _SETTINGS_BYTES:
            return None
        found = re.search(
            r"^\s*home\s*=\s*(/.*?)\s*$", settings.read_text("utf-8", "replace"), re.MULTILINE
        )
    except OSError:
        return None
    home = Path("/", found[1].lstrip("/")) if found else None
    return None if home is None or ".." in home.parts else home


def _is_prefix(prefix: Path) -> bool:
    """Whether a folder has the standard library and an interpreter of one version."""
    for library in sorted(prefix.glob("lib/python3.*/os.py")):
        if (prefix / "bin" / library.parent.name).is_file():
            return True
    return False
