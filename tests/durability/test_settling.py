"""A ``once`` step of unknown outcome is settled by a person, and the goal goes on from there."""

import shlex

import pytest
from pydantic import JsonValue

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from perdure.stores.database import retry
from tests.support.installation import Install, Installation
from tests.support.journal_outage import Journal

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEP = "send the mail"


class Mailer:
    """Sends a mail, in the first execution while the journal is away."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.looked: list[str] = []
        self.sent: list[str] = []

    async def look(self) -> str:
        self.looked.append("looked")
        return "ann"

    async def send(self, to: str) -> list[int]:
        self.sent.append(to)
        if len(self.sent) == 1:
            self.journal.take_away()
        return [len(self.sent)]

    async def agent(self, run: Run, goal: Goal) -> Result:
        to = await run.step("look", self.look)
        numbers = await run.step(STEP, self.send, to, once=True)
        return Result(summary="sent", data={"numbers": numbers})


@pytest.fixture
def mailer(monkeypatch: pytest.MonkeyPatch) -> Mailer:
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.2)
    return Mailer()


async def fail(install: Install, mailer: Mailer) -> tuple[Installation, str]:
    """Let the goal fail because nobody knows whether the mail was sent."""
    here = await install(AgentSpec(name="mailer", description="", agent=mailer.agent))
    mailer.journal.here = here
    workflow_id = await here.start("mailer")
    await here.until_history_has(workflow_id, "timer_started_event_attributes")
    mailer.journal.put_back()
    _, record = await here.finish(workflow_id)
    assert record.status is GoalStatus.FAILED
    assert record.error is not None
    assert record.error.type == "OutcomeUnknown"
    command = f"perdure goals settle {workflow_id} --step {shlex.quote(STEP)}"
    assert command in record.error.message
    assert f"perdure goals retry {workflow_id}" in record.error.message
    return here, workflow_id


async def settle(here: Installation, workflow_id: str, done: bool, value: JsonValue = None) -> None:
    (step,) = await here.stores.once_steps.unknown(workflow_id)
    assert (step.step, step.number) == (STEP, 1)
    await here.stores.once_steps.settle(workflow_id, STEP, by="ann", done=done, value=value)


async def test_what_was_done_is_not_done_again(install: Install, mailer: Mailer) -> None:
    here, workflow_id = await fail(install, mailer)
    # A retry alone finds out nothing.
    await here.service.control.retry(workflow_id)
    assert (await here.finish(workflow_id))[1].status is GoalStatus.FAILED

    await settle(here, workflow_id, True, [17])
    await here.service.control.retry(workflow_id)
    output, record = await here.finish(workflow_id)

    assert output.success
    assert record.result is not None
    assert record.result.data == {"numbers": [17]}
    assert mailer.sent == ["ann"]
    assert mailer.looked == ["looked"]
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.index("run.failed") < types.index("step.settled") < types.index("run.completed")
    await here.replay(workflow_id, "settled")


async def test_what_was_not_done_is_done(install: Install, mailer: Mailer) -> None:
    here, workflow_id = await fail(install, mailer)

    await settle(here, workflow_id, False)
    await here.service.control.retry(workflow_id)
    output, record = await here.finish(workflow_id)

    assert output.success
    assert record.result is not None
    assert record.result.data == {"numbers": [2]}
    assert mailer.sent == ["ann", "ann"]
    assert mailer.looked == ["looked"]


async def test_a_value_of_another_type_can_be_corrected(install: Install, mailer: Mailer) -> None:
    """Or a slip of the person would make the goal fail for ever."""
    here, workflow_id = await fail(install, mailer)
    await settle(here, workflow_id, True, "message 17")
    await here.service.control.retry(workflow_id)
    _, record = await here.finish(workflow_id)
    assert record.error is not None
    assert record.error.type == "OutcomeUnknown"
    assert "was settled with a value that does not fit" in record.error.message
    assert "-> list[int]" in record.error.message

    await settle(here, workflow_id, True, [17])
    await here.service.control.retry(workflow_id)
    output, _ = await here.finish(workflow_id)

    assert output.success
    assert mailer.sent == ["ann"]
