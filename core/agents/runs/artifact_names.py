"""Which names a run's artifacts may have: each must be a file of its own on every system."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Final

from perdure.agents.steps.errors import PermanentError
from perdure.models.results import is_media_type

ARTIFACT_NAME_CHARACTERS: Final = 500
# What common file systems take for one part of a path.
PART_BYTES: Final = 255
# Behind them a name looks like another: ``invoice\u202efdp.exe`` as ``invoiceexe.pdf``.
_DIRECTIONS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
# What ``perdure goals result`` writes beside the artifacts.
RESULT_FILE: Final = "result.json"


class ArtifactNames:
    """The names of a run's artifacts, made and being made."""

    def __init__(self, made: Mapping[str, object]) -> None:
        """Look at the names of a run.

        Args:
            made: The artifacts so far, by name, which others add to.
        """
        self._made = made
        self._writing: list[str] = []
        # By their comparable form; of a folder the name of one file in it.
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._known = 0

    @contextmanager
    def writing(self, name: str) -> Iterator[str]:
        """Use a name in the block, in which its file is written; the same name may come again.

        Yields:
            The name as a relative path.

        Raises:
            PermanentError: No file can have it, or it and another name of the run would be one
                file, or a file and its folder, at least on a system that tells no case apart.
        """
        path = str(artifact_path(name))
        if len(self._made) != self._known:
            self._index()
        self._check(path)
        self._add(path)
        self._writing.append(path)
        try:
            yield path
        finally:
            self._writing.remove(path)
            self._known = len(self._made)
            if path not in self._made:  # it was not written
                self._index()

    def _index(self) -> None:
        self._files.clear()
        self._folders.clear()
        for name in (*self._made, *self._writing):
            self._add(name)
        self._known = len(self._made)

    def _add(self, name: str) -> None:
        form = _comparable(name)
        self._files.setdefault(form, name)
        for folder in _folders_of(form):
            self._folders.setdefault(folder, name)

    def _check(self, name: str) -> None:
        form = _comparable(name)
        first = form.partition("/")[0]
        if first == RESULT_FILE:
            raise PermanentError(
                f"artifact name {name!r} is taken: perdure goals result writes the goal's result as"
                f" {RESULT_FILE}, so give another name"
            )
        other = self._files.get(form, name)
        if other != name:
            raise PermanentError(
                f"artifact names {other!r} and {name!r} are one file on systems that tell no case"
                " or no forms of a character apart: give names that differ otherwise"
            )
        if form in self._folders:
            raise _file_and_folder(name, self._folders[form])
        for folder in _folders_of(form):
            if folder in self._files:
                raise _file_and_folder(self._files[folder], name)


def artifact_path(name: str) -> PurePosixPath:
    """Return an artifact's name as a path below the result's folder.

    Raises:
        PermanentError: The name is absolute, leads out of the folder, is too long, or has
            characters that no file name can have.
    """
    path = PurePosixPath(name)
    if len(name) > ARTIFACT_NAME_CHARACTERS:
        raise PermanentError(
            f"artifact name {name[:40]!r}… has {len(name)} characters: give one of at most"
            f" {ARTIFACT_NAME_CHARACTERS}"
        )
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise PermanentError(
            f"artifact name {name!r} leads out of the result's folder: give a relative path"
        )
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise PermanentError(
            f"artifact name {name!r} has a control character or half a surrogate pair, which no"
            " file name should have: leave it out"
        )
    if _DIRECTIONS.search(name):
        raise PermanentError(
            f"artifact name {name!r} has a character that turns the direction of text round, behind"
            " which a file looks like one of another type: leave it out"
        )
    long = next((part for part in path.parts if len(part.encode()) > PART_BYTES), None)
    if long is not None:
        raise PermanentError(
            f"artifact name {name!r} has a part of {len(long.encode())} bytes, and no file or"
            f" folder has a name of more than {PART_BYTES}: shorten it"
        )
    return path


def check_media_type(media_type: str) -> str:
    """Return a media type, such as ``text/markdown; charset=utf-8``, as it is.

    Raises:
        PermanentError: It is none.
    """
    if not is_media_type(media_type):
        raise PermanentError(
            f"{media_type[:100]!r} is no media type: give one such as 'text/markdown', or none to"
            " have it guessed from the name"
        )
    return media_type


def _file_and_folder(file: str, below: str) -> PermanentError:
    return PermanentError(
        f"artifact name {file!r} would be a file and, of {below!r}, the folder: give one of them"
        " another name"
    )


def _comparable(name: str) -> str:
    """Return what is equal for names that macOS or Windows takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _folders_of(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the innermost first."""
    folder, _, _ = path.rpartition("/")
    while folder:
        yield folder
        folder, _, _ = folder.rpartition("/")
