"""Keys that come, change and go while goals are under way."""

import dataclasses
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from perdure.activities.execute import Execute
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.encryption.keyring import Key, KeyMissing
from perdure.encryption.loading import load_cipher
from perdure.messages import TASK_QUEUE, WORKFLOW_TYPE
from perdure.temporal.conversion.payload_codec import SealingCodec
from perdure.temporal.server.development_server import DevelopmentServer
from tests.encryption.conftest import NEW, OLD, UseKeys
from tests.support.installation import Install, Installation
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(run: Run, goal: Goal) -> Result:
    agreed = await run.approve("Go on?")
    return Result(summary=f"it is {agreed.approved}")


ASK = AgentSpec(name="ask", description="", agent=ask)


async def key_ids(here: Installation, workflow_id: str) -> set[str]:
    """Return which keys sealed what a run's history holds; ``clear`` for what none did."""
    found = set()

    def look(document: object) -> None:
        if isinstance(document, list):
            for item in document:
                look(item)
        elif isinstance(document, dict):
            metadata = document.get("metadata", {})
            # The SDK's own notes on local activities are in the clear: times and numbers.
            if "encoding" in metadata and b'"original_schedule_time"' not in b64decode(
                document.get("data", "")
            ):
                key_id = metadata.get("encryption-key-id", b64encode(b"clear"))
                found.add(b64decode(key_id).decode())
            for item in document.values():
                look(item)

    look(json.loads((await here.handle(workflow_id).fetch_history()).to_json()))
    return found


@asynccontextmanager
async def executing(here: Installation) -> AsyncIterator[None]:
    """Run a worker that executes agents, for workflows that are run elsewhere."""
    execute = Execute(here.stores, here.service.registry, here.settings)
    activities = [execute.execute_agent_task]
    async with Worker(here.client, task_queue=TASK_QUEUE, activities=activities):
        yield


async def asked(here: Installation) -> str:
    """Return a goal that waits for an answer, with no worker left."""
    async with here.worker():
        run = await here.start("ask")
        await here.question(run, "Go on?")
        await here.until_idle(run)
    return run


async def until_failed_task(here: Installation, run: str) -> None:
    """Wait until a worker has given up a workflow task of a run, and was given it again."""

    async def has_failed() -> bool:
        described = (await here.handle(run).describe()).raw_description
        return described.pending_workflow_task.attempt > 1

    await until_async(has_failed, "a workflow task that failed")


@pytest.mark.parametrize(
    ("before", "after", "ids"),
    [
        ((), (NEW,), {"clear", "2026"}),
        ((OLD,), (NEW, OLD), {"2025", "2026"}),
    ],
    ids=["switched-on", "rotated"],
)
async def test_goals_under_way_go_on(
    server: DevelopmentServer,
    install: Install,
    use_keys: UseKeys,
    before: tuple[Key, ...],
    after: tuple[Key, ...],
    ids: set[str],
) -> None:
    use_keys(*before)
    run = await asked(await install(ASK, work=False))
    use_keys(*after)
    here = await install(ASK, work=False)
    async with here.worker():
        await here.answer(run, "Go on?")
        output, record = await here.finish(run)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "it is True"
    assert await key_ids(here, run) == ids


async def test_goals_under_way_go_on_when_all_is_sealed_anew(
    server: DevelopmentServer, install: Install, use_keys: UseKeys
) -> None:
    use_keys(OLD)
    run = await asked(await install(ASK, work=False))
    use_keys(NEW, OLD)
    here = await install(ASK, work=False)
    assert here.stores.resealing is not None
    async with here.worker():
        counts = await here.stores.resealing.reseal("test", lambda progress: None)
        assert counts.changed > 0
        await here.answer(run, "Go on?")
        output, _ = await here.finish(run)
    assert output.success
    assert (await here.stores.resealing.count()).ids() == [NEW.id]


async def test_a_goal_whose_key_is_missing_waits_for_it(
    server: DevelopmentServer,
    install: Install,
    use_keys: UseKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_keys(OLD)
    run = await asked(await install(ASK, work=False))
    # Its stores open: it is Temporal's payloads that do not.
    both = use_keys(NEW, OLD)
    use_keys(NEW)
    without = await install(ASK, work=False, encryption_keys=both)
    with caplog.at_level(logging.ERROR, "temporalio.worker"):
        async with without.worker():
            await without.forget_sticky_queue(run)
            await without.answer(run, "Go on?")
            await until_failed_task(without, run)
            # Others go on meanwhile.
            other = await without.start("ask")
            await without.answer(other, "Go on?")
            assert (await without.finish(other))[0].success
    assert "the key '2025', which is not among PERDURE_ENCRYPTION_KEYS" in caplog.text
    assert not (await without.stores.goals.get(run)).status.final
    # Nor can anybody who lacks it read what the goal was.
    first = await anext(without.handle(run).fetch_history_events())
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    with pytest.raises(KeyMissing):
        await without.client.data_converter.decode(payloads)
    use_keys(NEW, OLD)
    here = await install(ASK)
    assert (await here.finish(run))[0].success


async def test_an_execution_whose_key_is_missing_is_repeated_elsewhere(
    server: DevelopmentServer, install: Install, use_keys: UseKeys
) -> None:
    """While workers are given a new key, those that have it hand work to those that do not."""
    use_keys(OLD)
    behind = await install(ASK, work=False)
    use_keys(NEW, OLD)
    ahead = await install(ASK, work=False)
    async with ahead.workflow_worker():
        async with executing(behind):
            run = await ahead.start("ask")
            await ahead.until_history_has(run, "activity_task_failed_event_attributes", 4)
        assert not (await ahead.stores.goals.get(run)).status.final
        async with executing(ahead):
            await ahead.answer(run, "Go on?")
            assert (await ahead.finish(run))[0].success
    failures = [
        await ahead.client.data_converter.decode_failure(
            event.activity_task_failed_event_attributes.failure
        )
        async for event in ahead.handle(run).fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED
    ]
    assert "the key '2026', which is not among" in str(failures[0].__cause__)


async def test_a_payload_that_was_changed_fails_no_goal_of_others(
    server: DevelopmentServer,
    install: Install,
    use_keys: UseKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_keys(NEW)
    here = await install(ASK)
    cipher = load_cipher(here.settings.encryption_keys)

    class Changing(SealingCodec):
        async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
            sealed = await super().encode(payloads)
            for one in sealed:
                one.data = one.data[:-1] + bytes((one.data[-1] ^ 1,))
            return sealed

    config = here.client.config()
    config["data_converter"] = dataclasses.replace(
        here.client.data_converter, payload_codec=Changing(cipher)
    )
    changing = dataclasses.replace(here, client=Client(**config))
    with caplog.at_level(logging.ERROR, "temporalio.worker"):
        goal = Goal(goal_id="changed", description="d", agent_type="ask", parameters={})
        handle = await changing.client.start_workflow(
            WORKFLOW_TYPE, goal, id="goal-changed", task_queue=TASK_QUEUE
        )
        here.started.append(handle.id)
        await until_failed_task(here, handle.id)
        other = await here.start("ask")
        await here.answer(other, "Go on?")
        assert (await here.finish(other))[0].success
    assert "What the key '2026' sealed does not open: it was changed" in caplog.text
