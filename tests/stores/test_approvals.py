"""The approval store: who may vote, and when an approval is decided."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from perdure.agents.steps.journal import ApprovalRequest
from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait
from perdure.models import GoalStatus, Vote
from perdure.schemas.approvals import ApprovalStatus
from perdure.stores import Stores
from perdure.stores.database.errors import (
    AmbiguousName,
    InputRefused,
    NotAsked,
    RunEnded,
    UnknownApproval,
    VoteRefused,
)
from perdure.stores.database.fencing import Claim
from perdure.stores.database.paging import PageCursor
from perdure.stores.journal.approvals import cursor_of

RequestApproval = Callable[..., Awaitable[str]]


@pytest.fixture
def request_approval(
    stores: Stores, create_run: Callable[[str], Awaitable[None]]
) -> RequestApproval:
    """Return a function that requests an approval, in a run of its own or in a given one."""
    asked = 0

    async def request_approval(
        *, run: str = "run", of: tuple[str, ...] = (), needed: int = 1, seconds: float | None = None
    ) -> str:
        nonlocal asked
        asked += 1
        await create_run(run)
        claim = Claim(run, "first", asked, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        expires = timedelta(seconds=seconds) if seconds else None
        question = ApprovalRequest(f"Publish {asked}?", None, expires, of, needed)
        wait = await stores.waits.for_execution(claim).open(
            StepKey("ask", "0" * 64, asked), question
        )
        assert isinstance(wait, Wait)
        return wait.id

    return request_approval


def vote_of(by: str, approved: bool = True, reason: str = "") -> Vote:
    return Vote(by=by, approved=approved, reason=reason, at=datetime.now(UTC))


async def decided(stores: Stores, run: str = "run") -> int:
    events = await stores.events.after(run, 0)
    return sum(event.type == "approval.decided" for event in events)


async def test_one_yes_decides_where_one_is_needed(
    stores: Stores, request_approval: RequestApproval
) -> None:
    approval = await stores.approvals.vote(
        await request_approval(), vote_of("ann", reason="looks good")
    )
    assert approval.status is ApprovalStatus.APPROVED
    assert approval.decision is not None
    assert approval.decision.approved
    assert approval.decision.votes[0].reason == "looks good"
    assert await stores.approvals.get(approval.approval_id) == approval


async def test_several_yes_decide_where_several_are_needed(
    stores: Stores, request_approval: RequestApproval
) -> None:
    approval_id = await request_approval(needed=2, of=("ann", "bob", "eve"))
    first = await stores.approvals.vote(approval_id, vote_of("ann"))
    assert first.status is ApprovalStatus.OPEN
    assert await decided(stores) == 0
    second = await stores.approvals.vote(approval_id, vote_of("bob"))
    assert second.status is ApprovalStatus.APPROVED
    assert [vote.by for vote in second.votes] == ["ann", "bob"]
    assert await decided(stores) == 1


async def test_one_no_decides(stores: Stores, request_approval: RequestApproval) -> None:
    approval_id = await request_approval(needed=3)
    await stores.approvals.vote(approval_id, vote_of("ann"))
    refused = await stores.approvals.vote(approval_id, vote_of("bob", approved=False))
    assert refused.status is ApprovalStatus.REFUSED
    with pytest.raises(VoteRefused, match="refused by ann, bob"):
        await stores.approvals.vote(approval_id, vote_of("eve"))


async def test_only_who_was_asked_may_answer(
    stores: Stores, request_approval: RequestApproval
) -> None:
    approval_id = await request_approval(of=("Ann",))
    with pytest.raises(NotAsked, match="'bob' was not asked"):
        await stores.approvals.vote(approval_id, vote_of("bob"))
    assert (await stores.approvals.vote(approval_id, vote_of("ann"))).decision is not None


async def test_one_person_counts_once(stores: Stores, request_approval: RequestApproval) -> None:
    approval_id = await request_approval(needed=2)
    first = await stores.approvals.vote(approval_id, vote_of("ann", reason="r"))
    # The same answer again: the first one's reply was lost.
    assert await stores.approvals.vote(approval_id, vote_of("ann", reason="r")) == first
    for again in (vote_of("ann", approved=False), vote_of("ANN", reason="other")):
        with pytest.raises(VoteRefused, match="has answered"):
            await stores.approvals.vote(approval_id, again)
    await stores.approvals.vote(approval_id, vote_of("bob"))
    again_when_decided = await stores.approvals.vote(approval_id, vote_of("bob"))
    assert again_when_decided.status is ApprovalStatus.APPROVED


async def test_what_has_expired_accepts_no_vote(
    stores: Stores, request_approval: RequestApproval
) -> None:
    approval_id = await request_approval(seconds=3)
    late = datetime.now(UTC) + timedelta(seconds=-1)
    await _expire(stores, approval_id, late)
    with pytest.raises(VoteRefused, match="expired"):
        await stores.approvals.vote(approval_id, vote_of("ann"))
    assert (await stores.approvals.get(approval_id)).status is ApprovalStatus.EXPIRED


async def _expire(stores: Stores, approval_id: str, at: datetime) -> None:
    from sqlalchemy import update

    from perdure.stores.database import schema

    change = (
        update(schema.approvals)
        .where(schema.approvals.c.approval_id == approval_id)
        .values(expires_at=at)
    )
    await stores.database.write(lambda transaction: transaction.connection.execute(change))


async def test_when_the_run_has_ended_it_is_closed(
    stores: Stores, request_approval: RequestApproval
) -> None:
    approval_id = await request_approval()
    await stores.results.store("run", GoalStatus.CANCELLED, None, 1.0)
    assert (await stores.approvals.get(approval_id)).status is ApprovalStatus.CLOSED
    with pytest.raises(RunEnded, match=r"has ended \(cancelled\)"):
        await stores.approvals.vote(approval_id, vote_of("ann"))
    assert await stores.approvals.list(status=ApprovalStatus.OPEN) == []


async def test_an_unknown_one_is_named(stores: Stores) -> None:
    with pytest.raises(UnknownApproval, match="'nope'"):
        await stores.approvals.get("nope")
    with pytest.raises(UnknownApproval, match="'nope'"):
        await stores.approvals.vote("nope", vote_of("ann"))


async def test_two_people_at_once_decide_once(
    stores: Stores, request_approval: RequestApproval
) -> None:
    approval_id = await request_approval(needed=2)
    people = [vote_of(f"p{number}") for number in range(6)]
    outcomes = await asyncio.gather(
        *(stores.approvals.vote(approval_id, vote) for vote in people), return_exceptions=True
    )
    accepted = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert len(accepted) == 2
    assert all(isinstance(one, VoteRefused) for one in outcomes if isinstance(one, Exception))
    assert len((await stores.approvals.get(approval_id)).votes) == 2
    assert await decided(stores) == 1


async def test_the_list_shows_open_ones_first_in_pages(
    stores: Stores, request_approval: RequestApproval
) -> None:
    ids = [await request_approval(run=f"run{number % 2}") for number in range(6)]
    await stores.approvals.vote(ids[5], vote_of("ann"))
    await stores.approvals.vote(ids[1], vote_of("ann", approved=False))

    async def listed(**criteria: object) -> list[str]:
        found = await stores.approvals.list(**criteria)  # type: ignore[arg-type]
        return [approval.approval_id for approval in found]

    expected = [ids[number] for number in (4, 3, 2, 0, 5, 1)]
    assert await listed() == expected
    assert await listed(workflow_id="run1") == [ids[3], ids[5], ids[1]]
    assert await listed(status=ApprovalStatus.OPEN) == expected[:4]
    assert await listed(status=ApprovalStatus.APPROVED) == [ids[5]]
    assert await listed(status=ApprovalStatus.REFUSED) == [ids[1]]
    paged: list[str] = []
    after: PageCursor | None = None
    while page := await stores.approvals.list(limit=2, after=after):
        paged += [approval.approval_id for approval in page]
        after = PageCursor.parse(str(cursor_of(page[-1])), grouped=True)
    assert paged == expected


async def open_approval(
    stores: Stores, claim: Claim, request: ApprovalRequest, occurrence: int = 0
) -> str:
    waits = stores.waits.for_execution(claim)
    wait = await waits.open(StepKey("approve", request.question[:64], occurrence), request)
    assert isinstance(wait, Wait)
    return wait.id


async def test_equal_questions_are_numbered(stores: Stores, run: str) -> None:
    claim, _ = await stores.executions.start(Claim(run, "r", 1, datetime.now(UTC)), None, {})
    same = ApprovalRequest("same?", None, None, (), 1)
    ids = [await open_approval(stores, claim, same, occurrence) for occurrence in range(3)]
    other = await open_approval(stores, claim, ApprovalRequest("other?", None, None, (), 1))
    numbers = dict(zip((*ids, other), (1, 2, 3, 1), strict=True))

    await stores.approvals.vote(ids[0], vote_of("ann"))
    listed = await stores.approvals.list(status=ApprovalStatus.OPEN)
    assert {one.approval_id: one.number for one in listed} == {
        approval: number for approval, number in numbers.items() if approval != ids[0]
    }
    for approval, number in numbers.items():
        assert (await stores.approvals.get(approval)).number == number
    assert (await stores.approvals.vote(ids[2], vote_of("ann"))).number == 3
    waits = await stores.waits.pending(run)
    assert {wait.wait_id: wait.number for wait in waits} == numbers
    events = [event.data for event in await stores.events.after(run, 0) if "of" in event.data]
    assert {event["approval_id"]: event["number"] for event in events} == numbers


async def test_a_list_shows_the_beginning_of_what_is_long(stores: Stores, run: str) -> None:
    claim, _ = await stores.executions.start(Claim(run, "r", 1, datetime.now(UTC)), None, {})
    data: JsonValue = {"pages": ["ü" * 4_000_000]}
    approval = await open_approval(
        stores, claim, ApprovalRequest("why? " * 300_000, data, None, (), 1)
    )
    short = await open_approval(stores, claim, ApprovalRequest("short?", ["a"], None, (), 1))

    listed = {one.approval_id: one for one in await stores.approvals.list()}
    assert (listed[short].data, listed[short].shortened) == (["a"], False)
    assert listed[short] == await stores.approvals.get(short)
    shown = listed[approval]
    assert shown.shortened
    assert shown.question.endswith("… (1,500,000 characters in all)")
    assert isinstance(shown.data, str)
    assert shown.data.startswith('{"pages":["üüü')
    assert shown.data.endswith("… (4,000,014 characters in all)")
    assert len(shown.question) == len(shown.data) == 1_000

    whole = await stores.approvals.get(approval)
    assert (whole.question, whole.data, whole.shortened) == ("why? " * 300_000, data, False)
    assert (await stores.approvals.vote(approval, vote_of("ann"))).data == data
    [wait, _] = await stores.waits.pending(run)
    assert wait.about == shown.question
    [event] = [e for e in await stores.events.after(run, 0) if e.data.get("number") == 1][:1]
    assert event.data["question"] == shown.question


async def test_ids_may_be_cut_short(stores: Stores, request_approval: RequestApproval) -> None:
    ids = [await request_approval(run=f"r{number}") for number in range(3)]
    assert await stores.approvals.find(ids[0][:8]) == ids[0]
    assert await stores.approvals.find(ids[0]) == ids[0]
    with pytest.raises(UnknownApproval):
        await stores.approvals.find(ids[0][:5])
    with pytest.raises(AmbiguousName, match="write more"):
        raise AmbiguousName("abcdef", ["abcdef1", "abcdef2"])


@pytest.mark.parametrize("text", ["", "x", "1~", "~2026-01-01"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match="no place in a list"):
        PageCursor.parse(text, grouped=True)


async def test_an_approval_waits_for_those_who_may_vote_and_have_not(
    stores: Stores, request_approval: RequestApproval
) -> None:
    asked = await request_approval(of=("Ann", "ben"), needed=2)
    anybody = await request_approval()
    assert await stores.approvals.count_open() == 2
    await stores.approvals.vote(asked, vote_of("ann"))
    approval = await stores.approvals.get(asked)
    assert [approval.waits_for(name) for name in ("ANN", "ben", "zoe")] == [False, True, False]
    assert (await stores.approvals.get(anybody)).waits_for("zoe")
    decided = await stores.approvals.vote(asked, vote_of("ben"))
    assert not decided.waits_for("ben")
    assert await stores.approvals.count_open() == 1
