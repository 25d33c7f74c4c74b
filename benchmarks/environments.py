"""Virtual environments for what only a benchmark or an eval needs, kept in Perdure's cache."""

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from benchmarks.verdict import report


def environment_of(requirements: Sequence[str], folder: Path, name: str) -> Path:
    """Return the Python of an environment that holds some distributions.

    It is apart from Perdure's own, whose versions it must not change. Made when it is first asked
    for, which takes as long as its packages take to build.

    Args:
        requirements: What pip is to install.
        folder: Where such environments are kept.
        name: What it is for.

    Raises:
        subprocess.CalledProcessError: It could not be installed; pip has said why on stderr.
    """
    wanted = "\n".join([sys.version, *requirements])
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    environment = folder / f"{name}-{digest}"
    python, done = environment / "bin" / "python", environment / ".installed"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{environment}.lock"):
        if not done.exists():
            report(f"Installing {', '.join(requirements)} into {environment}")
            venv.create(environment, clear=True, with_pip=True)
            # Isolated: what lies in this folder is none of its distributions.
            pip: list[str | Path] = [python, "-I", "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, *requirements], check=True, stdout=sys.stderr)
            done.touch()
    return python
