"""Fingerprints of plugins: they change with any file that an import of the plugin may read."""

import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from perdure.version import core_version

_CODE: Final = (".py", ".pyc", ".so", ".pyd", ".pth")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def module_fingerprint(module: str) -> str:
    """Return the fingerprint of the code of a module's package; nothing when it cannot be found.

    Nothing is imported, and no file is read: what is compared is when each changed.

    Args:
        module: The module's full name.
    """
    try:
        spec = find_spec(module.partition(".")[0])
    except Exception:  # noqa: BLE001 -- whatever somebody's finder raises
        return ""
    if spec is None:
        return ""
    folders = list(spec.submodule_search_locations or ())
    lines = [_stamp(spec.origin)] if spec.has_location and spec.origin else []
    for folder in folders:
        lines += sorted(_stamps(folder))
    return _digest(lines) if any(lines) else ""


def source_fingerprint(source: bytes) -> str:
    """Return the fingerprint of a plugin file's source."""
    return hashlib.sha256(source).hexdigest()


def environment_fingerprint() -> str:
    """Return the fingerprint of what is installed, which changes with each installation."""
    places = [place for place in sys.path if os.path.basename(place) in _INSTALLED]  # noqa: PTH119
    return _digest([core_version(), sys.version, *(f"{one} {_modified(one)}" for one in places)])


def interpreter_name() -> str:
    """Return a name for this Python environment, for a file's name."""
    return _digest([sys.prefix, sys.executable or "", str(Path(__file__).parent)])[:16]


def _stamps(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
            yield from _stamps(entry.path)
        elif entry.name.endswith(_CODE):
            yield _stamp(entry.path)


def _stamp(path: str) -> str:
    try:
        stat = os.stat(path)  # noqa: PTH116 -- a Path for each file takes as long again
    except OSError:
        return ""
    # A file can be replaced by one of the same size and time, but not without a change of these.
    return f"{path} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def _modified(place: str) -> int:
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116 -- likewise
    except OSError:
        return 0


def _digest(lines: list[str]) -> str:
    text = "\n".join(lines).encode(errors="surrogateescape")
    return hashlib.sha256(text, usedforsecurity=False).hexdigest()
