"""An execution that has lost its run starts no further step, however late it notices."""

import pytest

from perdure.agents import Goal, Run, TransientError
from perdure.agents.steps import steps
from perdure.agents.steps.memory import MemoryJournal
from perdure.agents.steps.run_closed import Fenced

GOAL = Goal(goal_id="g", description="x", agent_type="paying")


class Lost(MemoryJournal):
    """Another execution claims the run as soon as a step was allowed to start."""

    async def check(self) -> None:
        raise Fenced("another execution holds the run")


async def test_a_check_that_is_stale_before_the_effect_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paid: list[int] = []
    run = Run(GOAL, Lost())
    await run.step("pay", paid.append, 1)
    assert paid == [1]  # the check was recent
    monkeypatch.setattr(steps, "_CHECK_VALID_SECONDS", 0.0)
    with pytest.raises(Fenced):
        await run.step("pay", paid.append, 2)
    assert paid == [1]
    with pytest.raises(Fenced):
        await run.step("pay", paid.append, 3)  # the run is closed


async def test_a_slow_store_is_checked_a_few_times_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    class Slow(MemoryJournal):
        async def check(self) -> None:
            asked.append(1)

    monkeypatch.setattr(steps, "_CHECK_VALID_SECONDS", 0.0)
    assert await Run(GOAL, Slow()).step("add", lambda: 3) == 3
    assert len(asked) == 3


async def test_a_retry_in_place_checks_the_claim_first() -> None:
    paid: list[int] = []

    async def pay() -> None:
        paid.append(1)
        raise TransientError("the line was cut")

    with pytest.raises(Fenced):
        await Run(GOAL, Lost()).step("pay", pay)
    assert paid == [1]
