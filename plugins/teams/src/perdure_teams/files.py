"""The files that a team's goals may name: those that it was given, and those that they made."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from perdure.agents import InputError, Result
from perdure_teams.references import artifact_path, names_artifact


class TeamFiles:
    """Checks the paths in the parameters of a team's goals.

    A path that a model chose, or that came with another agent's result, must not open a file that
    whoever handed in the team's goal may not read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        """Bind it to the files and folders that the team was given."""
        self._files = [str(file) for file in files]

    @property
    def names(self) -> list[str]:
        """What goals call them: their names, or their paths where two have one name."""
        names = [Path(file).name for file in self._files]
        return [
            name if names.count(name) == 1 else file
            for name, file in zip(names, self._files, strict=True)
        ]

    def check(self, path: str, made: Mapping[str, Result] | None = None) -> str:
        """Return the path to hand on for one that a goal's parameters give.

        Args:
            path: The path.
            made: The results so far by name, whose files it may be; ``None`` before there are any.

        Raises:
            InputError: It is no file of the team.
        """
        if names_artifact(path):
            return path if made is None else artifact_path(path, made)
        for name, file in zip(self.names, self._files, strict=True):
            if path in {name, file}:
                return file
        for file in self._files:
            # What is handed on is what was checked, so that a link that is turned changes nothing.
            inside = _resolved_within(path, file)
            if inside is None and path.partition("/")[0] == Path(file).name:
                inside = _resolved_within(str(Path(file).parent / path), file)
            if inside is not None:
                return inside
        there = ", ".join(self.names) or "none"
        raise InputError(
            f"{path!r} is none of the team's files ({there}): give it in files, or name a file that"
            " a goal before has made, as artifact:name/file"
        )


def _resolved_within(path: str, root: str) -> str | None:
    try:
        resolved = os.path.realpath(path)
    except (OSError, ValueError):  # a null character, or half a surrogate pair
        return None
    return resolved if Path(resolved).is_relative_to(os.path.realpath(root)) else None
