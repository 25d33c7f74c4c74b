"""Which files of these machines the paths in a goal's parameters may name."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from perdure.agents.steps.errors import InputError
from perdure.models import Parameters
from perdure.models.uploads import UPLOAD_SCHEME, UploadRecord
from perdure.stores.artifacts.upload_records import UploadRecordStore
from perdure.stores.artifacts.uploads import UploadStore, upload_ids
from perdure.stores.database.errors import UnknownUpload

_FILE_URL: Final = re.compile(r"\s*file:", re.IGNORECASE)


class InputPaths:
    """The paths that goals handed in at one place may give."""

    def __init__(
        self,
        uploads: UploadStore,
        roots: Sequence[Path] | None,
        in_bucket: Mapping[str, UploadRecord] = MappingProxyType({}),
    ) -> None:
        """Bind them to the files that were handed in, and to folders.

        Args:
            uploads: The files that were handed in, which any goal may name.
            roots: The folders that other paths may lie in; any when ``None``.
            in_bucket: By their ids, the uploads that lie in a bucket.
        """
        self._uploads = uploads
        self._roots = roots
        self._in_bucket = in_bucket

    async def with_records(self, records: UploadRecordStore, parameters: Parameters) -> Self:
        """Return the same paths, with the uploads in a bucket that parameters name.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        if not self._uploads.in_bucket:
            return self
        found = {}
        for upload_id in upload_ids(parameters):
            with suppress(UnknownUpload):
                found[upload_id] = await records.get(upload_id)
        return type(self)(self._uploads, self._roots, found)

    def check(self, path: str) -> str:
        """Return the path to hand on for one that was given: with its links resolved if limited.

        What is handed on is what was checked: a link that is turned elsewhere changes nothing.

        Raises:
            InputError: It lies outside of the folders, or no such file was handed in.
        """
        if path.startswith(UPLOAD_SCHEME):
            upload_id, _, name = path.removeprefix(UPLOAD_SCHEME).partition("/")
            record = self._in_bucket.get(upload_id)
            if record is not None and name in {"", record.name}:
                return record.path
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
