"""The context store: each run's journal."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

import pytest

from holdfast.agents.journal import Answer, StepKey
from holdfast.models import Failure
from holdfast.settings import Settings
from holdfast.stores import Stores, UnknownGoal, open_stores

KEY = StepKey("search", "d" * 64, 0)

_RECORD_AND_HANG = """
import asyncio, sys
from datetime import UTC, datetime
from holdfast.agents.journal import Answer, StepKey
from holdfast.models import Goal
from holdfast.settings import Settings
from holdfast.stores import open_stores

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[1])) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="a")
        await stores.goals.begin(goal, "run", datetime.now(UTC))
        await stores.context.journal("run").record(StepKey("paid", "d" * 64, 0), Answer("42"))
        print("recorded", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_finished_steps_come_back(stores: Stores, run: str) -> None:
    journal = stores.context.journal(run)
    failure = Failure(type="Refused", message="no", permanent=True)
    answers = {
        KEY: Answer(json.dumps({"text": "naïve \0 \u2028 😀", "n": 1.5}), None, 0.25),
        StepKey("search", "d" * 64, 1): Answer("null"),
        StepKey("search", "e" * 64, 0): Answer("[]"),
        StepKey("fetch", "d" * 64, 0): Answer("", failure, 1.0),
    }
    for key, answer in answers.items():
        await journal.record(key, answer)

    assert await stores.context.journal(run).load() == answers
    told = [(event.type, event.data) for event in await stores.events.after(run, 1)]
    assert told[0] == ("step.completed", {"step": "search", "seconds": 0.25})
    assert told[3] == (
        "step.failed",
        {"step": "fetch", "seconds": 1.0, "error": failure.model_dump()},
    )


async def test_runs_know_nothing_of_each_other(
    stores: Stores, run: str, begin: Callable[[str], Awaitable[None]]
) -> None:
    await begin("other")
    await stores.context.journal(run).record(KEY, Answer("1"))

    assert await stores.context.journal("other").load() == {}


async def test_a_step_recorded_twice_keeps_its_answer_and_is_told_once(
    stores: Stores, run: str
) -> None:
    await stores.context.journal(run).record(KEY, Answer("1"))

    await stores.context.journal(run).record(KEY, Answer("2"))

    assert await stores.context.journal(run).load() == {KEY: Answer("1")}
    assert len(await stores.events.after(run, 1)) == 1


async def test_a_failed_step_is_withdrawn_and_a_finished_one_is_not(
    stores: Stores, run: str
) -> None:
    journal = stores.context.journal(run)
    failed = StepKey("fetch", "f" * 64, 0)
    await journal.record(KEY, Answer("1"))
    await journal.record(failed, Answer("", Failure(type="E", message="m")))

    await journal.withdraw(failed)
    await journal.withdraw(KEY)
    assert await journal.load() == {KEY: Answer("1")}

    await journal.record(failed, Answer("2"))
    assert await journal.load() == {KEY: Answer("1"), failed: Answer("2")}


async def test_parallel_steps_are_all_recorded(stores: Stores, run: str) -> None:
    journal = stores.context.journal(run)
    keys = [StepKey("page", "d" * 64, n) for n in range(100)]

    await asyncio.gather(*(journal.record(key, Answer(str(key.occurrence))) for key in keys))

    assert await journal.load() == {key: Answer(str(key.occurrence)) for key in keys}
    numbers = [event.number for event in await stores.events.after(run, 0)]
    assert numbers == list(range(1, 102))


async def test_a_step_is_recorded_only_for_a_run_on_record(stores: Stores) -> None:
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.context.journal("nowhere").record(KEY, Answer("1"))


async def test_a_recorded_step_survives_a_killed_process(settings: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _RECORD_AND_HANG, settings.model_dump_json()),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"recorded\n"
    finally:
        process.kill()
        await process.wait()

    async with open_stores(settings) as stores:
        steps = await stores.context.journal("run").load()
        assert steps == {StepKey("paid", "d" * 64, 0): Answer("42")}
