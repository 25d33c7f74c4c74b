"""Once means once: lost journal entries, intents, keys, results, inputs that vary."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from perdure.agents import Agent, AgentSpec, Goal, Progress, Result, Run
from perdure.cli.output.results import copy_artifacts, save_result
from perdure.models import Failure, GoalStatus
from perdure.stores.database import retry
from tests.support.installation import Install
from tests.support.journal_outage import Journal

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_no_later_step_starts_when_the_journal_did_not_take_one(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sharpest test 8: not even for an agent that catches everything, in no branch."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.2)
    journal, paid, executions = Journal(), list[str](), list[int]()
    refused: list[str] = []
    closed = asyncio.Event()

    async def pay(name: str) -> str:
        paid.append(name)
        if name == "second" and len(executions) == 1:
            journal.take_away()
        return name

    async def beside(run: Run) -> None:
        if len(executions) == 1:
            await closed.wait()
        await run.step("pay", pay, "beside")

    async def careless(run: Run, goal: Goal) -> Result:
        executions.append(1)
        other = asyncio.create_task(beside(run))
        for name in ("first", "second", "third", "fourth"):
            try:
                await run.step("pay", pay, name)
            except BaseException as error:
                refused.append(f"{name}: {type(error).__name__}")
                closed.set()
        await asyncio.gather(other, return_exceptions=True)
        return Result(summary="careless")

    here = await install(AgentSpec(name="careless", description="", agent=careless))
    journal.here = here
    workflow_id = await here.start("careless")
    await here.until_history_has(workflow_id, "timer_started_event_attributes")
    assert paid == ["first", "second"]
    assert refused == [f"{name}: JournalFailed" for name in ("second", "third", "fourth")]
    journal.put_back()
    output, record = await here.finish(workflow_id)
    assert output.success
    assert paid[:2] == ["first", "second"]
    assert sorted(paid[2:]) == ["beside", "fourth", "second", "third"]
    assert record.result is not None
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.count("step.completed") == 5


async def test_a_once_step_whose_outcome_is_unknown_is_not_repeated(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sharpest test 8: the mail may have gone out, so it is not sent again."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.2)
    journal, sent = Journal(), list[int]()

    async def send() -> None:
        sent.append(1)
        journal.take_away()

    async def mailer(run: Run, goal: Goal) -> Result:
        await run.step("send", send, once=True)
        return Result(summary="sent")

    here = await install(AgentSpec(name="mailer", description="", agent=mailer))
    journal.here = here
    workflow_id = await here.start("mailer")
    await here.until_history_has(workflow_id, "timer_started_event_attributes")
    journal.put_back()
    output, record = await here.finish(workflow_id)
    assert sent == [1]
    assert output.error is not None
    assert output.error.type == "OutcomeUnknown"
    assert "step 'send' was begun, and whether it took effect is not known" in output.error.message
    assert record.status is GoalStatus.FAILED


async def test_a_once_step_that_failed_for_all_to_see_is_tried_with_the_next_attempt(
    install: Install,
) -> None:
    tries: list[int] = []

    async def send() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("refused before anything was sent")

    async def mailer(run: Run, goal: Goal) -> Result:
        await run.step("send", send, once=True)
        return Result(summary="sent")

    here = await install(AgentSpec(name="mailer", description="", agent=mailer))
    output, _ = await here.finish(await here.start("mailer"))
    assert output.success
    assert len(tries) == 2


async def test_an_idempotency_key_is_the_same_on_every_attempt(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sharpest test 8: and it differs from step to step and from goal to goal."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.2)
    journal, keys = Journal(), list[tuple[int, str]]()

    async def charge(amount: int, idempotency_key: str) -> None:
        keys.append((amount, idempotency_key))
        if len(keys) == 2:
            journal.take_away()

    async def charging(run: Run, goal: Goal) -> Result:
        await run.step("charge", charge, 1, idempotency_key=True)
        await run.step("charge", charge, 2, idempotency_key=True)
        await run.step("charge", charge, 2, idempotency_key=True)
        return Result(summary="charged")

    here = await install(AgentSpec(name="charging", description="", agent=charging))
    journal.here = here
    workflow_id = await here.start("charging")
    await here.until_history_has(workflow_id, "timer_started_event_attributes")
    journal.put_back()
    assert (await here.finish(workflow_id))[0].success
    one, two, again, other = keys
    assert [amount for amount, _ in keys] == [1, 2, 2, 2]
    assert two == again
    assert len({key for _, key in (one, two, other)}) == 3
    assert all(len(key) == 32 for _, key in keys)
    assert (await here.finish(await here.start("charging")))[0].success
    assert len({key for _, key in keys}) == 6


async def test_a_caught_failure_stays_and_the_one_that_ends_the_agent_goes(
    install: Install,
) -> None:
    """A step that failed and was caught must not succeed later: the branch would turn."""
    tries: list[str] = []

    async def shaky(name: str) -> str:
        tries.append(name)
        if tries.count(name) == 1:
            raise ValueError(f"{name} is down")
        return name

    async def branching(run: Run, goal: Goal) -> Result:
        try:
            way = await run.step("shaky", shaky, "first")
        except Exception as error:
            way = f"around: {error}"
        decision = await run.approve(f"{way}?")
        last = await run.step("shaky", shaky, "last")
        return Result(summary=f"{way}, {bool(decision)}, {last}")

    here = await install(AgentSpec(name="branching", description="", agent=branching))
    workflow_id = await here.start("branching")
    await here.answer(workflow_id, "around: first is down?")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "around: first is down, True, last"
    assert tries == ["first", "last", "last"]
    assert len(await here.stores.approvals.list(workflow_id=workflow_id)) == 1


async def test_values_are_the_journals_in_the_first_execution_too(install: Install) -> None:
    """A value that its annotation changes would make the next step another one next time."""
    paid: list[object] = []
    tries: list[int] = []

    def odd() -> dict[int, list[int]]:
        return {1: (2, 3)}  # type: ignore[dict-item]

    async def chained(run: Run, goal: Goal) -> Result:
        value = await run.step("odd", odd)
        await run.step("pay", paid.append, value)
        moment, chance, name = await run.now(), await run.random(), await run.uuid()
        await run.step("pay", paid.append, f"{moment} {chance} {name}")
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("again")
        return Result(summary="chained")

    here = await install(AgentSpec(name="chained", description="", agent=chained))
    assert (await here.finish(await here.start("chained")))[0].success
    assert len(tries) == 2
    assert len(paid) == 2


async def test_another_version_or_input_is_another_step(install: Install) -> None:
    done: list[str] = []
    executions: list[int] = []

    async def changed(run: Run, goal: Goal) -> Result:
        """The second execution has other code before and between the steps."""
        executions.append(1)
        first = len(executions) == 1
        if first:
            await run.step("read", done.append, "dropped later")
        await run.step("read", done.append, "kept")
        await run.step("read", done.append, "body", version=1 if first else 2)
        if first:
            raise ConnectionError("again")
        return Result(summary="changed")

    here = await install(AgentSpec(name="changed", description="", agent=changed))
    assert (await here.finish(await here.start("changed")))[0].success
    assert done == ["dropped later", "kept", "body", "body"]


async def test_a_result_that_is_delivered_twice_is_stored_once(install: Install) -> None:
    async def plain(run: Run, goal: Goal) -> Result:
        return Result(summary="first")

    here = await install(AgentSpec(name="plain", description="", agent=plain))
    workflow_id = await here.start("plain")
    _, record = await here.finish(workflow_id)
    failure = Failure(type="Late", message="a second delivery")
    again = await here.stores.results.store(workflow_id, GoalStatus.FAILED, failure, 99.0)
    assert again.summary == "first"
    assert await here.stores.goals.get(workflow_id) == record
    assert [event.type for event in await here.stored_events(workflow_id)][-1] == "run.completed"


async def test_text_that_was_cut_off_is_withdrawn(install: Install) -> None:
    """Readers of a retried step are told which text no longer counts."""
    tries: list[int] = []

    class Writer(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            yield Progress(percentage=0)
            await self.run.step("write", self.write)

        async def write(self) -> str:
            tries.append(1)
            await self.run.text("Once upon ")
            await self.run.text("a time")
            if len(tries) == 1:
                raise ConnectionError("cut off")
            return "Once upon a time"

        async def get_results(self) -> Result:
            return Result(summary="written")

    here = await install(AgentSpec(name="writer", description="", agent=Writer))
    workflow_id = await here.start("writer")
    assert (await here.finish(workflow_id))[0].success
    texts: dict[str, str] = {}
    withdrawn = 0
    for event in await here.stored_events(workflow_id):
        stream = str(event.data.get("stream"))
        if event.type == "text.withdrawn":
            withdrawn += 1
            assert texts.pop(stream)
        elif event.type == "text.delta":
            texts[stream] = texts.get(stream, "") + str(event.data["text"])
    assert list(texts.values()) == ["Once upon a time"]
    assert withdrawn == 1


@pytest.mark.parametrize("lasting", [False, True])
async def test_text_of_a_try_that_failed_in_any_way_is_withdrawn(
    install: Install, lasting: bool
) -> None:
    """Also of a step that fails for good and that the agent goes on without."""
    tries: list[int] = []

    async def careful(run: Run, goal: Goal) -> Result:
        async def write() -> str:
            tries.append(1)
            await run.text(f"try {len(tries)}")
            if lasting or len(tries) == 1:
                raise ValueError("not recognised, so the attempt is over")
            return "written"

        try:
            return Result(summary=await run.step("write", write))
        except Exception:
            if not lasting:
                raise
            return Result(summary="without")

    here = await install(AgentSpec(name="careful", description="", agent=careful))
    workflow_id = await here.start("careful")
    assert (await here.finish(workflow_id))[0].success
    shown: dict[str, str] = {}
    for event in await here.stored_events(workflow_id):
        stream = str(event.data.get("stream"))
        if event.type == "text.withdrawn":
            shown.pop(stream)
        elif event.type == "text.delta":
            shown[stream] = shown.get(stream, "") + str(event.data["text"])
    assert list(shown.values()) == ([] if lasting else ["try 2"])


async def test_a_file_that_the_stores_did_not_take_is_not_done_without(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that takes errors for values does not finish without its file."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.1)
    executions: list[int] = []

    async def tolerant(run: Run, goal: Goal) -> Result:
        executions.append(1)
        if len(executions) == 2:
            in_the_way.unlink()
        await asyncio.gather(run.artifact("report.md", "# Report"), return_exceptions=True)
        return Result(summary="with or without")

    here = await install(AgentSpec(name="tolerant", description="", agent=tolerant))
    in_the_way = here.settings.home / "artifacts"
    in_the_way.touch()
    output, record = await here.finish(await here.start("tolerant"))
    assert output.success
    assert [artifact.name for artifact in record.artifacts] == ["report.md"]
    assert len(executions) == 2


async def test_artifacts_of_all_attempts_have_names_of_their_own(install: Install) -> None:
    tries: list[int] = []

    async def agent(run: Run, goal: Goal) -> Result:
        tries.append(1)
        await run.artifact("report.md", f"try {len(tries)}")
        if len(tries) == 1:
            await run.artifact("parts", "one file")
            raise ConnectionError("cut off")
        await run.artifact("parts/one.md", "several")
        return Result(summary="unreachable")

    here = await install(AgentSpec(name="parted", description="", agent=agent))
    output, record = await here.finish(await here.start("parted"))
    assert output.error is not None
    assert "artifact name 'parts' would be a file and, of 'parts/one.md'" in output.error.message
    assert len(tries) == 2
    save = partial(copy_artifacts, here.stores)
    folder = await save_result(record, here.settings.home / "result", save)
    assert {path.name for path in folder.iterdir()} == {"report.md", "parts", "result.json"}
    assert (folder / "report.md").read_text() == "try 2"
