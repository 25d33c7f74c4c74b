"""Which plugins loaded well the last time, and with which files."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from perdure.agents.plugins.records.files import write_atomically
from perdure.agents.plugins.records.fingerprints import environment_fingerprint, interpreter_name


class LoadedRecord:
    """The plugins that loaded well the last time, each with the fingerprint that it had.

    Nothing is remembered where the home cannot be written, and all is forgotten when anything is
    installed or removed, for a plugin may fail by what it imports.
    """

    def __init__(self, home: Path) -> None:
        """Read it.

        Args:
            home: The installation's home.
        """
        self._path = home / "plugins" / f"loaded-{interpreter_name()}.json"
        self._environment = environment_fingerprint()
        self._plugins: dict[str, str] = {}
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["environment"] == self._environment:
                self._plugins = {str(one): str(two) for one, two in content["plugins"].items()}

    def contains(self, name: str, fingerprint: str) -> bool:
        """Return whether a plugin loaded well with these files.

        Args:
            name: The distribution, or a plugin file's path.
            fingerprint: Its present fingerprint.
        """
        return bool(fingerprint) and self._plugins.get(name) == fingerprint

    def add(self, loaded: Mapping[str, str]) -> None:
        """Remember the fingerprints of plugins that have loaded well, by name."""
        # Python may have made its folder for bytecode beside them meanwhile.
        environment = environment_fingerprint()
        known = {name: mark for name, mark in loaded.items() if mark}
        if environment == self._environment and known.items() <= self._plugins.items():
            return
        self._environment = environment
        self._plugins |= known
        content = {"environment": environment, "plugins": self._plugins}
        with suppress(OSError):
            write_atomically(self._path, json.dumps(content))
