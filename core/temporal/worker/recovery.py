"""Handing on at once what a dead worker was executing.

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
from perdure.temporal.worker.task_register import LostTask, registers_of_the_dead

AT_ONCE: Final = 50
# Until the server has heard that the dead worker's connections are closed, and those of others that
# die with it: it would give them the goal's next task, and wait ten seconds for an answer. Without
# this pause that happened in 7 of 14 cases in which a whole pool was killed, with it in none.
UNHEARD_SECONDS: Final = 0.1

log = structlog.get_logger()


async def recover(client: Client, home: Path) -> int:
    """Hand on every goal whose worker on this machine is dead.

    The execution is completed by its token as one that yielded: it uses up no attempt, and when
    Temporal has begun another one meanwhile the token is refused, which is well.

    Returns:
        How many goals were handed on. What could not be, because the server does not answer, stays
        for the next call.
    """
    handed_on = 0
    for path, tasks in registers_of_the_dead(home):
        if tasks:
            await asyncio.sleep(UNHEARD_SECONDS)
        places = asyncio.Semaphore(AT_ONCE)
        outcomes = await asyncio.gather(*(_hand_on(client, task, places) for task in tasks))
        if None in outcomes:
            continue
        path.unlink(missing_ok=True)
        lost = sum(outcome is True for outcome in outcomes)
        handed_on += lost
        if lost:  # one that drained and ended leaves what it has just finished
            log.warning("worker lost, its goals go on", goals=lost)
    return handed_on


async def _hand_on(client: Client, task: LostTask, places: asyncio.Semaphore) -> bool | None:
    """Return whether the goal was handed on; ``None`` when the server does not answer."""
    async with places:
        try:
            await _forget_worker(client, task)
            handle = client.get_async_activity_handle(task_token=task.token)
            await handle.complete(ExecuteOutput(yielded=True, lost=True), rpc_timeout=RPC_TIMEOUT)
        except AsyncActivityCancelledError:
            return True
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            if is_away(error):
                return None
            log.warning("not handed on", workflow_id=task.workflow_id, message=str(error))
            return False
        except RuntimeError:  # a lazy client that cannot connect
            return None
        return True


async def _forget_worker(client: Client, task: LostTask) -> None:
    execution = WorkflowExecution(workflow_id=task.workflow_id, run_id=task.run_id)
    request = ResetStickyTaskQueueRequest(namespace=client.namespace, execution=execution)
    await client.workflow_service.reset_sticky_task_queue(request, timeout=RPC_TIMEOUT)
