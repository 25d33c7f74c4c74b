"""Files of this machine as uploads."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from perdure.client.requests.request import Request, parser, path, query
from perdure.models.uploads import Upload

LocalFile = str | os.PathLike[str]
Files = Mapping[str, LocalFile | Sequence[LocalFile]]


def upload_request(file: Path, name: str | None) -> Request[Upload]:
    """Return the request that hands a file in, with its digest.

    Raises:
        OSError: It cannot be read.
    """
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
        size = content.tell()
    return Request(
        "POST",
        path("api", "uploads"),
        parser(Upload),
        query=query(name=name or file.name),
        content=file,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Repr-Digest": f"sha-256=:{b64encode(digest).decode()}:",
        },
        # Of an upload that broke off nothing is kept.
        repeatable=True,
        seconds=60,
    )


def listed(files: Files | None) -> list[tuple[str, Path]]:
    """Return every file with the parameter that takes it."""
    return [
        (parameter, Path(file))
        for parameter, given in (files or {}).items()
        for file in _several(given)
    ]


def with_uploads(
    parameters: Mapping[str, JsonValue] | None,
    files: Files | None,
    uploads: Sequence[Upload],
) -> dict[str, JsonValue]:
    """Return parameters that name uploads, which are in the order of :func:`listed`."""
    named: dict[str, JsonValue] = dict(parameters or {})
    remaining = iter(uploads)
    for parameter, given in (files or {}).items():
        if isinstance(given, str | os.PathLike):
            named[parameter] = next(remaining).path
        else:
            named[parameter] = [next(remaining).path for _ in given]
    return named


def _several(given: LocalFile | Sequence[LocalFile]) -> Sequence[LocalFile]:
    return (given,) if isinstance(given, str | os.PathLike) else given
