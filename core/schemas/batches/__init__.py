"""What the API takes and returns of batches."""

from perdure.schemas.batches.requests import (
    AddItemsRequest,
    BatchPage,
    BatchRequest,
    BatchResponse,
    ItemPage,
    ItemSource,
    ResumeBatchRequest,
    RetryBatchResponse,
)

__all__ = [
    "AddItemsRequest",
    "BatchPage",
    "BatchRequest",
    "BatchResponse",
    "ItemPage",
    "ItemSource",
    "ResumeBatchRequest",
    "RetryBatchResponse",
]
