"""A repository as a model sees it: its files, and over them those that the model changed."""

import hashlib
import json
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from perdure_code.repository.working_copy import SKIPPED, walk

MOST_BYTES: Final = 256 * 1024
_LONGEST_PATH: Final = 400
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
# Where people keep keys; none of them is a model's business.
_SECRET: Final = re.compile(
    r"\.(?:pem|key|p12|pfx|jks|keystore|kdbx)$|^id_(?:rsa|dsa|ecdsa|ed25519)"
)


class PathRefused(ValueError):
    """A file is not to be read or changed; the message says why, for a model."""


@dataclass(frozen=True)
class EditedRepository:
    """The files of a repository, and over them those that were changed.

    Nothing on the disk is changed. The same edits make the same repository, whoever makes them.

    Attributes:
        root: The repository's folder, absolute.
        changed: The whole text of each file that was changed or added, by its path.
    """

    root: Path
    changed: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What tells one state of the changed files from another."""
        changed = json.dumps(self.changed, sort_keys=True)
        return hashlib.sha256(changed.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def with_file(self, path: str, text: str) -> "EditedRepository":
        """Return the repository with a file changed; one that is as it was counts as unchanged."""
        changed = dict(self.changed) | {path: text}
        if self.original(path) == text:
            del changed[path]
        return EditedRepository(self.root, changed)

    def original(self, path: str) -> str | None:
        """Return a file's text before any change; ``None`` where there is no such file."""
        try:
            return EditedRepository(self.root).text(path)
        except PathRefused:
            return None

    def base_digest(self, path: str) -> str:
        """Return what tells whether a file is as it was; empty where there is none."""
        original = self.original(path)
        return "" if original is None else hashlib.sha256(original.encode()).hexdigest()

    def text(self, path: str) -> str:
        """Return a file's text.

        Raises:
            PathRefused: There is none, or it is none to be seen.
        """
        plain = plain_path(path)
        if plain in self.changed:
            return self.changed[plain]
        content = _content(self.root, plain)
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise PathRefused(f"{plain} is not UTF-8 text") from None

    def lines(self, path: str) -> list[str]:
        """Return a file's lines, as an editor counts them; see :meth:`text`."""
        found = _LINE_END.split(self.text(path))
        return found[:-1] if found[-1] == "" else found

    def paths(self) -> Iterator[str]:
        """Yield the files that may be seen, in a fixed order, added ones last."""
        known = set()
        for path, entry in walk(self.root):
            if not entry.is_symlink() and not _is_hidden(path):
                known.add(path)
                yield path
        yield from sorted(self.changed.keys() - known)


def plain_path(path: str) -> str:
    """Return a path as it is written relative to the repository.

    Raises:
        PathRefused: It leads out of the repository, or to what nobody is shown.
    """
    written = path.strip().removeprefix("./")
    pure = PurePosixPath(written)
    if (
        not written
        or len(written) > _LONGEST_PATH
        or pure.is_absolute()
        or ".." in pure.parts
        or re.search(r"[\\\x00-\x1f\x7f]|^~|^[A-Za-z]:", written)
    ):
        raise PathRefused(f"{path[:80]!r} is no path within the repository, such as src/a.py")
    plain = pure.as_posix()
    if _is_hidden(plain):
        raise PathRefused(
            f"{plain} is not shown: hidden files, tools' folders and keys are left out"
        )
    return plain


def _is_hidden(path: str) -> bool:
    *folders, name = path.split("/")
    return (
        name.startswith(".")
        or _SECRET.search(name) is not None
        or any(folder.startswith(".") or folder in SKIPPED for folder in folders)
    )


def _content(root: Path, path: str) -> bytes:
    """Return a file's bytes; no part of its path may be a link."""
    place = root
    try:
        for part in path.split("/"):
            place /= part
            mode = place.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise PathRefused(f"{path} is a link or lies behind one: links are not followed")
        if not stat.S_ISREG(mode):
            raise PathRefused(f"{path} is no file")
        if place.stat().st_size > MOST_BYTES:
            raise PathRefused(f"{path} is larger than {MOST_BYTES // 1024} KiB")
        return place.read_bytes()
    except OSError as error:
        raise PathRefused(f"there is no file {path} that can be read") from error
