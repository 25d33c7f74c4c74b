"""The objects below a prefix: listed a few at a time, and read as they were when listed."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from perdure.stores.database.errors import InputRefused, StoreUnavailable
from perdure.stores.objects.bucket import open_bucket, reason_of
from perdure.stores.objects.object_store import CHUNK_BYTES
from perdure.stores.objects.prefix import Prefix

_LISTED_AT_ONCE: Final = 50


class ObjectChanged(Exception):
    """An object is not what it was when it was listed, or cannot be read."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object below a prefix.

    Attributes:
        address: Its address, as people write it.
        key: Its key in the bucket.
        size: How many bytes it has.
        e_tag: What tells its contents apart, if the storage says it.
        version: The same with its time, for storages that say no other.
    """

    address: str
    key: str
    size: int
    e_tag: str | None
    version: str

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]


class PrefixObjects:
    """The objects below a prefix, by obstore, with the credentials of this process.

    They come from the cloud's own variables, as those of ``PERDURE_ARTIFACTS_URL`` do.

    Args:
        prefix: The prefix.

    Raises:
        InputRefused: obstore is not installed.
        StoreUnavailable: It does not take the variables.
    """

    def __init__(self, prefix: Prefix) -> None:
        try:
            import obstore
        except ImportError as error:
            raise InputRefused(
                f"{prefix.address} is read by obstore, which is not installed: pip install"
                " 'perdure[objects]'"
            ) from error
        self.prefix = prefix
        self._obstore = obstore
        with self._translated():
            self._store = open_bucket(prefix.bucket)

    async def pages(self) -> AsyncIterator[Sequence[StoredObject]]:
        """Yield the objects, a few at a time, in the storage's own order.

        Raises:
            StoreUnavailable: The storage does not answer, or refuses access.
        """
        with self._translated():
            stream = self._obstore.list(
                self._store, self.prefix.path or None, chunk_size=_LISTED_AT_ONCE
            )
        while True:
            with self._translated():
                try:
                    page = await anext(stream)
                except StopAsyncIteration:
                    return
            yield [
                StoredObject(
                    address=f"{self.prefix.bucket}/{found['path']}",
                    key=found["path"],
                    size=found["size"],
                    e_tag=found["e_tag"],
                    version=f"{found['e_tag']} {found['last_modified'].isoformat()}",
                )
                for found in page
            ]

    async def read(self, found: StoredObject) -> AsyncIterator[bytes]:
        """Yield an object's bytes as they come.

        Raises:
            ObjectChanged: It was changed or deleted since it was listed, or access is refused.
            StoreUnavailable: The storage does not answer.
        """
        with self._translated(found):
            options = {"if_match": found.e_tag} if found.e_tag else {}
            got = await self._obstore.get_async(self._store, found.key, options=options)  # type: ignore[arg-type]
            if got.meta["size"] != found.size:
                raise _changed(found)
            stream = got.stream(CHUNK_BYTES)
        while True:
            with self._translated(found):
                try:
                    chunk = bytes(await anext(stream))
                except StopAsyncIteration:
                    return
            yield chunk

    @contextmanager
    def _translated(self, found: StoredObject | None = None) -> Iterator[None]:
        errors = self._obstore.exceptions
        try:
            yield
        except (errors.NotFoundError, FileNotFoundError, errors.PreconditionError) as error:
            raise (_changed(found) if found else self._unavailable(error)) from None
        except (errors.PermissionDeniedError, errors.InvalidPathError) as error:
            raise (_unreadable(found, error) if found else self._unavailable(error)) from None
        except errors.BaseError as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"the object storage {self.prefix.address} does not answer as it should"
            f" ({reason_of(error)}): see that the bucket is there, and that the variables of its"
            " cloud, such as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL, are set"
        )


def _changed(found: StoredObject) -> ObjectChanged:
    return ObjectChanged(
        f"{found.address} was changed while it was handed in: hand the prefix in again once it is"
        " whole"
    )


def _unreadable(found: StoredObject, error: Exception) -> ObjectChanged:
    return ObjectChanged(
        f"{found.address} cannot be read ({reason_of(error)}): see whether the credentials allow it"
    )
