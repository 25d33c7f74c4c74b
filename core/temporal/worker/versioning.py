"""Worker versioning: which version of the workers gets the goals.

A worker with a build id belongs to that version, and Temporal dispatches goals to the workers of
one version, the current one. Temporal's worker controller for Kubernetes names a worker's version
itself, and makes versions current as its rollouts go.
"""

import asyncio
import os
from typing import Final

import structlog
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode

from perdure.models import DEFAULT_POOL
from perdure.settings import Settings
from perdure.temporal.client.connection import RPC_TIMEOUT

# What Temporal's worker controller sets for each worker.
CONTROLLER_DEPLOYMENT: Final = "TEMPORAL_DEPLOYMENT_NAME"
CONTROLLER_BUILD_ID: Final = "TEMPORAL_WORKER_BUILD_ID"
_DEPLOYMENT: Final = "perdure"
# The server knows a version once its first worker polls.
REGISTRATION_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.2
_NOT_YET: Final = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION})

log = structlog.get_logger()


class VersionIncomplete(Exception):
    """A worker controller's variables name half a version."""


def deployment_name(pool: str) -> str:
    """Return the name of a pool's worker deployment: each pool is deployed by itself."""
    return _DEPLOYMENT if pool == DEFAULT_POOL else f"{_DEPLOYMENT}-{pool}"


def is_controlled() -> bool:
    """Return whether a worker controller decides which version is current.

    Raises:
        VersionIncomplete: Only one of its two variables is set.
    """
    given = [name for name in (CONTROLLER_DEPLOYMENT, CONTROLLER_BUILD_ID) if os.environ.get(name)]
    if len(given) == 1:
        (missing,) = {CONTROLLER_DEPLOYMENT, CONTROLLER_BUILD_ID} - set(given)
        raise VersionIncomplete(f"{given[0]} is set and {missing} is not: set both, or neither")
    return bool(given)


def worker_version(settings: Settings) -> WorkerDeploymentVersion | None:
    """Return the version of this process's worker; ``None`` when worker versioning is off.

    What a worker controller has set goes before the settings.

    Raises:
        VersionIncomplete: Only one of a worker controller's two variables is set.
    """
    if is_controlled():
        return WorkerDeploymentVersion(
            os.environ[CONTROLLER_DEPLOYMENT], os.environ[CONTROLLER_BUILD_ID]
        )
    if not settings.build_id:
        return None
    return WorkerDeploymentVersion(deployment_name(settings.pool), settings.build_id)


async def current_build(client: Client, pool: str = DEFAULT_POOL) -> str | None:
    """Return the build id of a pool's current version; ``None`` when no version is current.

    Raises:
        RPCError: The server does not answer.
    """
    request = DescribeWorkerDeploymentRequest(
        namespace=client.namespace, deployment_name=deployment_name(pool)
    )
    try:
        response = await client.workflow_service.describe_worker_deployment(
            request, timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    routing = response.worker_deployment_info.routing_config
    return routing.current_deployment_version.build_id or None


async def make_current(
    client: Client, build_id: str, *, replace: bool, pool: str = DEFAULT_POOL
) -> None:
    """Dispatch a pool's goals, new ones and those under way, to the workers of a version.

    Args:
        client: A client.
        build_id: The version's build id; a worker of it must be running.
        replace: Whether to replace another version that is current.
        pool: The pool.

    Raises:
        RPCError: The server does not answer, or knows no such worker after half a minute.
    """
    current = await current_build(client, pool)
    if current == build_id:
        return
    if current is not None and not replace:
        log.warning(
            "another version is current, which gets the goals: start with --make-current to"
            " change that",
            current=current,
            build_id=build_id,
        )
        return
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=deployment_name(pool),
        build_id=build_id,
        ignore_missing_task_queues=True,
    )
    clock = asyncio.get_running_loop().time
    deadline = clock() + REGISTRATION_SECONDS
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(
                request, timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status not in _NOT_YET or clock() > deadline:
                raise
            await asyncio.sleep(_POLL_SECONDS)
        else:
            log.info("version is current", build_id=build_id)
            return
