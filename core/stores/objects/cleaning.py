"""Deleting the contents that nothing refers to any more; the housekeeping of any worker does it."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.objects.content_records import DELETION_SECONDS
from perdure.stores.objects.content_store import ContentStore

# What was stored and is not referred to yet, or was referred to a moment ago, is safe for so long.
GRACE: Final = timedelta(days=1)
_BATCH: Final = 200
_AT_ONCE: Final = 8

log = structlog.get_logger()


async def delete_unused_contents(store: ContentStore, grace: timedelta = GRACE) -> int:
    """Delete contents that no file and no step of a run, and no upload, refers to; return how many.

    Several may do so at once. What cannot be deleted is tried again the next time.

    Args:
        store: The contents.
        grace: How long a content is kept that was stored, or referred to when it was looked at.

    Raises:
        StoreUnavailable: The database, or the place of the contents, does not answer.
    """
    deleted, more = 0, True
    while more:
        since, digests, more = await store.records.take_unused(grace, _BATCH)
        if digests:
            gone, failure = await _delete(store, digests)
            await store.records.forget(gone, since)
            deleted += len(gone)
            if failure is not None:
                raise failure
    if deleted:
        log.info("contents deleted that nothing referred to", contents=deleted)
    return deleted


async def _delete(
    store: ContentStore, digests: list[str]
) -> tuple[list[str], StoreUnavailable | None]:
    """Return which contents are gone, and why others are not."""
    at_once = asyncio.Semaphore(_AT_ONCE)
    gone: list[str] = []

    async def delete(digest: str) -> None:
        async with at_once:
            await store.delete(digest)
            gone.append(digest)

    try:
        # Cut off before somebody who waits to store one of them may go on.
        async with asyncio.timeout(DELETION_SECONDS - 15), asyncio.TaskGroup() as tasks:
            for digest in digests:
                tasks.create_task(delete(digest))
    except TimeoutError:
        return gone, StoreUnavailable(
            f"{store.where} takes too long to delete contents: it is tried again later"
        )
    except BaseExceptionGroup as errors:
        away = errors.subgroup(StoreUnavailable)
        if away is None or errors.split(StoreUnavailable)[1] is not None:
            raise
        return gone, StoreUnavailable(str(_first(away)))
    return gone, None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
