"""Batches over HTTP: handing them in with their items, and what is answered."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from perdure.models import MAX_DESCRIPTION_CHARACTERS, Budget, Parameters
from perdure.models.base import RequestModel
from perdure.models.batches import (
    MAX_PARALLEL,
    AddedItems,
    BatchName,
    BatchRecord,
    BatchSettings,
    ItemRecord,
)
from perdure.models.goals import DEFAULT_PRIORITY, AgentName, PoolName, Priority
from perdure.schemas.goals import BudgetRequest

MAX_ITEMS = 10_000


class ItemSource(RequestModel):
    """Lines or rows with an item in each, or the objects of a bucket.

    Attributes:
        upload: The `path` that `POST /api/uploads` returned for a file of lines.
        text: The lines themselves.
        prefix: Where the objects are, such as ``s3://inbox/invoices/``: each below it is an item,
            known by its address, and is copied to the uploads.
        parameter: The parameter that takes an object of `prefix`, as a file.
        format: What the lines are. ``jsonl``: each is an object with `key`, `description`,
            `parameters`. ``csv``: the first row names the columns.
        columns: For a column of CSV the parameter that it is, or `@key`, or `@description`. When
            not given, each is the parameter of its name, but `key` and `description` are these.
    """

    upload: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    text: str | None = None
    prefix: Annotated[str, StringConstraints(max_length=1_500)] | None = None
    parameter: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    format: Literal["jsonl", "csv"] | None = None
    columns: dict[str, str] | None = None

    @model_validator(mode="after")
    def _has_items(self) -> Self:
        if sum(given is not None for given in (self.upload, self.text, self.prefix)) != 1:
            raise ValueError("give an upload, or a text, or a prefix, and one of them alone")
        if self.prefix is None and (self.format is None or self.parameter is not None):
            raise ValueError("give the format of the lines, and a parameter for a prefix alone")
        if self.prefix is not None and (self.parameter is None or self.format or self.columns):
            raise ValueError("give the parameter that takes an object of the prefix, and no format")
        return self


class AddItemsRequest(RequestModel):
    """Items for a batch: one by one, or as lines.

    Attributes:
        items: Each with `description` and `parameters`, where it has its own, and a `key` by which
            it is known: handed in again, it is done and paid once. Without one it is known by what
            it asks for.
        source: The lines.
    """

    items: Annotated[list[dict[str, Any]], Field(max_length=MAX_ITEMS)] | None = None
    source: ItemSource | None = None

    @model_validator(mode="after")
    def _has_items(self) -> Self:
        if (self.items is None) == (self.source is None):
            raise ValueError("give items, or a source, and not both")
        return self


class BatchRequest(AddItemsRequest):
    """A batch: what all its items share, and the items.

    Attributes:
        name: Your own name for it. With the name and the settings of a batch that is there, the
            items are added to it, and those that it has are left out.
        agent_type: The agent that does each item.
        description: What it is to achieve, for items that do not say it.
        parameters: Its parameters, for items that give no others.
        budget: What each item may use at most.
        pool: The pool of workers that runs the items.
        priority: Before which other goals the items go: 1 first, 5 last.
        max_parallel: How many items run at once, at most.
        per_second: How many items are started a second, at most.
        ordered: Whether an item starts only when the one before it has ended.
        stop_after_failures: After so many failed items none is started any more.
        budget_cost: US dollars that all items together may use.
    """

    name: BatchName
    agent_type: AgentName
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION_CHARACTERS)] = ""
    parameters: Parameters = Field(default_factory=dict)
    budget: BudgetRequest | None = None
    pool: PoolName | None = None
    priority: Priority = DEFAULT_PRIORITY
    max_parallel: int = Field(10, ge=1, le=MAX_PARALLEL)
    per_second: float | None = Field(None, gt=0, allow_inf_nan=False)
    ordered: bool = False
    stop_after_failures: int | None = Field(None, ge=1)
    budget_cost: float | None = Field(None, gt=0, allow_inf_nan=False)

    @property
    def settings(self) -> BatchSettings:
        """What all items share."""
        given = {name: getattr(self, name) for name in BatchSettings.model_fields}
        if self.budget is not None:
            given["budget"] = Budget.model_validate(self.budget.model_dump())
        return BatchSettings(**given)


class BatchResponse(BaseModel):
    """A batch, and what became of the items that were handed in."""

    batch: BatchRecord
    items: AddedItems


class ResumeBatchRequest(RequestModel):
    """How a batch goes on.

    Attributes:
        budget_cost: US dollars that its items may use, with what they have used.
    """

    budget_cost: float | None = Field(None, gt=0, allow_inf_nan=False)


class RetryBatchResponse(BaseModel):
    """A batch whose failed items are done again.

    Attributes:
        batch: The batch.
        retried: How many items.
    """

    batch: BatchRecord
    retried: int


class BatchPage(BaseModel):
    """One page of batches, newest first.

    Attributes:
        batches: The batches.
        before: Hand it in as ``before`` to get the next page; ``None`` when this is the last.
    """

    batches: list[BatchRecord]
    before: str | None


class ItemPage(BaseModel):
    """One page of a batch's items, in the order in which they were handed in.

    Attributes:
        items: The items.
        after: Hand it in as ``after`` to get the next page; ``None`` when this is the last.
    """

    items: list[ItemRecord]
    after: int | None
