"""Events of a run, as the async client yields them."""

import asyncio
from collections.abc import AsyncIterator

from perdure.client.connection.asynchronous import AsyncConnection
from perdure.client.connection.errors import ClientError
from perdure.client.events.following import Following, past_event
from perdure.client.requests import goals
from perdure.models import Event


async def follow(connection: AsyncConnection, workflow_id: str, after: int) -> AsyncIterator[Event]:
    """Yield a run's events as they happen, over as many connections as it takes."""
    following = Following(workflow_id, after)
    attempts = connection.attempts(repeatable=True)
    while True:
        try:
            async with connection.open(following.request()) as stream:
                async for piece in stream.pieces():
                    for event in following.received(piece):
                        attempts.succeeded()
                        if event is not None:
                            yield event
            if following.is_over():
                return
            record = await connection.send(goals.show(workflow_id))
            if record.status.final and following.has_all(
                record, await connection.send(goals.timeline(workflow_id))
            ):
                return
            raise following.interruption(connection.url)
        except ClientError as error:
            await asyncio.sleep(attempts.delay(error))


async def past(connection: AsyncConnection, workflow_id: str, after: int) -> AsyncIterator[Event]:
    """Yield the events that a run has had so far."""
    attempts = connection.attempts(repeatable=True)
    number = after
    while True:
        try:
            rest = b""
            async with connection.open(goals.past_events(workflow_id)) as stream:
                async for piece in stream.pieces():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        if event := past_event(line, number):
                            number = event.number
                            yield event
        except ClientError as error:
            await asyncio.sleep(attempts.delay(error))
        else:
            return
