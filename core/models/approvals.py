"""Approvals: questions that runs ask people, their votes, and the decision."""

from datetime import datetime
from typing import Annotated

from pydantic import JsonValue, StringConstraints

from perdure.models.base import Model


class Vote(Model):
    """One person's vote on a question.

    Attributes:
        by: Who voted.
        approved: Yes or no.
        reason: Why, in the person's words.
        at: When, in UTC.
    """

    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    approved: bool
    reason: Annotated[str, StringConstraints(max_length=4_000)] = ""
    at: datetime


class Decision(Model):
    """The decision on a question; true when it was approved.

    Attributes:
        approved: Whether enough people voted yes, and nobody voted no.
        votes: All votes.
        expired: Whether it was not decided in time, which counts as no.
        decided_at: When, in UTC.
    """

    approved: bool
    votes: tuple[Vote, ...] = ()
    expired: bool = False
    decided_at: datetime

    def __bool__(self) -> bool:
        return self.approved


class Approval(Model):
    """A question that a run asks people, with its votes and its decision.

    Attributes:
        approval_id: Its id, unique everywhere.
        workflow_id: The run that asks.
        question: What is asked.
        number: 2 for the second approval of the same question in a run, then 3, …: what people tell
            equal questions apart by.
        data: What the decision depends on.
        of: Who may vote; anybody when empty.
        needed: How many votes of yes it takes.
        asked_at: When, in UTC.
        expires_at: When it counts as refused; never when ``None``.
        votes: The votes so far.
        decision: The decision; ``None`` while it is open.
    """

    approval_id: str
    workflow_id: str
    question: str
    number: int = 1
    data: JsonValue = None
    of: tuple[str, ...] = ()
    needed: int = 1
    asked_at: datetime
    expires_at: datetime | None = None
    votes: tuple[Vote, ...] = ()
    decision: Decision | None = None
