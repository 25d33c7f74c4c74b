"""Goals whose steps return much: an execution that goes on has it from object storage."""

import asyncio
from collections import Counter

import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from tests.support.installation import Install
from tests.support.object_storage import ObjectStorage

pytestmark = pytest.mark.asyncio(loop_scope="session")

DONE: Counter[str] = Counter()
LENGTH = 600_000


def read(name: str) -> list[str]:
    DONE[name] += 1
    return [name * LENGTH, "end"]


async def reader(run: Run, goal: Goal) -> Result:
    before = await run.step("read", read, "a")
    await run.approve("Go on?")
    after = await run.step("read", read, "b")
    return Result(summary=f"{len(before[0])} {before[1]} {after[0][:3]}")


READER = AgentSpec(name="reader", description="Reads.", agent=reader)


async def test_a_goal_goes_on_with_a_large_value(
    install: Install, object_storage: ObjectStorage
) -> None:
    DONE.clear()
    here = await install(READER, artifacts_url=object_storage.url)
    workflow_id = await here.start("reader")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    (stored,) = object_storage.objects()
    assert stored.stat().st_size > LENGTH
    # It goes on once the bucket is there again.
    await object_storage.stop()
    await here.answer(workflow_id, "Go on?")
    await asyncio.sleep(3)  # as long as it is away
    assert (await here.stores.goals.get(workflow_id)).status is not GoalStatus.FAILED
    await object_storage.start()
    output, record = await here.finish(workflow_id)
    assert output.success, record.error
    assert record.result is not None
    assert record.result.summary == f"{LENGTH} end bbb"
    assert DONE == {"a": 1, "b": 1}
    assert len(object_storage.objects()) == 2


async def test_a_goal_whose_value_was_altered_fails_and_says_so(
    install: Install, object_storage: ObjectStorage
) -> None:
    DONE.clear()
    here = await install(READER, artifacts_url=object_storage.url)
    workflow_id = await here.start("reader")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    (stored,) = object_storage.objects()
    content = stored.read_bytes()
    stored.write_bytes(content.replace(b"a", b"z", 1))
    await here.answer(workflow_id, "Go on?")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.error is not None
    assert "the journaled value of step 'read' cannot be read" in record.error.message
    assert "has another content by now" in record.error.message
    assert DONE == {"a": 1}
