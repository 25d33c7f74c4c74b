"""What a run does, waits for and has used, as the command line and the API show it."""

from perdure.models import GoalRecord, GoalStatus
from perdure.schemas.steps import GoalDetails, WaitDetails
from perdure.stores import Stores
from perdure.stores.journal.waits import OpenWait


async def goal_details(stores: Stores, workflow_id: str) -> GoalDetails:
    """Return a run's last steps, what it has used, what it waits for, and what is unknown.

    Raises:
        UnknownGoal: There is no such run.
    """
    record = await stores.goals.get(workflow_id)
    waits = [] if record.status.final else await stores.waits.pending(workflow_id)
    return GoalDetails(
        steps=await stores.events.recent_steps(workflow_id),
        spending=await stores.ledger.of(workflow_id),
        waits=[_wait(wait) for wait in waits],
        unknown_steps=await stores.once_steps.unknown(workflow_id),
        missing_pool=await missing_pool(stores, record),
        decisions=await stores.events.policy_decisions(workflow_id),
    )


async def missing_pool(stores: Stores, record: GoalRecord) -> str | None:
    """Return the pool of workers that is to run a goal, where no worker of it is there."""
    if record.status is GoalStatus.RUNNING and record.pool not in await stores.workers.pools():
        return record.pool
    return None


def _wait(wait: OpenWait) -> WaitDetails:
    return WaitDetails(
        wait_id=wait.wait_id,
        kind=wait.kind,
        about=wait.about,
        number=wait.number,
        workflow_id=wait.child,
        until=wait.until,
        opened_at=wait.opened_at,
        over=wait.is_over,
    )
