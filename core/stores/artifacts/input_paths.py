"""Which files of these machines the paths in a goal's parameters may name."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.agents.steps.errors import InputError
from perdure.models.uploads import UPLOAD_SCHEME
from perdure.stores.artifacts.uploads import UploadStore
from perdure.stores.database.errors import UnknownUpload

_FILE_URL: Final = re.compile(r"\s*file:", re.IGNORECASE)


class InputPaths:
    """The paths that goals handed in at one place may give."""

    def __init__(self, uploads: UploadStore, roots: Sequence[Path] | None) -> None:
        """Bind them to the files that were handed in, and to folders.

        Args:
            uploads: The files that were handed in, which any goal may name.
            roots: The folders that other paths may lie in; any when ``None``.
        """
        self._uploads = uploads
        self._roots = roots

    def check(self, path: str) -> str:
        """Return the path to hand on for one that was given: with its links resolved if limited.

        What is handed on is what was checked: a link that is turned elsewhere changes nothing.

        Raises:
            InputError: It lies outside of the folders, or no such file was handed in.
        """
        if path.startswith(UPLOAD_SCHEME):
            try:
                file = self._uploads.find(path)
            except UnknownUpload as error:
                raise InputError(str(error)) from error
            return f"{UPLOAD_SCHEME}{file.parent.name}/{file.name}"
        if self._roots is None:
            return path
        if _FILE_URL.match(path):
            raise InputError(f"{path!r} is a file's URL: give its path, or hand the file in")
        try:
            resolved = os.path.realpath(os.path.expanduser(path))  # noqa: PTH111 -- as agents may
        except (OSError, ValueError) as error:  # a null character, or half a surrogate pair
            raise _outside(path) from error
        if any(Path(resolved).is_relative_to(os.path.realpath(root)) for root in self._roots):
            return resolved
        raise _outside(path)


def _outside(path: str) -> InputError:
    return InputError(
        f"{path!r} lies in none of the folders whose files this goal may name: hand the file in"
        " with POST /api/uploads and give the path that it returns, or have PERDURE_FILE_ROOTS name"
        " its folder"
    )
