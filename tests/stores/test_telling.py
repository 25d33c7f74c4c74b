"""What agents tell: each thing once over all passes, in order, and not without end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from perdure.models import Artifact, Goal, Progress
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.fencing import Claim
from perdure.stores.events import event_writer

FILE: Final = Artifact(name="a", media_type="text/plain", digest="sha256:" + "0" * 64, size=1)

TakeOver = Callable[..., Awaitable[Claim]]


async def percentages(stores: Stores, run: str) -> list[object]:
    events = await stores.events.after(run, 0, 1_000_000)
    return [event.data["percentage"] for event in events if event.type == "progress"]


async def test_what_branches_tell_at_once_is_all_there_in_order(
    stores: Stores, run: str, claim: Claim
) -> None:
    listener = stores.listener(claim, again=False)

    await asyncio.gather(*(listener.tell(Progress(percentage=n)) for n in range(100)))

    assert await percentages(stores, run) == list(range(100))


async def test_the_last_progress_stands_in_the_record(
    stores: Stores, run: str, claim: Claim, take_over: TakeOver
) -> None:
    listener = stores.listener(claim, again=False)
    halfway = Progress(percentage=50, message="half", step="count")
    for told in (Progress(percentage=10), halfway, FILE):
        await listener.tell(told)

    later = stores.listener(await take_over(run, 2), again=True)
    await later.tell(Progress(percentage=10))

    assert (await stores.goals.get(run)).progress == halfway
    events = [(event.type, event.data) for event in await stores.events.after(run, 2)]
    assert events == [
        ("progress", {"percentage": 50, "message": "half", "step": "count"}),
        ("artifact", FILE.model_dump()),
    ]


async def test_a_pass_tells_only_what_no_pass_before_it_told(
    stores: Stores, run: str, claim: Claim, take_over: TakeOver
) -> None:
    branches = [[Progress(percentage=n, message=name) for n in range(5)] for name in "abc"]
    first = stores.listener(claim, again=False)
    for branch in branches:
        for told in branch[:3]:
            await first.tell(told)

    # The branches come by the same places in another order, and get further.
    second = stores.listener(await take_over(run, 2), again=True)
    for place in range(4):
        for branch in reversed(branches):
            await second.tell(branch[place])
    third = stores.listener(await take_over(run, 3), again=True)
    await asyncio.gather(*(third.tell(told) for branch in branches for told in branch))

    events = [event for event in await stores.events.after(run, 0) if event.type == "progress"]
    told_of = [(str(event.data["message"]), event.data["percentage"]) for event in events]
    assert sorted(told_of) == [(name, n) for name in "abc" for n in range(5)]


async def test_what_is_told_twice_in_one_pass_is_told_twice_and_no_oftener(
    stores: Stores, run: str, claim: Claim, take_over: TakeOver
) -> None:
    same = Progress(percentage=5, message="page")
    first = stores.listener(claim, again=False)
    for _ in range(2):
        await first.tell(same)

    second = stores.listener(await take_over(run, 2), again=True)
    for _ in range(3):
        await second.tell(same)

    assert await percentages(stores, run) == [5, 5, 5]


async def test_the_same_file_with_another_content_is_news(
    stores: Stores, run: str, claim: Claim, take_over: TakeOver
) -> None:
    await stores.listener(claim, again=False).tell(FILE)
    changed = FILE.model_copy(update={"digest": "sha256:" + "1" * 64})

    second = stores.listener(await take_over(run, 2), again=True)
    await second.tell(FILE)
    await second.tell(changed)

    events = [event.data for event in await stores.events.after(run, 1)]
    assert events == [FILE.model_dump(), changed.model_dump()]


async def test_other_events_are_told_as_often_as_they_happen(
    stores: Stores, run: str, claim: Claim, take_over: TakeOver
) -> None:
    await stores.listener(claim, again=False).note("run.throttled", {"seconds": 1})
    await stores.listener(await take_over(run, 2), again=True).note("run.throttled", {"seconds": 1})

    assert [event.type for event in await stores.events.after(run, 1)] == ["run.throttled"] * 2


async def test_texts_come_in_order_and_in_few_events(
    stores: Stores, run: str, claim: Claim
) -> None:
    listener = stores.listener(claim, again=False)
    pieces = [f"{number} " for number in range(2_000)]
    for piece in pieces:
        await listener.text("answer", piece)
        await listener.text("thought", piece)
    await listener.tell(Progress(percentage=100))

    events = await stores.events.after(run, 1, 10_000)
    assert events[-1].type == "progress"
    for stream in ("answer", "thought"):
        texts = [str(event.data["text"]) for event in events if event.data.get("stream") == stream]
        assert "".join(texts) == "".join(pieces)


async def test_a_text_that_comes_while_another_is_written_is_one_event(
    stores: Stores, run: str, claim: Claim
) -> None:
    listener = stores.listener(claim, again=False)
    for number in range(1_000):  # without a turn of the loop in between
        await listener.text("answer", f"{number} ")
    await listener.drain()

    assert len(await stores.events.after(run, 1)) == 1


async def test_a_text_far_ahead_of_the_store_waits_for_it(
    stores: Stores, run: str, claim: Claim
) -> None:
    listener = stores.listener(claim, again=False)
    for _ in range(64):
        await listener.text("answer", "x" * 10_000)
        assert sum(len(piece) for _, piece in listener._text) <= 2 * event_writer._LARGEST_PIECE
    await listener.drain()

    events = await stores.events.after(run, 1)
    assert sum(len(str(event.data["text"])) for event in events) == 640_000


async def test_an_agent_that_tells_without_end_is_thinned_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "TOLD_IN_FULL", 100)
    monkeypatch.setattr(event_writer, "THINNED_SECONDS", 3_600.0)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    # What is not stored concerns no database: once is enough for a million.
    async with open_stores(Settings(home=tmp_path)) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="a")
        await stores.goals.begin(goal, "run", datetime.now(UTC))
        claim = Claim("run", "first", 1, datetime.now(UTC))
        claim, again = await stores.executions.begin(claim, None, {})
        listener = stores.listener(claim, again=again)
        counting = asyncio.create_task(count_turns())
        for number in range(1_000_000):
            await listener.tell(Progress(percentage=number / 10_000))
        counting.cancel()
        await listener.tell(FILE)  # files are never thinned out
        await listener.close()

        # All up to there, and the last one, which stands in the record too.
        expected = [number / 10_000 for number in range(100)] + [99.9999]
        assert await percentages(stores, "run") == expected
        last = [event.type for event in await stores.events.after("run", 101)]
        assert last == ["artifact", "progress"]
        progress = (await stores.goals.get("run")).progress
        assert progress is not None
        assert progress.percentage == 99.9999
    # Others on the event loop had their turn meanwhile.
    assert turns > 100


async def test_a_thinned_out_agent_is_heard_now_and_then(
    stores: Stores, run: str, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "TOLD_IN_FULL", 10)
    monkeypatch.setattr(event_writer, "THINNED_SECONDS", 0.0)  # that long ago it always was
    listener = stores.listener(claim, again=False)

    for number in range(20):
        await listener.tell(Progress(percentage=number))
    await listener.close()

    assert await percentages(stores, run) == list(range(20))
