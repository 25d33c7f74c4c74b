"""Goals of a real installation, replayed with their agent's code as it was and changed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from perdure.agents import Agent, AgentSpec, Goal, InputError, Progress, Result, Run, StepFailed
from perdure.models import GoalStatus
from perdure.replays.execution import replay_run
from perdure.schemas.replays.replay import Replay
from perdure.stores import UnknownGoal
from perdure.testing import ModelServer
from perdure.testing import replay as replay_saved
from tests.support.encryption import write_keys
from tests.support.installation import Install, Installation
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

Code = Callable[[Run, Goal], Awaitable[Result]]

CALLS: Counter[str] = Counter()


def read(number: int) -> str:
    CALLS["read"] += 1
    return f"page {number}"


def add(texts: list[str]) -> int:
    CALLS["add"] += 1
    return len(texts)


def spec(agent: object, name: str = "work", **more: Any) -> AgentSpec:
    return AgentSpec(name=name, description="Works.", agent=agent, **more)  # type: ignore[arg-type]


async def replayed(here: Installation, workflow_id: str, agent: object, **more: Any) -> Replay:
    """Replay a run with some code, and see that it had no effect."""
    before = await here.stored_events(workflow_id)
    spending = await here.stores.ledger.of(workflow_id)
    CALLS.clear()
    record = await here.stores.goals.get(workflow_id)
    recording = await here.stores.recordings.of(record)
    found = await replay_run(
        spec(agent, record.agent_type, **more),
        recording,
        here.stores.contents,
        version="perdure-test 2.0",
        model=here.settings.model,
    )
    assert not CALLS, "a replay calls no step's function"
    assert await here.stored_events(workflow_id) == before
    assert await here.stores.ledger.of(workflow_id) == spending
    assert await here.stores.goals.get(workflow_id) == record
    return found


def steps(replay: Replay) -> list[tuple[str, str]]:
    return [(step.name, step.status) for step in replay.steps]


async def work(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    total = await run.step("add", add, texts)
    await run.artifact("total.txt", f"{total}\n")
    await run.progress(90, "done")
    return Result(summary=f"{total} pages", data={"total": total, "texts": texts})


READ = [("read#1", "same"), ("read#2", "same"), ("read#3", "same")]


async def finished(here: Installation, agent: str = "work") -> str:
    workflow_id = await here.start(agent)
    output, _ = await here.finish(workflow_id)
    assert output.success
    return workflow_id


async def test_the_same_code_goes_the_way_of_the_record(install: Install) -> None:
    here = await install(spec(work))
    found = await replayed(here, await finished(here), work)
    assert found.same, found
    assert (found.end, found.first, found.differences) == ("completed", "", ())
    assert found.version == "perdure-test 2.0"
    assert steps(found) == [*READ, ("add#1", "same")]
    assert found.steps[0].input == "1"


async def renamed(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    return Result(data={"total": await run.step("count", add, texts)})


async def begun_with_another(run: Run, goal: Goal) -> Result:
    await run.step("open", read, 0)
    return await work(run, goal)


async def ended_with_another(run: Run, goal: Goal) -> Result:
    result = await work(run, goal)
    await run.step("close", read, 0)
    return result


async def of_another_input(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    return Result(data={"total": await run.step("add", add, texts[:2])})


async def of_another_version(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    return Result(data={"total": await run.step("add", add, texts, version=2)})


async def without_a_step(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    await run.artifact("total.txt", "3\n")
    await run.progress(90, "done")
    return Result(summary="3 pages", data={"total": 3, "texts": texts})


async def with_a_shorter_loop(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 3)]
    return Result(data={"total": await run.step("add", add, texts)})


async def with_another_loop(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 4, 3)]
    return Result(data={"total": await run.step("add", add, texts)})


async def at_once(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = await asyncio.gather(*(run.step("read", read, number) for number in (3, 2, 1)))
    return Result(data={"total": await run.step("add", add, texts[::-1])})


async def at_once_with_another(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = await asyncio.gather(*(run.step("read", read, number) for number in (3, 4, 1)))
    return Result(data={"total": await run.step("add", add, texts)})


@pytest.mark.parametrize(
    ("code", "expected", "end", "first"),
    [
        (
            renamed,
            [*READ, ("count#1", "new"), ("add#1", "unreached")],
            "stopped",
            "step count#1: not on record: would be executed",
        ),
        (
            begun_with_another,
            [
                ("open#1", "new"),
                *((f"read#{number}", "unreached") for number in (1, 2, 3)),
                ("add#1", "unreached"),
            ],
            "stopped",
            "step open#1: not on record: would be executed",
        ),
        (
            ended_with_another,
            [*READ, ("add#1", "same"), ("close#1", "new")],
            "stopped",
            "step close#1: not on record: would be executed",
        ),
        *(
            (
                code,
                [*READ, ("add#1", "changed")],
                "stopped",
                "step add#1: another input than on record: would be executed",
            )
            for code in (of_another_input, of_another_version)
        ),
        (
            without_a_step,
            [*READ, ("add#1", "removed")],
            "completed",
            "step add#1: on record, and no longer asked for",
        ),
        (
            with_a_shorter_loop,
            [("read#1", "same"), ("read#2", "removed"), ("read#2", "same"), ("add#1", "changed")],
            "stopped",
            "step read#2: on record, and no longer asked for",
        ),
        (
            with_another_loop,
            [
                ("read#1", "same"),
                ("read#2", "changed"),
                ("read#3", "unreached"),
                ("add#1", "unreached"),
            ],
            "stopped",
            "step read#2: another input than on record: would be executed",
        ),
        (
            at_once_with_another,
            [
                ("read#1", "same"),
                ("read#2", "changed"),
                ("read#3", "same"),
                ("add#1", "unreached"),
            ],
            "stopped",
            "step read#2: another input than on record: would be executed",
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_each_change_of_the_steps_is_told(
    install: Install, code: Code, expected: list[tuple[str, str]], end: str, first: str
) -> None:
    here = await install(spec(work))
    found = await replayed(here, await finished(here), code)
    told = steps(found)
    if code is at_once_with_another:  # where a step that is passed over stands is not said
        told, expected = sorted(told), sorted(expected)
    assert told == expected
    assert (found.same, found.end) == (False, end)
    if code is not at_once_with_another:
        assert found.first == first


async def test_steps_side_by_side_may_be_asked_for_in_any_order(install: Install) -> None:
    here = await install(spec(at_once))
    found = await replayed(here, await finished(here), at_once)
    assert found.same, found
    assert sorted(steps(found)) == [("add#1", "same"), *READ]


async def other_result(run: Run, goal: Goal) -> Result:
    done = await work(run, goal)
    return Result(summary="pages", data={**done.data, "total": 4, "unit": "page"})


async def other_progress(run: Run, goal: Goal) -> Result:
    await run.progress(10, "beginning")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    total = await run.step("add", add, texts)
    await run.artifact("total.txt", f"{total}\n")
    await run.progress(90, "done")
    return Result(summary=f"{total} pages", data={"total": total, "texts": texts})


async def other_file(run: Run, goal: Goal) -> Result:
    done = await work(run, goal)
    await run.artifact("total.txt", "three\n")
    await run.artifact("more.txt", "more\n")
    return done


async def no_file(run: Run, goal: Goal) -> Result:
    await run.progress(10, "reading")
    texts = [await run.step("read", read, number) for number in (1, 2, 3)]
    total = await run.step("add", add, texts)
    await run.progress(90, "done")
    return Result(summary=f"{total} pages", data={"total": total, "texts": texts})


async def of_another_type(run: Run, goal: Goal) -> Result:
    def number(text: int) -> int:
        raise AssertionError("no step's function is called")

    await run.progress(10, "reading")
    return Result(data={"first": await run.step("read", number, 1)})


async def test_a_value_that_the_new_code_cannot_read_is_told(install: Install) -> None:
    here = await install(spec(work))
    found = await replayed(here, await finished(here), of_another_type)
    assert (found.same, found.end) == (False, "failed")
    assert "the journaled value of step 'read' does not fit -> int" in found.message
    assert found.first.startswith('end: "completed" on record, "failed: PermanentError: the jour')
    assert steps(found)[:2] == [("read#1", "same"), ("read#2", "unreached")]


async def raises(run: Run, goal: Goal) -> Result:
    await work(run, goal)
    raise InputError("it cannot be added: send other pages")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            other_result,
            {
                "result.summary": ('"3 pages"', '"pages"'),
                "result.data.total": ("3", "4"),
                "result.data.unit": (None, '"page"'),
            },
        ),
        (no_file, {"artifact total.txt": ("…", None)}),
        (other_file, {"artifact total.txt": ("…", "…"), "artifact more.txt": (None, "…")}),
        (
            raises,
            {
                "end": (
                    '"completed"',
                    '"failed: InputError: it cannot be added: send other pages"',
                )
            },
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_other_outcomes_of_the_same_steps_are_told(
    install: Install, code: Code, expected: Mapping[str, tuple[str | None, str | None]]
) -> None:
    here = await install(spec(work))
    found = await replayed(here, await finished(here), code)
    assert steps(found) == [*READ, ("add#1", "same")]
    assert not found.same
    assert found.first.startswith(next(iter(expected)))
    told = {
        one.where: tuple(
            "…" if text is not None and one.where.startswith("artifact") else text
            for text in (one.recorded, one.now)
        )
        for one in found.differences
    }
    assert told == expected


async def test_progress_that_differs_is_told(install: Install) -> None:
    here = await install(spec(work))
    found = await replayed(here, await finished(here), other_progress)
    assert [(one.where, one.recorded, one.now) for one in found.differences] == [
        ("progress", '"10 %  reading"', None),
        ("progress", None, '"10 %  beginning"'),
    ]


async def publish(run: Run, goal: Goal) -> Result:
    text = await run.step("read", read, 1)
    if await run.approve("Publish?", text):
        await run.step("publish", read, 2)
    return Result()


async def send(run: Run, goal: Goal) -> Result:
    text = await run.step("read", read, 1)
    if await run.approve("Publish?", text):
        await run.step("send", read, 2)
    return Result()


async def ask_otherwise(run: Run, goal: Goal) -> Result:
    text = await run.step("read", read, 1)
    await run.approve("Send?", text)
    return Result()


async def test_another_branch_after_an_approval_is_told(install: Install) -> None:
    here = await install(spec(publish))
    workflow_id = await here.start("work")
    await here.answer(workflow_id, "Publish?")
    await here.finish(workflow_id)
    assert (await replayed(here, workflow_id, publish)).same
    found = await replayed(here, workflow_id, send)
    assert steps(found)[1:] == [
        ("approve#1", "same"),
        ("send#1", "new"),
        ("publish#1", "unreached"),
    ]
    found = await replayed(here, workflow_id, ask_otherwise)
    assert found.first == "step approve#1: another input than on record: would ask 'Send?'"


async def test_a_goal_that_waits_is_followed_to_where_it_waits(install: Install) -> None:
    here = await install(spec(publish))
    workflow_id = await here.start("work")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    found = await replayed(here, workflow_id, publish)
    assert found.same, found
    assert (found.end, steps(found)) == ("stopped", [("read#1", "same"), ("approve#1", "open")])
    found = await replayed(here, workflow_id, ask_otherwise)
    assert steps(found) == [("read#1", "same"), ("approve#1", "changed")]
    found = await replayed(here, workflow_id, work)
    assert not found.same
    approvals = await here.stores.approvals.list(workflow_id=workflow_id)
    assert [approval.question for approval in approvals] == ["Publish?"]


def break_off(number: int) -> None:
    CALLS["break"] += 1
    raise InputError(f"page {number} is torn: send another")


async def fails_in_a_step(run: Run, goal: Goal) -> Result:
    await run.step("read", read, 1)
    await run.step("turn", break_off, 2)
    return Result()


async def overcomes(run: Run, goal: Goal) -> Result:
    await run.step("read", read, 1)
    try:
        await run.step("turn", break_off, 2)
    except StepFailed:
        await run.step("read", read, 3)
    return Result(summary="overcome")


async def leaves_out(run: Run, goal: Goal) -> Result:
    await run.step("read", read, 1)
    return Result()


async def test_a_goal_that_failed_in_a_step_is_followed_to_that_step(install: Install) -> None:
    here = await install(spec(fails_in_a_step))
    workflow_id = await here.start("work")
    output, _ = await here.finish(workflow_id)
    assert not output.success
    found = await replayed(here, workflow_id, fails_in_a_step)
    assert found.same, found
    assert steps(found) == [("read#1", "same"), ("turn#1", "open")]
    # As far as the record goes: what comes of the step is not known.
    assert (await replayed(here, workflow_id, overcomes)).same
    found = await replayed(here, workflow_id, publish)
    assert found.first == "step approve#1: not on record: would ask 'Publish?'"
    found = await replayed(here, workflow_id, leaves_out)
    assert (found.same, found.end) == (False, "completed")
    (difference,) = found.differences
    assert difference.where == "end"
    assert difference.recorded is not None
    assert "page 2 is torn" in difference.recorded


async def test_a_failure_that_the_agent_overcame_is_a_step_like_another(install: Install) -> None:
    here = await install(spec(overcomes))
    found = await replayed(here, await finished(here), overcomes)
    assert found.same, found
    assert steps(found) == [("read#1", "same"), ("turn#1", "same"), ("read#2", "same")]


async def test_an_agents_own_failure_is_compared(install: Install) -> None:
    here = await install(spec(raises))
    workflow_id = await here.start("work")
    await here.finish(workflow_id)
    found = await replayed(here, workflow_id, raises)
    assert found.same, found
    assert found.message == "it cannot be added: send other pages"
    found = await replayed(here, workflow_id, work)
    assert [one.where for one in found.differences] == ["end"]


async def idles(run: Run, goal: Goal) -> Result:
    await run.step("read", read, 1)
    await run.progress(50, "idle")
    await asyncio.sleep(3600)
    await run.step("read", read, 2)
    return Result()


async def hurries(run: Run, goal: Goal) -> Result:
    await run.step("read", read, 1)
    await run.progress(50, "idle")
    await run.step("read", read, 2)
    return Result()


async def test_a_goal_that_was_cancelled_is_followed_as_far_as_it_got(install: Install) -> None:
    here = await install(spec(idles))
    workflow_id = await here.start("work")
    await here.until_event(workflow_id, "progress")
    await here.service.control.cancel(workflow_id)
    await here.until_status(workflow_id, GoalStatus.CANCELLED)
    found = await replayed(here, workflow_id, hurries)
    assert found.same, found
    assert steps(found) == [("read#1", "same"), ("read#2", "open")]
    assert found.steps[-1].detail == "where the record ends"
    assert not (await replayed(here, workflow_id, begun_with_another)).same


async def outer(run: Run, goal: Goal) -> Result:
    async def both(number: int) -> str:
        await run.artifact("inner.txt", "inner\n")
        first = await run.step("read", read, number)
        return first + await run.step("read", read, number + 1)

    return Result(summary=await run.step("both", both, 1))


async def test_steps_within_a_step_belong_to_it(install: Install) -> None:
    here = await install(spec(outer))
    workflow_id = await finished(here)
    found = await replayed(here, workflow_id, outer)
    assert found.same, found
    assert steps(found) == [("both#1", "same")]
    # Without the outer one they are steps that nobody asks for.
    found = await replayed(here, workflow_id, leaves_out)
    assert steps(found)[:1] == [("read#1", "same")]
    assert ("both#1", "removed") in steps(found)


async def deferring(run: Run, goal: Goal) -> Result:
    at, chance, name = await run.now(), await run.random(), await run.uuid()
    await run.sleep(timedelta(seconds=0.05))
    sent = await run.wait_for("word")
    large = await run.step("large", str.ljust, "x", 400_000)
    values = {"at": at.isoformat(), "chance": chance, "name": str(name), "sent": sent}
    return Result(data={**values, "size": len(large)})


async def test_time_chance_signals_and_large_values_are_those_on_record(
    install: Install, tmp_path: Path
) -> None:
    here = await install(spec(deferring))
    workflow_id = await here.start("work")
    await here.signal(workflow_id, "word", {"a": 1})
    await here.finish(workflow_id)
    found = await replayed(here, workflow_id, deferring)
    assert found.same, found
    assert [status for _, status in steps(found)] == ["same"] * 6
    record = await here.stores.goals.get(workflow_id)
    recording = await here.stores.recordings.of(record)
    (content,) = (step.content for step in recording.steps if step.content is not None)
    file = tmp_path / "record.json"
    file.write_text(recording.model_dump_json())
    found = await replay_saved(spec(deferring), file)
    assert (found.end, found.same) == ("failed", False)
    assert content in found.message  # it was saved without its contents


async def leads(run: Run, goal: Goal) -> Result:
    done = await run.delegate("work", "count")
    text = await run.read_artifact(done.artifacts[0])
    return Result(summary=done.summary, data={"file": text.decode()})


async def leads_twice(run: Run, goal: Goal) -> Result:
    await run.delegate("work", "count")
    return await run.delegate("work", "count once more")


async def test_delegates_answer_from_the_record_with_their_files(install: Install) -> None:
    here = await install(spec(work), spec(leads, "lead"))
    workflow_id = await finished(here, "lead")
    found = await replayed(here, workflow_id, leads)
    assert found.same, found
    found = await replayed(here, workflow_id, leads_twice)
    assert found.first == (
        "step delegate#2: not on record: would hand work the goal 'count once more'"
    )
    assert len(await here.stores.goals.list()) == 2


async def asks(run: Run, goal: Goal) -> Result:
    from pydantic_ai import Agent as ModelAgent

    answered = await ModelAgent().run("What is six times seven?", model=run.model)
    return Result(summary=answered.output)


async def asks_otherwise(run: Run, goal: Goal) -> Result:
    from pydantic_ai import Agent as ModelAgent

    answered = await ModelAgent().run("What is seven times six?", model=run.model)
    return Result(summary=answered.output)


async def test_models_answer_from_the_record(install: Install, model_server: ModelServer) -> None:
    from perdure.testing import says

    model_server.answers([says("It is 42.")])
    here = await install(spec(asks))
    workflow_id = await finished(here)
    assert len(model_server.requests) == 1
    found = await replayed(here, workflow_id, asks)
    assert found.same, found
    found = await replayed(here, workflow_id, asks_otherwise)
    assert [step.status for step in found.steps] == ["changed"]
    assert len(model_server.requests) == 1


class Form(Agent[None]):
    async def execute_streaming(self, description: str):  # type: ignore[no-untyped-def]
        yield Progress(percentage=1, message="one")
        self.text = await self.run.step("read", read, 1)
        yield Progress(percentage=2, message="two")

    async def get_results(self) -> Result:
        return Result(summary=self.text)

    async def cleanup(self) -> None:
        CALLS["cleanup"] += 1


async def test_an_agents_clean_up_is_an_effect_that_a_replay_has_not(install: Install) -> None:
    here = await install(spec(Form))
    found = await replayed(here, await finished(here), Form)
    assert found.same, found
    assert found.end == "completed"


class Wanted(BaseModel):
    folder: str


async def test_parameters_that_the_new_code_refuses_are_a_difference(install: Install) -> None:
    here = await install(spec(work))
    workflow_id = await finished(here)
    found = await replayed(here, workflow_id, work, parameters=Wanted)
    assert (found.same, found.end) == (False, "refused")
    assert "folder" in found.first


async def test_the_version_of_each_execution_is_on_record(install: Install) -> None:
    here = await install(spec(publish))
    workflow_id = await here.start("work")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    await here.answer(workflow_id, "Publish?")
    await here.finish(workflow_id)
    record = await here.stores.goals.get(workflow_id)
    recording = await here.stores.recordings.of(record)
    assert recording.versions == ("perdure-test 1.0",)
    resumed = [
        event.data for event in await here.stored_events(workflow_id) if event.type == "run.resumed"
    ]
    assert [data["agent_version"] for data in resumed] == ["perdure-test 1.0"]


async def test_encrypted_goals_are_replayed_by_those_who_have_the_keys(
    install: Install, tmp_path: Path
) -> None:
    here = await install(spec(work), encryption_keys=write_keys(tmp_path / "keys", "first"))
    found = await replayed(here, await finished(here), other_result)
    assert [one.where for one in found.differences] == [
        "result.summary",
        "result.data.total",
        "result.data.unit",
    ]


async def test_a_run_of_another_tenant_has_no_recording(install: Install) -> None:
    here = await install(spec(work))
    record = await here.stores.goals.get(await finished(here))
    with pytest.raises(UnknownGoal):
        await here.stores.of("other").recordings.of(record)


async def marked(run: Run, goal: Goal) -> Result:
    await run.step("send", wait_for_ever, once=True)
    return Result()


async def wait_for_ever() -> None:
    await asyncio.sleep(3600)


async def test_a_step_of_unknown_outcome_is_where_the_record_ends(install: Install) -> None:
    here = await install(spec(marked))
    workflow_id = await here.start("work")

    async def has_begun() -> bool:
        record = await here.stores.goals.get(workflow_id)
        return bool((await here.stores.recordings.of(record)).steps)

    await until_async(has_begun, "the step")
    record = await here.stores.goals.get(workflow_id)
    recording = await here.stores.recordings.of(record)
    assert [step.state for step in recording.steps] == ["unknown"]
    found = await replay_run(spec(marked), recording, here.stores.contents)
    assert found.same, found
    assert steps(found) == [("send#1", "open")]
    found = await replay_run(spec(leaves_out), recording, here.stores.contents)
    assert not found.same
    await here.service.control.cancel(workflow_id)
