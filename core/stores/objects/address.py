"""The address of object storage: ``PERDURE_ARTIFACTS_URL``, or a folder of the home."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from perdure.stores.objects.bucket import BucketStore
from perdure.stores.objects.folder import FolderStore
from perdure.stores.objects.object_store import ObjectStore


def artifacts_folder(url: str, home: Path) -> Path | None:
    """Return the folder that artifacts lie in; ``None`` when they lie in a bucket.

    Args:
        url: ``PERDURE_ARTIFACTS_URL``; empty when it is not set.
        home: ``PERDURE_HOME``.
    """
    if not url:
        return home / "artifacts"
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def open_objects(url: str, home: Path) -> ObjectStore:
    """Return the object store of an address, of which nothing is asked yet.

    Args:
        url: ``PERDURE_ARTIFACTS_URL``; empty when it is not set.
        home: ``PERDURE_HOME``.

    Raises:
        StoreUnavailable: What it needs is not installed, or it takes no such address.
    """
    folder = artifacts_folder(url, home)
    return FolderStore(folder) if folder is not None else BucketStore(url)
