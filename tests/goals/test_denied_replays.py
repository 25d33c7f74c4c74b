"""Goals that the policy has denied replay to the denial."""

from pathlib import Path

import pytest

from perdure.agents import AgentSpec, Goal, PolicyDenied, Result, Run
from perdure.models import GoalStatus
from perdure.replays.execution import replay_run
from perdure.schemas.replays.replay import Replay
from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")


def look() -> str:
    return "looked"


def pay() -> str:
    raise AssertionError("a rule denies it")


async def desk(run: Run, goal: Goal) -> Result:
    await run.step("look", look)
    await run.step("pay", pay)
    return Result(summary="paid")


async def careful(run: Run, goal: Goal) -> Result:
    await run.step("look", look)
    try:
        await run.step("pay", pay)
    except PolicyDenied:
        return Result(summary="not paid")
    return Result(summary="paid")


async def without(run: Run, goal: Goal) -> Result:
    await run.step("look", look)
    return Result(summary="paid nothing")


async def denied(install: Install, tmp_path: Path, rule: str, agent: object) -> Installation:
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"default: allow\nrules:\n  - {rule}\n")
    spec = AgentSpec(name="desk", description="", agent=agent)  # type: ignore[arg-type]
    return await install(spec, policy=rules)


async def replayed(here: Installation, workflow_id: str, agent: object) -> Replay:
    recording = await here.stores.recordings.of(await here.stores.goals.get(workflow_id))
    spec = AgentSpec(name="desk", description="", agent=agent)  # type: ignore[arg-type]
    return await replay_run(spec, recording, here.stores.contents)


NO_PAY = "{name: no pay, when: {step: pay}, then: deny}"


async def test_a_goal_that_failed_with_a_denied_step_replays_to_its_denial(
    install: Install, tmp_path: Path
) -> None:
    here = await denied(install, tmp_path, NO_PAY, desk)
    workflow_id = await here.start("desk")
    _, record = await here.finish(workflow_id)
    assert record.status is GoalStatus.FAILED
    assert record.error is not None
    found = await replayed(here, workflow_id, desk)
    assert found.same, found
    assert (found.end, found.message) == ("failed", record.error.message)
    assert [(step.name, step.status) for step in found.steps] == [
        ("look#1", "same"),
        ("pay#1", "same"),
    ]
    for other, end in ((careful, "completed"), (without, "completed")):
        differing = await replayed(here, workflow_id, other)
        assert (differing.same, differing.end) == (False, end)


async def test_a_goal_that_did_without_a_denied_step_replays_to_the_same(
    install: Install, tmp_path: Path
) -> None:
    here = await denied(install, tmp_path, NO_PAY, careful)
    workflow_id = await here.start("desk")
    output, _ = await here.finish(workflow_id)
    assert output.success
    found = await replayed(here, workflow_id, careful)
    assert found.same, found
    assert found.end == "completed"


async def test_a_goal_that_was_denied_itself_begins_in_no_replay_either(
    install: Install, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("default: allow\n")
    spec = AgentSpec(name="desk", description="", agent=desk)
    here = await install(spec, work=False, policy=rules)
    workflow_id = await here.start("desk")
    # By the rules of when a worker takes it up: handed in, it was allowed.
    rules.write_text("default: allow\nrules:\n  - {name: none, when: {agent: desk}, then: deny}\n")
    async with here.worker():
        _, record = await here.finish(workflow_id)
    assert record.error is not None
    assert record.error.type == "PolicyDenied"
    found = await replayed(here, workflow_id, desk)
    assert found.same, found
    assert (found.end, found.message, found.steps) == ("failed", record.error.message, ())
