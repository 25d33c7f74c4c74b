"""Results as people read them on a terminal."""

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from perdure.cli.output.results import print_result
from perdure.models import GoalRecord, GoalStatus, Result


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        ({"way": "rules", "way_reason": "no model is named"}, "By rules, without a model: no mo"),
        ({"way": "both", "way_reason": "42\x1b[2J is wrong"}, "In part by rules, without a model:"),
        ({"way": "model", "model": "openai:gpt"}, None),
        ({}, None),
    ],
)
def test_a_result_that_was_made_by_rules_says_so(
    capsys: pytest.CaptureFixture[str], metadata: dict[str, JsonValue], line: str | None
) -> None:
    record = GoalRecord(
        workflow_id="goal-g-1",
        goal_id="g",
        description="x",
        agent_type="asks",
        status=GoalStatus.COMPLETED,
        started_at=datetime.now(UTC),
        result=Result(summary="It is 42.", metadata=metadata),
    )
    print_result(record, None)
    printed = capsys.readouterr().out
    assert "It is 42." in printed
    assert "\x1b[2J" not in printed
    assert (line in printed) if line else ("rules" not in printed)
