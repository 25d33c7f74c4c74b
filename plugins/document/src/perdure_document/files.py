"""A file that was recognised: whether it is still the same, and its digest."""

import hashlib
from pathlib import Path

from perdure.agents import InputFile
from perdure_document.facts import Source


def unchanged(source: Source) -> Path:
    """Return the path of a file that is still the one recognised.

    Raises:
        InputError: The file has changed since, or is gone.
    """
    return InputFile.unchanged(source.path, source.size, source.modified)


def digest_of(source: Source) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits.

    Raises:
        InputError: It changed since it was recognised.
    """
    with unchanged(source).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
