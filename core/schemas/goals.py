"""Goals in requests: what is to be done, and that it is started."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from perdure.models import Budget, GoalContent, Hold, Score, ScoreContent
from perdure.models.base import RequestModel
from perdure.models.scores import MAX_SCORER_CHARACTERS


class BudgetRequest(Budget, RequestModel):
    """The budget of a goal in a request."""


class GoalRequest(GoalContent, RequestModel):
    """A goal in a request."""

    budget: BudgetRequest | None = None


class StartRequest(GoalRequest):
    """A goal that is to be started.

    Attributes:
        callback_url: Where to post a signed CloudEvent when the goal has ended, and when it asks
            people something.
    """

    callback_url: Annotated[str, Field(max_length=2_000)] | None = None


class StartResponse(BaseModel):
    """The goal's workflow is started."""

    workflow_id: str
    status: Literal["started"] = "started"


class HoldRequest(RequestModel):
    """A hold, in the caller's own name.

    Attributes:
        reason: Why.
    """

    reason: Annotated[str, Field(max_length=2_000)] = ""


class HoldList(BaseModel):
    """What is held.

    Attributes:
        holds: The holds, the newest first.
    """

    holds: list[Hold]


class ScoreRequest(ScoreContent, RequestModel):
    """A score, in the caller's own name or in that of whoever uses the key.

    Attributes:
        by: Whose it is; the caller's when not given.
    """

    by: (
        Annotated[
            str,
            StringConstraints(
                strip_whitespace=True, min_length=1, max_length=MAX_SCORER_CHARACTERS
            ),
        ]
        | None
    ) = None


class ScoreList(BaseModel):
    """The scores of a goal, in the order of their names."""

    scores: list[Score]
