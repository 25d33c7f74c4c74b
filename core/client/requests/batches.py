"""Requests of batches: hand one in, add items, show it and its items, control it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import JsonValue

from perdure.client.requests.request import Request, get, path, post, query
from perdure.models import Budget
from perdure.models.batches import BatchRecord, ItemStatus
from perdure.schemas.batches import (
    BatchPage,
    BatchResponse,
    ItemPage,
    ResumeBatchRequest,
    RetryBatchResponse,
)

# A source may have a million items, or files to copy.
SOURCE_SECONDS: Final = 3_600.0

Items = Sequence[Mapping[str, JsonValue]]


def start(
    name: str,
    agent_type: str,
    *,
    items: Items | None = None,
    source: Mapping[str, JsonValue] | None = None,
    description: str = "",
    parameters: Mapping[str, JsonValue] | None = None,
    budget: Budget | None = None,
    pool: str | None = None,
    priority: int | None = None,
    max_parallel: int | None = None,
    per_second: float | None = None,
    ordered: bool = False,
    stop_after_failures: int | None = None,
    budget_cost: float | None = None,
) -> Request[BatchResponse]:
    """Hand in a batch; with the name and settings of one that is there, add items to it.

    Args:
        name: Your own name for it.
        agent_type: The agent that does each item.
        items: The items, each with ``key``, ``description``, ``parameters`` where it has them.
        source: Lines with the items instead: ``format`` (``jsonl`` or ``csv``), ``upload`` or
            ``text``, and ``columns``; or ``prefix`` and ``parameter`` for the objects of a bucket.
        description: What the agent is to achieve, for items that do not say it.
        parameters: Its parameters, for items that give no others.
        budget: What each item may use at most.
        pool: The pool of workers that runs the items.
        priority: Before which other goals they go: 1 first, 5 last.
        max_parallel: How many items run at once, at most; 10 when not given.
        per_second: How many items are started a second, at most.
        ordered: Whether an item starts only when the one before it has ended.
        stop_after_failures: After so many failed items none is started any more.
        budget_cost: US dollars that all items together may use.
    """
    given: dict[str, Any] = {
        "items": [*map(dict, items)] if items is not None else None,
        "source": dict(source) if source is not None else None,
        "parameters": dict(parameters) if parameters else None,
        "budget": budget.model_dump(mode="json", exclude_none=True) if budget else None,
        "pool": pool,
        "priority": priority,
        "max_parallel": max_parallel,
        "per_second": per_second,
        "stop_after_failures": stop_after_failures,
        "budget_cost": budget_cost,
    }
    body = {name: value for name, value in given.items() if value is not None}
    body |= {
        "name": name,
        "agent_type": agent_type,
        "description": description,
        "ordered": ordered,
    }
    # What it has of them is left out when it comes again.
    request = post(("api", "batches"), BatchResponse, body, repeatable=True)
    return replace(request, seconds=SOURCE_SECONDS) if source is not None else request


def add(
    batch: str, *, items: Items | None = None, source: Mapping[str, JsonValue] | None = None
) -> Request[BatchResponse]:
    """Add items to a batch; those that it has are left out.

    Args:
        batch: The batch's id or name.
        items: The items.
        source: Lines with the items, or a prefix, instead.
    """
    body: dict[str, Any] = {"items": [*map(dict, items)]} if items is not None else {}
    if source is not None:
        body["source"] = dict(source)
    request = post(("api", "batches", batch, "items"), BatchResponse, body, repeatable=True)
    return replace(request, seconds=SOURCE_SECONDS) if source is not None else request


def show(batch: str) -> Request[BatchRecord]:
    """Show a batch, by its id or its name."""
    return get(("api", "batches", batch), BatchRecord)


def list_page(limit: int = 50, before: str | None = None) -> Request[BatchPage]:
    """List batches, newest first."""
    return get(("api", "batches"), BatchPage, limit=limit, before=before)


def items(
    batch: str, limit: int = 50, after: int = 0, status: ItemStatus | None = None
) -> Request[ItemPage]:
    """List the items of a batch, in the order in which they were handed in."""
    return get(
        ("api", "batches", batch, "items"), ItemPage, limit=limit, after=after, status=status
    )


def pause(batch: str) -> Request[BatchRecord]:
    """Start no further item of a batch until it is resumed."""
    return post(("api", "batches", batch, "pause"), BatchRecord, repeatable=True)


def resume(batch: str, *, budget_cost: float | None = None) -> Request[BatchRecord]:
    """Go on with a batch that was paused or has stopped.

    Args:
        batch: The batch's id or name.
        budget_cost: US dollars that its items may use, with what they have used.
    """
    body = ResumeBatchRequest(budget_cost=budget_cost)
    return post(("api", "batches", batch, "resume"), BatchRecord, body, repeatable=True)


def cancel(batch: str) -> Request[BatchRecord]:
    """Cancel a batch, and those of its items that run."""
    return post(("api", "batches", batch, "cancel"), BatchRecord, repeatable=True)


def retry(batch: str) -> Request[RetryBatchResponse]:
    """Have the failed items of a batch done again."""
    return post(("api", "batches", batch, "retry"), RetryBatchResponse)


def outcome(batch: str, kind: str = "jsonl") -> Request[bytes]:
    """Download what became of each item of a batch, as one table.

    Args:
        batch: The batch's id or name.
        kind: ``jsonl``, ``csv`` or ``parquet``.
    """
    segments = path("api", "batches", batch, "outcome")
    return Request("GET", segments, bytes, query(format=kind), repeatable=True)
