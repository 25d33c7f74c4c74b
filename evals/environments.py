"""Environments for what only the evals need, each made once and kept in Perdure's cache."""

import tomllib
from pathlib import Path
from typing import Final

from benchmarks import environments
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
    return environments.environment_of(requirements, Settings().cache / "evals", group)
