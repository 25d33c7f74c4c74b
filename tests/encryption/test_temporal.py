"""What Temporal keeps of goals where there are keys: its own database is read for their words."""

import asyncio
import hashlib
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.models import GoalStatus
from perdure.temporal.server.development_server import DevelopmentServer
from tests.encryption.conftest import NEW, UseKeys
from tests.support.installation import Install, Installation
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Each is said at one place only, so that a place that is forgotten is known by its word.
DESCRIPTION, PARAMETER, PROGRESS = "marzipan", "quicksilver", "saltpetre"
FAILURE, RETRIED, QUESTION, REASON = "gunpowder", "verdigris", "turpentine", "vermilion"
DELEGATED, SIGNALLED, RESULT, TERMINATED = "gamboge", "orpiment", "smalt", "malachite"
TENANT = "cinnabar"
# What somebody would look for who knows the names of tenants.
GUESSED = hashlib.sha256(TENANT.encode()).hexdigest()[:16]
WORDS = (
    *(DESCRIPTION, PARAMETER, PROGRESS, FAILURE, RETRIED, QUESTION, REASON),
    *(DELEGATED, SIGNALLED, RESULT, TERMINATED, TENANT, GUESSED),
)
# Those that Temporal never gets at all.
KEPT_HERE = {QUESTION, REASON, SIGNALLED}


class TellParameters(BaseModel):
    what: str = ""


async def tell(run: Run, goal: Goal) -> Result:
    match goal.description.partition(" ")[0]:
        case "asks":
            await run.approve(f"Sell the {QUESTION}?")
            await run.wait_for("deliver")
            await run.delegate("tell", f"part {DELEGATED}")
        case "works":
            await run.progress(50, PROGRESS)
            await asyncio.Event().wait()
        case "fails":
            raise ValueError(f"no {RETRIED}")
        case "refuses":
            raise InputError(f"no {FAILURE}: ask for something else")
    return Result(summary=RESULT)


TELL = AgentSpec(name="tell", description="", agent=tell, parameters=TellParameters)


async def start(here: Installation, description: str, goal_id: str) -> str:
    parameters = {"what": PARAMETER}
    goal = Goal(
        goal_id=goal_id,
        description=description,
        agent_type="tell",
        parameters=parameters,
        tenant=TENANT,
    )
    workflow_id = await here.service.start(goal)
    here.started.append(workflow_id)
    return workflow_id


async def until_heartbeat(here: Installation, workflow_id: str) -> None:
    async def has_details() -> bool:
        described = (await here.handle(workflow_id).describe()).raw_description
        return any(one.HasField("heartbeat_details") for one in described.pending_activities)

    await until_async(has_details, "a heartbeat with details")


async def say_every_word(here: Installation) -> None:
    """Run goals that ask, wait, delegate, fail, are cancelled and are terminated."""
    asking = await start(here, f"asks {DESCRIPTION}", "open-ledger")
    failing = await start(here, "fails", "failing")
    refused = await start(here, "refuses", "refused")
    cancelled, terminated = [await start(here, "works", name) for name in ("stopped", "ended")]
    approval = await here.question(asking, f"Sell the {QUESTION}?")
    assert approval.approval_id
    await here.answer(asking, f"Sell the {QUESTION}?", by=REASON)
    await here.signal(asking, "deliver", SIGNALLED)
    for run in (cancelled, terminated):
        await until_heartbeat(here, run)
    await here.service.control.cancel(cancelled)
    await here.service.control.terminate(terminated, f"too much {TERMINATED}")
    output, record = await here.finish(asking)
    assert output.success
    assert record.result is not None
    assert record.result.summary == RESULT
    _, record = await here.finish(failing)
    assert record.error is not None
    assert RETRIED in record.error.message
    _, record = await here.finish(refused)
    assert record.error is not None
    assert FAILURE in record.error.message
    await here.until_status(cancelled, GoalStatus.CANCELLED)
    # Histories that are sealed replay like others.
    await here.replay(asking, "sealed")
    await here.replay(failing, "sealed")


async def test_temporal_sees_no_word_of_a_goal(
    own_server: DevelopmentServer,
    install: Install,
    temporal_has: Callable[[str], bool],
    use_keys: UseKeys,
) -> None:
    use_keys(NEW)
    await say_every_word(await install(TELL, address=own_server.address))
    assert [word for word in WORDS if temporal_has(word)] == []
    # What is documented to be in the clear.
    for word in ("open-ledger", "ai-agent-queue", "AgentGoalWorkflow", "2026"):
        assert temporal_has(word)


async def test_without_keys_it_sees_them(
    own_server: DevelopmentServer,
    install: Install,
    temporal_has: Callable[[str], bool],
    use_keys: UseKeys,
) -> None:
    """The test above can fail."""
    use_keys()
    await say_every_word(await install(TELL, address=own_server.address))
    seen = {word for word in WORDS if temporal_has(word)}
    assert seen == set(WORDS) - KEPT_HERE
