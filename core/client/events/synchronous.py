"""Events of a run, as the sync client yields them."""

import time
from collections.abc import Iterator

from perdure.client.connection.errors import ClientError
from perdure.client.connection.synchronous import Connection
from perdure.client.events.following import Following, past_event
from perdure.client.requests import goals
from perdure.models import Event


def follow(connection: Connection, workflow_id: str, after: int) -> Iterator[Event]:
    """Yield a run's events as they happen, over as many connections as it takes."""
    following = Following(workflow_id, after)
    attempts = connection.attempts(repeatable=True)
    while True:
        try:
            with connection.open(following.request()) as stream:
                for piece in stream.pieces():
                    for event in following.received(piece):
                        attempts.succeeded()
                        if event is not None:
                            yield event
            if following.is_over():
                return
            record = connection.send(goals.show(workflow_id))
            if record.status.final and following.has_all(
                record, connection.send(goals.timeline(workflow_id))
            ):
                return
            raise following.interruption(connection.url)
        except ClientError as error:
            time.sleep(attempts.delay(error))


def past(connection: Connection, workflow_id: str, after: int) -> Iterator[Event]:
    """Yield the events that a run has had so far."""
    attempts = connection.attempts(repeatable=True)
    number = after
    while True:
        try:
            rest = b""
            with connection.open(goals.past_events(workflow_id)) as stream:
                for piece in stream.pieces():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        if event := past_event(line, number):
                            number = event.number
                            yield event
        except ClientError as error:
            time.sleep(attempts.delay(error))
        else:
            return
