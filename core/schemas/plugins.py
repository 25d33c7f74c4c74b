"""Plugins and their status, as ``perdure plugins`` and the API show them."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

FILE_VERSION: Final = "file"

PluginStatus = Literal["loaded", "failed", "denied", "disabled"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin.

    Attributes:
        distribution: Its canonical name, such as ``perdure-research``.
        version: Its version.
        module: The module that its entry point names, or the path of a plugin file.
        status: ``loaded``, ``failed``, ``denied`` by the settings, or ``disabled`` in the home.
        reason: Why it is not loaded; empty when it is.
        hooks: The hooks it implements.
        agents: The names of its agents; of one that is disabled, those that it had when it was
            loaded last.
        warnings: What works, and what should be changed all the same.
        claims: The names of agents of it that it does not get, for another plugin claims them.
    """

    distribution: str
    version: str
    module: str
    status: PluginStatus
    reason: str = ""
    hooks: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call it: distribution and version, or the path of its file."""
        return self.module if self.is_file else f"{self.distribution} {self.version}".rstrip()

    @property
    def failure_message(self) -> str:
        """What to log when it failed; empty when it did not."""
        if self.status != "failed":
            return ""
        return f"plugin {self.label} is left out: {self.reason}"

    @property
    def is_file(self) -> bool:
        """Whether it is a plugin file, and not a distribution."""
        return self.version == FILE_VERSION


class PluginList(BaseModel):
    """The installed plugins, as this process has loaded them."""

    plugins: list[Plugin]
