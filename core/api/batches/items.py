"""The items of a request: one by one, lines in it or in a file, or the objects of a bucket."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from tempfile import TemporaryFile

from perdure.models.batches import NewItem
from perdure.models.uploads import UPLOAD_SCHEME
from perdure.schemas.batches import AddItemsRequest, ItemSource
from perdure.stores import Stores
from perdure.stores.database.errors import UnknownUpload
from perdure.stores.objects.prefix import PermittedPrefixes
from perdure.temporal.batches.item_reader import NewItems
from perdure.temporal.batches.object_items import objects
from perdure.temporal.batches.sources import csv_rows, json_lines, json_objects, lines_of


@asynccontextmanager
async def items_of(
    request: AddItemsRequest, stores: Stores, permitted: PermittedPrefixes
) -> AsyncIterator[NewItems]:
    """Give the items of a request, for as long as the block runs.

    Args:
        request: The request.
        stores: The stores of the caller's tenant.
        permitted: The prefixes of object storage that callers may have read.

    Raises:
        UnknownUpload: There is no such file.
        InputRefused: The first row of CSV is missing, or lacks a column; or the prefix is none that
            the caller may have read.
        StoreUnavailable: The place of the file does not answer.
    """
    if request.source is None:
        yield json_objects(request.items or ())
    elif request.source.prefix is not None:
        prefix = permitted.check(request.source.prefix, stores.batches.owner)
        yield objects(stores, [prefix], request.source.parameter or "")
    elif request.source.text is not None:
        text = request.source.text.encode("utf-8", "surrogatepass")
        yield _parsed(text.splitlines(keepends=True), request.source)
    else:
        with TemporaryFile() as file:
            async for chunk in _chunks(request.source.upload or "", stores):
                file.write(chunk)
            file.seek(0)
            yield _parsed(lines_of(file), request.source)


def _parsed(lines: Iterable[bytes], source: ItemSource) -> Iterator[NewItem]:
    return csv_rows(lines, source.columns) if source.format == "csv" else json_lines(lines)


async def _chunks(path: str, stores: Stores) -> AsyncIterator[bytes]:
    """Yield a file's content; it is copied, so that it may be deleted meanwhile."""
    upload_id = path.removeprefix(UPLOAD_SCHEME).partition("/")[0]
    record = await stores.upload_records.get(upload_id)
    try:
        found = stores.uploads.find(record.path)
    except UnknownUpload:
        if not stores.uploads.in_bucket:
            raise
        async for chunk in stores.contents.chunks(record.digest):
            yield chunk
        return
    with found.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            yield chunk
