"""Approvals as people are shown them, and their votes."""

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from perdure.models import Approval
from perdure.models.base import RequestModel


class ApprovalStatus(StrEnum):
    """The status of an approval.

    ``closed``: the run ended before it was decided.
    """

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    CLOSED = "closed"


class ApprovalRecord(Approval):
    """An approval with its status, as it is shown to people.

    Attributes:
        status: Whether it is open, and else how it ended.
        shortened: Whether its question or its data are a beginning only, as in a list: the whole
            approval is fetched by its id. Data are then the beginning of their JSON text.
    """

    status: ApprovalStatus
    shortened: bool = False

    def waits_for(self, person: str) -> bool:
        """Return whether it is open for a person: asked, as anybody may be, and without a vote."""
        return (
            self.status is ApprovalStatus.OPEN
            and (not self.of or is_among(person, self.of))
            and not is_among(person, [vote.by for vote in self.votes])
        )


def is_among(person: str, people: Iterable[str]) -> bool:
    """Return whether a person is among some, however the names are written."""
    return _person(person) in map(_person, people)


def _person(name: str) -> str:
    # "Ann" and "ann" are one person.
    return unicodedata.normalize("NFKC", name).casefold().strip()


class ApprovalPage(BaseModel):
    """One page of approvals: those that are open first, then the newest first.

    A long question, and long data, are there with their beginning: `shortened` says so, and
    `GET /api/approvals/{approval_id}` has all of it.

    Attributes:
        approvals: The approvals.
        after: Hand it in as ``after`` to get the next page; ``None`` when this is the last.
    """

    approvals: list[ApprovalRecord]
    after: str | None


class FoundApproval(BaseModel):
    """The approval that a name stands for."""

    approval_id: str


class VoteRequest(RequestModel):
    """A person's vote on an approval.

    Attributes:
        approved: Yes or no.
        by: Who votes; of people whom the identity provider knows, the name that it knows them by.
        reason: Why.
    """

    approved: Annotated[bool, Field(strict=True)]
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    reason: Annotated[str, StringConstraints(max_length=4_000)] = ""
