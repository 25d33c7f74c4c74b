"""Steps that begin together leave the event loop time for all else."""

import asyncio
from contextlib import suppress

from perdure.agents.runs.step_turns import STEPS_A_ROUND, step_turn

MANY = 7 * STEPS_A_ROUND + 3


async def test_each_round_of_the_loop_begins_so_many_in_the_order_of_their_coming() -> None:
    begun: list[int] = []
    rounds: list[int] = []

    async def one(number: int) -> None:
        await step_turn()
        begun.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(MANY)]
    while len(begun) < MANY:
        before = len(begun)
        await asyncio.sleep(0)
        rounds.append(len(begun) - before)
    await asyncio.gather(*tasks)
    assert begun == list(range(MANY))
    assert max(rounds) <= STEPS_A_ROUND
    # And without a pause longer than the round in which the next ones are woken.
    assert len(rounds) <= 2 * (MANY // STEPS_A_ROUND + 2)


async def test_one_that_is_cancelled_takes_nobodys_turn() -> None:
    begun = 0

    async def one() -> None:
        nonlocal begun
        await step_turn()
        begun += 1

    tasks = [asyncio.create_task(one()) for _ in range(3 * STEPS_A_ROUND)]
    await asyncio.sleep(0)
    for task in tasks[STEPS_A_ROUND : 2 * STEPS_A_ROUND]:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    assert begun == 2 * STEPS_A_ROUND


async def test_a_step_alone_waits_for_no_round() -> None:
    turn = step_turn()
    with suppress(StopIteration):
        turn.send(None)
        raise AssertionError("it waited")


def test_each_event_loop_has_turns_of_its_own() -> None:
    async def take_all() -> None:
        for _ in range(STEPS_A_ROUND):
            await step_turn()

    for _ in range(3):
        asyncio.run(take_all())
