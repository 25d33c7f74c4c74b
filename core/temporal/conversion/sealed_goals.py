"""Finds goals under way that this process could not go on with: it lacks the key of their input."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final, NamedTuple

from temporalio.client import Client
from temporalio.service import RPCError

from perdure.encryption.cipher import Tampered
from perdure.encryption.keyring import KeyMissing
from perdure.messages import WORKFLOW_TYPE

_MAX_LISTED: Final = 1_000
_RPC_TIMEOUT: Final = timedelta(seconds=5)


class SealedGoal(NamedTuple):
    """A goal under way whose input does not open.

    Attributes:
        workflow_id: The run.
        reason: Why, in a sentence.
    """

    workflow_id: str
    reason: str


async def find_sealed_goals(client: Client) -> list[SealedGoal]:
    """Return those whose input does not open, of the newest goal and the oldest of a thousand.

    The oldest are those that lack a key first, when one was taken away too soon.
    """
    query = f'WorkflowType = "{WORKFLOW_TYPE}" AND ExecutionStatus = "Running"'
    try:
        listed = client.list_workflows(query, limit=_MAX_LISTED, rpc_timeout=_RPC_TIMEOUT)
        runs = [(found.id, found.run_id) async for found in listed]
        return [found async for found in _sealed(client, [*runs[:1], *runs[1:][-1:]])]
    except RPCError:  # it has just ended, or the server is away, which other checks say
        return []


async def _sealed(client: Client, runs: list[tuple[str, str]]) -> AsyncIterator[SealedGoal]:
    for workflow_id, run_id in runs:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        events = handle.fetch_history_events(page_size=1, rpc_timeout=_RPC_TIMEOUT)
        first = await anext(aiter(events))
        given = first.workflow_execution_started_event_attributes.input.payloads
        try:
            if client.data_converter.payload_codec is not None:
                await client.data_converter.payload_codec.decode(given)
        except (KeyMissing, Tampered) as error:
            yield SealedGoal(workflow_id, str(error))
