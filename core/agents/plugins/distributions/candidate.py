"""What says that it is a plugin, and is not imported yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """An installed distribution that says it is a plugin; nothing of it is imported yet.

    Attributes:
        distribution: Its canonical name, such as ``perdure-research``.
        version: Its version.
        module: The module that its entry point names.
        refusal: Why it does not fit this core; empty when it does.
        requires: Its requirements, as its metadata lists them.
        installed: Whether it is an installed distribution, and no file or part of the core.
        spelling: Its name as its metadata has it, such as ``Perdure.Research``.
        metadata: The folder of its metadata.
        warnings: What is wrong with how it is installed, although it can be used.
    """

    distribution: str
    version: str
    module: str
    refusal: str = ""
    requires: tuple[str, ...] = ()
    installed: bool = False
    spelling: str = ""
    metadata: str = ""
    warnings: tuple[str, ...] = ()
