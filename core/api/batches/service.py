"""The batches as the caller's tenant has them."""

from typing import Annotated

from fastapi import Depends, Request

from perdure.api.access.requirements import Quota
from perdure.api.routes.dependencies import service_of
from perdure.temporal.batches.service import BatchService


async def _batches(request: Request, quota: Quota) -> BatchService:
    return BatchService(service_of(request), quota.take if quota is not None else None)


Batches = Annotated[BatchService, Depends(_batches)]
