"""What Temporal keeps is read by older and newer versions; what somebody hands in must be right."""

import pytest
from pydantic import BaseModel, ValidationError

from perdure.models import Budget, Failure, Goal, Result, ResultReference

GOAL = {"goal_id": "g", "description": "x", "agent_type": "plain"}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Goal, GOAL | {"budget": {"tokens": 3, "later": 1}}),
        (Budget, {"steps": 2}),
        (Failure, {"type": "ValueError", "message": "no"}),
        (ResultReference, {"workflow_id": "goal-g-1", "summary": "done"}),
    ],
)
def test_what_a_later_version_adds_is_left_aside(
    model: type[BaseModel], said: dict[str, object]
) -> None:
    told = model.model_validate(said | {"since_a_later_version": True})
    assert "since_a_later_version" not in told.model_dump()


def test_a_misspelt_field_of_a_result_is_an_error() -> None:
    with pytest.raises(ValidationError, match="sumary"):
        Result.model_validate({"sumary": "done"})


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "Read caf\udce9.csv."},
        {"parameters": {"paths": ["a.csv", "caf\udce9.csv"]}},
        {"parameters": {"caf\udce9.csv": 1}},
    ],
)
def test_a_goal_with_what_is_no_character_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="half a surrogate pair, which is no character"):
        Goal.model_validate(GOAL | fields)
