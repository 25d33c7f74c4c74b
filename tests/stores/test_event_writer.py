"""The event writer: each event once over all executions, in order, and throttled."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from pydantic import JsonValue

from perdure.models import Artifact, Goal, Progress
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.fencing import Claim
from perdure.stores.events import event_writer
from tests.support.event_loop import count_turns

FILE: Final = Artifact(name="a", media_type="text/plain", digest="sha256:" + "0" * 64, size=1)

StartExecution = Callable[..., Awaitable[Claim]]


async def percentages(stores: Stores, run: str) -> list[object]:
    events = await stores.events.after(run, 0, 1_000_000)
    return [event.data["percentage"] for event in events if event.type == "progress"]


async def test_events_of_parallel_branches_are_stored_in_order(
    stores: Stores, run: str, claim: Claim
) -> None:
    emitter = stores.emitter(claim, is_retry=False)

    await asyncio.gather(*(emitter.emit(Progress(percentage=n)) for n in range(100)))

    assert await percentages(stores, run) == list(range(100))


async def test_the_last_progress_is_in_the_record(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    halfway = Progress(percentage=50, message="half", step="count")
    for item in (Progress(percentage=10), halfway, FILE):
        await emitter.emit(item)

    later = stores.emitter(await start_execution(run, 2), is_retry=True)
    await later.emit(Progress(percentage=10))

    assert (await stores.goals.get(run)).progress == halfway
    events = [(event.type, event.data) for event in await stores.events.after(run, 2)]
    assert events == [
        ("progress", {"percentage": 50, "message": "half", "step": "count"}),
        ("artifact", FILE.model_dump()),
    ]


async def test_a_long_message_is_cut(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    item = Progress(percentage=10, message="ü" * 3_000_000, step="s" * 5_000)
    await stores.emitter(claim, is_retry=False).emit(item)
    # An earlier execution emitted it.
    again = stores.emitter(await start_execution(run, 2), is_retry=True)
    await again.emit(Progress(percentage=10, message="ü" * 3_000_000))

    [event] = [event for event in await stores.events.after(run, 0) if event.type == "progress"]
    stored = (await stores.goals.get(run)).progress
    assert stored == Progress.model_validate(event.data) == item
    assert stored.message.startswith("ü" * 900)
    assert stored.message.endswith("ü… (3,000,000 characters in all)")
    assert len(stored.message) == len(str(stored.step)) == 1_000


async def test_an_execution_emits_only_what_none_before_it_emitted(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    branches = [[Progress(percentage=n, message=name) for n in range(5)] for name in "abc"]
    first = stores.emitter(claim, is_retry=False)
    for branch in branches:
        for item in branch[:3]:
            await first.emit(item)

    # The branches pass the same places in another order, and get further.
    second = stores.emitter(await start_execution(run, 2), is_retry=True)
    for place in range(4):
        for branch in reversed(branches):
            await second.emit(branch[place])
    third = stores.emitter(await start_execution(run, 3), is_retry=True)
    await asyncio.gather(*(third.emit(item) for branch in branches for item in branch))

    events = [event for event in await stores.events.after(run, 0) if event.type == "progress"]
    emitted = [(str(event.data["message"]), event.data["percentage"]) for event in events]
    assert sorted(emitted) == [(name, n) for name in "abc" for n in range(5)]


async def test_progress_emitted_twice_is_stored_twice_and_no_oftener(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    same = Progress(percentage=5, message="page")
    first = stores.emitter(claim, is_retry=False)
    for _ in range(2):
        await first.emit(same)

    second = stores.emitter(await start_execution(run, 2), is_retry=True)
    for _ in range(3):
        await second.emit(same)

    assert await percentages(stores, run) == [5, 5, 5]


async def test_the_same_file_with_another_content_is_emitted(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    await stores.emitter(claim, is_retry=False).emit(FILE)
    changed = FILE.model_copy(update={"digest": "sha256:" + "1" * 64})

    second = stores.emitter(await start_execution(run, 2), is_retry=True)
    await second.emit(FILE)
    await second.emit(changed)

    events = [event.data for event in await stores.events.after(run, 1)]
    assert events == [FILE.model_dump(), changed.model_dump()]


async def test_other_events_are_emitted_as_often_as_they_happen(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    await stores.emitter(claim, is_retry=False).emit_event("run.throttled", {"seconds": 1})
    await stores.emitter(await start_execution(run, 2), is_retry=True).emit_event(
        "run.throttled", {"seconds": 1}
    )

    assert [event.type for event in await stores.events.after(run, 1)] == ["run.throttled"] * 2


async def test_texts_come_in_order_and_in_few_events(
    stores: Stores, run: str, claim: Claim
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    pieces = [f"{number} " for number in range(2_000)]
    for piece in pieces:
        await emitter.emit_text("answer", piece)
        await emitter.emit_text("thought", piece)
    await emitter.emit(Progress(percentage=100))

    events = await stores.events.after(run, 1, 10_000)
    assert events[-1].type == "progress"
    for stream in ("answer", "thought"):
        texts = [str(event.data["text"]) for event in events if event.data.get("stream") == stream]
        assert "".join(texts) == "".join(pieces)


async def test_a_text_that_comes_while_another_is_written_is_one_event(
    stores: Stores, run: str, claim: Claim
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    for number in range(1_000):  # without a turn of the event loop in between
        await emitter.emit_text("answer", f"{number} ")
    await emitter.drain()

    assert len(await stores.events.after(run, 1)) == 1


async def test_a_text_far_ahead_of_the_store_waits_for_it(
    stores: Stores, run: str, claim: Claim
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    for _ in range(64):
        await emitter.emit_text("answer", "x" * 10_000)
        assert (
            sum(len(piece) for _, piece in emitter._pending_text)
            <= 2 * event_writer._MAX_PENDING_TEXT
        )
    await emitter.drain()

    events = await stores.events.after(run, 1)
    assert sum(len(str(event.data["text"])) for event in events) == 640_000


async def test_endless_progress_is_throttled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "MAX_UNTHROTTLED", 100)
    monkeypatch.setattr(event_writer, "THROTTLE_SECONDS", 3_600.0)
    # What is not stored concerns no database: once is enough for a million.
    async with open_stores(Settings(home=tmp_path)) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="a")
        await stores.goals.create(goal, "run", datetime.now(UTC))
        claim = Claim("run", "first", 1, datetime.now(UTC))
        claim, is_retry = await stores.executions.start(claim, None, {})
        emitter = stores.emitter(claim, is_retry=is_retry)
        async with count_turns() as turns:
            for number in range(1_000_000):
                await emitter.emit(Progress(percentage=number / 10_000))
        await emitter.emit(FILE)  # files are never throttled
        await emitter.close()

        # All up to there, and the last one, which is in the record too.
        expected = [number / 10_000 for number in range(100)] + [99.9999]
        assert await percentages(stores, "run") == expected
        last = [event.type for event in await stores.events.after("run", 101)]
        assert last == ["artifact", "progress"]
        progress = (await stores.goals.get("run")).progress
        assert progress is not None
        assert progress.percentage == 99.9999
    # Other tasks of the event loop have run meanwhile.
    assert turns.count > 100


async def test_throttled_progress_is_stored_now_and_then(
    stores: Stores, run: str, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "MAX_UNTHROTTLED", 10)
    monkeypatch.setattr(event_writer, "THROTTLE_SECONDS", 0.0)  # that long ago it always was
    emitter = stores.emitter(claim, is_retry=False)

    for number in range(20):
        await emitter.emit(Progress(percentage=number))
    await emitter.close()

    assert await percentages(stores, run) == list(range(20))


async def test_what_a_tool_returned_is_stored_once(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    def returned(call_id: str, seconds: float) -> dict[str, JsonValue]:
        return {"tool": "find", "tool_call_id": call_id, "result": "it", "seconds": seconds}

    emitter = stores.emitter(claim, is_retry=False)
    await emitter.emit_event("tool.returned", returned("a", 1.5))
    later = stores.emitter(await start_execution(run, 2), is_retry=True)
    await later.emit_event("tool.returned", returned("a", 0.1))
    await later.emit_event("tool.returned", returned("b", 0.2))

    events = [event for event in await stores.events.after(run, 0) if event.type == "tool.returned"]
    assert [event.data for event in events] == [returned("a", 1.5), returned("b", 0.2)]


async def test_what_a_model_request_emits_again_is_stored_once(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    """Some providers give every call the same id."""
    called: dict[str, JsonValue] = {"tool": "find", "tool_call_id": "call_0", "arguments": "{}"}
    failed: dict[str, JsonValue] = {"tool": "find", "tool_call_id": "call_0", "error": "no"}
    returned: dict[str, JsonValue] = {"tool": "find", "tool_call_id": "call_0", "result": "it"}
    usage: dict[str, JsonValue] = {"step": "model", "number": 1, "input_tokens": 7}

    emitter = stores.emitter(claim, is_retry=False)
    await emitter.emit_event("usage", usage)
    await emitter.emit_event("tool.called", {"step": "model", "number": 1, **called})
    await emitter.emit_event("tool.returned", failed)
    later = stores.emitter(await start_execution(run, 2), is_retry=True)
    await later.emit_event("usage", {**usage, "number": 2})
    await later.emit_event("tool.called", {"step": "model", "number": 2, **called})
    await later.emit_event("tool.returned", returned)
    await later.emit_event("tool.called", {"step": "model", "number": 3, **called})
    await later.emit_event("tool.returned", returned)

    events = await stores.events.after(run, 0)
    types = [event.type for event in events if event.type in {"usage", "tool.called"}]
    assert types == ["usage", "tool.called", "tool.called"]
    results = [event.data for event in events if event.type == "tool.returned"]
    assert results == [failed, returned, returned]
