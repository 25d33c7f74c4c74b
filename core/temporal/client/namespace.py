"""Connects the stores with the Temporal namespace that they belong to, and with no other."""

import ipaddress
import socket
from collections.abc import Callable

import structlog
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.database.installation import Namespace
from perdure.stores.database.retry import until_available
from perdure.temporal.client.connection import (
    RPC_TIMEOUT,
    TemporalUnavailable,
    is_away,
    unavailable,
)

log = structlog.get_logger()


async def claim_namespace(
    client: Client,
    stores: Stores,
    settings: Settings,
    report: Callable[[str], None],
    *,
    embedded: bool = False,
) -> None:
    """Let the stores belong to a client's namespace, before anything is started or ended in it.

    Args:
        client: The client; it need not be connected.
        stores: The stores.
        settings: The settings.
        report: Takes a line for people when the namespace is another than before.
        embedded: The server is the one that keeps its state in the home folder.

    Raises:
        OtherNamespace: They belong to another.
        TemporalUnavailable: The server does not answer.
        StoreUnavailable: The stores do not answer.
    """
    address = client.service_client.config.target_host
    try:
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
    # A lazy client that cannot connect raises RuntimeError.
    except (RPCError, RuntimeError) as error:
        if not isinstance(error, RPCError) or is_away(error):
            raise unavailable(address, error) from error
        # A server that does not let everybody see this.
        log.warning("the namespace is not checked", namespace=client.namespace, reason=str(error))
        return
    server = str(settings.home) if embedded else address
    if not stores.database.is_sqlite and (embedded or _is_loopback(address)):
        # Each machine has such a server, and the database may serve several machines.
        server = f"{server} on {socket.gethostname()}"
    namespace = Namespace(client.namespace, described.namespace_info.id, server)
    adopt = settings.adopt_namespace == namespace.id
    replaced = await stores.installation.claim(namespace, adopt=adopt)
    if replaced is not None:
        report(
            f"the stores belonged to the Temporal namespace {replaced}, and from now on to"
            f" {namespace}: goals that were under way in the old one fail, and perdure goals retry"
            " picks them up"
        )


async def claim_when_up(
    client: Client,
    stores: Stores,
    settings: Settings,
    report: Callable[[str], None],
    *,
    embedded: bool = False,
) -> None:
    """Do the same as soon as server and stores answer; return when they have.

    A line for people says what is waited for, at first and every minute.

    Raises:
        OtherNamespace: The stores belong to another namespace.
    """
    await until_available(
        lambda: claim_namespace(client, stores, settings, report, embedded=embedded),
        (TemporalUnavailable, StoreUnavailable),
        report,
    )


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
