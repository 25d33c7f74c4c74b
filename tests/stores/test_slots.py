"""Slots: only so many goals at once, who is next, and slots that nobody holds any more."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from perdure.concurrency import ConcurrencyLimits
from perdure.models import Goal, GoalStatus
from perdure.stores import Stores
from perdure.stores.slots.holders import holder_name, is_seen_dead
from perdure.stores.slots.slot_store import Answer, Asker

ME = holder_name("a" * 32)


class Runs:
    """Makes runs, and asks for them."""

    def __init__(self, stores: Stores, limits: str) -> None:
        self.stores = stores
        self.limits = ConcurrencyLimits.parse(limits)

    async def ask(
        self,
        run: str,
        tenant: str = "acme",
        *,
        agent: str = "look",
        pool: str = "default",
        priority: int = 3,
        has_begun: bool = False,
        takes: bool = True,
    ) -> Answer:
        goal = Goal(goal_id=run, description="x", agent_type=agent, tenant=tenant)
        await self.stores.goals.create(goal, run, datetime.now(UTC))
        asker = Asker(run, agent, tenant, pool, priority, has_begun)
        execution = (f"{run}:0", ME) if takes else None
        return await self.stores.slots.ask(
            asker, self.limits, worker_pool="default", execution=execution
        )

    async def release(self, run: str, fence: str | None = None) -> tuple[str, ...]:
        return await self.stores.slots.release(
            run, fence or f"{run}:0", self.limits, worker_pool="default"
        )

    async def release_all(self, *runs: str) -> list[str]:
        """Release the slots of these, and of those who get them, until none is left."""
        order: list[str] = []
        ending = [*runs]
        while ending:
            run = ending.pop(0)
            await self.stores.slots.take(run, f"{run}:0", ME)
            granted = await self.release(run)
            order += granted
            ending += granted
        return order

    async def balance(self) -> tuple[str, ...]:
        return await self.stores.slots.balance(self.limits, worker_pool="default")


async def test_one_more_than_the_limit_waits_and_says_for_what(stores: Stores) -> None:
    runs = Runs(stores, "tenant:acme=2")
    assert [(await runs.ask(run)).has_slot for run in ("a", "b", "c")] == [True, True, False]
    assert (await runs.ask("other", "small")).has_slot
    record = await stores.goals.get("c")
    assert record.status is GoalStatus.WAITING
    assert record.slot is not None
    assert record.slot.message == "2 of 2 goals of tenant acme are running"
    assert (await stores.goals.get("a")).slot is None
    events = await stores.events.after("c", 1)
    assert [(event.type, event.data) for event in events] == [("run.waiting", {"for": ["slot"]})]
    assert await runs.release("a") == ("c",)
    assert await stores.slots.take("c", "c:0", ME)
    assert (await stores.goals.get("c")).status is GoalStatus.RUNNING


@pytest.mark.parametrize("limits", ["tenant=1", "agent:look=1", "pool:default=1"])
async def test_two_that_ask_at_once_do_not_both_get_the_last(stores: Stores, limits: str) -> None:
    runs = Runs(stores, limits)
    answers = await asyncio.gather(*(runs.ask(f"run-{number}") for number in range(12)))
    assert sum(answer.has_slot for answer in answers) == 1
    order = await runs.release_all(
        *(f"run-{number}" for number, answer in enumerate(answers) if answer.has_slot)
    )
    assert len(order) == 11


async def test_a_run_that_has_ended_while_it_waited_is_forgotten(stores: Stores) -> None:
    runs = Runs(stores, "agent:look=1")
    for run in ("first", "second", "third"):
        await runs.ask(run)
    await stores.slots.forget("second")
    await stores.slots.forget("second")
    assert await runs.release_all("first") == ["third"]


async def test_those_who_wait_get_their_turn(stores: Stores) -> None:
    """By priority; then what has begun before; then each tenant in turn, its own as they came."""
    runs = Runs(stores, "agent:look=1")
    await runs.ask("first")
    for number in range(4):
        await runs.ask(f"acme-{number}")
    await runs.ask("small-0", "small")
    await runs.ask("small-1", "small")
    await runs.ask("urgent", "acme", priority=1)
    await runs.ask("later", "small", priority=5)
    await runs.ask("begun-0", "acme", has_begun=True)
    await runs.ask("begun-1", "acme", has_begun=True)
    assert await runs.release_all("first") == [
        *("urgent", "begun-0", "begun-1"),
        *("acme-0", "small-0", "acme-1", "small-1", "acme-2", "acme-3"),
        "later",
    ]


async def test_all_limits_count(stores: Stores) -> None:
    runs = Runs(stores, "tenant:acme=2, agent:look=2")
    await runs.ask("a", "acme", agent="other")
    await runs.ask("b", "acme", agent="look")
    assert not (await runs.ask("c", "acme", agent="look")).has_slot  # of the tenant
    assert (await runs.ask("d", "small", agent="look")).has_slot
    # Its tenant's limit is not reached any more, but by now its agent's is.
    assert await runs.release("a") == ()
    record = await stores.goals.get("c")
    assert record.slot is not None
    assert record.slot.message == "2 of 2 goals of agent look are running"
    assert await runs.release("d") == ("c",)


async def test_an_execution_that_was_overtaken_releases_nothing(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    await runs.ask("a")
    await runs.ask("b")
    assert await stores.slots.take("a", "a:1", ME)
    assert await runs.release("a", "a:0") == ()
    assert await runs.release("a", "a:1") == ("b",)


async def test_a_slot_is_kept_for_a_goal_that_goes_on_at_once(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    await runs.ask("a")
    await runs.ask("b")
    await stores.slots.keep("a", "a:0")
    assert await runs.balance() == ()
    assert await stores.slots.take("a", "a:1", ME)


async def test_raised_and_lowered_limits_count_for_those_who_wait(stores: Stores) -> None:
    runs = Runs(stores, "tenant=2")
    for run in ("a", "b", "c", "d", "e"):
        await runs.ask(run)
    runs.limits = ConcurrencyLimits.parse("tenant=3")
    assert await runs.balance() == ("c",)
    record = await stores.goals.get("d")
    assert record.slot is not None
    assert record.slot.message == "3 of 3 goals of tenant acme are running"
    runs.limits = ConcurrencyLimits.parse("tenant=1")
    assert await runs.release("a") == await runs.release("b") == ()
    assert await stores.slots.take("c", "c:0", ME)
    assert await runs.release("c") == ("d",)
    runs.limits = ConcurrencyLimits.parse("")
    assert await runs.balance() == ("e",)


async def test_the_slot_of_a_worker_that_was_killed_is_free_at_once(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    script = (
        "import sys, time; from perdure.stores.slots.holders import holder_name\n"
        "print(holder_name('b' * 32), flush=True); time.sleep(600)"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert worker.stdout is not None
        holder = (await worker.stdout.readline()).decode().strip()
        await runs.ask("a", takes=False)
        await stores.slots.take("a", "a:0", holder)
        await runs.ask("b")
        assert await runs.balance() == ()
        assert not is_seen_dead(holder)
    finally:
        worker.kill()
        await worker.wait()
    assert is_seen_dead(holder)
    assert await runs.balance() == ("b",)


async def test_a_worker_elsewhere_is_lost_once_it_was_not_heard_for_long(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    await runs.ask("a", takes=False)
    await stores.slots.take("a", "a:0", f"{'0' * 16}:1:1:{'c' * 32}")
    await runs.ask("b")
    assert await runs.balance() == ()  # it may not have said yet that it is there
    long_ago = datetime.now(UTC) - timedelta(minutes=1)
    statement = text("UPDATE goal_slots SET held_at = :at WHERE workflow_id = 'a'")
    await stores.database.write(
        lambda transaction: transaction.connection.execute(
            statement, {"at": long_ago if not stores.database.is_sqlite else str(long_ago)[:-6]}
        )
    )
    assert await runs.balance() == ("b",)


async def test_what_has_ended_or_is_paused_is_passed_over(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    for run in ("a", "b", "c", "d"):
        await runs.ask(run)
    await stores.results.store("b", GoalStatus.CANCELLED, None, 1.0)
    await stores.control.request(["c"], "pause")
    assert await runs.release("a") == ("d",)
    assert await stores.slots.take("d", "d:0", ME)
    assert await runs.release("d") == ()
    await stores.control.request(["c"], None)
    assert (await stores.goals.get("c")).status is GoalStatus.WAITING
    assert await runs.balance() == ("c",)
    # One that is paused before it took its slot makes room for others.
    await runs.ask("e")
    await stores.control.request(["c"], "pause")
    assert await runs.balance() == ("e",)


async def test_a_goal_whose_pool_has_no_worker_takes_no_slot_away(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    await runs.ask("a")
    await runs.ask("away", pool="gpu")
    await runs.ask("here")
    assert await runs.release("a") == ("here",)
    assert await runs.release_all("here") == []


async def test_a_run_that_was_woken_and_does_not_come_is_woken_again(stores: Stores) -> None:
    runs = Runs(stores, "tenant=1")
    await runs.ask("a")
    await runs.ask("b")
    assert await runs.release("a") == ("b",)
    assert await runs.balance() == ()
    statement = text("UPDATE goal_slots SET wake_at = asked_at")
    await stores.database.write(lambda transaction: transaction.connection.execute(statement))
    assert await runs.balance() == ("b",)
    assert await runs.balance() == ()


@pytest.mark.parametrize(
    "entry", ["acme=3", "tenant=0", "tenant:=3", "agent:code", "tenant=1,tenant=2"]
)
def test_limits_that_cannot_be_read_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|another entry"):
        ConcurrencyLimits.parse(entry)


def test_the_limit_of_its_own_counts_before_that_of_each() -> None:
    limits = ConcurrencyLimits.parse(" tenant=100, tenant:acme = 20,agent:code=4 ")
    assert [limit.most for limit in limits.of("acme", "code", "default")] == [20, 4]
    assert [limit.most for limit in limits.of("small", "look", "default")] == [100]


def test_this_process_is_alive() -> None:
    assert not is_seen_dead(ME)
    assert is_seen_dead(ME.replace(f":{os.getpid()}:", ":4194999:"))
