"""Batches: what all their items share, each item, and what became of both."""

from perdure.models.batches.records import (
    MAX_PARALLEL,
    AddedItems,
    BatchName,
    BatchRecord,
    BatchSettings,
    BatchStatus,
    ItemContent,
    ItemCounts,
    ItemKey,
    ItemRecord,
    ItemStatus,
    NewItem,
)

__all__ = [
    "MAX_PARALLEL",
    "AddedItems",
    "BatchName",
    "BatchRecord",
    "BatchSettings",
    "BatchStatus",
    "ItemContent",
    "ItemCounts",
    "ItemKey",
    "ItemRecord",
    "ItemStatus",
    "NewItem",
]
