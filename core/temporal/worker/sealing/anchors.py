"""Where seals go as well, so that nobody who has the database can cut off the trail's tail."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import httpx

from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.objects.bucket import BucketStore
from perdure.stores.objects.object_store import ObjectStore

POST_SECONDS: Final = 10.0
_WEB: Final = frozenset({"http", "https"})
_BUCKETS: Final = frozenset({"s3", "gs", "az"})


class AnchorUnusable(ValueError):
    """The setting names no place for seals; the message says how to write one."""


class AnchorAway(Exception):
    """A seal could not be anchored; it is tried again."""


class Anchor(Protocol):
    """A place outside the database."""

    async def put(self, number: int, line: str) -> None:
        """Put a seal there; putting it again changes nothing that matters.

        Raises:
            AnchorAway: It could not be.
        """


class FileAnchor:
    """A file to which seals are added, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def put(self, number: int, line: str) -> None:  # noqa: ARG002, D102 -- as the protocol
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as error:
            raise AnchorAway(f"{self._path} cannot be written ({error.strerror})") from error

    def _append(self, line: str) -> None:
        with self._path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


class WebAnchor:
    """An address that takes each seal by POST and answers with a status below 300."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def put(self, number: int, line: str) -> None:  # noqa: ARG002, D102 -- as the protocol
        try:
            async with httpx.AsyncClient(timeout=POST_SECONDS, trust_env=False) as client:
                response = await client.post(
                    self._url, content=line, headers={"Content-Type": "application/json"}
                )
        except httpx.HTTPError as error:
            raise AnchorAway(f"{self._url} does not answer ({type(error).__name__})") from error
        if not response.is_success:
            raise AnchorAway(f"{self._url} answered with status {response.status_code}")


class BucketAnchor:
    """A bucket in which each seal is an object; its object lock keeps them from being replaced.

    An object that is there is written no second time: where it is locked it could not be, and where
    it is not, whatever was put in its place is noticed.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def put(self, number: int, line: str) -> None:  # noqa: D102 -- as the protocol
        key, content = f"seal-{number:09d}.json", line.encode() + b"\n"
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        try:
            if not await self._objects.exists(key):
                await self._objects.put(key, content, digest)
                return
            there = b"".join([piece async for piece in self._objects.read(key)])
        except StoreUnavailable as error:
            raise AnchorAway(str(error)) from error
        if there != content:
            raise AnchorAway(
                f"{self._objects.where}/{key} is another seal: see who writes there, or name a"
                " prefix that no other installation has"
            )


def anchor_at(address: str) -> Anchor | None:
    """Return the place that a setting names.

    Args:
        address: ``PERDURE_AUDIT_ANCHOR``; nowhere when empty.

    Raises:
        AnchorUnusable: It names none.
        StoreUnavailable: What a bucket needs is not installed.
    """
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileAnchor(Path(unquote(parts.path)))
    if parts.scheme in _WEB and parts.netloc:
        return WebAnchor(address)
    if parts.scheme in _BUCKETS and parts.netloc:
        bucket = BucketStore(address, setting="PERDURE_AUDIT_ANCHOR", checksums=True)
        return BucketAnchor(bucket)
    raise AnchorUnusable(
        f"PERDURE_AUDIT_ANCHOR: {address[:200]!r} is no place for seals: write it as"
        " file:///folder/seals.jsonl, https://witness.example/seals or s3://bucket/prefix"
    )
