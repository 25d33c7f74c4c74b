"""Environments for what only the evals need, each made once and kept in Perdure's cache."""

import hashlib
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Final

from filelock import FileLock

from benchmarks.verdict import report
from perdure.settings import Settings

_PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"


def environment_of(group: str) -> Path:
    """Return the Python of an environment that holds a dependency group of ``pyproject.toml``.

    It is apart from the agents' own, whose versions it must not change. Made when it is first asked
    for, which takes as long as its packages take to build.

    Args:
        group: The group's name.

    Raises:
        subprocess.CalledProcessError: It could not be installed; pip has said why on stderr.
    """
    requirements = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["dependency-groups"][group]
    wanted = "\n".join([sys.version, *requirements])
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    folder = Settings().cache / "evals" / f"{group}-{digest}"
    python, done = folder / "bin" / "python", folder / ".installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            report(f"Installing {', '.join(requirements)} into {folder}")
            venv.create(folder, clear=True, with_pip=True)
            command = [python, "-m", "pip", "install", "--quiet", *requirements]
            subprocess.run(command, check=True, stdout=sys.stderr)
            done.touch()
    return python
