"""Which plugins people disabled in a home."""

import json
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from perdure.agents.plugins.records.files import locked, write_atomically

# The command line reads it too, for completion, without importing this.
FILE: Final = "disabled.json"


class DisabledRecord:
    """The plugins that are disabled in a home.

    Attributes:
        names: The canonical names of their distributions.
        fault: Why the record cannot be read, and what to do, in a sentence; empty when it can.
    """

    def __init__(self, home: Path) -> None:
        """Read it; one that cannot be read counts as empty.

        Args:
            home: The installation's home.
        """
        self._path = home / "plugins" / FILE
        self.names: frozenset[str] = frozenset()
        self.fault = ""
        self._read()

    def disable(self, name: str) -> bool:
        """Add a distribution; return whether it was not there.

        Raises:
            OSError: The record cannot be written.
        """
        return self._change(name, disabled=True)

    def enable(self, name: str) -> bool:
        """Remove a distribution; return whether it was there.

        Raises:
            OSError: The record cannot be written.
        """
        return self._change(name, disabled=False)

    def _change(self, name: str, *, disabled: bool) -> bool:
        name = canonicalize_name(name)
        with locked(self._path.with_suffix(".lock")):
            self._read()
            if (name in self.names) is disabled and not self.fault:
                return False
            was_disabled = name in self.names
            names = self.names | {name} if disabled else self.names - {name}
            content = json.dumps({"disabled": sorted(names)}, indent=2)
            write_atomically(self._path, f"{content}\n")
            self.names = names
            return was_disabled is not disabled

    def _read(self) -> None:
        self.names, self.fault = frozenset(), ""
        try:
            self.names = _names(json.loads(self._path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return  # a home that cannot be there is named by whoever needs it
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            self.fault = (
                f"which plugins are disabled cannot be read from {self._path} ({reason}), so none"
                " is: disable them again, perdure plugins disable NAME, which writes it anew"
            )


def _names(content: object) -> frozenset[str]:
    """Return the names that the file's content lists.

    Raises:
        ValueError: It is damaged.
    """
    names = content.get("disabled") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("it lists no names")
    return frozenset(canonicalize_name(name) for name in names)
