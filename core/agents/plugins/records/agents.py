"""Which agents each plugin had when it was loaded last."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from perdure.agents.plugins.records.files import write_atomically

# The command line reads it too, for completion, without importing this.
FILE: Final = "agents.json"


class AgentsRecord:
    """The agents of plugins that are not loaded now, such as disabled ones, and of the others.

    What is known of a plugin stays when it is not loaded, for it may be again.
    """

    def __init__(self, home: Path) -> None:
        """Read it; one that cannot be read counts as empty.

        Args:
            home: The installation's home.
        """
        self._path = home / "plugins" / FILE
        self._plugins: dict[str, dict[str, str]] = {}
        self._failed: frozenset[str] = frozenset()
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            content = json.loads(self._path.read_text(encoding="utf-8"))
            self._plugins = {
                str(plugin): {str(name): str(text) for name, text in agents.items()}
                for plugin, agents in content["plugins"].items()
            }
            self._failed = frozenset(map(str, content["failed"]))

    def agents_of(self, name: str) -> tuple[str, ...]:
        """Return the names of a plugin's agents.

        Args:
            name: The distribution, or a plugin file's path.
        """
        return tuple(self._plugins.get(name, ()))

    def plugin_of(self, agent: str) -> str:
        """Return the plugin that had an agent of that name; nothing when none is known to."""
        return next((name for name, agents in self._plugins.items() if agent in agents), "")

    def add(self, loaded: Mapping[str, Iterable[tuple[str, str]]], failed: Iterable[str]) -> None:
        """Remember what was loaded, and what could not be.

        Args:
            loaded: The names and descriptions of the agents of each plugin that was loaded.
            failed: The plugins that could not be loaded.
        """
        agents = self._plugins | {name: dict(described) for name, described in loaded.items()}
        failures = self._failed.difference(loaded).union(failed)
        if (agents, failures) != (self._plugins, self._failed):
            self._plugins, self._failed = agents, failures
            with suppress(OSError):
                content = {"plugins": agents, "failed": sorted(failures)}
                write_atomically(self._path, json.dumps(content))
