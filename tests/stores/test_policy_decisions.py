"""The journal's decisions of the policy: each once, with its event, and no step."""

from collections.abc import Awaitable, Callable

import pytest
from pydantic import JsonValue

from perdure.agents.steps.keys import POLICY_DECISION, StepKey
from perdure.agents.steps.run_closed import Fenced
from perdure.models import Usage
from perdure.stores import Stores
from perdure.stores.database.fencing import Claim

KEY = StepKey(POLICY_DECISION, "a" * 64, 0)
DATA: dict[str, JsonValue] = {
    "outcome": "allow",
    "rule": "small refunds",
    "kind": "tool",
    "name": "refund",
    "agent": "support",
    "parameters_digest": "b" * 64,
}
StartExecution = Callable[..., Awaitable[Claim]]


async def test_a_decision_is_kept_once_with_its_event(
    stores: Stores, run: str, start_execution: StartExecution
) -> None:
    journal = stores.context.journal(await start_execution(run))
    await journal.record_decision(KEY, DATA)
    await journal.record_decision(KEY, DATA | {"rule": "another"})
    assert KEY in await journal.load()
    [decision] = await stores.events.policy_decisions(run)
    assert (decision.outcome, decision.rule, decision.name) == ("allow", "small refunds", "refund")
    assert await stores.events.recent_steps(run) == []
    assert (await stores.ledger.of(run)).steps == 0


async def test_a_decision_without_an_event(
    stores: Stores, run: str, start_execution: StartExecution
) -> None:
    journal = stores.context.journal(await start_execution(run))
    await journal.record_decision(KEY, None)
    assert KEY in await journal.load()
    assert await stores.events.policy_decisions(run) == []


async def test_an_execution_that_was_taken_over_decides_nothing(
    stores: Stores, run: str, start_execution: StartExecution
) -> None:
    first = await start_execution(run)
    await start_execution(run, sequence=2)
    with pytest.raises(Fenced):
        await stores.context.journal(first).record_decision(KEY, DATA)
    assert await stores.events.policy_decisions(run) == []


async def test_the_last_twenty_are_shown_the_oldest_first(
    stores: Stores, run: str, start_execution: StartExecution
) -> None:
    journal = stores.context.journal(await start_execution(run))
    for number in range(25):
        key = StepKey(POLICY_DECISION, f"{number:064}", 0)
        await journal.record_decision(key, DATA | {"name": f"tool-{number}"})
    shown = await stores.events.policy_decisions(run)
    assert [one.name for one in shown] == [f"tool-{number}" for number in range(5, 25)]


async def test_what_a_goal_has_spent(
    stores: Stores, run: str, start_execution: StartExecution
) -> None:
    ledger = stores.ledger.for_execution(await start_execution(run))
    assert await ledger.spent_cost() == 0
    entry = await ledger.reserve(KEY, "model", Usage(cost=1.0))
    await ledger.settle(entry, Usage(cost=0.25), kept=True)
    assert await ledger.spent_cost() == 0.25
