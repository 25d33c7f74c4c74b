"""The notebook that the runs of a tree of delegates share."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import DelegateRequest, NotebookEntry
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.run_closed import Fenced
from perdure.messages import Wait
from perdure.models import Goal, GoalStatus
from perdure.stores import Stores, UnknownGoal
from perdure.stores.database.fencing import Claim
from perdure.stores.notebook import notebook_store


async def test_the_first_of_two_writings_counts(stores: Stores, claim: Claim) -> None:
    notebook = stores.notebook.for_execution(claim)
    assert await notebook.read("tally") == NotebookEntry(key="tally", value=None, version=0)

    assert await notebook.write("tally", 1, 0, "a") == NotebookEntry(
        key="tally", value=1, version=1
    )
    assert await notebook.write("tally", 2, 0, "b") is None
    assert await notebook.write("tally", 9, 7, "c") is None  # a version that never was
    assert await notebook.write("tally", {"a": [1, None]}, 1, "d") is not None

    assert await notebook.read("tally") == NotebookEntry(
        key="tally", value={"a": [1, None]}, version=2
    )
    assert [entry.version for entry in await stores.notebook.of(claim.workflow_id)] == [2]


async def test_done_again_a_writing_is_the_one_that_was_done(stores: Stores, claim: Claim) -> None:
    notebook = stores.notebook.for_execution(claim)
    first = await notebook.write("tally", 1, 0, "a")
    await notebook.write("tally", 2, 1, "b")

    assert await notebook.write("tally", 1, 0, "a") == first
    assert (await notebook.read("tally")).value == 2


async def test_of_many_at_once_none_is_lost(stores: Stores, claim: Claim) -> None:
    notebook = stores.notebook.for_execution(claim)

    async def add(number: int) -> None:
        for tried in range(1_000):
            entry = await notebook.read("tally")
            count = entry.value if isinstance(entry.value, int) else 0
            token = f"{number}-{tried}"
            if await notebook.write("tally", count + 1, entry.version, token) is not None:
                return
        raise AssertionError("it never got its turn")

    await asyncio.gather(*(add(number) for number in range(8)))
    entry = await notebook.read("tally")
    assert (entry.value, entry.version) == (8, 8)


async def test_a_delegate_shares_it_and_another_goal_does_not(
    stores: Stores,
    claim: Claim,
    create_run: Callable[[str], Awaitable[None]],
    start_execution: Callable[[str], Awaitable[Claim]],
) -> None:
    request = DelegateRequest("analysis", "Chart it", {})
    wait = await stores.waits.for_execution(claim).open(StepKey("part", "0" * 64, 0), request)
    assert isinstance(wait, Wait)
    assert wait.workflow_id is not None
    await create_run("other")
    below = stores.notebook.for_execution(await start_execution(wait.workflow_id))
    beside = stores.notebook.for_execution(await start_execution("other"))

    await below.write("found", "it", 0, "a")

    assert (await stores.notebook.for_execution(claim).read("found")).value == "it"
    assert (await beside.read("found")).version == 0
    assert [one.key for one in await stores.notebook.of(wait.workflow_id)] == ["found"]


async def test_who_has_lost_the_run_writes_nothing(
    stores: Stores, claim: Claim, start_execution: Callable[..., Awaitable[Claim]]
) -> None:
    await start_execution(claim.workflow_id, 2)
    with pytest.raises(Fenced):
        await stores.notebook.for_execution(claim).write("tally", 1, 0, "a")
    assert await stores.notebook.of(claim.workflow_id) == []


async def test_it_has_a_limit(
    stores: Stores, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_store, "MAX_ENTRIES", 2)
    notebook = stores.notebook.for_execution(claim)
    await notebook.write("a", 1, 0, "a")
    await notebook.write("a", 2, 1, "b")
    with pytest.raises(PermanentError, match="has 2 versions, and takes no more"):
        await notebook.write("b", 1, 0, "c")


async def test_it_goes_with_the_goal_at_the_top_and_is_its_tenants(stores: Stores) -> None:
    goal = Goal(goal_id="sales", description="Profile", agent_type="analysis")
    await stores.of("acme").goals.create(goal, "top", datetime.now(UTC))
    claim, _ = await stores.executions.start(Claim("top", "r", 1, datetime.now(UTC)), None, {})
    await stores.notebook.for_execution(claim).write("a", 1, 0, "a")
    with pytest.raises(UnknownGoal):
        await stores.of("other").notebook.of("top")
    await stores.results.store("top", GoalStatus.FAILED, None, 1.0)

    await stores.deletion.delete("top")

    assert await stores.notebook.of("top") == []
