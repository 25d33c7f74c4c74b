"""Worker versioning: which version of the workers gets the goals.

Temporal knows workers that were given a build id apart by it, and hands goals to those of one
version, the current one.
"""

import asyncio
from typing import Final

import structlog
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.temporal.client.connection import RPC_TIMEOUT

DEPLOYMENT: Final = "perdure"
# The server hears of a version when its first worker asks for work.
HEARD_SECONDS: Final = 30.0
_LOOK_AGAIN: Final = 0.2
_NOT_YET: Final = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION})

log = structlog.get_logger()


async def current_build(client: Client) -> str | None:
    """Return the build id of the current version; ``None`` when no version is current.

    Raises:
        RPCError: The server does not answer.
    """
    request = DescribeWorkerDeploymentRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT
    )
    try:
        answer = await client.workflow_service.describe_worker_deployment(
            request, timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    routing = answer.worker_deployment_info.routing_config
    return routing.current_deployment_version.build_id or None


async def make_current(client: Client, build_id: str, *, instead_of_another: bool) -> None:
    """Let the workers of a version get the goals, new ones and those under way.

    Args:
        client: A client.
        build_id: The version's build id; a worker of it must be running.
        instead_of_another: Whether to take over from a version that is current.

    Raises:
        RPCError: The server does not answer, or has heard of no such worker for half a minute.
    """
    current = await current_build(client)
    if current == build_id:
        return
    if current is not None and not instead_of_another:
        log.warning(
            "another version is current, which gets the goals: start with --make-current to"
            " change that",
            current=current,
            build_id=build_id,
        )
        return
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=build_id,
        ignore_missing_task_queues=True,
    )
    clock = asyncio.get_running_loop().time
    deadline = clock() + HEARD_SECONDS
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(
                request, timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status not in _NOT_YET or clock() > deadline:
                raise
            await asyncio.sleep(_LOOK_AGAIN)
        else:
            log.info("version is current", build_id=build_id)
            return
