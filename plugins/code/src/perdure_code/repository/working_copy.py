"""Which files belong to a repository, and copies of them to work in."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from perdure.agents import InputError

MAX_PYTHON_FILES: Final = 20_000
MAX_ENTRIES: Final = 500_000

SKIPPED: Final = frozenset(
    {
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".hg",
        ".hypothesis",
        ".import_linter_cache",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pyenv",
        ".pytest_cache",
        ".pytype",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "node_modules",
        "site-packages",
        "venv",
    }
)
_BUILT: Final = frozenset({"_build", "build", "dist"})
_RUFF_FILES: Final = frozenset({"pyproject.toml", "ruff.toml", ".ruff.toml"})


def resolve(path: str) -> Path:
    """Return a repository's folder, absolute.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    try:
        root = Path(path).expanduser().resolve()
        if not root.exists():
            raise InputError(
                f"folder {path} does not exist on the worker's machine (looked for {root}): pass"
                " the folder of a Python repository"
            )
        if not root.is_dir():
            raise InputError(f"{path} is a file: pass the folder of a Python repository")
        with os.scandir(root):
            pass
    except PermissionError as error:
        raise InputError(
            f"folder {path} may not be read by the worker: grant it access, or pass another one"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in it, too long, no such user
        raise InputError(
            f"folder {path!r} cannot be opened ({error}): pass the folder of a Python repository"
        ) from error
    return root


def walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield a repository's regular files and symbolic links, in a fixed order.

    Left out are what tools and version control keep for themselves, virtual environments, build
    folders, and what is not to be opened at all, such as sockets. Links are not followed.

    Yields:
        The path relative to the root, with forward slashes, and the entry.

    Raises:
        InputError: There are too many files.
    """
    pending, seen = [""], 0
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:  # a folder that may not be read, or has just gone
            continue
        seen += len(entries)
        if seen > MAX_ENTRIES:
            raise _too_large(root, f"more than {MAX_ENTRIES:,} files")
        inner = []
        for entry in entries:
            relative = f"{folder}/{entry.name}".lstrip("/")
            if entry.is_symlink() or entry.is_file(follow_symlinks=False):
                yield relative, entry
            elif entry.is_dir(follow_symlinks=False) and not _is_skipped(entry):
                inner.append(relative)
        pending.extend(reversed(inner))


def python_files(root: Path) -> list[str]:
    """Return a repository's Python files, relative to it, in a fixed order.

    Raises:
        InputError: There are too many.
    """
    found = [
        relative
        for relative, entry in walk(root)
        if relative.endswith((".py", ".pyi")) and not entry.is_symlink()
    ]
    if len(found) > MAX_PYTHON_FILES:
        raise _too_large(root, f"more than {MAX_PYTHON_FILES:,} Python files")
    return found


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests, by its name or folder."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0]
    return (
        stem.startswith("test_")
        or stem.endswith(("_test", "_tests", "_spec", ".test", ".spec"))
        or stem in {"conftest", "test", "tests"}
        or not {"test", "tests", "__tests__"}.isdisjoint(folders)
    )


@contextmanager
def copy_of_sources(root: Path) -> Iterator[Path]:
    """Yield a folder with a copy of the Python files and of the linter's settings.

    Raises:
        InputError: There are too many files.
    """
    wanted = set(python_files(root))
    with _folder() as copy:
        for relative, entry in walk(root):
            if relative in wanted or (entry.name in _RUFF_FILES and not entry.is_symlink()):
                _copy_file(root, copy, relative)
        yield copy


def copy_all(root: Path, copy: Path, max_bytes: int) -> None:
    """Copy a whole repository into a folder.

    Links within the repository stay links, within the copy; those that lead out are left out.

    Raises:
        InputError: There are too many files, or they are too large.
    """
    entries = list(walk(root))
    if sum(_size(entry) for _, entry in entries if not entry.is_symlink()) > max_bytes:
        raise _too_large(root, f"more than {max_bytes >> 20:,} MiB")
    for relative, entry in entries:
        if entry.is_symlink():
            _copy_link(root, copy, relative)
        else:
            _copy_file(root, copy, relative)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="perdure-code-", ignore_cleanup_errors=True) as work:
        copy = Path(work).resolve() / "repository"
        copy.mkdir()
        yield copy


def _copy_file(root: Path, copy: Path, relative: str) -> None:
    target = copy / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(root / relative, target)
        mode = stat.S_IMODE((root / relative).stat().st_mode)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        target.unlink(missing_ok=True)  # unreadable, or gone by now: the survey names it
        return
    target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)


def _copy_link(root: Path, copy: Path, relative: str) -> None:
    try:
        aim = (root / relative).resolve(strict=True)
    except (OSError, RuntimeError):  # leads nowhere, or round in a circle
        return
    if not aim.is_relative_to(root):
        return
    link = copy / relative
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(copy / aim.relative_to(root), link.parent))


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    if entry.name in SKIPPED or entry.name.endswith(".egg-info"):
        return True
    folder = Path(entry.path)
    if entry.name in _BUILT:  # unless it is a package of that name
        return not (folder / "__init__.py").exists()
    return (folder / "pyvenv.cfg").exists()


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def _too_large(root: Path, what: str) -> InputError:
    return InputError(f"folder {root} holds {what}: pass a smaller part of it")
