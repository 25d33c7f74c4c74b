"""Items of a batch that are objects of a bucket: each is handed in as an upload, and is an item."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Final

from perdure.models.batches import ItemContent, NewItem
from perdure.models.uploads import Upload
from perdure.stores import Stores
from perdure.stores.database.errors import InputRefused, UnknownUpload, UploadTooLarge
from perdure.stores.objects.prefix import Prefix
from perdure.stores.objects.prefix_objects import ObjectChanged, PrefixObjects, StoredObject

_COPIED_AT_ONCE: Final = 8
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "perdure:objects")


async def objects(
    stores: Stores, prefixes: Sequence[Prefix], parameter: str
) -> AsyncIterator[NewItem]:
    """Yield an item for each object below prefixes, known by its address.

    Its content is copied to the uploads, which have its digest. An upload's id is made of the
    object's address and version: what was copied before is not copied again, and is the same item.

    Args:
        stores: Where the uploads are, of the tenant that hands them in.
        prefixes: The prefixes.
        parameter: The parameter that takes a file.

    Raises:
        InputRefused: obstore is not installed.
        StoreUnavailable: The storage or the stores do not answer; hand them in again.
    """
    at_once = asyncio.Semaphore(_COPIED_AT_ONCE)

    async def item(source: PrefixObjects, found: StoredObject) -> NewItem:
        async with at_once:
            try:
                upload = await _handed_in(stores, source, found)
            except (InputRefused, UploadTooLarge, ObjectChanged) as error:
                return NewItem(key=found.address, problem=str(error))
        content = ItemContent(parameters={parameter: upload.path})
        return NewItem(key=found.address, content=content)

    for prefix in prefixes:
        source = PrefixObjects(prefix)
        async for page in source.pages():
            # What some tools keep for a folder is no file.
            files = [found for found in page if found.name]
            for new in await _all([item(source, found) for found in files]):
                yield new


async def _all(items: Sequence[Coroutine[None, None, NewItem]]) -> Sequence[NewItem]:
    """Return what comes of all; where one fails the others are not gone on with."""
    tasks = [asyncio.ensure_future(each) for each in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _handed_in(stores: Stores, source: PrefixObjects, found: StoredObject) -> Upload:
    whose = stores.batches.owner
    upload_id = uuid.uuid5(_NAMESPACE, "\n".join((whose, found.address, found.version))).hex
    try:
        return await stores.upload_records.get(upload_id)
    except UnknownUpload:
        stores.uploads.check(found.name, found.size)
        upload = await stores.uploads.receive(found.name, source.read(found), upload_id=upload_id)
        await stores.upload_records.add(upload)
        return upload
