"""Recovery: reassigns at once what a dead worker was executing.

Temporal would notice after the heartbeat timeout, half a minute, and wait ten seconds more for the
dead worker's own task queue.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.messages import ExecuteOutput
from perdure.temporal.client.connection import RPC_TIMEOUT, is_away
from perdure.temporal.worker.task_register import RegisteredTask, dead_workers_registers

MAX_CONCURRENT: Final = 50
# Until the server knows that the dead worker's connections are closed, and those of others that die
# with it: it would dispatch the goal's next task to them, and wait ten seconds for an answer.
# Without this pause that happened in 7 of 14 cases in which a whole pool was killed, with it in 0.
DISCONNECT_SECONDS: Final = 0.1

log = structlog.get_logger()


async def recover(client: Client, home: Path) -> int:
    """Reassign every goal whose worker on this machine is dead.

    The execution is completed by its task token as one that yielded: it uses up no attempt, and
    when Temporal has started another one meanwhile the token is refused, as it should be.

    Returns:
        How many goals were reassigned. Those that could not be, because the server does not answer,
        are left for the next call.
    """
    reassigned = 0
    for path, tasks in dead_workers_registers(home):
        if tasks:
            await asyncio.sleep(DISCONNECT_SECONDS)
        limit = asyncio.Semaphore(MAX_CONCURRENT)
        outcomes = await asyncio.gather(*(_reassign(client, task, limit) for task in tasks))
        if None in outcomes:
            continue
        path.unlink(missing_ok=True)
        lost = sum(outcome is True for outcome in outcomes)
        reassigned += lost
        if lost:  # one that drained and ended leaves what it has just finished
            log.warning("worker lost, its goals go on", goals=lost)
    return reassigned


async def _reassign(client: Client, task: RegisteredTask, limit: asyncio.Semaphore) -> bool | None:
    """Return whether the goal was reassigned; ``None`` when the server does not answer."""
    async with limit:
        try:
            await _reset_sticky_task_queue(client, task)
            handle = client.get_async_activity_handle(task_token=task.token)
            await handle.complete(ExecuteOutput(yielded=True, lost=True), rpc_timeout=RPC_TIMEOUT)
        except AsyncActivityCancelledError:
            return True
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            if is_away(error):
                return None
            log.warning("not reassigned", workflow_id=task.workflow_id, message=str(error))
            return False
        except RuntimeError:  # a lazy client that cannot connect
            return None
        return True


async def _reset_sticky_task_queue(client: Client, task: RegisteredTask) -> None:
    execution = WorkflowExecution(workflow_id=task.workflow_id, run_id=task.run_id)
    request = ResetStickyTaskQueueRequest(namespace=client.namespace, execution=execution)
    await client.workflow_service.reset_sticky_task_queue(request, timeout=RPC_TIMEOUT)
