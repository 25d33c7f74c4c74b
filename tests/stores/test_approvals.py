"""The approval store: who may vote, and when an approval is decided."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from perdure.agents.steps.journal import ApprovalRequest
from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait
from perdure.models import GoalStatus, Vote
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
from perdure.stores.journal.approvals import ApprovalStatus, cursor_of

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
