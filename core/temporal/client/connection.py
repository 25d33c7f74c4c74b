"""The connection to Temporal: Temporal's own settings, one client a process."""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

CONNECT_SECONDS: Final = 10
RPC_TIMEOUT: Final = timedelta(seconds=5)
_RETRY: Final = RetryConfig(max_elapsed_time_millis=3_000)
_UNREACHABLE: Final = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
}


class TemporalUnavailable(Exception):
    """The Temporal server does not answer."""


def configured_address() -> str | None:
    """Return the address that ``TEMPORAL_ADDRESS`` or a Temporal profile names, if any."""
    return ClientConfig.load_client_connect_config().get("target_host")


async def connect(address: str | None = None, *, lazy: bool = False) -> Client:
    """Return a client that converts Pydantic models.

    Args:
        address: ``host:port``; when not given, what Temporal's own settings say, and
            ``localhost:7233`` when they say nothing.
        lazy: Connect at the first call; a worker needs a client that is connected.

    Raises:
        TemporalUnavailable: No server answers there.
    """
    config = ClientConfig.load_client_connect_config()
    if address is not None and address != config.get("target_host"):
        # A server of our own: namespace, key and TLS of the settings are meant for another.
        config = {"target_host": address}
    config.setdefault("target_host", "localhost:7233")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(
                **config,
                data_converter=pydantic_data_converter,
                retry_config=_RETRY,
                lazy=lazy,
            )
    except (RuntimeError, ValueError, OSError) as error:  # what the SDK raises, time-outs included
        raise unavailable(config["target_host"], error) from error


def unavailable(address: str, error: Exception) -> TemporalUnavailable:
    """Return the error that says a server does not answer, in one sentence."""
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return TemporalUnavailable(
        f"no Temporal server answers at {address} ({reason}): start one with perdure dev, or set"
        " TEMPORAL_ADDRESS"
    )


def is_away(error: RPCError) -> bool:
    """Return whether an error means that the server cannot be reached or cannot serve now."""
    return error.status in _UNREACHABLE
