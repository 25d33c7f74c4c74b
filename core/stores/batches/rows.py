"""Batches and items as rows, and back."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import RowMapping

from perdure.models import Failure, FailureKind, Result
from perdure.models.batches import (
    BatchRecord,
    BatchSettings,
    BatchStatus,
    ItemContent,
    ItemCounts,
    ItemRecord,
    ItemStatus,
    NewItem,
)
from perdure.stores.batches.tables import COUNTS

# Of results, in memory at once.
RESULT_BYTES: Final = 32 * 1024 * 1024
# From fewer seconds no rate is told.
_SHORTEST: Final = 0.5


def item_digest(batch_id: str, text: str) -> str:
    """Return what an item's key or content is compared by, within its batch alone."""
    return hashlib.sha256(f"{batch_id}\0{text}".encode()).hexdigest()


def settings_digest(settings: BatchSettings) -> str:
    """Return what tells whether a batch is handed in again with the same settings."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()


def item_row(batch_id: str, number: int, item: NewItem, now: datetime) -> dict[str, object]:
    """Return the columns of a new item."""
    content = item.content.model_dump_json(exclude_defaults=True)
    return {
        "batch_id": batch_id,
        "number": number,
        "digest": item_digest(batch_id, item.key),
        "item_key": item.key,
        "content": content,
        "content_digest": item_digest(batch_id, content + item.problem),
        "status": (ItemStatus.INVALID if item.problem else ItemStatus.WAITING).value,
        "error": invalid(item.problem).model_dump_json() if item.problem else None,
        "ended_at": now if item.problem else None,
    }


def invalid(problem: str) -> Failure:
    """Return why no goal can be made of an item."""
    return Failure(type="InvalidItem", message=problem, permanent=True, kind=FailureKind.PERMANENT)


def counts_of(row: RowMapping) -> ItemCounts:
    """Return how many items of a batch have each status."""
    return ItemCounts(**{name: row[name] for name in COUNTS})


def batch_record(row: RowMapping) -> BatchRecord:
    """Return a batch, with its rate and the time that is left."""
    counts, status = counts_of(row), BatchStatus(row["status"])
    until = row["ended_at"] or datetime.now(UTC)
    seconds = (until - row["started_at"]).total_seconds()
    ended = counts.ended - row["ended_before"]
    rate = ended / seconds if ended > 0 and seconds >= _SHORTEST else None
    left = counts.waiting + counts.running
    goes_on = rate is not None and status is BatchStatus.RUNNING
    return BatchRecord(
        batch_id=row["batch_id"],
        name=row["name"],
        tenant=row["tenant"],
        settings=BatchSettings.model_validate_json(row["settings"]),
        status=status,
        reason=row["reason"],
        counts=counts,
        cost=row["cost"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        per_second=round(rate, 3) if rate is not None else None,
        seconds_left=round(left / rate, 1) if goes_on and rate else None,
    )


def item_record(row: RowMapping, *, with_result: bool) -> ItemRecord:
    """Return an item, of one that has ended with the summary of its result."""
    content = ItemContent.model_validate_json(row["content"])
    status = ItemStatus(row["status"])
    shown: dict[str, Any] = {}
    if status not in {ItemStatus.WAITING, ItemStatus.RUNNING} and row["summary"] is not None:
        shown["summary"] = row["summary"]
        if with_result and row["result"] is not None:
            shown["result"] = Result.model_validate_json(row["result"]).data
    return ItemRecord(
        key=row["item_key"],
        number=row["number"],
        status=status,
        description=content.description,
        parameters=content.parameters,
        workflow_id=row["workflow_id"],
        attempts=row["attempts"],
        error=Failure.model_validate_json(row["error"]) if row["error"] else None,
        cost=row["cost"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        **shown,
    )


def fitting(sizes: Iterable[int]) -> int:
    """Return how many results, one at least, are read into memory at once.

    Args:
        sizes: How many bytes each has.
    """
    total = count = 0
    for size in sizes:
        total += size
        if count and total > RESULT_BYTES:
            break
        count += 1
    return count
