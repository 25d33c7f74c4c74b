"""Little repositories on the disk: made for a goal, changed by its patch, and tried by hand."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_SECONDS: Final = 10.0
# What the hidden tests need of pytest, in a tenth of its time.
_RUNNER: Final = """
import importlib, json, sys
sys.path[:0] = ["src", "."]
module = importlib.import_module("hidden_checks")
for name in list(vars(module)):
    if name.startswith("test_"):
        getattr(module, name)()
"""


@contextmanager
def repository(files: Mapping[str, str], links: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Yield the folder of a repository, in a folder of its own."""
    with TemporaryDirectory(prefix="perdure-eval-") as folder:
        root = Path(folder, "repository")
        root.mkdir()
        write(root, files)
        for path, target in (links or {}).items():
            (root / path).symlink_to(target)
        yield root


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files into a repository."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def contents(root: Path) -> dict[str, bytes]:
    """Return what is in a repository, links by where they lead."""
    return {
        path.relative_to(root).as_posix(): bytes(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def apply(root: Path, patch: bytes) -> bool:
    """Apply a patch as people do; return whether it applies, by git and by patch."""
    checked = subprocess.run(
        ["patch", "-p1", "--dry-run", "--batch", "--silent"],
        cwd=root,
        input=patch,
        check=False,
        capture_output=True,
    )
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=root, input=patch, check=False, capture_output=True
    )
    return checked.returncode == 0 and applied.returncode == 0


def stands(root: Path, hidden: str) -> bool:
    """Return whether a repository passes tests that its agent never saw."""
    write(root, {"hidden_checks.py": hidden})
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", _RUNNER],
            cwd=root,
            check=False,
            capture_output=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        (root / "hidden_checks.py").unlink()
    return done.returncode == 0


def texts(files: Mapping[str, bytes], data: object) -> str:
    """Return all that a goal delivered as one text."""
    return "\n".join(
        [json.dumps(data, default=str), *(one.decode(errors="replace") for one in files.values())]
    )
