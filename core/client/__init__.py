"""The client of the HTTP API, typed, sync and async.

Both have the same methods, which return the models that the API answers with::

    from perdure.client import Client

    with Client("https://perdure.example", api_key="…") as client:
        record = client.goals.run("research", "What is WAL?")
        print(record.result.summary)
"""

from perdure.client.async_client import AsyncClient
from perdure.client.connection.errors import (
    ApiError,
    ClientError,
    Conflict,
    FileDamaged,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerFailed,
    ServerUnreachable,
    Unauthenticated,
    Unavailable,
    UnexpectedResponse,
)
from perdure.client.sync_client import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Conflict",
    "FileDamaged",
    "Forbidden",
    "InvalidRequest",
    "NotFound",
    "RateLimited",
    "ServerFailed",
    "ServerUnreachable",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedResponse",
]
