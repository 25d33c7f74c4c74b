"""A Python environment, as a sandbox sees it."""

from enum import StrEnum

from pydantic import Field

from perdure_code.facts import Fact
from perdure_code.sandbox.sandbox import Mount


class EnvironmentKind(StrEnum):
    """Whose environment it is."""

    OWN = "own"
    FRESH = "fresh"
    WORKER = "worker"


class Environment(Fact):
    """A Python with pytest, and what a sandbox must show of it.

    Attributes:
        kind: Whose it is.
        python: The interpreter's path, the same in the sandbox as here.
        mounts: What a sandbox must show.
        variables: Variables of the environment that the interpreter needs.
        packages: Folders to search for modules after everything else.
        plugins: Plugins of pytest that are loaded by name, where pytest would load every one that
            is installed, the worker's own among them; ``None`` where it may.
        description: Whose it is, in words.
        notes: What a person should know about the choice, one sentence each.
    """

    kind: EnvironmentKind
    python: str
    mounts: tuple[Mount, ...] = ()
    variables: dict[str, str] = Field(default_factory=dict)
    packages: tuple[str, ...] = ()
    plugins: tuple[str, ...] | None = None
    description: str
    notes: tuple[str, ...] = ()
