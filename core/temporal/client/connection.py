"""The connection to Temporal: Temporal's own settings, one client a process."""

import asyncio
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.common import HeaderCodecBehavior
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

from perdure.encryption.cipher import Cipher
from perdure.encryption.loading import load_cipher
from perdure.settings import Settings
from perdure.stores.database.retry import until_available
from perdure.temporal.conversion.data_converter import data_converter

CONNECT_SECONDS: Final = 10
RPC_TIMEOUT: Final = timedelta(seconds=5)
_RETRY: Final = RetryConfig(max_elapsed_time_millis=3_000)
_UNREACHABLE: Final = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
}


# A part of the SDK's messages, and what it means.
_REASONS: Final = (
    ("ConnectionRefused", "nothing listens there"),
    ("dns error", "the name of the host is not known"),
    ("TimedOut", "it does not answer in time"),
    ("deadline", "it does not answer in time"),
)


class TemporalUnavailable(Exception):
    """The Temporal server does not answer."""


class ConfigurationFailed(Exception):
    """Temporal's own settings cannot be read."""


def configured_address() -> str | None:
    """Return the address that ``TEMPORAL_ADDRESS`` or a Temporal profile names, if any.

    Raises:
        ConfigurationFailed: Temporal's own settings cannot be read.
    """
    return _configuration().get("target_host")


async def connect_when_up(
    address: Callable[[], str | None], report: Callable[[str], None]
) -> Client:
    """Return a client once a server answers, however long that takes.

    Args:
        address: Returns what :func:`connect` is to connect to; called before each try.
        report: Takes a line for people, at first and every minute.

    Raises:
        ConfigurationFailed: Temporal's own settings cannot be read.
    """
    return await until_available(lambda: connect(address()), (TemporalUnavailable,), report)


async def connect(address: str | None = None, *, lazy: bool = False) -> Client:
    """Return a client that converts Pydantic models, and seals what it sends.

    Where ``PERDURE_ENCRYPTION_KEYS`` is set, that is: here, so that no client can be without.

    Args:
        address: ``host:port``; when not given, what Temporal's own settings say, and
            ``localhost:7233`` when they say nothing.
        lazy: Connect at the first call; a worker needs a client that is connected.

    Raises:
        TemporalUnavailable: No server answers there.
        ConfigurationFailed: Temporal's own settings cannot be read.
        KeysUnreadable: The keys cannot be read.
    """
    cipher = await _cipher(Settings().encryption_keys)
    headers = HeaderCodecBehavior.NO_CODEC if cipher is None else HeaderCodecBehavior.CODEC
    config = _configuration()
    if address is not None and address != config.get("target_host"):
        # A server of our own: namespace, key and TLS of the settings are meant for another.
        config = {"target_host": address}
    config.setdefault("target_host", "localhost:7233")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(
                **config,
                data_converter=data_converter(cipher),
                header_codec_behavior=headers,
                retry_config=_RETRY,
                lazy=lazy,
            )
    except (RuntimeError, ValueError, OSError) as error:  # what the SDK raises, time-outs included
        raise unavailable(config["target_host"], error) from error


async def _cipher(source: str) -> Cipher | None:
    return await asyncio.to_thread(load_cipher, source) if source else None


def _configuration() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        # A message about a file shows the place in it, over several lines.
        reason = re.sub(r"\s+", " ", str(error).strip())[:200]
        profile = os.environ.get("TEMPORAL_PROFILE")
        advice = f"TEMPORAL_PROFILE, which is {profile!r}" if profile else "the settings TEMPORAL_*"
        raise ConfigurationFailed(
            f"Temporal's settings cannot be read ({reason}): correct {advice}, or the file that"
            " TEMPORAL_CONFIG_FILE names"
        ) from error


def unavailable(address: str, error: Exception) -> TemporalUnavailable:
    """Return the error that says a server does not answer, in one sentence."""
    text = str(error).strip() or type(error).__name__
    reason = next((reason for part, reason in _REASONS if part in text), text.splitlines()[0][:200])
    return TemporalUnavailable(
        f"no Temporal server answers at {address} ({reason}): start one with perdure dev, or set"
        " TEMPORAL_ADDRESS"
    )


def is_away(error: RPCError) -> bool:
    """Return whether an error means that the server cannot be reached or cannot serve now."""
    return error.status in _UNREACHABLE
